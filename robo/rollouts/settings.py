"""What a run of rollouts is made with, and its episodes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zlib import crc32

from robo.rollouts.splits import SEEN

FAMILIES = ("find", "go to", "pick up", "put down", "bring it to you", "open", "close")
"""The kitchen's skills."""

EXPERT, RANDOM = "expert", "random"
"""Names of what acts without weights."""

MAX_SECONDS = 60.0
"""An episode of an environment without a limit of its own is over after so long (simulated)."""


@dataclass(frozen=True)
class RolloutSettings:
    """What decides an episode, whoever runs it; results of other settings are not mixed with it.

    Attributes:
        environment: The gymnasium id; "module:id" imports the module first.
        policy: "expert", "random", the short name of shipped weights, or a checkpoint's folder.
        weights: The SHA-256 of the checkpoint's file, empty without one.
        seed: Of everything that is drawn.
        tasks: In the kitchen skills ("pick up the apple") or families ("pick up"); elsewhere
            words, which only policies that take instructions read.
        splits: Columns, see `robo.rollouts.splits`.
        randomization: Terms of the environment that are drawn in every episode, in all columns.
        image_size: Pixels each way; None: what suits the policy.
        max_seconds: An episode is over after so long (simulated); None: the environment's own
            limit, or `MAX_SECONDS`.
        recorded: Whether episodes are recorded into a set.
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
        """Plain values, as JSON gives them back."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @property
    def id(self) -> str:
        """The gymnasium id alone."""
        return self.environment.rpartition(":")[2]

    @property
    def draws(self) -> int:
        """The seed of the starts: never one that `robo record` draws its starts from."""
        return crc32(f"rollout/{self.seed}".encode())


@dataclass(frozen=True)
class PlannedEpisode:
    """One episode that is to be run.

    Attributes:
        split: Its column.
        task: One of the settings' tasks.
        number: Of this task in this column, from 0.
    """

    split: str
    task: str
    number: int

    @property
    def key(self) -> str:
        """What it is called in results, such as "seen/pick up/3"."""
        return f"{self.split}/{self.task}/{self.number}"


def planned_episodes(settings: RolloutSettings, episodes: int) -> list[PlannedEpisode]:
    """The episodes of a run: so many of every column, its tasks taking turns.

    More episodes are the same ones and others behind them.
    """
    tasks: Sequence[str] = settings.tasks
    return [
        PlannedEpisode(split, tasks[n % len(tasks)], n // len(tasks))
        for split in settings.splits
        for n in range(episodes)
    ]
