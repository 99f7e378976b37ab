"""`robo rollout`: counted once, resumable, the same with any number of processes."""

import json
import re
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from rich.console import Console

from policies import checkpoint
from policies.act.act import ACT, ACTConfig
from robo.data.lerobot_reader import Dataset
from robo.errors import UserError
from robo.recording.environments import import_environment
from robo.rollouts.actors import RandomActor
from robo.rollouts.crew import Done
from robo.rollouts.folder import RunFolder, read_results
from robo.rollouts.run import Rollouts
from robo.rollouts.settings import PlannedEpisode
from robo.rollouts.summary import print_summary
from tests.robo import test_cli
from tests.robo.point_env import POINT_ID, PointEnv, step_to_mark
from tests.robo.test_cli import robo

ROOT = Path(__file__).parents[2]
POINT = f"tests.robo.point_env:{POINT_ID}"
MEASURED = ("wall_seconds", "latency_ms", "missed_deadlines", "shard", "shard_episode")


def rollouts(out: Path, policy: str = "random", **values: Any) -> Rollouts:
    return Rollouts(POINT, policy, out, **{"max_seconds": 1.0, **values})


def steer(actor: RandomActor, observation: Any) -> np.ndarray:
    """Reaches the mark."""
    return step_to_mark(observation)


def counted(folder: Path) -> dict[str, dict[str, Any]]:
    """Results without what is measured by the clock."""
    return {
        key: {name: value for name, value in result.items() if name not in MEASURED}
        for key, result in read_results(folder).items()
    }


def act_checkpoint(folder: Path, **overrides: Any) -> Path:
    """A tiny policy for the point."""
    config = ACTConfig.for_dataset(
        {"observation.state": (4,)},
        2,
        **{
            **{"chunk": 4, "width": 16, "heads": 2, "feedforward": 32, "encoder_layers": 1},
            **{"vae_layers": 1, "latent": 4, "dropout": 0.0},
            **overrides,
        },
    )
    checkpoint.save(ACT(config), folder, {"fps": 20, "dataset_fingerprint": "abc"})
    return folder


def test_a_run_is_counted_by_the_environments_rule_and_says_how_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RandomActor, "act", steer)
    summary = rollouts(tmp_path / "out", max_seconds=10).execute(3, workers=0)
    assert summary == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["success"]["successes"] == summary["success"]["trials"] == 3
    assert summary["success"]["wilson_95"][0] == pytest.approx(0.4385, abs=1e-4)
    assert summary["success_rule_version"] == "point-1"
    assert summary["endings"] == {"success": 3}
    assert {"command", "config", "seed", "versions", "git_commit"} <= summary.keys()
    for result in read_results(tmp_path / "out").values():
        # An episode ends with its first success, the one step that has a reward.
        assert result["reward"] == result["highest_reward"] == 1.0


def test_a_run_goes_on_where_it_stopped_and_ends_as_if_it_had_not(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    rollouts(whole).execute(4, workers=0)

    def stop(result: dict[str, Any]) -> None:
        if result["number"] == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rollouts(cut).execute(4, workers=0, on_result=stop)
    summary = json.loads((cut / "summary.json").read_text())
    assert (summary["episodes"], summary["complete"]) == (2, False)
    with (cut / "results.jsonl").open("a") as file:
        file.write('{"key": "seen/tests/Point-v0/2", "succ')
    again: list[int] = []
    rollouts(cut).execute(4, workers=0, on_result=lambda result: again.append(result["number"]))
    assert again == [2, 3]
    assert counted(cut) == counted(whole)


def test_more_episodes_can_be_asked_for_other_settings_cannot(tmp_path: Path) -> None:
    rollouts(tmp_path / "out").execute(1, workers=0)
    assert rollouts(tmp_path / "out").execute(2, workers=0)["episodes"] == 2
    with pytest.raises(UserError, match="seed 0 there, 5 now"):
        rollouts(tmp_path / "out", seed=5).execute(1, workers=0)
    (tmp_path / "out" / "results.jsonl").write_text("nonsense\n")
    with pytest.raises(UserError, match="line 1: damaged"):
        rollouts(tmp_path / "out").execute(1, workers=0)


def test_a_run_without_results_may_begin_again_with_other_settings(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="takes no randomization"):
        rollouts(tmp_path / "out", randomization=("nope",)).execute(1, workers=0)
    assert rollouts(tmp_path / "out").execute(1, workers=0)["episodes"] == 1


def test_a_damaged_policy_is_a_sentence_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(UserError, match="cannot be read as a policy"):
        rollouts(tmp_path / "out", str(tmp_path / "policy"))
    assert not (tmp_path / "out").exists()


def test_other_ends_of_lines_within_a_text_end_no_result(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "out", {})
    folder.add({"key": "go\u2028there\u0085now"})
    assert list(folder.results()) == ["go\u2028there\u0085now"]
    folder.release()


def test_a_task_with_brackets_is_printed_as_it_is(tmp_path: Path) -> None:
    tasks = ("press [/] the key", "press [b] the key")
    summary = rollouts(tmp_path / "out", tasks=tasks).execute(2, workers=0)
    written = StringIO()
    print_summary(summary, Console(width=100, file=written))
    assert all(task in written.getvalue() for task in tasks)


def test_a_policy_gives_the_same_results_in_processes_of_its_own(tmp_path: Path) -> None:
    folder = act_checkpoint(tmp_path / "policy")
    summary = rollouts(tmp_path / "here", str(folder)).execute(2, workers=0)
    timing = summary["deadlines"]
    assert timing["period_ms"] == 50
    assert timing["decisions"] == sum(
        r["decisions"] for r in read_results(tmp_path / "here").values()
    )
    assert timing["latency_ms"]["median"] <= timing["latency_ms"]["max"]
    assert summary["policy"]["metadata"]["dataset_fingerprint"] == "abc"
    rollouts(tmp_path / "there", str(folder)).execute(2, workers=2)
    assert counted(tmp_path / "there") == counted(tmp_path / "here")


def test_weights_are_known_by_what_they_are_not_by_where_they_lie(tmp_path: Path) -> None:
    one = act_checkpoint(tmp_path / "one")
    rollouts(tmp_path / "out", str(one)).execute(1, workers=0)
    one.rename(tmp_path / "moved")
    rollouts(tmp_path / "out", str(tmp_path / "moved")).execute(1, workers=0)
    other = act_checkpoint(tmp_path / "other", latent=5)
    with pytest.raises(UserError, match="weights"):
        rollouts(tmp_path / "out", str(other)).execute(1, workers=0)


def test_an_action_that_is_no_number_fails_the_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RandomActor, "act", lambda *_: np.array([0.1, np.nan], np.float32))
    summary = rollouts(tmp_path / "out").execute(2, workers=0)
    assert (summary["not_a_number"], summary["success"]["successes"]) == (2, 0)
    assert summary["failures"] == {"the action was not a number": 2}


def test_recorded_episodes_come_into_the_set_once_and_in_order(tmp_path: Path) -> None:
    out, root = tmp_path / "out", tmp_path / "set"

    def stop(result: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rollouts(out, record=root).execute(2, workers=0, on_result=stop)
    assert not root.exists()
    for _ in range(2):
        rollouts(out, record=root).execute(2, workers=0)
        results = list(read_results(out).values())
        dataset = Dataset(root)
        assert [e.info.seed for e in dataset.episodes] == [r["seed"] for r in results]
        assert [e.length for e in dataset.episodes] == [r["steps"] for r in results]
        assert [e.info.success for e in dataset.episodes] == [r["success"] for r in results]
        assert {e.info.device for e in dataset.episodes} == {"policy"}
    rollouts(out, record=root).execute(3, workers=0)
    assert len(Dataset(root).episodes) == 3


def test_a_folder_that_is_no_set_is_not_recorded_into(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("one")
    with pytest.raises(UserError, match="is no dataset"):
        rollouts(tmp_path / "run", record=tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "one"


def test_a_set_of_other_features_is_refused_after_the_first_episode(tmp_path: Path) -> None:
    out, root = tmp_path / "out", tmp_path / "set"
    rollouts(tmp_path / "first", record=root).execute(1, workers=0)
    info = json.loads((root / "meta" / "info.json").read_text())
    (root / "meta" / "info.json").write_text(json.dumps({**info, "fps": info["fps"] + 1}))
    with pytest.raises(UserError, match="fps"):
        rollouts(out, record=root).execute(3, workers=0)
    assert len(read_results(out)) == 1
    # Again, before another one is run.
    with pytest.raises(UserError, match="choose another --record, what was recorded stays in"):
        rollouts(out, record=root).execute(3, workers=0)
    assert len(read_results(out)) == 1


def test_recording_changes_no_result(tmp_path: Path) -> None:
    rollouts(tmp_path / "plain").execute(2, workers=0)
    rollouts(tmp_path / "recorded", record=tmp_path / "set").execute(2, workers=0)
    assert counted(tmp_path / "plain") == counted(tmp_path / "recorded")


def test_a_task_that_is_given_twice_counts_once(tmp_path: Path) -> None:
    rollouts(tmp_path / "run", tasks=("go", "go", "come")).execute(2, 0)
    assert sorted(read_results(tmp_path / "run")) == ["seen/come/0", "seen/go/0"]


class Nameless(PointEnv):
    """Does not say how fast it is."""

    metadata = {"render_modes": []}  # noqa: RUF012


gymnasium.register("tests/Nameless-v0", entry_point="tests.robo.test_rollout:Nameless")


@pytest.mark.parametrize(
    ("environment", "more", "saying"),
    [
        ("tests.robo.test_rollout:tests/Nameless-v0", [], r"set metadata\['render_fps'\]"),
        ("Pendulum-v1", ["--video", "1"], "observes no pictures to film"),
        ("robo/AlohaTransferCube-v1", ["--image-size", "17", "--record", "set"], "even"),
    ],
)
def test_what_a_worker_finds_out_is_one_sentence(
    tmp_path: Path, environment: str, more: list[str], saying: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    asked = ["--env", environment, "--policy", "random", "--episodes", "1", "--out", "run", *more]
    said = robo("rollout", *asked)
    assert said.returncode != 0
    assert re.search(saying, said.stderr)
    assert "Traceback" not in said.stderr


def test_decisions_that_come_too_late_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = iter(range(1000))  # the first is a rehearsal

    def sometimes_slow(policy: ACT, observation: Any) -> np.ndarray:
        time.sleep(0.06 if next(decided) % 2 == 0 else 0.0)
        return np.zeros((4, 2), np.float32)

    monkeypatch.setattr(ACT, "act", sometimes_slow)
    rollouts(tmp_path / "run", str(act_checkpoint(tmp_path / "act"))).execute(1, 0)
    (result,) = read_results(tmp_path / "run").values()
    late = sum(milliseconds > 50 for milliseconds in result["latency_ms"])
    assert result["rate"] == 20
    assert result["decisions"] == 5
    assert result["missed_deadlines"] == late >= 2


def test_the_first_episodes_are_filmed(tmp_path: Path) -> None:
    rollouts(tmp_path / "out", image_size=32).execute(2, workers=0, films=1)
    (film,) = (tmp_path / "out" / "videos").iterdir()
    assert film.name == "seen-tests-Point-v0-0.mp4"
    assert film.stat().st_size > 500


def test_an_episode_that_processes_die_of_is_a_failure_that_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadly(jobs: Any, *_: Any) -> Any:
        yield from (Done(job, None, 3) for job in jobs)

    monkeypatch.setattr("robo.rollouts.run.done_by_crew", deadly)
    summary = rollouts(tmp_path / "out").execute(1, workers=1)
    assert summary["failures"] == {"3 processes died of it": 1}
    assert summary["run_again"] == {PlannedEpisode("seen", POINT_ID, 0).key: 3}


@pytest.mark.parametrize(
    ("arguments", "saying"),
    [
        (["--policy", "nobody"], '"nobody" is no folder'),
        (["--policy", "expert", "--env", POINT_ID], "there is no env"),
        (["--policy", "random", "--task", "juggle"], '"juggle" is no skill'),
        (["--policy", "random", "--episodes", "0"], "--episodes must be 1 or more"),
        (["--policy", "random", "--seed", "-1"], "--seed is -1"),
        (["--policy", "random", "--max-seconds", "nan"], "--max-seconds is nan"),
        (["--policy", "random", "--env", ".a:b"], "begins with a dot"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, arguments: list[str], saying: str) -> None:
    done = robo("rollout", *arguments, "--out", str(tmp_path / "out"))
    assert done.returncode == 2, done.stderr
    assert saying in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_environment_comes_from_the_current_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import gymnasium\ngymnasium.register('Mine-v0', 'tests.robo.point_env:Point')\n"
    (tmp_path / "my_own_envs.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    assert import_environment("my_own_envs:Mine-v0") == "Mine-v0"


def test_an_unknown_policy_cannot_carry_out_an_instruction(tmp_path: Path) -> None:
    done = robo("run", "eat", "--policy", "nobody", "--no-video", "--out", str(tmp_path / "out"))
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
    assert '"nobody" is no folder' in done.stderr


@pytest.mark.parametrize("command", ["rollout", "compare"])
def test_help_imports_nothing_heavy(command: str) -> None:
    test_cli.test_help_is_printed_without_importing_anything_heavy(command)


def test_the_example_evaluates(tmp_path: Path) -> None:
    arguments = ["--task", "go to", "--episodes", "1", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, Path(__file__).parents[2] / "examples" / "evaluate.py", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "success: 100%" in done.stdout
    assert (tmp_path / "out" / "summary.json").is_file()
