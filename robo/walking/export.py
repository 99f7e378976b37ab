"""Exports a walker to a robot: `walker.onnx`, its contract in `contract.json`, and `runner.py`.

The contract holds all that is needed to drive the robot, joints always in its order:

    version, robot, rate_hz, gait_hz (of the clock in the observation),
    joints, default_pose (rad), joint_range (rad), stiffness (Nm/rad), damping (Nms/rad), effort
    (Nm), action_scale (rad), action_limit: target = default_pose + action_scale · action, action
        clipped to ±action_limit; torque = stiffness (target - q) - damping dq, clipped to ±effort,
    observation: {version, size, clip, terms: [{name, size, unit, scale}]} in order,
    command_range: lowest and highest vx, vy (m/s) and yaw rate (rad/s) of the training, to which
        the runner clips commands,
    standing_below, standing_clock: a command of a norm below the first means standing, and scales
        the clock in the observation by the second,
    fallen_above: upward component of gravity in the base frame above which the robot has fallen,
    oldest_signals, longest_hold (s): see `robo.walking.runner`,
    network: {file, sha256, kind, history, input, output, memory: [{input, output, shape}]}; the
        memory is zeros at first, then what the network returned last,
    trained: the trainer's metadata.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch

from envs.humanoid import observations
from envs.humanoid.batch import ACTION_LIMIT, GAIT_HZ, TILT, WalkBatch
from envs.humanoid.commands import STANDING, CommandRanges
from envs.humanoid.robots import RobotConfig
from policies.walker.mlp import MLPActor
from policies.walker.transformer import TransformerStudent
from robo.errors import UserError
from robo.walking import runner
from robo.walking.actor import WalkActor, Walker

NETWORK: Final = "walker.onnx"

TOLERANCE: Final = 1e-5
"""Largest allowed difference between torch's actions and the exported ones."""

_CHECKED_STEPS: Final = 40

_RUNNER: Final = "runner.py"


def export_walker(
    network: TransformerStudent | MLPActor,
    robot: RobotConfig,
    folder: Path,
    *,
    control_hz: float = 50.0,
    trained: Mapping[str, Any] | None = None,
    check: Callable[[Path], object] | None = None,
) -> dict[str, Any]:
    """Write a network with its contract and runner, replacing an older export once it is checked.

    Args:
        network: A student; its observation is that of `envs.humanoid.observations`.
        robot: Robot it was trained on.
        folder: Created if missing.
        control_hz: Actions per second.
        trained: The trainer's metadata; JSON values.
        check: Called with the folder of the new files before they replace others; raises to reject
            them, as `check_rollout` does.

    Returns:
        The contract.

    Raises:
        UserError: The network is not for this robot, the extra is missing, its weights are broken,
            or the exported file disagrees with torch. The older export is then untouched.
    """
    _check_sizes(network, robot)
    network.eval()
    model = _graph(network)
    data = model.SerializeToString(deterministic=True)
    contract = _contract(robot, control_hz) | {
        "network": _network(network) | {"sha256": hashlib.sha256(data).hexdigest()},
        "trained": dict(trained or {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    # Within the folder: on its file system, where renaming is atomic, and writable if it is.
    with TemporaryDirectory(prefix=".export-", dir=folder) as name:
        fresh = Path(name)
        (fresh / NETWORK).write_bytes(data)
        text = json.dumps(contract, indent=2) + "\n"
        (fresh / runner.CONTRACT).write_text(text, encoding="utf-8")
        shutil.copyfile(runner.__file__, fresh / _RUNNER)
        _refuse_above_tolerance(largest_difference(network, fresh))
        if check is not None:
            check(fresh)
        # The contract last: beside the new network the old one is refused.
        for file in (_RUNNER, NETWORK, runner.CONTRACT):
            (fresh / file).replace(folder / file)
    return contract


def largest_difference(network: TransformerStudent | MLPActor, folder: Path) -> float:
    """Largest difference of torch's and the exported actions on a series of random observations.

    Raises:
        UserError: Torch's are not finite.
    """
    exported = runner.Runner(folder)
    generator = np.random.default_rng(0)
    size = network.config.observation_size
    worst = 0.0
    memory = network.empty_memory(1) if isinstance(network, TransformerStudent) else None
    with torch.no_grad():
        for _ in range(_CHECKED_STEPS):
            seen = generator.normal(size=size).astype(np.float32)
            ours = torch.from_numpy(seen)[None]
            if memory is None:
                action = network(ours)
            else:
                assert isinstance(network, TransformerStudent)
                action, memory = network.step(ours, memory)
            _refuse_broken(action.numpy())
            expected = action[0].clamp(-ACTION_LIMIT, ACTION_LIMIT).numpy()
            worst = float(np.maximum(worst, np.abs(exported.infer(seen) - expected).max()))
    return worst


@dataclass(frozen=True)
class RolloutCheck:
    """Comparison of an exported walker with torch's in simulation.

    Attributes:
        steps: Actions compared.
        difference: Largest difference between torch's actions and the exported ones.
        milliseconds: Median inference time of onnxruntime per action, on one core.
    """

    steps: int
    difference: float
    milliseconds: float


def check_rollout(walker: Walker, folder: Path, seconds: float = 10.0) -> RolloutCheck:
    """Compare the exported network with torch's, which walks in simulation under random commands.

    Args:
        walker: A student.
        folder: Folder of its export.
        seconds: Simulated time.

    Raises:
        UserError: They differ by more than `TOLERANCE`, or torch's are not finite.
    """
    exported, actor = runner.Runner(folder), WalkActor(walker)
    worst, times = 0.0, []
    with WalkBatch(walker.robot, 1, physics_hz=walker.physics_hz) as batch:
        observation = batch.reset()
        for _ in range(round(seconds * batch.control_hz)):
            actions = actor.act(observation)
            began = time.perf_counter()
            said = exported.infer(observation[observations.POLICY][0])
            times.append(time.perf_counter() - began)
            difference = np.abs(np.clip(actions[0], -ACTION_LIMIT, ACTION_LIMIT) - said).max()
            worst = float(np.maximum(worst, difference))
            step = batch.step(actions)
            observation, ended = step.observation, step.terminated | step.truncated
            if ended.any():
                actor.reset(ended)
                exported.reset()
    _refuse_above_tolerance(worst)
    return RolloutCheck(len(times), worst, 1e3 * float(np.median(times)))


def _refuse_above_tolerance(difference: float) -> None:
    if not difference <= TOLERANCE:
        raise UserError(
            f"the exported {NETWORK} differs from torch by {difference:.2g}, allowed is"
            f" {TOLERANCE:.0e}: it is not to be used, report this"
        )


def _refuse_broken(actions: np.ndarray) -> None:
    if not np.isfinite(actions).all():
        raise UserError(
            "the walker's weights are broken: its actions are not finite numbers in torch itself;"
            " export another checkpoint, or train it again"
        )


def _check_sizes(network: TransformerStudent | MLPActor, robot: RobotConfig) -> None:
    for what, has, wants in (
        ("observations", network.config.observation_size, observations.size(robot)),
        ("actions", network.config.action_size, len(robot.joints)),
    ):
        if has != wants:
            raise UserError(
                f"the network's {what} have {has} numbers, those of {robot.name} {wants}: export"
                " it for the robot that it was trained on"
            )


def _graph(network: TransformerStudent | MLPActor) -> Any:
    try:
        import onnxruntime  # noqa: F401

        from robo.walking import graph
    except ModuleNotFoundError as error:
        raise UserError(
            f"to export, install the extra: pip install 'robo[onnx]' ({error})"
        ) from None
    if isinstance(network, MLPActor):
        return graph.mlp_graph(network)
    return graph.transformer_graph(network)


def _contract(robot: RobotConfig, control_hz: float) -> dict[str, Any]:
    commands = CommandRanges()
    return {
        "version": runner.CONTRACT_VERSION,
        "robot": robot.name,
        "rate_hz": control_hz,
        "gait_hz": GAIT_HZ,
        "joints": list(robot.joints),
        "default_pose": list(robot.default_pose),
        "joint_range": [list(limits) for limits in robot.limits],
        "stiffness": list(robot.kp),
        "damping": list(robot.kd),
        "effort": list(robot.effort),
        "action_scale": list(robot.action_scale),
        "action_limit": ACTION_LIMIT,
        "observation": observations.contract(robot),
        "command_range": [
            list(ends) for ends in (commands.forward, commands.sideways, commands.turning)
        ],
        "standing_below": STANDING,
        "standing_clock": observations.STANDING_CLOCK,
        "fallen_above": TILT,
        # Training randomises the delay of observations up to 15 ms.
        "oldest_signals": 0.03,
        "longest_hold": 0.2,
    }


def _network(network: TransformerStudent | MLPActor) -> dict[str, Any]:
    memory, history = [], 1
    if isinstance(network, TransformerStudent):
        trunk = network.config.trunk
        history = trunk.history
        shapes = {"tokens": [2 * trunk.layers, history - 1, trunk.width], "age": [1]}
        memory = [
            {"input": name, "output": f"{name}_after", "shape": shape}
            for name, shape in shapes.items()
        ]
    return {
        "file": NETWORK,
        "kind": "mlp" if isinstance(network, MLPActor) else "transformer",
        "history": history,
        "input": "observation",
        "output": "action",
        "memory": memory,
    }
