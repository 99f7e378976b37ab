"""Scenarios carried out and counted."""

import multiprocessing
import os
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from robo.errors import user_errors
from robo.planning import PlannerConfig
from robo.scenario import Scenario
from robo.statistics import Rate


class _Worker:
    """What a process keeps between scenarios."""

    def __init__(self, config: PlannerConfig, seed: int, physics: bool) -> None:
        from robo.planning import make_planner

        self.config = config
        self.seed = seed
        self.physics = physics
        self.planner = make_planner(config)


_worker: _Worker | None = None


def set_up_worker(config: PlannerConfig, seed: int, physics: bool) -> None:
    """Prepare a process for `run_scenario`; one thread a process is fastest."""
    global _worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    _worker = _Worker(config, seed, physics)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, killed perhaps."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def run_scenario(scenario: Scenario) -> dict[str, Any]:
    """Plan a scenario in the symbolic kitchen and, if asked, carry it out in physics.

    Plan success: the plan reaches the goal in the symbolic kitchen and ends with `done`.
    Execution success: physics reaches the goal, and the agent chose `done`.

    Raises:
        UserError: The language model failed.
    """
    from planners.language_models import LanguageModelError
    from robo.agent import SymbolicBody, run_episode
    from robo.planning import kitchen_skills
    from robo.report import episode_data, world_data
    from robo.scenario import distance, world_of

    assert _worker is not None
    began = time.perf_counter()
    skills, feedback = kitchen_skills(), _worker.config.feedback
    start = world_of(scenario.start)
    with user_errors(LanguageModelError):
        planned = run_episode(
            _worker.planner,
            skills,
            SymbolicBody(start, distance),
            scenario.instruction,
            feedback=feedback,
        )
        result: dict[str, Any] = {
            "id": scenario.id,
            "family": scenario.family,
            "instruction": scenario.instruction,
            "plan": planned.plan,
            "plan_end": world_data(planned.end),
            "plan_success": planned.done and scenario.goal.reached(start, planned.end),
        }
        if _worker.physics:
            from robo.kitchen_body import KitchenBody

            seed = episode_seed(_worker.seed, scenario.id)
            with KitchenBody(scenario.start, seed) as body:
                acted = run_episode(
                    _worker.planner, skills, body, scenario.instruction, feedback=feedback
                )
                result |= {
                    "seed": seed,
                    "execution": episode_data(acted, scores=False),
                    "execution_success": acted.done and scenario.goal.reached(start, acted.end),
                    "simulated_seconds": round(body.simulated_seconds, 2),
                    "unstable": body.unstable,
                }
    return result | {"wall_seconds": round(time.perf_counter() - began, 2)}


def episode_seed(seed: int, identity: str) -> int:
    """A seed of a scenario's own, whatever else is in the file."""
    return zlib.crc32(f"{seed}/{identity}".encode())


def summarise(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Plan and execution success per family and in total, with Wilson 95% intervals."""
    families: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        families[result["family"]].append(result)
    return {
        "families": {name: _rates(group) for name, group in families.items()},
        "total": _rates(results),
    }


def _rates(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    rates: dict[str, Any] = {
        "plan_success": Rate(sum(r["plan_success"] for r in results), len(results)).as_dict()
    }
    executed = [r for r in results if "execution_success" in r]
    if executed:
        rates["execution_success"] = Rate(
            sum(r["execution_success"] for r in executed), len(executed)
        ).as_dict()
    return rates


def print_table(summary: dict[str, Any], *, execution: bool) -> None:
    """Print a summary as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("family", "plan success", *(["execution success"] if execution else []))
    for name, rates in [*summary["families"].items(), ("total", summary["total"])]:
        if name == "total":
            table.add_section()
        cells = [rates["plan_success"]] + ([rates["execution_success"]] if execution else [])
        table.add_row(name, *(str(Rate(cell["successes"], cell["trials"])) for cell in cells))
    Console().print(table)
