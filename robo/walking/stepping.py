"""An actor that steps on the spot in time with the clock, to begin reinforcement with.

From random weights standing still is found within minutes and stepping, which first means falling,
hardly ever. A reference motion that is added to the targets of the joints for ever cures that (Gu
et al. 2024, humanoid-gym); here it is only where the actor's weights begin, so that nothing but the
network has to go to the robot.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from envs.humanoid import observations
from envs.humanoid.rewards import stepping_bend
from envs.humanoid.robots import RobotConfig
from robo.walking.environment import WalkEnv
from robo.walking.learner import WalkLearner

MOMENTS = 60
"""Control steps of all copies to learn from."""
FITS, BATCH, RATE = 500, 1024, 1e-3
"""Steps of Adam, samples of each, learning rate."""


def stepping_actions(robot: RobotConfig, observed: Mapping[str, Tensor]) -> Tensor:
    """Actions [n, m] that bend the swinging leg; zeros when told to stand.

    Args:
        robot: Whose legs.
        observed: Groups of observations, [n, …].
    """
    sizes = observations.sizes(robot)
    first = sum(list(sizes.values())[: list(sizes).index("clock")])
    sine, cosine = observed[observations.POLICY][:, first : first + 2].double().unbind(1)
    moving = torch.hypot(sine, cosine) > 0.5
    phase = torch.atan2(sine, cosine) / (2.0 * np.pi) % 1.0
    feet = torch.stack((phase, (phase + 0.5) % 1.0), 1)
    bend = stepping_bend(robot, feet.numpy(), moving.numpy())
    return torch.from_numpy(bend / np.array(robot.action_scale)).float()


def begin_stepping(learner: WalkLearner, env: WalkEnv) -> None:
    """Make an untrained actor step, from what robots observe that step, stumble and fall.

    Draws with torch's and the robots' random numbers.

    Args:
        learner: Its actor sees no history.
        env: Whose robots go on from where this leaves them.
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
