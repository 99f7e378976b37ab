"""A trained walker: its network, what it was trained for, and how it drives a `WalkBatch`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.humanoid import observations
from envs.humanoid.observations import POLICY, PRIVILEGED
from envs.humanoid.robots import RobotConfig, robot_config
from policies.errors import CheckpointError
from policies.registry import weights_folder
from policies.walker.mlp import Critic, MLPActor
from policies.walker.transformer import Memory, TransformerStudent
from policies.walker.weights import MODEL, load_network
from robo.errors import UserError, user_errors

SHIPPED: Final = "walk"
"""Short name of the weights shipped with the project."""

_DEFAULT_HZ: Final = 200.0


@dataclass(frozen=True)
class Walker:
    """A trained walker.

    Attributes:
        network: The policy network.
        robot: Robot to drive, by default the one it was trained on.
        physics_hz: Physics steps per second in training.
        groups: Observation groups that it sees, concatenated.
        folder: Where it was loaded from.
        metadata: The trainer's metadata.
    """

    network: TransformerStudent | MLPActor
    robot: RobotConfig
    physics_hz: float
    groups: tuple[str, ...]
    folder: Path
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Display name: the short name if shipped, else the folder."""
        return SHIPPED if self.folder == weights_folder(SHIPPED) else str(self.folder)

    @property
    def is_teacher(self) -> bool:
        """Whether it sees privileged observations."""
        return PRIVILEGED in self.groups


def load_walker(name_or_folder: str = SHIPPED, robot: str | None = None) -> Walker:
    """Load a walker by short name or from a folder: weights, a checkpoint, or a run (its newest).

    Args:
        name_or_folder: See above; a run of both stages gives its student.
        robot: Robot to drive instead of the one it was trained on.

    Raises:
        UserError: There is no walker, it is damaged, or it does not fit the robot.
    """
    folder = _find(name_or_folder)
    with user_errors(CheckpointError):
        network, metadata = load_network(folder)
    if isinstance(network, Critic):
        raise UserError(f"{folder} holds a critic, which does not act; give the actor's folder")
    config = metadata.get("config", {})
    named = robot or metadata.get("robot") or config.get("robot")
    if named is None:
        raise UserError(
            f"{folder} does not say for which robot it was trained; say so with --robot"
        )
    with user_errors(ValueError):
        built = robot_config(named)
    seen = metadata.get("observation", {})
    if seen.get("version", observations.VERSION) != observations.VERSION:
        raise UserError(
            f"{folder} was trained on observations of version {seen['version']}, this is version "
            f"{observations.VERSION}; train it again"
        )
    groups = tuple(seen.get("groups", (POLICY,)))
    walker = Walker(
        network, built, float(config.get("physics_hz", _DEFAULT_HZ)), groups, folder, metadata
    )
    _check_sizes(walker)
    return walker


class WalkActor:
    """Drives the copies of a batch with a walker's network.

    Args:
        walker: Walker whose network acts.
        copies: Number of robots.

    Attributes:
        features: The network's penultimate layer at the last step [n, d], for a probe.
    """

    features: NDArray[np.float32]

    def __init__(self, walker: Walker, copies: int = 1) -> None:
        self._network, self._groups, self._copies = walker.network, walker.groups, copies
        self.reset()

    def reset(self, ended: NDArray[np.bool_] | None = None) -> None:
        """Clear the memory of all robots, or of those that `ended` [n]."""
        if ended is None:
            network = self._network
            self._memory: Memory | None = None
            if isinstance(network, TransformerStudent):
                self._memory = network.empty_memory(self._copies)
        elif self._memory is not None and ended.any():
            self._memory = self._memory.forget(torch.from_numpy(ended))

    def act(self, observation: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Mean actions [n, m] for the current observation of every robot.

        Raises:
            UserError: The network's output is not finite.
        """
        parts = [observation[group] for group in self._groups]
        seen = torch.from_numpy(np.concatenate(parts, axis=1))
        with torch.inference_mode():
            if isinstance(self._network, TransformerStudent):
                tokens, self._memory = self._network.encode(seen[None], self._memory)
                features = tokens[0]
            else:
                features = self._network.encode(seen)
            mean: Tensor = self._network.head(features)
        self.features = features.numpy()
        actions: NDArray[np.float32] = mean.numpy()
        if not np.isfinite(actions).all():
            raise UserError("the walker's actions are not finite: its weights are broken")
        return actions


def _find(name_or_folder: str) -> Path:
    given = Path(name_or_folder)
    newest = Path("checkpoints") / "last"
    folders = (given, given / newest, given / "student" / newest, weights_folder(name_or_folder))
    for folder in folders:
        if (folder / MODEL).is_file():
            return folder
    if name_or_folder == SHIPPED:
        raise UserError(
            "no walker comes with this version; train one with `robo train walk --out runs/walk` "
            "and give --policy runs/walk"
        )
    raise UserError(
        f'"{name_or_folder}" is no folder with a {MODEL} and no shipped walker; give the folder '
        "that `robo train walk` wrote"
    )


def _check_sizes(walker: Walker) -> None:
    network, robot = walker.network, walker.robot
    wanted = sum(observations.size(robot, group) for group in walker.groups)
    for what, has, wants in (
        ("observations", network.config.observation_size, wanted),
        ("actions", network.config.action_size, len(robot.joints)),
    ):
        if has != wants:
            raise UserError(
                f"the walker in {walker.folder} has {what} of {has} numbers, {robot.name} wants "
                f"{wants}: it was trained for another robot"
            )


__all__ = ["SHIPPED", "WalkActor", "Walker", "load_walker"]
