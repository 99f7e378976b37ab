"""`robo randomization`: the tables of what is randomised."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class Randomization:
    """Show what can be randomised in training, with its distributions and ranges.

    Each term can be switched on by name. The walker's are drawn for every episode of every parallel
    copy, the kitchen's for every episode.
    """

    room: tyro.conf.Positional[Literal["all", "humanoid", "kitchen"]] = "all"
    """Table to show."""

    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print JSON instead of tables."""

    def execute(self) -> int:
        """Run the command."""
        import sys
        from json import dumps

        from rich.console import Console
        from rich.table import Table

        tables = self._tables()
        columns = ("term", "changes", "distribution", "range")
        if self.json:
            plain = {
                name: [dict(zip(columns, row, strict=True)) for row in rows]
                for name, rows in tables.items()
            }
            sys.stdout.write(dumps(plain, indent=2) + "\n")
            return 0
        console = Console()
        for name, rows in tables.items():
            table = Table(*columns, title=name, title_justify="left")
            for row in rows:
                table.add_row(*row)
            console.print(table)
        return 0

    def _tables(self) -> dict[str, list[tuple[str, str, str, str]]]:
        from envs.terms import table

        tables = {}
        if self.room != "kitchen":
            from envs.humanoid.randomization import TERMS as HUMANOID
            from envs.humanoid.randomization import TRAINING

            tables["humanoid"] = table(HUMANOID)
            others = {name: term for name, term in TRAINING.items() if term != HUMANOID[name]}
            tables["humanoid, what training draws otherwise"] = table(others)
        if self.room != "humanoid":
            from envs.kitchen.randomization import TERMS as KITCHEN

            tables["kitchen"] = table(KITCHEN)
        return tables
