"""The loop: what is kept, thrown away, shown again, and when."""

import time
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from robo.commands.record import Record
from robo.data.errors import DatasetError
from robo.data.features import ACTION, CAPTURE_TIME, STATE
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter
from robo.data.validate import validate
from robo.errors import UserError
from robo.recording import discarding
from robo.recording.device import NOTHING, Command, Event, Phase, Tick
from robo.recording.discarding import discard, write_discarded
from robo.recording.environments import make_environment
from robo.recording.recorder import Recorder
from robo.recording.replacing import finish_replacing, new_place
from robo.recording.session import Session
from robo.recording.tasks import PlainTask
from robo.rollouts.recording import put_together
from tests.robo.point_env import POINT_ID, RATE, step_to_mark
from tests.robo.scripted import MOVE, Script, device_of, keep, play, recorder


def test_a_session_ends_when_the_set_holds_what_is_wanted(tmp_path: Path) -> None:
    session = play(tmp_path / "set", [*keep(3), *keep(4), *keep(5)], wanted=2)
    assert [episode.length for episode in Dataset(tmp_path / "set").episodes] == [3, 4]
    assert (session.summary.kept, session.summary.frames, session.summary.stopped) == (2, 7, False)
    assert device_of(session).ends == [True, True]


def test_recording_goes_on_in_the_same_set_with_other_starts(tmp_path: Path) -> None:
    root = tmp_path / "set"
    play(root, keep(3), wanted=1)
    session = play(root, [*keep(3), *keep(3)], wanted=3)
    assert session.summary.kept == 2
    seeds = [episode.info.seed for episode in Dataset(root).episodes]
    assert seeds == [PlainTask("reach the mark").start(number).seed for number in range(3)]
    assert play(root, [], wanted=3).summary.kept == 0


def test_again_begins_the_same_start_anew_and_skip_takes_the_next(tmp_path: Path) -> None:
    commands = [MOVE, Command(event=Event.AGAIN), MOVE, Command(event=Event.SKIP), *keep(2)]
    session = play(tmp_path / "set", commands, wanted=1)
    one, again, following = (start.seed for start in device_of(session).starts)
    assert one == again != following
    assert [episode.info.seed for episode in Dataset(tmp_path / "set").episodes] == [following]
    assert session.summary.skipped == 1


def test_keep_without_a_frame_does_nothing(tmp_path: Path) -> None:
    session = play(tmp_path / "set", [Command(event=Event.KEEP), NOTHING, *keep(2)], wanted=1)
    assert len(device_of(session).starts) == 1
    assert [status.phase for status in device_of(session).statuses][:3] == [Phase.WAITING] * 3


def test_an_action_with_keep_is_the_last_frame(tmp_path: Path) -> None:
    play(tmp_path / "set", [MOVE, replace(MOVE, event=Event.KEEP, note="good")], wanted=1)
    (episode,) = Dataset(tmp_path / "set").episodes
    assert (episode.length, episode.info.operator_note) == (2, "good")


@pytest.mark.parametrize("done", [True, False])
def test_stop_keeps_the_open_episode_only_when_it_is_done(tmp_path: Path, done: bool) -> None:
    device = Script([])
    commands = []
    made = make_environment(POINT_ID, image_size=32)
    observation, _ = made.env.reset(seed=PlainTask("x").start(0).seed)
    while done and len(commands) < 40:
        commands.append(Command(step_to_mark(observation)))
        observation, *_ = made.env.step(commands[-1].action)
    session = play(tmp_path / "set", commands or [MOVE])
    assert session.summary.kept == done
    assert session.summary.stopped
    assert device.commands is not None


def test_where_the_environment_ends_an_episode_the_device_is_asked(tmp_path: Path) -> None:
    device = Script([*[MOVE] * 7, Command(event=Event.KEEP)])
    env = gymnasium.make(POINT_ID, image_size=32, length=4)
    record = Recorder(env, tmp_path / "set", "x")
    Session(record, device, 1).run()
    assert [episode.length for episode in Dataset(tmp_path / "set").episodes] == [4]
    assert device.statuses[4].phase is Phase.OVER


def test_the_time_of_an_episode_can_be_limited(tmp_path: Path) -> None:
    play(tmp_path / "set", keep(30), wanted=1, seconds=0.5)
    assert [episode.length for episode in Dataset(tmp_path / "set").episodes] == [RATE // 2]


def test_discarded_episodes_are_taken_out_in_the_end(tmp_path: Path) -> None:
    root = tmp_path / "set"
    commands = [*keep(3), *keep(4), Command(event=Event.DISCARD, episode=0), *keep(5)]
    session = play(root, commands)
    assert [episode.length for episode in Dataset(root).episodes] == [4, 5]
    assert session.summary.discarded == 1
    last = device_of(session).statuses[-1]
    assert [shown.discarded for shown in last.episodes] == [True, False, False]
    assert last.kept == 2
    assert not validate(root).errors
    play(root, keep(6), wanted=3)
    assert [episode.length for episode in Dataset(root).episodes] == [4, 5, 6]


def test_a_discarded_episode_can_be_put_back(tmp_path: Path) -> None:
    twice = [Command(event=Event.DISCARD)] * 2
    play(tmp_path / "set", [*keep(3), *twice, *keep(4)], wanted=2)
    assert len(Dataset(tmp_path / "set").episodes) == 2


def test_all_episodes_can_be_discarded(tmp_path: Path) -> None:
    play(tmp_path / "set", [*keep(3), Command(event=Event.DISCARD)])
    assert len(Dataset(tmp_path / "set").episodes) == 0
    play(tmp_path / "set", keep(3), wanted=1)
    assert len(Dataset(tmp_path / "set").episodes) == 1


def test_a_note_that_another_process_has_carried_out_is_not_carried_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait_for_the_other(root: Path) -> DatasetWriter:
        (root / "journal" / discarding.NOTE).unlink(missing_ok=True)
        return DatasetWriter(root)

    root = tmp_path / "set"
    play(root, [*keep(3), *keep(4)], wanted=2)
    write_discarded(root, [0])
    monkeypatch.setattr(discarding, "DatasetWriter", wait_for_the_other)
    assert discard(root) == 0
    assert len(Dataset(root).episodes) == 2


def test_a_damaged_note_is_said(tmp_path: Path) -> None:
    root = tmp_path / "set"
    play(root, keep(3), wanted=1)
    (root / "journal" / discarding.NOTE).write_text("5")
    with pytest.raises(DatasetError, match="no list of episodes"):
        discard(root)


def test_a_cut_session_forgets_no_discard_and_no_frame(tmp_path: Path) -> None:
    root = tmp_path / "set"
    play(root, [*keep(3), *keep(4)], wanted=2)
    write_discarded(root, [0])
    with DatasetWriter(root) as writer:  # the open episode of a session that was killed
        writer.begin_episode("reach the mark")
        writer.add_frame(
            {
                STATE: np.zeros(4, np.float32),
                ACTION: np.zeros(2, np.float32),
                "observation.images.above": np.zeros((32, 32, 3), np.uint8),
            }
        )
    assert discard(root) == 1
    assert [episode.length for episode in Dataset(root).episodes] == [4, 1]


@pytest.mark.parametrize("moment", ["before is aside", "new is there"])
def test_a_cut_while_a_set_is_replaced_leaves_a_set(tmp_path: Path, moment: str) -> None:
    root = tmp_path / "set"
    play(root, keep(3), wanted=1)
    (root / "README.md").write_text("mine")
    before = root.with_name(".set.before")
    root.rename(before)
    if moment == "new is there":
        play(root, keep(4), wanted=1)
    finish_replacing(root)
    length = 4 if moment == "new is there" else 3
    assert [episode.length for episode in Dataset(root).episodes] == [length]
    assert (root / "README.md").read_text() == "mine"
    assert not before.exists()
    assert not new_place(root).exists()


@pytest.mark.parametrize("path", ["precious/thesis.txt", "precious"])
def test_what_is_no_set_is_not_replaced(tmp_path: Path, path: str) -> None:
    root, thesis = tmp_path / "precious", tmp_path / path
    thesis.parent.mkdir(exist_ok=True)
    thesis.write_text("thesis")
    play(tmp_path / "run" / "recording" / "a", keep(3), wanted=1)
    with pytest.raises(UserError, match="precious is there and is no dataset"):
        put_together(root, tmp_path / "run", [{"shard": "a", "shard_episode": 0}])
    for device in ("expert", "keyboard"):
        with pytest.raises(UserError, match="precious is there and is no dataset"):
            Record(root, "go to the table", device=device).execute()  # type: ignore[arg-type]
    assert thesis.read_text() == "thesis"
    assert {path.name for path in tmp_path.iterdir()} == {"precious", "run"}
    assert (tmp_path / "run" / "recording" / "a").exists(), "what was recorded stays"


def test_an_empty_folder_becomes_a_set_and_a_readme_stays(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    for shard in ("a", "b"):
        play(tmp_path / "run" / "recording" / shard, keep(3), wanted=1, seed=ord(shard))
        put_together(root, tmp_path / "run", [{"shard": shard, "shard_episode": 0}])
        (root / "README.md").write_text("mine")
        (root / ".git").mkdir(exist_ok=True)
    write_discarded(root, [0])
    assert discard(root) == 1
    assert len(Dataset(root).episodes) == 1
    assert (root / "README.md").read_text() == "mine"
    assert (root / ".git").is_dir()
    assert not validate(root).errors


def test_a_replay_shows_what_was_recorded_and_records_nothing(tmp_path: Path) -> None:
    commands = [*keep(5), MOVE, Command(event=Event.REPLAY), *[NOTHING] * 6, *keep(2)]
    session = play(tmp_path / "set", commands, wanted=2)
    device = device_of(session)
    shown = [status for status in device.statuses if status.phase is Phase.REPLAYING]
    assert [status.frames for status in shown] == [0, 1, 2, 3, 4, 5]
    assert {status.episode for status in shown} == {0}
    assert device.starts[2].seed == device.starts[0].seed
    assert device.starts[3].seed == device.starts[1].seed
    assert [episode.length for episode in Dataset(tmp_path / "set").episodes] == [5, 2]


def test_the_list_of_episodes_has_a_picture_each(tmp_path: Path) -> None:
    play(tmp_path / "set", keep(3), wanted=1)
    session = play(tmp_path / "set", [*keep(3), NOTHING])
    for shown in device_of(session).statuses[-1].episodes:
        assert shown.thumbnail is not None
        assert shown.thumbnail.shape == (32, 32, 3)
        assert (shown.frames, shown.success) == (3, False)


def test_a_device_that_fails_leaves_the_set_whole(tmp_path: Path) -> None:
    def fail(tick: Tick) -> None:
        if tick.status.frames == 3:
            raise KeyboardInterrupt

    root = tmp_path / "set"
    device = Script([*keep(2), *[MOVE] * 9])
    device.slow = fail
    with pytest.raises(KeyboardInterrupt):
        Session(recorder(root), device, 9).run()
    assert device.closed
    recorder(root).close()
    assert [episode.length for episode in Dataset(root).episodes] == [2, 3]


# -------------------------------------------------------------------------------------- pacing
def test_people_are_recorded_at_the_rate_and_the_clock_says_so(tmp_path: Path) -> None:
    play(tmp_path / "set", keep(20), wanted=1, paced=True)
    times = Dataset(tmp_path / "set").column(CAPTURE_TIME)
    assert times[0] == 0
    assert np.median(np.diff(times)) == pytest.approx(1 / RATE, rel=0.1)


def test_scripts_are_recorded_in_simulated_time(tmp_path: Path) -> None:
    play(tmp_path / "set", keep(20), wanted=1)
    np.testing.assert_allclose(Dataset(tmp_path / "set").column(CAPTURE_TIME), np.arange(20) / RATE)


def test_time_spent_waiting_is_not_a_missed_deadline(tmp_path: Path) -> None:
    root = tmp_path / "set"
    device = Script([*[NOTHING] * 9, *[MOVE] * 4, Command(event=Event.KEEP)], paced=True)
    device.slow = lambda tick: time.sleep(0.12 if len(device.statuses) < 9 else 0)
    session = Session(recorder(root), device, 1)
    session.run()
    assert session.summary.missed < 4
    assert {status.missed for status in device.statuses[:9]} == {0}


def test_deadlines_missed_before_the_environment_ended_the_episode_are_told(tmp_path: Path) -> None:
    env = gymnasium.make(POINT_ID, image_size=32, length=4)
    device = Script([*[MOVE] * 4, *[NOTHING] * 3, Command(event=Event.KEEP)], paced=True)
    device.slow = lambda tick: time.sleep((1.5 if len(device.statuses) < 5 else 12) / RATE)
    session = Session(Recorder(env, tmp_path / "set", "x"), device, 1)
    session.run()
    assert 4 <= session.summary.missed < 20, "nothing is late once it is over"
