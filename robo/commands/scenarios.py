"""`robo scenarios`: a set of instructions, resumable, with a table at the end."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import tyro

from robo.planning import PlannerArguments, PlannerConfig

if TYPE_CHECKING:
    from robo.rollouts.folder import Result, RunFolder
    from robo.scenario import Scenario

RESULT = ("id", "family", "instruction", "plan_success")
"""Keys of every result; the first identifies it."""


@dataclass(frozen=True)
class Scenarios:
    """Run every scenario of a file; an interrupted run resumes."""

    file: tyro.conf.Positional[Path]
    """JSON Lines file, one scenario per line (see scenarios/README.md)."""

    out: Path = Path("runs/scenarios")
    """Folder for results.jsonl and summary.json."""

    workers: int = 1
    """Processes to use."""

    seed: int = 0
    """Random seed: where exactly each object lies on its place."""

    plan_only: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """No physics: plan in the symbolic kitchen only."""

    policy: Optional[str] = None
    """What carries out the skills: the short name of shipped weights, or a checkpoint's folder.
    By default scripted experts, which see the true state."""

    planner: PlannerArguments = field(default_factory=PlannerConfig)

    def execute(self) -> int:
        """Run the command."""
        from robo.acting import weights_of
        from robo.arguments import check_seed
        from robo.errors import UserError
        from robo.graphics import check_graphics
        from robo.rollouts.folder import RunFolder
        from robo.scenario import load_scenarios

        if self.workers < 1:
            raise UserError(f"--workers is {self.workers}; it must be 1 or more")
        check_seed(self.seed)
        scenarios = load_scenarios(self.file)
        if not self.plan_only:
            check_graphics()
        settings = {
            "seed": self.seed,
            "plan_only": self.plan_only,
            "policy": self.policy,
            "weights": weights_of(self.policy),
            "planner": asdict(self.planner),
        }
        folder = RunFolder(self.out, settings, RESULT)
        try:
            finished = self._finished(folder, scenarios)
            waiting = [scenario for scenario in scenarios if scenario.id not in finished]
            self._run(folder, waiting, done=len(finished))
            self._summarise(settings, self._finished(folder, scenarios), scenarios)
        finally:
            folder.release()
        return 0

    def _finished(self, folder: "RunFolder", scenarios: list["Scenario"]) -> dict[str, "Result"]:
        """Existing results, by scenario id."""
        from robo.errors import UserError

        results = folder.results()
        for scenario in scenarios:
            there = results.get(scenario.id, {}).get("instruction", scenario.instruction)
            if there != scenario.instruction:
                raise UserError(
                    f"{self.out} holds {scenario.id!r} with another instruction than the scenario "
                    "file; choose another --out"
                )
        return results

    def _run(self, folder: "RunFolder", waiting: list["Scenario"], done: int) -> None:
        from concurrent.futures import as_completed
        from concurrent.futures.process import BrokenProcessPool

        from robo.errors import UserError
        from robo.evaluation import run_scenario, set_up_worker
        from robo.progress import progress_bar
        from robo.workers import worker_pool

        if not waiting:
            return
        workers = min(self.workers, len(waiting))
        physics = not self.plan_only
        set_up = (self.planner, self.seed, physics, self.policy)
        try:
            with (
                progress_bar("scenarios", total=done + len(waiting), completed=done) as advance,
                worker_pool(workers, set_up_worker, *set_up) as pool,
            ):
                for future in as_completed([pool.submit(run_scenario, one) for one in waiting]):
                    folder.add(future.result())
                    advance()
        except BrokenProcessPool:
            raise UserError(
                "a worker process died, perhaps for lack of memory; run the command again to go on,"
                " with fewer --workers if it happens again"
            ) from None

    def _summarise(
        self,
        settings: dict[str, Any],
        results: dict[str, "Result"],
        scenarios: list["Scenario"],
    ) -> None:
        from envs.kitchen.rules import SUCCESS_RULE_VERSION
        from robo.evaluation import print_table, summarise
        from robo.results import provenance, write_json
        from robo.rollouts.folder import SUMMARY

        table = summarise([results[scenario.id] for scenario in scenarios])
        write_json(
            self.out / SUMMARY,
            {
                "file": str(self.file),
                **provenance(settings, self.seed),
                "success_rule_version": SUCCESS_RULE_VERSION,
                **table,
            },
        )
        print_table(table, execution=not self.plan_only)
