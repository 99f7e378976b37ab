"""A keyboard in a plain terminal as a device; no X is needed, and the cameras are shown as text.

A terminal reports that a key was pressed, and repeats it while held, but never reports its release.
So a key counts as held for a moment after each report.
"""

import time
from dataclasses import replace
from typing import Any, TextIO

import gymnasium
import numpy as np
from numpy.typing import NDArray

from robo.recording.device import NOTHING, Command, EpisodeStart, Event, Phase, Tick
from robo.recording.hand import AXES, Hand, Motion
from robo.recording.terminal import Keys, Screen

HELD_SECONDS = 0.12
"""A key counts as held this long; keyboards repeat about every 0.03 s."""

MOVES = {
    "up": (0, 1), "down": (0, -1), "left": (1, 1), "right": (1, -1), ".": (2, 1), ";": (2, -1),
    "e": (3, 1), "d": (3, -1), "y": (4, 1), "h": (4, -1), "o": (5, 1), "p": (5, -1),
}  # fmt: skip
"""Key to axis and direction."""

EVENTS = {
    "n": Event.KEEP,
    "r": Event.AGAIN,
    "s": Event.SKIP,
    "q": Event.STOP,
    "esc": Event.STOP,
    "x": Event.DISCARD,
    "v": Event.REPLAY,
}

NUDGES = {"i": 1, "k": -1}
"""Key to direction of the selected element."""

CHOICES = {"[": -1, "]": 1}

KITCHEN_HELP = (
    "arrows: forward, back, left, right    . ;  up, down    space: gripper    b: arm or base",
    "o p: yaw    y h: pitch    e d: roll    + -: speed",
)

NUMBERS_HELP = (
    "[ ]: choose a number    i k: move it up, down    t: it stays, or springs back    + -: speed",
    "arrows, . ;, e d, y h, o p: numbers 1 to 6 of the arm    space: gripper    b: next arm",
)

HELP = (
    "n: keep, next    r: record again    s: skip this start    q, Esc: stop",
    "x: take the last episode out, or back    v: replay it",
)


class KeyboardDevice:
    """A person at a terminal. See `device.Device`.

    Args:
        descriptor: Descriptor of the terminal to read; standard input when None.
        stream: Terminal to write to; standard output when None.
    """

    name = "keyboard"
    paced = True

    def __init__(self, descriptor: int | None = None, stream: TextIO | None = None) -> None:
        self._descriptor = descriptor
        self._stream = stream
        self._keys: Keys | None = None
        self._screen: Screen | None = None
        self._motion = Motion()
        self._pressed: dict[str, float] = {}
        self._moved = False
        self._state: NDArray[Any] | None = None

    def open(self, env: "gymnasium.Env[Any, Any]") -> str:
        """See `Device`."""
        self._hand = Hand(env)
        self._keys = Keys(self._descriptor)
        self._screen = Screen(
            (*(KITCHEN_HELP if self._hand.joints is None else NUMBERS_HELP), *HELP), self._stream
        )
        return ""

    def begin(self, start: EpisodeStart) -> None:
        """See `Device`."""
        self._state = start.observation.get("state")
        self._motion = replace(self._motion, closed=self._hand.begin(self._state), part=0)
        self._pressed.clear()
        self._moved = False

    def act(self, tick: Tick) -> Command:
        """See `Device`."""
        assert self._keys is not None
        assert self._screen is not None
        event = None
        now = time.monotonic()
        self._state = tick.observation.get("state")
        for key in self._keys.read():
            event = EVENTS.get(key, event)
            self._press(key, now)
        self._screen.show(tick.observation, tick.status, [self._line()])
        if tick.status.phase in (Phase.OVER, Phase.REPLAYING):
            return Command(event=event)
        if event is Event.KEEP and tick.status.phase is Phase.RECORDING:
            return Command(self._hand.goodbye(self._motion), event=event)
        if event is not None or not self._moved:
            return Command(event=event) if event is not None else NOTHING
        axes = np.zeros(len(AXES))
        for key, (axis, direction) in MOVES.items():
            axes[axis] += direction * self._is_held(key, now)
        nudge = sum(direction * self._is_held(key, now) for key, direction in NUDGES.items())
        motion = replace(self._motion, axes=axes, nudge=float(nudge))
        return Command(self._hand.action(motion, 1 / tick.status.fps))

    def end(self, kept: bool) -> None:
        """See `Device`."""

    def close(self) -> None:
        """See `Device`."""
        for part in (self._keys, self._screen):
            if part is not None:
                part.close()

    def _is_held(self, key: str, now: float) -> bool:
        return now - self._pressed.get(key, -1.0) < HELD_SECONDS

    def _press(self, key: str, now: float) -> None:
        motion, joints = self._motion, self._hand.joints
        if key in MOVES or (key in NUDGES and joints is not None):
            self._pressed[key] = now
            self._moved = True
        elif key == " ":
            self._motion = replace(motion, closed=not motion.closed)
            self._moved = True
        elif key == "b":
            self._motion = self._hand.next_part(motion)
        elif key in ("+", "=", "-"):
            self._motion = motion.faster(-1 if key == "-" else 1)
        elif key in CHOICES and joints is not None:
            joints.choose(CHOICES[key])
        elif key == "t" and joints is not None:
            joints.switch(self._state)

    def _line(self) -> str:
        motion = self._motion
        grip = "closed" if motion.closed else "open"
        if self._hand.joints is not None:
            return f"{self._hand.joints.line()}, gripper {grip}, speed {motion.speed:g}"
        return f"moving the {self._hand.parts[motion.part]}, gripper {grip}, speed {motion.speed:g}"
