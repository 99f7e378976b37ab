"""A plan as it grows, on a terminal."""

from pathlib import Path

from rich.console import Console

from planners.saycan import Decision
from planners.skills import DONE
from robo.agent import AgentStep, Episode
from robo.closing import Closing

RUNNERS_UP = 2
"""How many skills are shown beside the chosen one."""


class PlanDisplay(Closing):
    """Prints every decision with its scores, then what came of it."""

    def __init__(self, console: Console, instruction: str) -> None:
        self.console = console
        self.number = 0
        self._label = ""
        self._status = console.status("")
        console.print(f"[bold]“{instruction}”[/bold]", highlight=False)

    def show_decision(self, decision: Decision) -> None:
        """Print what was chosen and what came close."""
        self.number += 1
        best = decision.product.argsort()[::-1]
        others = [i for i in best if i != decision.chosen][:RUNNERS_UP]
        rest = ", ".join(f"{decision.labels[i]} {decision.product[i]:.2f}" for i in others)
        i = decision.chosen
        self.console.print(
            f"[cyan]{self.number:2}. {decision.label:<28}[/cyan] "
            f"language {decision.language[i]:.2f} × affordance {decision.affordance[i]:.2f} "
            f"= [bold]{decision.product[i]:.2f}[/bold]   [dim]{rest}[/dim]",
            highlight=False,
        )

        if decision.label != DONE.label:
            self._label = decision.label
            self._status.update(f"{self._label} …")
            self._status.start()

    def show_progress(self, simulated_seconds: float) -> None:
        """Say how long the robot has been acting."""
        self._status.update(f"{self._label} … {simulated_seconds:.0f} s")

    def show_step(self, step: AgentStep) -> None:
        """Print what came of a skill."""
        self._status.stop()
        colour = "green" if step.outcome.success else "red"
        self.console.print(f"    [{colour}]{step.outcome.feedback}[/{colour}]", highlight=False)

    def show_end(self, episode: Episode) -> None:
        """Say so when the agent never chose to stop."""
        if not episode.done:
            self.console.print(
                f"[red]gave up after {len(episode.steps)} steps without getting done[/red]",
                highlight=False,
            )

    def show_files(self, folder: Path, simulated: float, wall: float) -> None:
        """Say where the results are."""
        self.console.print(
            f"{simulated:.0f} s simulated in {wall:.0f} s; "
            f"{', '.join(sorted(path.name for path in folder.iterdir()))} in {folder}",
            highlight=False,
        )

    def close(self) -> None:
        """Stop what moves on the screen."""
        self._status.stop()
