"""Plan and execution success of planner variants that each differ in one thing.

    python benchmarks/planning.py scenarios/kitchen_dev.jsonl --out runs/planning --workers 2

Every scenario runs with all variants before the next one, so that prompts shared by variants are
scored once. Finished scenarios are kept; run again to resume.
"""

import json
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from planners.language_models import load_language_model
from robo.evaluation import Evaluator, prepare_process, summarise
from robo.planning import FormulaName, PlannerConfig, planner_with
from robo.progress import progress_bar
from robo.results import make_folder, provenance, write_json
from robo.scenario import Scenario, load_scenarios
from robo.statistics import Rate
from robo.workers import worker_pool

FORMULAS: tuple[FormulaName, ...] = ("sum", "mean", "half-prior", "prior")


def variants(llm: str, default: FormulaName) -> dict[str, PlannerConfig]:
    """Each formula, and the default one with one thing changed each."""
    planner = PlannerConfig(llm=llm, formula=default)
    return {
        **{formula: replace(planner, formula=formula) for formula in FORMULAS},
        "no affordances": replace(planner, affordances=False),
        "no feedback": replace(planner, feedback=False),
        "generation": replace(planner, generate=True),
    }


@dataclass(frozen=True)
class Planning:
    """Compare planners on a scenario set."""

    file: tyro.conf.Positional[Path]
    """Scenario set."""

    out: Path = Path("runs/planning")
    """Folder for results."""

    llm: str = "robo-135m"
    """Language model."""

    default: FormulaName = "sum"
    """Formula of the other variants."""

    only: tuple[str, ...] = ()
    """Variants to run; all if omitted."""

    physics: bool = False
    """Also execute the scenarios in physics."""

    seed: int = 0
    """Seed of where things lie."""

    workers: int = 1
    """Processes to use."""


_evaluators: dict[str, Evaluator] = {}


def set_up(arguments: Planning) -> None:
    """Load the model once for all variants."""
    prepare_process()
    model = load_language_model(arguments.llm)
    for name, config in variants(arguments.llm, arguments.default).items():
        if not arguments.only or name in arguments.only:
            planner = planner_with(model, config)
            _evaluators[name] = Evaluator(planner, arguments.seed, arguments.physics)


def run(scenario: Scenario) -> dict[str, Any]:
    """One scenario with every variant."""
    return {
        "id": scenario.id,
        "variants": {name: evaluator.run(scenario) for name, evaluator in _evaluators.items()},
    }


def main() -> None:
    """Run what is missing, print tables, write JSON."""
    arguments = tyro.cli(Planning)
    make_folder(arguments.out)
    stem = f"{arguments.file.stem}-{arguments.llm.replace('/', '_').replace(':', '_')}"
    path = arguments.out / f"{stem}{'-physics' if arguments.physics else ''}.jsonl"
    results = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    finished = {result["id"] for result in results}
    waiting = [one for one in load_scenarios(arguments.file) if one.id not in finished]
    with (
        worker_pool(arguments.workers, set_up, arguments) as pool,
        progress_bar("scenarios", len(finished) + len(waiting), len(finished)) as advance,
        path.open("a", encoding="utf-8") as file,
    ):
        for future in as_completed([pool.submit(run, scenario) for scenario in waiting]):
            results.append(future.result())
            file.write(json.dumps(results[-1], ensure_ascii=False) + "\n")
            file.flush()
            advance()
    summaries = {
        name: summarise([result["variants"][name] for result in results])
        for name in results[0]["variants"]
    }
    config = {key: str(value) for key, value in asdict(arguments).items()}
    write_json(path.with_suffix(".json"), {**provenance(config, arguments.seed), **summaries})
    print_table(arguments.llm, summaries)


def print_table(title: str, summaries: dict[str, dict[str, Any]]) -> None:
    """Print variants by scenario family, a table per kind of success."""
    first = next(iter(summaries.values()))
    for kind in first["total"]:
        table = Table("variant", *sorted(first["families"]), "total", title=f"{title}: {kind}")
        for name, summary in summaries.items():
            groups = [summary["families"][family] for family in sorted(first["families"])]
            cells = [rate(group[kind]) for group in groups]
            table.add_row(
                name,
                *(f"{cell.successes}/{cell.trials}" for cell in cells),
                str(rate(summary["total"][kind])),
            )
        Console(width=150).print(table)


def rate(cell: dict[str, Any]) -> Rate:
    """A rate from its JSON."""
    return Rate(cell["successes"], cell["trials"])


if __name__ == "__main__":
    main()
