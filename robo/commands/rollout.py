"""`robo rollout`: a policy's success rate in an environment, with a table at the end."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Optional, Union

if TYPE_CHECKING:
    from collections.abc import Callable

SplitName = Literal["seen", "unseen", "distractors", "backgrounds", "all"]


@dataclass(frozen=True)
class Rollout:
    """Roll out a policy in episodes drawn from a seed and count its successes.

    Writes results.jsonl (a line per episode) and summary.json. Finished episodes are kept; run the
    same command again to continue.
    """

    policy: str
    """"expert", "random", the short name of shipped weights, or the folder of a checkpoint or of a
    run (its best checkpoint)."""

    env: str = "robo/Kitchen-v1"
    """Gymnasium id; "module:id" imports the module first, also from the current folder."""

    task: Union[None, tuple[str, ...]] = None
    """In the kitchen: skills ("pick up the apple") or families ("pick up"), which take turns;
    by default all families. Elsewhere: the instruction, for policies that take one."""

    split: Union[None, tuple[SplitName, ...]] = None
    """Columns of the kitchen's table: "seen" (default), "unseen" (objects and words that training
    leaves out), "distractors", "backgrounds", or "all"."""

    episodes: int = 100
    """Episodes per column."""

    seed: int = 0
    """Random seed; the same seed gives every policy the same starts."""

    workers: int = 1
    """Processes to use; they do not change results, but slow down each other's decisions."""

    out: Path = Path("runs/rollout")
    """Output folder."""

    record: Optional[Path] = None
    """Record the episodes, including failed ones, into this dataset."""

    video: int = 0
    """Film this many episodes, from the first."""

    randomization: Union[None, tuple[str, ...]] = None
    """Names of the terms to randomise in every episode, in all columns."""

    image_size: Optional[int] = None
    """Side of camera images in pixels; by default as in recordings, or as the policy needs."""

    max_seconds: Optional[float] = None
    """Time limit of an episode (simulated); by default the environment's own, or 60."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the policy runs; "auto" uses a GPU if there is one."""

    def execute(self) -> int:
        """Run the command."""
        from rich.console import Console

        from robo.arguments import check_seed
        from robo.data.errors import DatasetError
        from robo.errors import UserError, user_errors
        from robo.graphics import check_graphics
        from robo.memory import keep_memory
        from robo.rollouts.splits import SEEN, SPLITS
        from robo.rollouts.summary import print_summary

        check_seed(self.seed)
        if self.workers < 1:
            raise UserError(f"--workers is {self.workers}; it must be 1 or more")
        check_graphics()
        keep_memory()
        from robo.rollouts.run import Rollouts

        columns: tuple[str, ...] = self.split or (SEEN,)
        run = Rollouts(
            self.env,
            self.policy,
            self.out,
            seed=self.seed,
            tasks=self.task or (),
            splits=tuple(SPLITS) if "all" in columns else columns,
            randomization=self.randomization or (),
            image_size=self.image_size,
            max_seconds=self.max_seconds,
            record=self.record,
            device=self.device,
        )
        console = Console()
        with user_errors(DatasetError):
            try:
                summary = self._run(run.execute)
            except KeyboardInterrupt:
                console.print(f"what was finished is in {self.out}", markup=False, soft_wrap=True)
                raise
        print_summary(summary, console)
        written = [self.out / "summary.json", *([self.record] if self.record else [])]
        console.print(f"written to {', '.join(map(str, written))}", markup=False, soft_wrap=True)
        return 0

    def _run(self, execute: "Callable[..., dict[str, object]]") -> "dict[str, object]":
        from contextlib import ExitStack

        from robo.progress import progress_bar

        with ExitStack() as bar:
            advance: Callable[[], None] = lambda: None  # noqa: E731

            def begin(planned: int, there: int) -> None:
                nonlocal advance
                if there < planned:
                    advance = bar.enter_context(
                        progress_bar("episodes", total=planned, completed=there)
                    )

            return execute(
                self.episodes,
                self.workers,
                self.video,
                on_begin=begin,
                on_result=lambda result: advance(),
            )
