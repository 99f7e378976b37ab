"""A run's output: a live display on a terminal, one line per checkpoint elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn


class TrainingDisplay:
    """A bar with time remaining, samples per second and losses.

    Args:
        console: Where to print; None prints nothing.

    Attributes:
        pace: Samples per second and time remaining, as text; empty before the first `show`.
    """

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self.pace = ""
        self._progress: Progress | None = None
        if console is not None and console.is_terminal:
            columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
            self._progress = Progress(*columns, console=console)
            self._task = self._progress.add_task("the first steps", total=1.0)

    def __enter__(self) -> TrainingDisplay:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, step: int, share: float, seconds_left: float, line: Mapping[str, float]) -> None:
        """Show the state of the run."""
        self.pace = f"{line['samples_per_second']:.3g} samples/s, {duration(seconds_left)} left"
        if self._progress is None:
            return
        losses = "  ".join(f"{k} {v:.4g}" for k, v in line.items() if k not in _APART)
        text = (
            f"{duration(seconds_left)} left  step {step}  "
            f"{line['samples_per_second']:.3g} samples/s  {losses}"
        )
        self._progress.update(self._task, completed=min(share, 1.0), description=text)

    def waiting(self, text: str) -> None:
        """Show what is being done before the first step."""
        if self._progress is not None:
            self._progress.update(self._task, description=text)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self._console is not None:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)


_APART = frozenset({"learning_rate", "gradient_norm", "samples_per_second", "waiting", "hours"})


def duration(seconds: float) -> str:
    """Seconds as text: "2 d 3 h", "1 h 5 min", "40 s"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes // 60 % 24} h"
