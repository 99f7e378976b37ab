"""Velocity commands that take a walker to a place in the kitchen's floor plan."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.kitchen.experts.navigation import Point, route
from envs.kitchen.layout import STATIONS

SPEED: Final = 0.5
"""Forward speed (m/s)."""

SLOWEST: Final = 0.25
SLOWEST_TURN: Final = 0.4
"""Walkers tend to ignore slower commands (m/s, rad/s)."""

TURNING: Final = 0.8
"""Fastest turn (rad/s)."""

_GAIN: Final = 1.5
_PASSED: Final = 0.25
"""A waypoint closer than this (m) is passed."""
_NEAR: Final = 0.6
"""Closer than this (m) it also steps sideways, and turns to the station's heading."""
_THERE: Final = 0.15
_GONE: Final = 0.3
"""Closer than the first (m) it turns on the spot; from the second on it steps back."""
_FACING: Final = 0.25
"""Largest heading error at the end (rad)."""
_STRAIGHT: Final = 0.9
"""With a larger heading error (rad) it turns on the spot."""
_STANDING: Final = 1.0
"""How long (s) it stands before it has arrived."""
_PATIENCE: Final = 4.0
"""Without progress for so long (s) it only walks ahead; for twice as long, it stays."""
_NEARER: Final = 0.03


class Follower:
    """Leads a walker around the furniture to the station of a place.

    Args:
        place: Place in the kitchen.
        openings: How far each drawer is pulled out (m).
        hz: Calls of `command` per second.

    Attributes:
        arrived: Whether it stands at the station, facing the place.
    """

    def __init__(self, place: str, openings: Mapping[str, float], hz: float) -> None:
        self._station, self._openings, self._hz = STATIONS[place], openings, hz
        self._way: list[Point] | None = None
        self._turning = False
        self._stood = self._waited = 0
        self._nearest = np.inf
        self.arrived = False

    def command(self, x: float, y: float, yaw: float) -> NDArray[np.float64]:
        """Command for a walker whose base is at this pose (m, rad, world frame).

        Returns:
            vx, vy (m/s) in its level frame, yaw rate (rad/s) (3,).
        """
        station = self._station
        if self._way is None:
            self._way = route((x, y), (station.x, station.y), self._openings)
        while len(self._way) > 1 and _distance(self._way[0], x, y) < _PASSED:
            self._way.pop(0)
        goal = self._way[0]
        away = _distance(goal, x, y)
        error = _wrapped(np.arctan2(goal[1] - y, goal[0] - x) - yaw)
        if len(self._way) > 1 or away > _NEAR:
            return _ahead(error, SPEED)
        patience = self._patience(away)
        facing = _wrapped(station.yaw - yaw)
        self._turning = away < (_GONE if self._turning else _THERE) or patience > 2.0
        if not self._turning:
            self._stood = 0
            speed = float(np.clip(away, SLOWEST, SPEED))
            if patience > 1.0:
                return _ahead(error, speed)
            way = speed * np.array((np.cos(error), np.sin(error)))
            return np.array((*way, np.clip(_GAIN * facing, -TURNING, TURNING)))
        if abs(facing) > _FACING and not self._stood:
            rate = np.clip(_GAIN * abs(facing), SLOWEST_TURN, TURNING)
            return np.array((0.0, 0.0, np.copysign(rate, facing)))
        self._stood += 1
        self.arrived = self._stood >= _STANDING * self._hz
        return np.zeros(3)

    def _patience(self, away: float) -> float:
        """Time without progress towards its station, in units of `_PATIENCE`."""
        self._waited += 1
        if away < self._nearest - _NEARER:
            self._nearest, self._waited = away, 0
        return self._waited / (_PATIENCE * self._hz)


def _ahead(error: float, speed: float) -> NDArray[np.float64]:
    """Walk ahead, correcting a heading error (rad); turn on the spot if it is large."""
    forward = speed * np.cos(error) if abs(error) < _STRAIGHT else 0.0
    return np.array((forward, 0.0, np.clip(_GAIN * error, -TURNING, TURNING)))


def _distance(goal: Point, x: float, y: float) -> float:
    return float(np.hypot(goal[0] - x, goal[1] - y))


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2.0 * np.pi) - np.pi)


__all__ = ["Follower"]
