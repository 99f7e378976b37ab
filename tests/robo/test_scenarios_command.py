"""`robo scenarios`: resumes, and refuses to mix."""

import json
from pathlib import Path
from typing import Any

import pytest

from robo.commands.scenarios import Scenarios
from robo.errors import UserError
from robo.evaluation import episode_seed, summarise
from robo.planning import PlannerConfig
from robo.rollouts.folder import RESULTS, SUMMARY, RunFolder
from robo.scenario import Scenario

LINES = [
    {
        "id": f"go-{place}",
        "family": "single",
        "instruction": f"Go to the {place}.",
        "start": {"robot": "user", "objects": [["apple", "table"]]},
        "goal": {"any": [{"robot_at": place}], "keep": [["apple", "table"]]},
    }
    for place in ("table", "trash", "far counter")
]


def scenario_file(tmp_path: Path) -> Path:
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES), encoding="utf-8")
    return path


def result(identity: str, success: bool) -> dict[str, Any]:
    line = next(line for line in LINES if line["id"] == identity)
    return {
        **{key: line[key] for key in ("id", "family", "instruction")},
        "plan_success": success,
        "execution_success": False,
    }


def test_a_run_writes_results_and_a_summary_and_resumes_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Scenarios(scenario_file(tmp_path), tmp_path / "out")
    assert command.execute() == 0
    results = (tmp_path / "out" / RESULTS).read_text(encoding="utf-8").splitlines(keepends=True)
    summary = json.loads((tmp_path / "out" / SUMMARY).read_text(encoding="utf-8"))
    assert {json.loads(line)["id"] for line in results} == {line["id"] for line in LINES}
    assert summary["total"]["plan_success"]["trials"] == 3
    assert summary["total"]["execution_success"]["wilson_95"][0] >= 0.0
    assert {"command", "config", "seed", "versions", "git_commit", "success_rule_version"} <= set(
        summary
    )

    # The last line is cut off and one is altered: only the cut one is run again.
    first = json.loads(results[0]) | {"note": "kept"}
    cut = [json.dumps(first) + "\n", results[1], results[2][:40]]
    (tmp_path / "out" / RESULTS).write_text("".join(cut), encoding="utf-8")
    waiting: list[Scenario] = []
    monkeypatch.setattr(Scenarios, "_run", lambda *given, done: waiting.extend(given[2]))
    monkeypatch.setattr(Scenarios, "_summarise", lambda *_: None)
    assert command.execute() == 0
    assert [one.id for one in waiting] == [json.loads(results[2])["id"]]
    assert (tmp_path / "out" / RESULTS).read_text(encoding="utf-8") == "".join(cut[:2])


def test_other_settings_do_not_mix_with_results_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = scenario_file(tmp_path), tmp_path / "out"
    all_there = "".join(json.dumps(result(str(line["id"]), True)) + "\n" for line in LINES)
    monkeypatch.setattr(Scenarios, "_run", lambda *_, **__: (out / RESULTS).write_text(all_there))
    assert Scenarios(file, out, seed=1).execute() == 0
    with pytest.raises(UserError, match="seed 1 there, 2 now"):
        Scenarios(file, out, seed=2).execute()
    planner = PlannerConfig(formula="mean")
    with pytest.raises(UserError, match=r"\(formula 'auto' there, 'mean' now\)"):
        Scenarios(file, out, seed=1, planner=planner).execute()
    with pytest.raises(UserError, match="workers"):
        Scenarios(file, out, workers=0).execute()


@pytest.mark.parametrize(
    ("results", "settings", "saying"),
    [
        ("{}", "{}", 'line 1 has no "id": another command wrote it'),
        (json.dumps(result("go-table", True)), '{"planner": null}', "planner None there"),
    ],
)
def test_a_folder_with_something_else_is_refused_and_kept(
    tmp_path: Path, results: str, settings: str, saying: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / RESULTS).write_text(results + "\n")
    (out / "run.json").write_text(settings)
    with pytest.raises(UserError, match=saying):
        Scenarios(scenario_file(tmp_path), out).execute()
    assert (out / RESULTS).read_text() == results + "\n"


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "out", {})
    with pytest.raises(UserError, match="another process is writing to .*out;"):
        Scenarios(scenario_file(tmp_path), tmp_path / "out").execute()
    folder.release()


def test_results_are_counted_per_family_and_in_total() -> None:
    results = [result("go-table", True), result("go-trash", False)]
    summary = summarise(results)
    assert summary["families"]["single"]["plan_success"]["successes"] == 1
    assert summary["total"]["plan_success"]["trials"] == 2
    assert summary["total"]["execution_success"]["rate"] == 0.0
    assert summary["skills"] == {}


def test_the_first_skill_of_an_episode_is_counted_apart_from_later_ones() -> None:
    plan = (("find the tea", True), ("pick up the tea", False), ("find the tea", False))
    steps = [{"skill": skill, "success": success} for skill, success in (*plan, ("done", True))]
    one = {**result("go-table", True), "execution": {"steps": steps}}
    skills = summarise([one, one])["skills"]
    assert skills.keys() == {"find", "pick up"}
    assert skills["pick up"].keys() == {"later"}
    assert [skills["find"][kind]["successes"] for kind in ("first", "later")] == [2, 0]
    assert skills["find"]["first"]["trials"] == 2


def test_a_scenarios_seed_depends_on_its_id_and_the_runs_seed_alone() -> None:
    assert episode_seed(0, "a") == episode_seed(0, "a")
    assert len({episode_seed(seed, name) for seed in (0, 1) for name in ("a", "b")}) == 4
