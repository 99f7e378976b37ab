import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ablations.py"


@pytest.fixture(name="ablations")
def _ablations(monkeypatch):
    spec = importlib.util.spec_from_file_location("ablations", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "ablations", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(name="ran")
def _ran(ablations, monkeypatch):
    """Commands that would have run, and the codes with which they end."""
    ran, codes = [], {}

    def run(command):
        ran.append(command[command.index("robo") + 1 :] if "robo" in command else command[3:])
        if "--out" in command:
            Path(command[command.index("--out") + 1]).mkdir(parents=True, exist_ok=True)
        return subprocess.CompletedProcess(command, codes.get(ran[-1][0], 0))

    monkeypatch.setattr(ablations, "subprocess", SimpleNamespace(run=run))
    return ran, codes


def test_a_variant_is_trained_and_evaluated_once(ablations, ran, tmp_path):
    table = ablations.Ablations("act", tmp_path, ("act", "ensembling"))
    table.run()
    ran, _ = ran
    assert [command[0] for command in ran[:2]] == ["train", "rollout"]
    assert "--resume" not in ran[0]
    source, target, change = ran[2]
    assert source == str(tmp_path / "act" / "act" / "run" / "checkpoints" / "last")
    assert change == "ensemble_decay=0.01"
    assert ran[3][ran[3].index("--policy") + 1] == target
    table.run()
    assert len(ran) == 4


def test_what_was_cut_off_goes_on(ablations, ran, tmp_path):
    commands, codes = ran
    codes["train"] = 130
    table = ablations.Ablations("act", tmp_path, ("no-vae",))
    with pytest.raises(SystemExit, match="stopped at: robo train act"):
        table.run()
    codes.clear()
    table.run()
    assert [command[0] for command in commands] == ["train", "train", "rollout"]
    assert commands[1][-1] == "--resume"


def test_a_gate_that_does_not_pass_is_a_result(ablations, ran, tmp_path):
    _, codes = ran
    codes["sim2sim"] = 1
    table = ablations.Ablations("walk", tmp_path, ("no-randomization",), tmp_path / "walk.json")
    home = tmp_path / "walk" / "no-randomization"
    table.run()
    verdict = {"verdict": "not passed: 3 of 40 stay upright"}
    (home / "evaluation-1" / "summary.json").write_text(json.dumps(verdict))
    table.run()
    record = json.loads((tmp_path / "walk.json").read_text())
    row = record["rows"]["no-randomization"]
    assert row["gate"] == verdict["verdict"]
    assert row["commands"][0].startswith("robo train walk --no-randomization")
    # On another machine, or after its folder is gone.
    elsewhere = ablations.Ablations("walk", tmp_path / "b", ("student-0",), tmp_path / "walk.json")
    elsewhere.run()
    record = json.loads((tmp_path / "walk.json").read_text())
    assert record["rows"]["no-randomization"] == row
    assert record["rows"]["student-0"].keys() == {"commands"}
    assert row["commands"][2].startswith("robo sim2sim --policy")


def test_columns_are_rates_with_intervals(ablations):
    success = {"successes": 31, "trials": 49, "rate": 31 / 49, "wilson_95": [0.4927, 0.7533]}
    found = ablations.columns("rollout", {"splits": {"seen": {"success": success}}})
    assert found == {"seen": "31/49 (63%, 49%–75%)"}
    with pytest.raises(SystemExit, match='no variant "x": choose from act, chunk-of-1'):
        ablations.Ablations("act", only=("x",)).run()
