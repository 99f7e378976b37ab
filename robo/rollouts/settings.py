"""The settings of a rollout run, and its episodes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zlib import crc32

from robo.rollouts.splits import SEEN

FAMILIES = ("find", "go to", "pick up", "put down", "bring it to you", "open", "close")
"""The kitchen's skills."""

EXPERT, RANDOM = "expert", "random"
"""Names of the actors without weights."""

MAX_SECONDS = 60.0
"""Time limit of an episode if the environment has none of its own (s, simulated)."""


@dataclass(frozen=True)
class RolloutSettings:
    """Everything that determines an episode; results of different settings are never mixed.

    Attributes:
        environment: The gymnasium id; "module:id" imports the module first.
        policy: "expert", "random", the short name of shipped weights, or a checkpoint folder.
        weights: SHA-256 of the checkpoint's weights file; empty if there is none.
        seed: Random seed.
        tasks: In the kitchen, skills ("pick up the apple") or families ("pick up"); elsewhere,
            instructions, which matter only to policies that take them.
        splits: Columns, see `robo.rollouts.splits`.
        randomization: Terms of the environment that are drawn in every episode, in all columns.
        image_size: Image height and width in pixels; None for what suits the policy.
        max_seconds: Time limit of an episode (simulated); None for the environment's own limit,
            or `MAX_SECONDS`.
        recorded: Whether episodes are recorded into a dataset.
    """

    environment: str
    policy: str
    weights: str = ""
    seed: int = 0
    tasks: tuple[str, ...] = ()
    splits: tuple[str, ...] = (SEEN,)
    randomization: tuple[str, ...] = ()
    image_size: int | None = None
    max_seconds: float | None = None
    recorded: bool = False

    def as_json(self) -> dict[str, Any]:
        """As plain values, the same as after a round trip through JSON."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @property
    def id(self) -> str:
        """The gymnasium id without the module."""
        return self.environment.rpartition(":")[2]

    @property
    def draws(self) -> int:
        """The seed of the starts, distinct from those that `robo record` uses."""
        return crc32(f"rollout/{self.seed}".encode())


@dataclass(frozen=True)
class PlannedEpisode:
    """One episode to run.

    Attributes:
        split: Its column.
        task: One of the settings' tasks.
        number: Its number within this task and column, from 0.
    """

    split: str
    task: str
    number: int

    @property
    def key(self) -> str:
        """Its key in results, such as "seen/pick up/3"."""
        return f"{self.split}/{self.task}/{self.number}"


def planned_episodes(settings: RolloutSettings, episodes: int) -> list[PlannedEpisode]:
    """The episodes of a run: this many per column, with tasks taking turns.

    A larger number keeps the same episodes and adds others.
    """
    tasks: Sequence[str] = settings.tasks
    return [
        PlannedEpisode(split, tasks[n % len(tasks)], n // len(tasks))
        for split in settings.splits
        for n in range(episodes)
    ]
