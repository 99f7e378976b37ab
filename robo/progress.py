"""A progress bar with the time remaining."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class LateBar:
    """A bar for work whose amount is known only once it has begun; not shown if all is done.

    Args:
        name: Label of the bar.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._shown = ExitStack()
        self._advance: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._shown.close()

    def begin(self, total: int, done: int) -> None:
        """Show the bar, unless all units are done."""
        if done < total:
            self._advance = self._shown.enter_context(progress_bar(self._name, total, done))

    def tick(self) -> None:
        """Count one more unit as done."""
        if self._advance is not None:
            self._advance()


@contextmanager
def progress_bar(name: str, total: int, completed: int = 0) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error; yields a function to call after every unit."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:
        task = progress.add_task(name, total=total, completed=completed)
        yield lambda: progress.advance(task)
