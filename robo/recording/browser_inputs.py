"""The operator's inputs, gathered from page messages and gizmos, read by the session."""

import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from robo.recording.browser_controls import Operator, Pose, arrived
from robo.recording.device import Event

HEARTBEAT: Final = 0.7
"""Keys of a page silent for this long (s) count as released: the robot stops."""
PULL_AFTER_RELEASE: Final = 2.0
"""A released gizmo pulls at most this much longer (s), until the gripper reaches it."""
MIN_SPEED: Final = 0.05


@dataclass(frozen=True)
class Wish:
    """An event requested by a button or hotkey.

    Attributes:
        event: The event.
        episode: Episode that it refers to; None: the last.
    """

    event: Event
    episode: int | None = None


class Inputs:
    """The inputs of all pages, thread-safe. Pages are numbered; all open ones steer.

    Args:
        clock: Monotonic clock (s).

    Attributes:
        label: The current skill, as set by the operator.
        note: The operator's note on the open episode.
        view_asked: Whether a page asked for a good view; the consumer resets it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[int, tuple[frozenset[str], float]] = {}
        self._tapped: dict[int, frozenset[str]] = {}
        self._targets: dict[str, Pose] = {}
        self._released: dict[str, float] = {}
        self._wishes: deque[Wish] = deque(maxlen=20)
        self._closed: frozenset[str] = frozenset()
        self._driving = False
        self._speed = 0.5
        self._sliders: dict[str, float] = {}
        self._choose = 0
        self._switch = False
        self._touched = False
        self.label = ""
        self.note = ""
        self.view_asked = False

    def receive(self, page: int, message: Mapping[str, Any]) -> None:
        """Handle a page's message; invalid content, such as NaN, is ignored."""
        with self._lock:
            for name, value in message.items():
                take = _TAKERS.get(name)
                if take is not None:
                    take(self, page, value)

    def leave(self, page: int) -> None:
        """A page has closed: release its keys."""
        with self._lock:
            self._held.pop(page, None)
            self._tapped.pop(page, None)

    def drag(self, gizmo: str, pose: Pose) -> None:
        """A gizmo is being dragged."""
        target = np.array(pose, np.float64)
        if not np.isfinite(target).all() or not target[3:].any():
            return
        with self._lock:
            self._targets[gizmo] = target
            self._released.pop(gizmo, None)
            self._driving = False

    def release(self, gizmo: str) -> None:
        """A gizmo was released; it may have lost its target meanwhile."""
        with self._lock:
            if gizmo in self._targets:
                self._released[gizmo] = self._clock()

    def begin(self, closed: frozenset[str]) -> None:
        """Begin an episode: nothing touched yet, these grippers closed."""
        with self._lock:
            self._targets, self._released = {}, {}
            self._sliders, self._choose, self._switch = {}, 0, False
            self._tapped = {}
            self._closed, self._touched, self._driving = closed, False, False

    def wish(self) -> Wish | None:
        """Remove and return the oldest requested event."""
        with self._lock:
            return self._wishes.popleft() if self._wishes else None

    def operator(self, poses: Mapping[str, Pose]) -> tuple[Operator, bool]:
        """Current inputs, and whether there were any since the episode's start.

        Args:
            poses: Gripper poses; a gripper that reached its released gizmo is no longer pulled.
        """
        now = self._clock()
        with self._lock:
            alive = [keys for keys, seen in self._held.values() if now - seen < HEARTBEAT]
            # A key released before this tick still counts for one tick.
            keys = frozenset().union(*alive, *self._tapped.values())
            self._tapped = {}
            for gizmo, since in list(self._released.items()):
                late = now - since > PULL_AFTER_RELEASE
                if late or keys or arrived(poses[gizmo], self._targets[gizmo]):
                    del self._released[gizmo], self._targets[gizmo]
            self._touched |= bool(keys or self._targets)
            operator = Operator(
                keys=keys,
                targets=dict(self._targets),
                driving=self._driving,
                closed=self._closed,
                speed=self._speed,
                sliders=self._sliders,
                choose=self._choose,
                switch=self._switch,
            )
            self._sliders, self._choose, self._switch = {}, 0, False
            return operator, self._touched

    def _keys(self, page: int, value: Any) -> None:
        if isinstance(value, list) and all(isinstance(key, str) for key in value):
            keys = frozenset(key.lower() for key in value)
            self._held[page] = (keys, self._clock())
            self._tapped[page] = self._tapped.get(page, frozenset()) | keys

    def _event(self, page: int, value: Any) -> None:
        name = value.get("name") if isinstance(value, dict) else None
        if isinstance(name, str) and name in set(Event):
            episode = value.get("episode")
            number = episode if isinstance(episode, int) else None
            self._wishes.append(Wish(Event(name), number))

    def _gripper(self, page: int, value: Any) -> None:
        if isinstance(value, str):
            self._closed = self._closed ^ {value}
            self._touched = True

    def _mode(self, page: int, value: Any) -> None:
        if isinstance(value, str) and value in ("arm", "base", "other"):
            self._driving = not self._driving if value == "other" else value == "base"
            self._targets, self._released = {}, {}

    def _pace(self, page: int, value: Any) -> None:
        number = finite(value)
        if number is not None:
            self._speed = float(np.clip(number, MIN_SPEED, 1.0))

    def _faster(self, page: int, value: Any) -> None:
        number = finite(value)
        if number is not None:
            self._speed = float(np.clip(round(self._speed + number, 3), MIN_SPEED, 1.0))

    def _slider(self, page: int, value: Any) -> None:
        number = finite(value.get("value")) if isinstance(value, dict) else None
        if number is not None:
            self._sliders[str(value.get("name"))] = number
            self._touched = True

    def _choice(self, page: int, value: Any) -> None:
        if value in (1, -1):
            self._choose += int(value)

    def _stays(self, page: int, value: Any) -> None:
        self._switch = not self._switch

    def _text(self, page: int, value: Any) -> None:
        if isinstance(value, dict):
            self.label = str(value.get("label", self.label))[:200]
            self.note = str(value.get("note", self.note))[:2000]

    def _view(self, page: int, value: Any) -> None:
        self.view_asked = True

    def _start(self, page: int, value: Any) -> None:
        self._touched = True


def finite(value: Any) -> float | None:
    """A page's value as a finite number; None if it is not one, such as NaN."""
    with contextlib.suppress(OverflowError):
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    return None


_TAKERS: Final[dict[str, Callable[[Inputs, int, Any], None]]] = {
    "keys": Inputs._keys,
    "event": Inputs._event,
    "gripper": Inputs._gripper,
    "mode": Inputs._mode,
    "speed": Inputs._pace,
    "faster": Inputs._faster,
    "choose": Inputs._choice,
    "stays": Inputs._stays,
    "slider": Inputs._slider,
    "text": Inputs._text,
    "view": Inputs._view,
    "start": Inputs._start,
}
