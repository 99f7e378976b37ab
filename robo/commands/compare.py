"""`robo compare`: do two policies differ?"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from robo.rollouts.comparison import Comparison, Difference


@dataclass(frozen=True)
class Compare:
    """Compare the results of two `robo rollout` runs, episode by episode.

    Episodes with the same start are compared as pairs, with McNemar's exact test and a 95% interval
    of the difference.
    """

    first: tyro.conf.Positional[Path]
    """Folder of a run."""

    second: tyro.conf.Positional[Path]
    """Folder of the other run."""

    unpaired: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Treat episodes as independent, for runs with different seeds (Boschloo's exact test)."""

    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print JSON instead of a table."""

    def execute(self) -> int:
        """Run the command."""
        import sys
        from json import dumps

        from robo.rollouts.comparison import compare, read_run

        comparison = compare(read_run(self.first), read_run(self.second), unpaired=self.unpaired)
        if self.json:
            sys.stdout.write(dumps(comparison.as_dict(), indent=2) + "\n")
        else:
            self._print(comparison)
        return 0

    def _print(self, comparison: "Comparison") -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        console = Console()
        table = Table(
            "", *(escape(str(p)) for p in (self.first, self.second)), "difference (95%)", "p"
        )
        for row in comparison.rows:
            low, high = (100 * end for end in row.interval)
            table.add_row(
                escape(row.name),
                str(row.first),
                str(row.second),
                f"{100 * row.value:+.0f} ({low:+.0f} to {high:+.0f})",
                f"{row.p:.2g}",
            )
        console.print(table)
        for line in _lines(comparison):
            console.print(line, markup=False, soft_wrap=True)


def _lines(comparison: "Comparison") -> list[str]:
    lines = [_verdict(comparison.rows[-1])]
    if comparison.paired:
        last = comparison.rows[-1]
        lines.append(
            f"{comparison.pairs} pairs: in {last.first_only} only the first succeeded, in "
            f"{last.second_only} only the second (McNemar's exact test)"
        )
        if any(comparison.alone):
            lines.append(
                f"{comparison.alone[0]} and {comparison.alone[1]} episodes have no partner and "
                "were left out"
            )
    else:
        lines.append("not paired (Boschloo's exact test)")
    if comparison.other_differences:
        lines.append(f"not only the policy differs: {', '.join(comparison.other_differences)}")
    return lines


def _verdict(row: "Difference") -> str:
    if row.p >= 0.05:
        return "no difference can be told from chance"
    return f"the {'second' if row.value > 0 else 'first'} succeeds more often"
