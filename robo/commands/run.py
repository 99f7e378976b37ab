"""`robo run`: an instruction becomes motion."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """tmp."""

    def execute(self) -> int:
        return 0
