"""`robo run` with the shipped model: an instruction becomes motion, a film, a picture, a report."""

import json
from pathlib import Path

import av
import cv2

from tests.robo.test_cli import robo

SCENE = {"robot": "user", "objects": [["sponge", "far counter"], ["coke can", "table"]]}


def test_a_mess_brings_the_sponge(tmp_path: Path) -> None:
    scene, out = tmp_path / "scene.json", tmp_path / "out"
    scene.write_text(json.dumps(SCENE), encoding="utf-8")
    done = robo(
        "run", "I spilled my drink, can you help?",
        "--scene", str(scene), "--out", str(out), timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["plan"] == ["find the sponge", "pick up the sponge", "bring it to you", "done"]
    assert report["end"]["things"] == [["sponge", "user"], ["coke can", "table"]]
    assert {"command", "config", "seed", "versions", "git_commit", "success_rule_version"} <= set(
        report
    )
    scores = report["steps"][1]["scores"]
    assert len(scores) == 70
    assert scores["pick up the coke can"]["affordance"] == 0.0
    assert scores["pick up the sponge"]["product"] == max(s["product"] for s in scores.values())

    with av.open(str(out / "episode.mp4")) as film:
        frames = sum(1 for _ in film.decode(video=0))
        assert frames == round(report["simulated_seconds"] * 10)
    picture = cv2.imread(str(out / "scores.png"))
    assert min(picture.shape[:2]) > 300


def test_a_plan_is_printed_as_json_with_all_scores(tmp_path: Path) -> None:
    done = robo("plan", "Go to the table.", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["plan"] == ["go to the table", "done"]
    assert len(plan["steps"][0]["scores"]) == 70
