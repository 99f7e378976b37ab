"""A session that lingers after the last episode, and joints moved from a terminal."""

import io
import os
import pty
import time
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from robo.data.lerobot_reader import Dataset
from robo.recording.device import NOTHING, Command, EpisodeStart, Event, Phase, Status, Tick
from robo.recording.environments import make_environment
from robo.recording.keyboard import KeyboardDevice
from robo.recording.recorder import Recorder
from robo.recording.session import Session
from tests.robo.point_env import POINT_ID, PointEnv

STEP = Command(np.array([0.1, 0.0], np.float32))


class Script:
    """A device that answers from a list and remembers the phases it was asked in."""

    name = "script"
    paced = False

    def __init__(self, *commands: Command) -> None:
        self.commands = list(commands)
        self.phases: list[Phase] = []

    def open(self, env: gymnasium.Env) -> str:  # type: ignore[type-arg]
        return ""

    def begin(self, start: EpisodeStart) -> None:
        pass

    def act(self, tick: Tick) -> Command:
        self.phases.append(tick.status.phase)
        return self.commands.pop(0) if self.commands else Command(event=Event.STOP)

    def end(self, kept: bool) -> None:
        pass

    def close(self) -> None:
        pass


def run(root: Path, script: Script, *, linger: bool) -> Session:
    made = make_environment(POINT_ID, image_size=32)
    session = Session(Recorder(made.env, root, "reach the mark"), script, 1, linger=linger)
    session.run()
    return session


KEEP = Command(event=Event.KEEP)
DISCARD = Command(event=Event.DISCARD)


def test_after_the_last_episode_the_session_ends(tmp_path: Path) -> None:
    script = Script(STEP, KEEP, NOTHING)
    assert not run(tmp_path / "set", script, linger=False).summary.stopped
    assert script.commands == [NOTHING]


def test_a_session_that_lingers_records_nothing_more(tmp_path: Path) -> None:
    script = Script(STEP, KEEP, STEP, KEEP, Command(event=Event.SKIP), STEP)
    session = run(tmp_path / "set", script, linger=True)
    assert script.phases[2:] == [Phase.DONE] * 5
    assert (session.summary.kept, session.summary.skipped, session.summary.stopped) == (1, 0, False)
    assert len(Dataset(tmp_path / "set").episodes) == 1


def test_what_is_discarded_at_the_end_can_be_recorded_again(tmp_path: Path) -> None:
    script = Script(STEP, KEEP, DISCARD, DISCARD, DISCARD, STEP, STEP, KEEP)
    session = run(tmp_path / "set", script, linger=True)
    waiting, recording, done = Phase.WAITING, Phase.RECORDING, Phase.DONE
    assert script.phases[2:] == [done, waiting, done, waiting, recording, recording, done]
    assert session.summary.discarded == 1
    (episode,) = Dataset(tmp_path / "set").episodes
    assert episode.length == 2


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    person, program = pty.openpty()
    yield person, program
    os.close(person)
    os.close(program)


def test_a_terminal_chooses_a_joint_and_nudges_it(terminal: tuple[int, int]) -> None:
    person, program = terminal
    env = PointEnv()
    env.action_space = spaces.Box(-2, 2, (14,), np.float32)
    state = np.linspace(-1, 1, 14, dtype=np.float32)
    phase = Status(Phase.RECORDING, "t", 0, 1, 0.1, False, 20, 20.0, 0, 0, 1, ())
    tick = Tick({"state": state}, {}, phase)
    device = KeyboardDevice(program, io.StringIO())
    device.open(env)
    try:
        device.begin(EpisodeStart(0, "t", 0, {}, tick.observation, {}))
        os.write(person, b"t]]]k")
        time.sleep(0.05)
        sent = device.act(tick).action
        assert sent is not None
        assert np.flatnonzero(np.abs(sent - state) > 1e-6).tolist() == [3]
        assert sent[3] == pytest.approx(state[3] - 0.5 * 4 / 2 / 20)
        time.sleep(0.15)
        assert device.act(tick).action == pytest.approx(sent), "it stays where it was put"
        os.write(person, b" ")
        time.sleep(0.05)
        gripped = device.act(tick).action
        assert gripped is not None
        assert np.flatnonzero(np.abs(gripped - sent) > 1e-6).tolist() == [6]
        assert gripped[6] == -2
    finally:
        device.close()
