"""User input at the pages of `robo walk`, collected from messages, read by the simulation."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from robo.recording.browser_inputs import finite

HEARTBEAT: Final = 0.7
"""Held keys of a page that is silent for so long (s) are released."""

AXES: Final = ("forward", "sideways", "turning")
"""Axes of a command: vx, vy (m/s), yaw rate (rad/s)."""

LIMITS: Final = np.array([1.0, 0.5, 1.0])
"""Limits of the sliders: the command ranges of the training."""

KEYS: Final[Mapping[str, tuple[int, float]]] = {
    "w": (0, 1.0),
    "s": (0, -1.0),
    "a": (1, 1.0),
    "d": (1, -1.0),
    "q": (2, 1.0),
    "e": (2, -1.0),
}
"""Axis and sign of each key."""

MAX_PUSH: Final = 2.0
"""Fastest push (m/s)."""

SETTINGS: Final[Mapping[str, tuple[float, float, float]]] = {
    "payload": (0.0, 10.0, 0.0),
    "friction": (0.2, 1.25, 0.6),
}
"""What can be changed while it walks: lowest, highest, initial (kg; 1)."""

_WISHES: Final = ("stand", "turn_view", "end")


@dataclass(frozen=True)
class Push:
    """A change of the base's horizontal velocity.

    Attributes:
        speed: m/s.
        angle: From the robot's heading, positive to the left (rad).
    """

    speed: float
    angle: float


@dataclass(frozen=True)
class Wanted:
    """User input of one tick.

    Attributes:
        command: vx, vy (m/s), yaw rate (rad/s) (3,).
        keys: Held keys.
        pushes: Pushes since the last tick.
        settings: Payload (kg) and friction by name.
        stand: Whether to stand it up again.
        turn_view: Whether to toggle the turning of the view.
        end: Whether to end.
    """

    command: NDArray[np.float64]
    keys: frozenset[str]
    pushes: tuple[Push, ...]
    settings: Mapping[str, float]
    stand: bool = False
    turn_view: bool = False
    end: bool = False


class Steering:
    """Thread-safe. A held key commands its axis; on release, that axis stops. Sliders stay.

    Args:
        clock: Monotonic clock (s).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[int, tuple[frozenset[str], float]] = {}
        self._tapped: set[str] = set()
        self._sliders = np.zeros(3)
        self._speed = 0.6
        self._pushes: deque[Push] = deque(maxlen=10)
        self._settings = {name: first for name, (_, _, first) in SETTINGS.items()}
        self._wishes: set[str] = set()

    @property
    def speed(self) -> float:
        """Speed of the keys, 0.1 to 1 of `LIMITS`."""
        return self._speed

    def receive(self, page: int, message: Mapping[str, Any]) -> None:
        """Take a page's message; invalid values, such as NaN, are ignored."""
        with self._lock:
            for name, value in message.items():
                take = _TAKERS.get(name)
                if take is not None:
                    take(self, page, value)
                elif name in _WISHES:
                    self._wishes.add(name)

    def leave(self, page: int) -> None:
        """Release the keys of a page that is gone."""
        with self._lock:
            self._held.pop(page, None)

    def take(self) -> Wanted:
        """The current input; pushes and wishes are cleared."""
        now = self._clock()
        with self._lock:
            alive = [keys for keys, seen in self._held.values() if now - seen < HEARTBEAT]
            # A key already released before this tick counts for one tick.
            keys = frozenset().union(*alive, self._tapped)
            self._tapped = set()
            command, pressed = np.zeros(3), np.zeros(3, bool)
            for key in keys:
                axis, sign = KEYS[key]
                command[axis] += sign * self._speed * LIMITS[axis]
                pressed[axis] = True
            self._sliders[pressed] = 0.0
            wanted = Wanted(
                command=np.where(pressed, command, self._sliders),
                keys=keys,
                pushes=tuple(self._pushes),
                settings=dict(self._settings),
                **dict.fromkeys(self._wishes, True),
            )
            self._pushes.clear()
            self._wishes = set()
            return wanted

    def _keys(self, page: int, value: Any) -> None:
        if isinstance(value, list) and all(isinstance(key, str) for key in value):
            keys = frozenset(key.lower() for key in value) & KEYS.keys()
            self._held[page] = (keys, self._clock())
            self._tapped |= keys

    def _slider(self, page: int, value: Any) -> None:
        name, number = _named(value)
        if name in AXES and number is not None:
            axis = AXES.index(name)
            self._sliders[axis] = np.clip(number, -LIMITS[axis], LIMITS[axis])

    def _stop(self, page: int, value: Any) -> None:
        self._sliders[:] = 0.0
        self._held.clear()
        self._tapped.clear()

    def _pace(self, page: int, value: Any) -> None:
        number = finite(value)
        if number is not None:
            self._speed = float(np.clip(number, 0.1, 1.0))

    def _push(self, page: int, value: Any) -> None:
        if isinstance(value, dict):
            speed, angle = finite(value.get("speed")), finite(value.get("angle"))
            if speed is not None and angle is not None:
                self._pushes.append(Push(float(np.clip(speed, 0.0, MAX_PUSH)), angle))

    def _setting(self, page: int, value: Any) -> None:
        name, number = _named(value)
        if name in SETTINGS and number is not None:
            low, high, _ = SETTINGS[name]
            self._settings[name] = float(np.clip(number, low, high))


def _named(value: Any) -> tuple[str, float | None]:
    """The name and number of a slider's message."""
    if not isinstance(value, dict):
        return "", None
    return str(value.get("name")), finite(value.get("value"))


_TAKERS: Final[dict[str, Callable[[Steering, int, Any], None]]] = {
    "keys": Steering._keys,
    "slider": Steering._slider,
    "stop": Steering._stop,
    "speed": Steering._pace,
    "push": Steering._push,
    "setting": Steering._setting,
}

__all__ = ["AXES", "KEYS", "LIMITS", "MAX_PUSH", "SETTINGS", "Push", "Steering", "Wanted"]
