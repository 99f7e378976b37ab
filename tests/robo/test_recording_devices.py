"""Keyboard and gamepad: what is pressed becomes actions and events; the terminal is left whole."""

import io
import os
import pty
import sys
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robo.data.features import ACTION
from robo.data.lerobot_reader import Dataset
from robo.errors import UserError
from robo.recording.device import EpisodeStart, Event, Phase, Status, Tick
from robo.recording.environments import make_environment
from robo.recording.gamepad import GamepadDevice, PygamePad
from robo.recording.hand import Hand, Motion
from robo.recording.keyboard import KeyboardDevice
from robo.recording.recorder import Recorder
from robo.recording.session import Session
from robo.recording.terminal import Screen, half_blocks, parse_keys
from tests.robo.point_env import POINT_ID, PointEnv

START = EpisodeStart(0, "reach the mark", 0, {}, {}, {})


def tick(phase: Phase = Phase.RECORDING) -> Tick:
    status = Status(phase, "reach the mark", 0, 1, 0.1, False, 20, 20.0, 0, 0, 1, ())
    return Tick({"images/above": np.full((32, 32, 3), 90, np.uint8)}, {}, status)


class Terminal:
    """A pseudo-terminal: the person's side and the program's."""

    def __init__(self) -> None:
        self.person, self.program = pty.openpty()

    def press(self, keys: str | bytes) -> None:
        os.write(self.person, keys.encode() if isinstance(keys, str) else keys)
        time.sleep(0.01)

    def close(self) -> None:
        os.close(self.person)
        os.close(self.program)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


@pytest.fixture
def keyboard(terminal: Terminal) -> Iterator[KeyboardDevice]:
    device = KeyboardDevice(terminal.program, io.StringIO())
    device.open(PointEnv())
    device.begin(START)
    yield device
    device.close()


def action(device: Any, phase: Phase = Phase.RECORDING) -> list[float]:
    sent = device.act(tick(phase)).action
    assert sent is not None
    return [round(float(number), 4) for number in sent]


# ------------------------------------------------------------------------------------ keyboard
@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"a \x1b[A\x1bOD;", ["a", " ", "up", "left", ";"]),
        (b"\x1b", ["esc"]),
        (b"\x1b\x1b[B", ["esc", "down"]),
        (b"\x1b[3~x", ["x"]),
        (b"N", ["n"]),
    ],
)
def test_bytes_become_keys(data: bytes, keys: list[str]) -> None:
    assert parse_keys(data, whole=True) == (keys, b"")


def test_half_an_escape_sequence_waits_for_its_rest() -> None:
    assert parse_keys(b"x\x1b", whole=False) == (["x"], b"\x1b")
    assert parse_keys(b"\x1b[", whole=False) == ([], b"\x1b[")


def test_arrows_move_until_a_moment_after_they_are_let_go(
    terminal: Terminal, keyboard: KeyboardDevice
) -> None:
    assert keyboard.act(tick(Phase.WAITING)).action is None
    terminal.press("\x1b[A")
    assert action(keyboard) == [0.05, 0.0]
    terminal.press("\x1b[D")
    assert action(keyboard) == [0.05, 0.05]
    time.sleep(0.15)
    assert action(keyboard) == [0.0, 0.0]


def test_plus_and_minus_change_the_speed(terminal: Terminal, keyboard: KeyboardDevice) -> None:
    terminal.press("+++\x1b[A")
    assert action(keyboard) == [0.1, 0.0]
    terminal.press("------\x1b[A")
    assert action(keyboard) == [0.005, 0.0]


@pytest.mark.parametrize(
    ("key", "event"),
    [
        ("n", Event.KEEP), ("r", Event.AGAIN), ("s", Event.SKIP), ("q", Event.STOP),
        ("x", Event.DISCARD), ("v", Event.REPLAY),
    ],
)  # fmt: skip
def test_keys_ask_for_events(
    terminal: Terminal, keyboard: KeyboardDevice, key: str, event: Event
) -> None:
    terminal.press(key)
    assert keyboard.act(tick()).event is event


def test_escape_alone_stops(terminal: Terminal, keyboard: KeyboardDevice) -> None:
    terminal.press(b"\x1b")
    events = [keyboard.act(tick()).event for _ in range(2)]
    assert events == [None, Event.STOP]


def test_the_terminal_is_given_back_as_it_was(terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.program)
    device = KeyboardDevice(terminal.program, io.StringIO())
    device.open(PointEnv())
    assert termios.tcgetattr(terminal.program)[3] != before[3]
    device.close()
    device.close()
    assert termios.tcgetattr(terminal.program) == before


def test_without_a_terminal_it_says_so() -> None:
    reading, writing = os.pipe()
    with pytest.raises(UserError, match="needs a terminal"):
        KeyboardDevice(reading).open(PointEnv())
    os.close(reading)
    os.close(writing)


def test_an_episode_is_recorded_from_a_keyboard(tmp_path: Path, terminal: Terminal) -> None:
    def person() -> None:
        for keys in ("\x1b[A", "\x1b[A", "\x1b[C", "n", "\x1b[B", "q"):
            time.sleep(0.15)
            os.write(terminal.person, keys.encode())

    made = make_environment(POINT_ID, image_size=32)
    recorder = Recorder(made.env, tmp_path / "set", "reach the mark", device="keyboard")
    session = Session(recorder, KeyboardDevice(terminal.program, io.StringIO()), 5)
    thread = threading.Thread(target=person)
    thread.start()
    summary = session.run()
    thread.join()
    assert (summary.kept, summary.stopped) == (1, True)
    dataset = Dataset(tmp_path / "set")
    assert dataset.episodes[0].info.device == "keyboard"
    actions = dataset.column(ACTION)
    assert actions[:, 0].max() == pytest.approx(0.05)
    assert actions[:, 1].min() == pytest.approx(-0.05)


def test_the_screen_shows_cameras_and_status() -> None:
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Tty()
    screen = Screen(["keys"], stream)
    screen.show(tick().observation, tick().status, ["speed"])
    screen.close()
    text = stream.getvalue()
    for part in ("▀", "38;2;90;90;90", "RECORDING", "reach the mark", "keys", "\x1b[?1049l"):
        assert part in text


def test_pictures_fit_the_terminal() -> None:
    images = [np.zeros((96, 96, 3), np.uint8)] * 2
    lines = half_blocks(images, columns=80, rows=10)
    assert len(lines) == 10
    assert {line.count("▀") for line in lines} == {40}
    assert half_blocks(images, columns=10, rows=2) == []


# ------------------------------------------------------------------------------------- gamepad
@dataclass
class Stick:
    """A joystick whose state is set."""

    axes: list[float] = field(default_factory=lambda: [0.0] * 6)
    buttons: list[bool] = field(default_factory=lambda: [False] * 10)
    hat: tuple[float, float] = (0, 0)

    def get_name(self) -> str:
        return "a stick"

    def get_numaxes(self) -> int:
        return len(self.axes)

    def get_axis(self, number: int) -> float:
        return self.axes[number]

    def get_numbuttons(self) -> int:
        return len(self.buttons)

    def get_button(self, number: int) -> bool:
        return self.buttons[number]

    def get_numhats(self) -> int:
        return 1

    def get_hat(self, number: int) -> tuple[float, float]:
        return self.hat


@dataclass
class FakePad:
    stick: Stick = field(default_factory=Stick)
    closed: int = 0

    def open(self) -> Stick:
        return self.stick

    def refresh(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def pad() -> FakePad:
    return FakePad()


@pytest.fixture
def gamepad(pad: FakePad) -> Iterator[GamepadDevice]:
    device = GamepadDevice(pad, io.StringIO())
    device.open(PointEnv())
    device.begin(START)
    yield device
    device.close()
    device.close()
    assert pad.closed == 1


def test_sticks_move_and_rest_in_the_middle(pad: FakePad, gamepad: GamepadDevice) -> None:
    pad.stick.axes[:2] = [0.05, -0.05]
    assert gamepad.act(tick(Phase.WAITING)).action is None
    pad.stick.axes[:2] = [-1.0, -1.0]
    assert action(gamepad) == [0.05, 0.05]
    pad.stick.axes[:2] = [0.0, 0.0]
    assert action(gamepad) == [0.0, 0.0]


def test_a_button_counts_once_until_it_is_let_go(pad: FakePad, gamepad: GamepadDevice) -> None:
    pad.stick.buttons[7] = True
    assert gamepad.act(tick(Phase.OVER)).event is Event.KEEP
    assert gamepad.act(tick(Phase.OVER)).event is None
    pad.stick.buttons[7] = False
    gamepad.act(tick(Phase.OVER))
    pad.stick.buttons[7] = True
    assert gamepad.act(tick(Phase.OVER)).event is Event.KEEP


def test_without_pygame_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(UserError, match=r"robo\[gamepad\]"):
        PygamePad().open()


# ---------------------------------------------------------------------------------------- hand
def test_the_kitchen_has_an_arm_and_a_base() -> None:
    env = make_environment("robo/Kitchen-v1", image_size=0).env.unwrapped
    env.reset(seed=0)
    hand = Hand(env)
    assert hand.begin() is False
    forward = Motion(np.array([1.0, 0, 0, 0, 0, 0]), speed=1.0)
    arm, base = hand.action(forward), hand.action(Motion(forward.axes, part=1, speed=1.0))
    assert arm[0] == pytest.approx(0.06)
    assert (arm[6], arm[10]) == (1.0, 0.0)
    assert base[7] == pytest.approx(0.1)
    assert (base[0], base[10]) == (0.0, 1.0)
    goodbye = hand.goodbye(Motion(closed=True))
    assert goodbye is not None
    assert (goodbye[6], goodbye[10]) == (0.0, 2.0)
    assert env.action_space.contains(arm)


def test_two_arms_are_two_parts_and_each_keeps_its_grip() -> None:
    from gymnasium import spaces

    env = PointEnv()
    env.action_space = spaces.Box(-1, 1, (14,), np.float32)
    hand = Hand(env)
    assert hand.parts == ("arm 1", "arm 2")
    hand.begin()
    hand.action(Motion(closed=True, part=0))
    moved = hand.action(Motion(np.array([0, 0, 1.0, 0, 0, 0]), part=1, speed=1.0))
    assert np.flatnonzero(moved[:6]).size == 0
    assert (moved[6], moved[9], moved[13]) == (-1.0, 1.0, 1.0)
