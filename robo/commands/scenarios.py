"""`robo scenarios`: a set of instructions, resumable, with a table at the end."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import tyro

from robo.planning import PlannerArguments, PlannerConfig

if TYPE_CHECKING:
    from robo.scenario import Scenario

RESULTS = "results.jsonl"
SUMMARY = "summary.json"
SETTINGS = "run.json"


@dataclass(frozen=True)
class Scenarios:
    """Run every scenario of a file; what is finished is kept and not run again."""

    file: tyro.conf.Positional[Path]
    """JSON lines, one scenario a line (see scenarios/README.md)."""

    out: Path = Path("runs/scenarios")
    """Folder for results.jsonl and summary.json."""

    workers: int = 1
    """Processes to use."""

    seed: int = 0
    """Seed of everything that is drawn: where on a place each object lies."""

    plan_only: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Leave out physics: plan in the symbolic kitchen only."""

    policy: Optional[str] = None
    """What carries out the skills: the short name of shipped weights, or a checkpoint's folder;
    scripted experts, which see the true state, when left out."""

    planner: PlannerArguments = field(default_factory=PlannerConfig)

    def execute(self) -> int:
        """Run the command."""
        from robo.acting import weights_of
        from robo.arguments import check_seed
        from robo.errors import UserError
        from robo.graphics import check_graphics
        from robo.results import make_folder
        from robo.scenario import load_scenarios

        if self.workers < 1:
            raise UserError(f"--workers is {self.workers}; it must be 1 or more")
        check_seed(self.seed)
        scenarios = load_scenarios(self.file)
        if not self.plan_only:
            check_graphics()
        make_folder(self.out)
        settings = {
            "seed": self.seed,
            "plan_only": self.plan_only,
            "policy": self.policy,
            "weights": weights_of(self.policy),
            "planner": asdict(self.planner),
        }
        finished = self._resume(settings, scenarios)
        waiting = [scenario for scenario in scenarios if scenario.id not in finished]
        self._run(waiting, done=len(finished))
        self._summarise(settings, scenarios)
        return 0

    def _resume(
        self, settings: dict[str, Any], scenarios: list["Scenario"]
    ) -> dict[str, dict[str, Any]]:
        """Results that are there already, refused when they are another configuration's."""
        from robo.errors import UserError
        from robo.results import json_object, write_json

        path = self.out / SETTINGS
        if path.exists():
            before = json_object(path.read_text(encoding="utf-8"), str(path))
            if before != settings:
                raise UserError(
                    f"{self.out} holds results of other settings ({_difference(before, settings)});"
                    " choose another --out or the same settings"
                )
        else:
            write_json(path, settings)
        return _read_results(self.out / RESULTS, scenarios)

    def _run(self, waiting: list["Scenario"], done: int) -> None:
        import json
        from concurrent.futures import as_completed
        from concurrent.futures.process import BrokenProcessPool

        from robo.errors import UserError
        from robo.evaluation import run_scenario, set_up_worker
        from robo.progress import progress_bar
        from robo.results import writing
        from robo.workers import worker_pool

        if not waiting:
            return
        workers = min(self.workers, len(waiting))
        physics = not self.plan_only
        set_up = (self.planner, self.seed, physics, self.policy)
        path = self.out / RESULTS
        try:
            with (
                progress_bar("scenarios", total=done + len(waiting), completed=done) as advance,
                worker_pool(workers, set_up_worker, *set_up) as pool,
            ):
                for future in as_completed([pool.submit(run_scenario, one) for one in waiting]):
                    line = json.dumps(future.result(), ensure_ascii=False) + "\n"
                    with writing(path), path.open("a", encoding="utf-8") as results:
                        results.write(line)
                    advance()
        except BrokenProcessPool:
            raise UserError(
                "a worker process died, perhaps for lack of memory; run the command again to go on,"
                " with fewer --workers if it happens again"
            ) from None

    def _summarise(self, settings: dict[str, Any], scenarios: list["Scenario"]) -> None:
        from envs.kitchen.rules import SUCCESS_RULE_VERSION
        from robo.evaluation import print_table, summarise
        from robo.results import provenance, write_json

        results = _read_results(self.out / RESULTS, scenarios)
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


def _read_results(path: Path, scenarios: list["Scenario"]) -> dict[str, dict[str, Any]]:
    """Whole lines of a results file by scenario id; one cut off at the end is dropped."""
    from robo.errors import UserError
    from robo.results import json_object

    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    if not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
        path.write_text(text, encoding="utf-8")
    results = {}
    asked = {scenario.id: scenario.instruction for scenario in scenarios}
    for number, line in enumerate(text.splitlines(), start=1):
        result = json_object(line, f"{path}, line {number}")
        if asked.get(result["id"], result["instruction"]) != result["instruction"]:
            raise UserError(
                f"{path} holds {result['id']!r} with another instruction than the scenario file;"
                " choose another --out"
            )
        results[result["id"]] = result
    return results


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    old = {**before, **before.get("planner", {})}
    new = {**now, **now["planner"]}
    changed = [key for key in new if key != "planner" and old.get(key) != new[key]]
    return ", ".join(f"{key} {old.get(key)!r} there, {new[key]!r} now" for key in changed)
