"""`robo eval walk`: a trained walker, measured."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import tyro


@dataclass(frozen=True)
class Eval:
    """Measure how well a walker walks: commands, pushes, payloads, terrain, energy.

    Writes results.jsonl (a line per suite), summary.json, report.html and walk.mp4. Finished suites
    are kept; run the same command again to continue.
    """

    what: tyro.conf.Positional[Literal["walk"]]
    """walk."""

    policy: str = "walk"
    """Folder of a run or checkpoint of `robo train walk`, or a short name of shipped weights;
    measured with the robot and physics it was trained with."""

    out: Path = Path("runs/eval-walk")
    """Output folder."""

    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Few episodes, of 8 s, and a shorter video: about a minute."""

    seconds: Optional[float] = None
    """Longest episode; by default 20, with --quick 8."""

    copies: Optional[int] = None
    """Episodes per commanded velocity, elsewhere multiples of it; by default 16, with --quick 3."""

    seed: int = 0
    """Random seed."""

    threads: int = 1
    """Physics threads."""

    def execute(self) -> int:
        """Run the command."""
        from rich.console import Console

        from robo.arguments import check_seed
        from robo.errors import UserError
        from robo.graphics import check_graphics

        check_seed(self.seed)
        for name, value, least in (
            ("seconds", self.seconds, 3),
            ("copies", self.copies, 1),
            ("threads", self.threads, 1),
        ):
            if value is not None and not least <= value < float("inf"):
                raise UserError(f"--{name} is {value}; it must be {least} or more")
        check_graphics()
        from robo.walking.evaluation.report import PAGE, print_report

        console = Console()
        try:
            summary = self._run()
        except KeyboardInterrupt:
            text = f"what was finished is in {self.out}"
            console.print(text, markup=False, soft_wrap=True)
            raise
        print_report(summary, console)
        text = f"written to {self.out / PAGE} and {self.out / 'summary.json'}"
        console.print(text, markup=False, soft_wrap=True)
        return 0

    def _run(self) -> dict[str, Any]:
        from robo.progress import LateBar
        from robo.walking.evaluation.episodes import Effort
        from robo.walking.evaluation.run import FULL, QUICK, evaluate

        least = QUICK if self.quick else FULL
        effort = Effort(
            seconds=least["seconds"] if self.seconds is None else self.seconds,
            copies=int(least["copies"]) if self.copies is None else self.copies,
            seed=self.seed,
            threads=self.threads,
        )
        with LateBar("seconds simulated") as bar:
            return evaluate(
                self.policy,
                self.out,
                effort,
                brief=self.quick,
                on_begin=bar.begin,
                tick=bar.tick,
            )
