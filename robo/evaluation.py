"""Run scenarios and summarise the results."""

import time
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planners.skills import Verb
from robo.acting import acting
from robo.errors import UserError, user_errors
from robo.planning import PlannerConfig
from robo.rollouts.splits import parts
from robo.scenario import Scenario, distance, world_of
from robo.statistics import Rate
from robo.workers import begin_worker

if TYPE_CHECKING:
    from planners.saycan import Chooser
    from planners.world import World
    from robo.agent import Body, Episode


@dataclass(frozen=True)
class Evaluator:
    """Runs scenarios with one planner.

    Attributes:
        planner: Chooses the skills.
        seed: Random seed.
        physics: Whether scenarios are also run in physics.
        policy: Executes skills in physics, a short name or a checkpoint folder; None for the
            scripted experts.
    """

    planner: "Chooser"
    seed: int
    physics: bool
    policy: str | None = None

    def run(self, scenario: Scenario) -> dict[str, Any]:
        """Plan a scenario in the symbolic kitchen and, with `physics`, run it in physics too.

        Plan success: the plan reaches the goal in the symbolic kitchen and ends with `done`.
        Execution success: physics reaches the goal, and the agent chose `done`.

        Raises:
            UserError: The language model failed, or the policy cannot be loaded.
        """
        from planners.language_models import LanguageModelError
        from robo.agent import SymbolicBody
        from robo.report import world_data

        began = time.perf_counter()
        start = world_of(scenario.start)
        with user_errors(LanguageModelError):
            planned = self._episode(scenario, SymbolicBody(start, distance))
            result = {
                "id": scenario.id,
                "family": scenario.family,
                "instruction": scenario.instruction,
                "plan": planned.plan,
                "plan_end": world_data(planned.end),
                "plan_success": planned.done and scenario.goal.reached(start, planned.end),
            }
            if self.physics:
                result |= self._act(scenario, start)
        return result | {"wall_seconds": round(time.perf_counter() - began, 2)}

    def _act(self, scenario: Scenario, start: "World") -> dict[str, Any]:
        from robo.kitchen_body import KitchenBody
        from robo.report import episode_data

        seed = episode_seed(self.seed, scenario.id)
        with KitchenBody(scenario.start, seed, **acting(self.policy)) as body:
            acted = self._episode(scenario, body)
            return {
                "seed": seed,
                "execution": episode_data(acted, scores=False),
                "execution_success": acted.done and scenario.goal.reached(start, acted.end),
                "simulated_seconds": round(body.simulated_seconds, 2),
                "unstable": body.unstable,
            }

    def _episode(self, scenario: Scenario, body: "Body") -> "Episode":
        from robo.agent import run_episode
        from robo.planning import kitchen_skills

        return run_episode(self.planner, kitchen_skills(), body, scenario.instruction)


_evaluator: Evaluator | UserError | None = None


def set_up_worker(
    config: PlannerConfig, seed: int, physics: bool, policy: str | None = None
) -> None:
    """Prepare a process for `run_scenario`, which raises the error if this fails."""
    global _evaluator
    from robo.planning import make_planner

    prepare_process()
    try:
        _evaluator = Evaluator(make_planner(config), seed, physics, policy)
    except UserError as error:
        _evaluator = error


def run_scenario(scenario: Scenario) -> dict[str, Any]:
    """`Evaluator.run` in a process that `set_up_worker` has prepared.

    Raises:
        UserError: The language model cannot be loaded, or `Evaluator.run` failed.
    """
    if isinstance(_evaluator, UserError):
        raise _evaluator
    assert _evaluator is not None
    return _evaluator.run(scenario)


def prepare_process() -> None:
    """Make this process a worker with one torch thread, the fastest setting."""
    import torch

    begin_worker()
    torch.set_num_threads(1)


def episode_seed(seed: int, identity: str) -> int:
    """A scenario's own seed, whatever else is in the file."""
    return zlib.crc32(f"{seed}/{identity}".encode())


def summarise(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Plan and execution success per family and in total, with Wilson 95% intervals.

    "skills" has each skill's success in physics as the first of an episode ("first") and after
    others ("later"): a policy may fail where another skill ended and not at a fresh start.
    """
    families: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        families[result["family"]].append(result)
    return {
        "families": {name: _rates(group) for name, group in families.items()},
        "total": _rates(results),
        "skills": _skill_rates(results),
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


def _skill_rates(results: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    outcomes: dict[str, dict[str, list[bool]]] = {}
    for result in results:
        for number, step in enumerate(result.get("execution", {}).get("steps", ())):
            skill, _ = parts(step["skill"])
            if skill != Verb.DONE:
                kinds = outcomes.setdefault(skill, {"first": [], "later": []})
                kinds["later" if number else "first"].append(step["success"])
    return {
        skill: {kind: Rate(sum(done), len(done)).as_dict() for kind, done in kinds.items() if done}
        for skill, kinds in sorted(outcomes.items())
    }


def print_table(summary: dict[str, Any], *, execution: bool) -> None:
    """Print a summary as a table, and one of the skills if they were executed."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("family", "plan success", *(["execution success"] if execution else []))
    for name, rates in [*summary["families"].items(), ("total", summary["total"])]:
        if name == "total":
            table.add_section()
        cells = [rates["plan_success"]] + ([rates["execution_success"]] if execution else [])
        table.add_row(
            escape(name), *(str(Rate(cell["successes"], cell["trials"])) for cell in cells)
        )
    Console().print(table)
    if summary["skills"]:
        skills = Table("skill", "first of its episode", "later")
        for name, rates in summary["skills"].items():
            skills.add_row(name, *(_cell(rates.get(kind)) for kind in ("first", "later")))
        Console().print(skills)


def _cell(rate: dict[str, Any] | None) -> str:
    return str(Rate(rate["successes"], rate["trials"])) if rate else "–"
