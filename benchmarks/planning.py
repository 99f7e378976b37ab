"""Plan success of many planners over one scenario set, in the symbolic kitchen.

    python benchmarks/planning.py scenarios/kitchen_dev.jsonl --out runs/planning --llm smollm2

Every variant is a `robo scenarios --plan-only` of its own below --out, so it resumes.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from robo.commands.scenarios import SUMMARY, Scenarios
from robo.planning import PlannerConfig
from robo.statistics import Rate

VARIANTS: dict[str, dict[str, object]] = {
    "sum": {"formula": "sum"},
    "mean": {"formula": "mean"},
    "half prior": {"formula": "half-prior"},
    "prior": {"formula": "prior"},
    "no affordances": {"affordances": False},
    "no feedback": {"feedback": False},
    "generation": {"generate": True},
}


@dataclass(frozen=True)
class Planning:
    """Compare planners on a scenario set."""

    file: tyro.conf.Positional[Path]
    """Scenario set."""

    out: Path = Path("runs/planning")
    """Folder for results, one folder a variant."""

    llm: str = "robo-135m"
    """Language model."""

    workers: int = 1
    """Processes to use."""

    variants: tuple[str, ...] = tuple(VARIANTS)
    """Which variants to run."""


def main() -> None:
    """Run every variant and print one table."""
    arguments = tyro.cli(Planning)
    rates: dict[str, dict[str, Rate]] = {}
    for name in arguments.variants:
        planner = replace(PlannerConfig(llm=arguments.llm), **VARIANTS[name])  # type: ignore[arg-type]
        out = arguments.out / arguments.file.stem / arguments.llm / name.replace(" ", "-")
        Scenarios(arguments.file, out, arguments.workers, plan_only=True, planner=planner).execute()
        summary = json.loads((out / SUMMARY).read_text())
        groups = {**summary["families"], "total": summary["total"]}
        rates[name] = {
            family: Rate(group["plan_success"]["successes"], group["plan_success"]["trials"])
            for family, group in groups.items()
        }
    table = Table("variant", *next(iter(rates.values())), title=arguments.llm)
    for name, by_family in rates.items():
        cells = [f"{rate.successes}/{rate.trials}" for rate in by_family.values()]
        table.add_row(name, *cells[:-1], str(by_family["total"]))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
