"""Pre-trains an actor to step in time with the clock and stride as commanded.

From random weights PPO finds standing still within minutes, and stepping, which at first means
falling, hardly ever; from stepping on the spot, walking forwards takes millions of steps more. A
reference motion permanently added to the joint targets solves that (Gu et al. 2024, humanoid-gym);
here it only initialises the actor's weights, so that nothing but the network has to go to the
robot. It knows nothing of balance: robots that move so fall within a second or two.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from envs.humanoid import observations
from envs.humanoid.batch import GAIT_HZ
from envs.humanoid.rewards import stepping_bend
from envs.humanoid.robots import RobotConfig
from envs.humanoid.state import STANCE, Flags, Floats
from robo.walking.environment import WalkEnv
from robo.walking.learner import WalkLearner

MOMENTS = 100
"""Control steps of every copy to learn from."""
FITS, BATCH, RATE = 2000, 1024, 1e-3
"""Adam steps, batch size, learning rate."""


def stepping_actions(robot: RobotConfig, observed: Mapping[str, Tensor]) -> Tensor:
    """Actions [n, m] that bend the swing leg and stride; zeros when commanded to stand.

    Args:
        robot: The robot.
        observed: Observation groups, [n, …].
    """
    sine, cosine = _sensed(robot, observed, "clock").T
    command = _sensed(robot, observed, "command")
    moving = np.hypot(sine, cosine) > 0.5
    phase = np.arctan2(sine, cosine) / (2.0 * np.pi) % 1.0
    feet = np.stack((phase, (phase + 0.5) % 1.0), axis=1)
    pose = stepping_bend(robot, feet, moving) + stride(robot, feet, moving, command)
    return torch.from_numpy(pose / np.array(robot.action_scale)).float()


def stride(robot: RobotConfig, foot_phase: Floats, moving: Flags, command: Floats) -> Floats:
    """Joint offsets from the default pose that move the feet as commanded, [n, m] (rad).

    A stance foot moves backwards with the commanded velocity, a swing foot forwards again along
    half a cosine; soles stay level.

    Args:
        robot: The robot.
        foot_phase: Phase of each foot, as `State.foot_phase` [n, 2].
        moving: False where commanded to stand [n].
        command: m/s forwards, m/s to the left, rad/s to the left [n, 3].
    """
    stance = 1.0 - 2.0 * foot_phase / STANCE
    swing = -np.cos(np.pi * (foot_phase - STANCE) / (1.0 - STANCE))
    place = np.where(foot_phase < STANCE, stance, swing) * moving[:, None]
    # How far the foot moves from below the hip to the end of its stance.
    reach = command * (0.5 * STANCE / GAIT_HZ)
    forwards, left, turned = np.arctan2(reach, (robot.base_height, robot.base_height, 1.0)).T
    angles = {
        "hip_pitch": -forwards,
        "ankle_pitch": forwards,
        "hip_roll": left,
        "ankle_roll": -left,
        "hip_yaw": turned,
    }
    away = np.zeros((len(command), len(robot.joints)))
    for index, joint in enumerate(name.lower() for name in robot.joints):
        foot = 1 if joint.startswith("right") else 0
        for part, angle in angles.items():
            if part in joint:
                away[:, index] = place[:, foot] * angle
    return away


def _sensed(robot: RobotConfig, observed: Mapping[str, Tensor], name: str) -> Floats:
    """A term of the policy observation, in its unit [n, size]."""
    sizes = observations.sizes(robot)
    place = list(sizes).index(name)
    first = sum(list(sizes.values())[:place])
    seen = observed[observations.POLICY][:, first : first + sizes[name]]
    scale = observations.TERMS[observations.POLICY][place].scale
    return np.asarray(seen.double().numpy() / np.array(scale))


def begin_stepping(learner: WalkLearner, env: WalkEnv) -> None:
    """Pre-train an actor to stride, on observations of robots that step, stumble and fall.

    Uses torch's and the robots' random numbers.

    Args:
        learner: Learner whose actor sees no history.
        env: Environment; its robots go on from where this leaves them.
    """
    robot, actor = env.batch.robot, learner.actor
    seen: list[Tensor] = []
    wanted: list[Tensor] = []
    for _ in range(MOMENTS):
        observed = env.get_observations()
        actions = stepping_actions(robot, observed)
        seen.append(actor.values(observed))
        wanted.append(actions)
        env.step(actions + 0.3 * torch.randn_like(actions))
    inputs, targets = torch.cat(seen), torch.cat(wanted)
    optimizer = torch.optim.Adam(actor.network.parameters(), RATE)
    for _ in range(FITS):
        rows = torch.randint(len(inputs), (BATCH,))
        loss = functional.mse_loss(actor.network(inputs[rows]), targets[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
