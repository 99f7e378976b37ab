"""`robo replay`: recorded actions bring the recorded states back, or it says by how much not."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robo.commands.replay import Replay
from robo.data.lerobot_reader import Dataset
from robo.errors import UserError
from robo.recording.environments import make_environment, make_task
from robo.recording.recorder import Recorder
from robo.recording.replaying import replay_episode
from tests.robo.point_env import POINT_ID, step_to_mark


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two episodes in which noise was sent."""
    made = make_environment(POINT_ID, image_size=32)
    rng = np.random.default_rng(0)
    with Recorder(
        made.env,
        tmp_path / "set",
        "reach the mark",
        arguments=made.arguments,
        with_sent_action=True,
    ) as record:
        for seed in range(2):
            observation, _ = record.reset(seed=seed, options={"point": [0.5, 0.5]})
            while not record.success:
                wanted = step_to_mark(observation)
                sent = wanted + 0.1 * np.abs(wanted) * rng.standard_normal(2)
                observation, *_ = record.step(sent.astype(np.float32), intended=wanted)
            record.keep()
    return tmp_path / "set"


def test_states_and_success_come_back(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Replay(root).execute() == 0
    assert "2 of 2 episodes come back" in capsys.readouterr().out


def test_what_was_sent_is_replayed_not_what_was_meant(root: Path) -> None:
    dataset = Dataset(root)
    env = make_environment(POINT_ID).env
    result = replay_episode(env, root, dataset.episodes[0], make_task(POINT_ID, "x"))
    assert (result.worst, result.mean) == (0.0, 0.0)
    assert (result.success, result.recorded_success) == (True, True)
    assert result.frames == dataset.episodes[0].length


def test_a_task_may_hold_brackets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make_environment(POINT_ID, image_size=32)
    task = "press [/] it"
    with Recorder(made.env, tmp_path / "set", task, arguments=made.arguments) as record:
        observation, _ = record.reset(seed=0)
        record.step(step_to_mark(observation))
        record.keep()
    assert Replay(tmp_path / "set").execute() == 0
    assert "[/]" in capsys.readouterr().out


def test_changed_actions_are_noticed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = root / "data" / "chunk-000" / "file-001.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("sent_action")
    actions = np.array(table["sent_action"].to_pylist(), np.float32)
    actions[-3:] = 0.0
    changed = pa.FixedSizeListArray.from_arrays(pa.array(actions.reshape(-1)), 2)
    pq.write_table(table.set_column(place, table.schema.field(place), changed), path)
    assert Replay(root).execute() == 1
    assert "1 of 2 episodes come back" in capsys.readouterr().out
    assert Replay(root, episode=(0,)).execute() == 0
    assert Replay(root, episode=(1,), tolerance=10.0).execute() == 1  # success differs


def test_json_names_the_worst_number(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    Replay(root, json=True).execute()
    rows = json.loads(capsys.readouterr().out)
    assert [row["same"] for row in rows] == [True, True]
    assert rows[0]["worst"] == 0


def test_mistakes_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no episode 7"):
        Replay(root, episode=(7,)).execute()
    with pytest.raises(UserError, match="not a dataset"):
        Replay(tmp_path / "nothing").execute()
    with pytest.raises(UserError, match="there is no env"):
        Replay(root, env="tests/Nothing-v0").execute()
