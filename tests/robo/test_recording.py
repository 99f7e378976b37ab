"""The recorder: what was seen and sent is what the set holds."""

import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from robo.data.errors import DatasetFormatError
from robo.data.features import ACTION, STATE, SUBTASK, SUCCESS
from robo.data.lerobot_reader import Dataset
from robo.data.validate import validate
from robo.errors import UserError
from robo.recording.environments import make_environment, make_task
from robo.recording.origin import Origin
from robo.recording.recorder import SENT_ACTION, Recorder
from tests.robo.point_env import POINT_ID, RATE, step_to_mark
from tests.robo.scripted import MOVE, recorder


# ------------------------------------------------------------------------------------ recorder
def test_what_was_seen_and_sent_is_recorded(tmp_path: Path) -> None:
    root = tmp_path / "set"
    seen, sent = [], []
    with recorder(root) as record:
        observation, _ = record.reset(seed=5)
        while not record.success:
            seen.append(observation["state"].copy())
            sent.append(step_to_mark(observation))
            observation, *_ = record.step(sent[-1], label="go" if len(sent) < 3 else "arrive")
        record.keep(note="by hand")
    dataset = Dataset(root)
    np.testing.assert_array_equal(dataset.column(STATE), seen)
    np.testing.assert_array_equal(dataset.column(ACTION), sent)
    assert dataset.column(SUCCESS).tolist() == [False] * (len(sent) - 1) + [True]
    assert [dataset.labels[i] for i in dataset.column(SUBTASK)[:4]] == [
        "go",
        "go",
        "arrive",
        "arrive",
    ]
    info = dataset.episodes[0].info
    assert (info.seed, info.environment, info.device) == (5, POINT_ID, "policy")
    assert (info.success, info.success_rule_version) == (True, "point-1")
    assert info.operator_note == "by hand"
    assert len(info.git_commit.removesuffix("+changed")) == 40
    assert {"robo", "python", "gymnasium", "mujoco", "numpy"} <= info.versions.keys()
    assert Origin.of(info).arguments == {"image_size": 32}
    assert not validate(root, images=True).errors


def test_an_expert_that_meant_something_else_is_recorded_with_both(tmp_path: Path) -> None:
    meant, sent = np.array([0.05, 0.0], np.float32), np.array([0.07, 0.01], np.float32)
    with recorder(tmp_path / "set", with_sent_action=True) as record:
        record.reset(seed=0)
        record.step(sent, intended=meant)
        record.step(meant)
        record.keep()
    dataset = Dataset(tmp_path / "set")
    np.testing.assert_array_equal(dataset.column(ACTION), [meant, meant])
    np.testing.assert_array_equal(dataset.column(SENT_ACTION), [sent, meant])


def test_a_set_without_that_column_refuses_it(tmp_path: Path) -> None:
    with recorder(tmp_path / "set") as record:
        record.reset(seed=0)
        with pytest.raises(ValueError, match="sent_action"):
            record.step(MOVE.action, intended=MOVE.action)


def test_dropped_episodes_leave_nothing(tmp_path: Path) -> None:
    with recorder(tmp_path / "set") as record:
        for seed in range(2):
            record.reset(seed=seed)
            record.step(MOVE.action)
            record.drop()
        record.reset(seed=3)
        record.step(MOVE.action)
        record.reset(seed=4)
        record.step(MOVE.action)
        record.keep()
    assert [episode.info.seed for episode in Dataset(tmp_path / "set").episodes] == [4]


def test_an_episode_that_was_left_open_comes_back(tmp_path: Path) -> None:
    with recorder(tmp_path / "set") as record:
        record.reset(seed=1)
        for _ in range(7):
            record.step(MOVE.action)
    with recorder(tmp_path / "set") as record:
        restored = record.writer.restored
        assert restored is not None
        assert (restored.length, restored.info.restored, restored.info.seed) == (7, True, 1)


def test_another_environment_or_rate_does_not_get_into_a_set(tmp_path: Path) -> None:
    root = tmp_path / "set"
    recorder(root).close()
    with pytest.raises(DatasetFormatError, match="another --dataset"):
        recorder(root, fps=7)
    with pytest.raises(DatasetFormatError, match="observation.images.above"):
        Recorder(make_environment(POINT_ID, image_size=64).env, root, "x")
    with pytest.raises(DatasetFormatError, match="missing here"):
        Recorder(gymnasium.make("MountainCarContinuous-v0"), root, "x", fps=RATE)


def test_one_vector_and_discrete_actions_are_recorded_too(tmp_path: Path) -> None:
    env = gymnasium.make("CartPole-v1")
    with Recorder(env, tmp_path / "set", "balance") as record:
        record.reset(seed=0)
        for action in (0, 1, 1):
            record.step(action)
        record.keep()
    dataset = Dataset(tmp_path / "set")
    assert dataset.column(ACTION).ravel().tolist() == [0, 1, 1]
    assert dataset.column(STATE).shape == (3, 4)


# -------------------------------------------------------------------------------- environments
def test_what_an_environment_does_not_take_is_refused() -> None:
    with pytest.raises(UserError, match="no randomization"):
        make_environment(POINT_ID, randomization=("lights",))
    with pytest.raises(UserError, match="no env"):
        make_environment("tests/Nothing-v0")
    with pytest.raises(UserError, match="there is no env"):
        make_environment("tests.robo.no_such_module:tests/Point-v0")
    with pytest.raises(UserError, match="no --scene"):
        make_task(POINT_ID, "x", scene=Path("scene.json"))


def test_the_module_of_an_environment_is_imported_first() -> None:
    made = make_environment(f"tests.robo.point_env:{POINT_ID}", image_size=32)
    assert made.env.observation_space["images/above"].shape == (32, 32, 3)


# ------------------------------------------------------------------------------------- example
def test_the_example_records_any_environment(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "examples" / "record.py"
    command = [sys.executable, str(script), "--out", str(tmp_path / "set"), "--steps", "5"]
    for _ in range(2):
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert [episode.length for episode in Dataset(tmp_path / "set").episodes] == [5] * 4
