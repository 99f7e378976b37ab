"""`robo sim2sim`: the gate before a robot."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro


@dataclass(frozen=True)
class Sim2sim:
    """Run a walker's weights in a second simulator: the gate before a robot.

    Checks the contract between policy and robot link by link, then walks in PyBullet, nominal as
    well as randomised and pushed, and in MuJoCo with other time steps and solver settings. Exits
    with 0 if it passes, else with 1. Writes results.jsonl, summary.json and sim2sim.mp4; run the
    same command again to continue.
    """

    policy: str = "walk"
    """Folder of a run or checkpoint of `robo train walk`, or a short name of shipped weights."""

    out: Path = Path("runs/sim2sim")
    """Output folder."""

    seconds: float = 10.0
    """Duration of an episode."""

    episodes: int = 8
    """Episodes of each of the five commands, in every simulator."""

    seed: int = 0
    """Random seed of starts and sensor noise, the same in every simulator."""

    no_video: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Skip the video of both simulators side by side."""

    def execute(self) -> int:
        """Run the command."""
        from rich.console import Console

        from robo.arguments import check_seed
        from robo.errors import UserError
        from robo.graphics import check_graphics

        check_seed(self.seed)
        if not 4.0 <= self.seconds < float("inf"):
            raise UserError(f"--seconds is {self.seconds}; it must be 4 or more")
        if self.episodes < 1:
            raise UserError(f"--episodes is {self.episodes}; it must be 1 or more")
        check_graphics()
        summary = self._run()
        console = Console()
        self._print(summary, console)
        return 0 if summary["passed"] else 1

    def _run(self) -> dict[str, Any]:
        from robo.progress import LateBar
        from robo.walking.evaluation.episodes import Effort
        from robo.walking.sim2sim import run_gate

        effort = Effort(seconds=self.seconds, copies=self.episodes, seed=self.seed)
        with LateBar("seconds simulated") as bar:
            return run_gate(
                self.policy,
                self.out,
                effort,
                video=not self.no_video,
                on_begin=bar.begin,
                tick=bar.tick,
            )

    def _print(self, summary: dict[str, Any], console: Any) -> None:
        from rich.table import Table

        from robo.statistics import Rate

        links = Table("link of the contract", "", "differs by", "allowed", "most at")
        for link in summary["links"]:
            links.add_row(
                link["name"],
                "[green]holds[/]" if link["holds"] else "[red]BROKEN[/]",
                f"{link['difference']:.2g}",
                f"{link['limit']:.2g}",
                link["where"],
            )
        console.print(links)
        lines = summary["simulators"]
        walks = Table("simulator", "stay upright", *lines[0]["achieved"], "apart")
        for line in lines:
            rate = line["survived"]
            walks.add_row(
                line["simulator"],
                str(Rate(rate["successes"], rate["trials"])),
                *("–" if v is None else f"{v:.2f}" for v in line["achieved"].values()),
                "–" if line["apart"] is None else f"{line['apart']:.2f}",
            )
        console.print(walks)
        said = (
            "achieved velocities (m/s, rad/s); apart: largest difference from MuJoCo as trained, "
            "of randomised robots from randomised ones in MuJoCo",
            summary["verdict"],
            f"written to {self.out / 'summary.json'}",
        )
        for text in said:
            console.print(text, markup=False, highlight=False, soft_wrap=True)
