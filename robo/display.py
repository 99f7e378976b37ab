"""A plan on a terminal, as it grows."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from planners.saycan import Decision
from planners.skills import DONE
from robo.agent import AgentStep, Episode
from robo.closing import Closing

RUNNERS_UP = 2
"""Most skills shown beside the chosen one, as far as the line has room."""

LABEL = 29
"""Width of the skill column: the longest label has 28 characters."""


class PlanDisplay(Closing):
    """Prints every decision with its scores, then what came of it."""

    def __init__(self, console: Console, instruction: str) -> None:
        self.console = console
        self.number = 0
        self._label = ""
        self._status = console.status("")
        self._print(Text(f"“{instruction}”", "bold"), wrap=True)
        self._print(Text(f"    {'skill':<{LABEL}}language × affordance = score", "dim"))

    def show_decision(self, decision: Decision) -> None:
        """Print what was chosen and what came close."""
        self.number += 1
        i = decision.chosen
        line = Text.assemble(
            (f"{self.number:2}. {decision.label:<{LABEL}}", "cyan"),
            f"{decision.language[i]:8.2f} × {decision.affordance[i]:10.2f} = ",
            (f"{decision.product[i]:5.2f}", "bold"),
        )
        best = [other for other in decision.product.argsort()[::-1] if other != i]
        for n, other in enumerate(best[:RUNNERS_UP]):
            lead = "   ahead of " if n == 0 else ", "
            rest = f"{lead}{decision.labels[other]} {decision.product[other]:.2f}"
            if line.cell_len + len(rest) > self.console.width:
                break
            line.append(rest, "dim")
        self._print(line)
        if decision.label != DONE.label:
            self._label = decision.label
            self._status.update(Text(f"{self._label} …"))
            self._status.start()

    def show_progress(self, simulated_seconds: float) -> None:
        """Say how long the robot has been acting."""
        self._status.update(Text(f"{self._label} … {simulated_seconds:.0f} s simulated"))

    def show_step(self, step: AgentStep) -> None:
        """Print a skill's outcome; nothing for `done`."""
        self._status.stop()
        if step.skill != DONE:
            colour = "green" if step.outcome.success else "red"
            self._print(Text(f"    {step.outcome.feedback}", colour))

    def show_end(self, episode: Episode) -> None:
        """Say so if the agent never chose to stop."""
        if not episode.done:
            self._print(
                Text(f"gave up after {len(episode.steps)} steps without choosing done", "red"),
                wrap=True,
            )

    def show_files(self, files: Sequence[Path], simulated: float, wall: float) -> None:
        """Say where the results are, one file per line."""
        self._print(Text(f"{simulated:.0f} s simulated in {wall:.0f} s, written to"))
        for path in files:
            self._print(Text(f"    {path}"), wrap=True)

    def close(self) -> None:
        """Stop the spinner."""
        self._status.stop()

    def _print(self, text: Text, *, wrap: bool = False) -> None:
        """Print a line, cut at the terminal's width unless it may wrap; markup is not parsed."""
        if wrap:
            self.console.print(text, soft_wrap=True)
        else:
            self.console.print(text, no_wrap=True, overflow="ellipsis")
