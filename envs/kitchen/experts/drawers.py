"""Opening and closing drawers: the closed fingers hook the handle or push it, the base moves."""

from typing import Final

from envs.kitchen import layout, rules
from envs.kitchen.experts.pilot import GiveUpError, Motion, Pilot

REACH: Final[float] = 0.68
"""The gripper works this far in front of the base's centre (m)."""

HOOK_TILT: Final[float] = 0.45
"""The fingers lean forward behind the handle (rad), so that the wrist stays off the cabinet."""

HOOK_DEPTH: Final[float] = 0.030
"""The grip point is this far behind the centre of the handle bar (m)."""

PUSH_GAP: Final[float] = 0.045
"""And this far in front of it before a push (m)."""

PACE: Final[float] = 0.4
"""Speed of the base with a drawer in tow (m/s): objects in it stay upright."""

OPEN: Final[float] = 0.29
"""How far a drawer is pulled open (m)."""

_LIFT: Final[float] = 0.14
_TRIES: Final[int] = 3


def pull_open(pilot: Pilot, drawer: str) -> Motion:
    """Hook the handle from above, back off with the base, let go."""
    _check(pilot, drawer)
    for _ in range(_TRIES):
        if rules.is_open(pilot.state, drawer):
            break
        x, y, z = _handle(pilot, drawer)
        north = layout.NORTH
        yield from _stand_before(pilot, x, y)
        yield from pilot.grip(0.0, steps=3)
        y += HOOK_DEPTH
        yield from pilot.reach((x, y, z + _LIFT), north, 0.010, tilt=HOOK_TILT)
        yield from pilot.reach((x, y, z), north, 0.005, speed=0.4, tilt=HOOK_TILT)
        way = OPEN - pilot.state.drawers[drawer] + 0.015
        yield from _roll_along(pilot, -way)
        gx, gy, gz = pilot.state.gripper_position
        yield from pilot.reach((gx, gy + 0.01, gz + _LIFT), north, 0.03, tilt=HOOK_TILT)
    yield from _leave(pilot)
    if not rules.is_open(pilot.state, drawer):
        raise GiveUpError("it does not open")


def push_closed(pilot: Pilot, drawer: str) -> Motion:
    """Push the handle with the closed fingers, driving forward."""
    _check(pilot, drawer)
    for _ in range(_TRIES):
        if rules.is_closed(pilot.state, drawer):
            break
        x, y, z = _handle(pilot, drawer)
        north = layout.NORTH
        yield from _stand_before(pilot, x, y - PUSH_GAP)
        yield from pilot.grip(0.0, steps=3)
        yield from pilot.reach((x, y - PUSH_GAP, z + _LIFT), north, 0.012)
        yield from pilot.reach((x, y - PUSH_GAP, z), north, 0.008)
        yield from _roll_along(pilot, pilot.state.drawers[drawer] + PUSH_GAP - 0.012)
        gx, gy, gz = pilot.state.gripper_position
        yield from pilot.reach((gx, gy - 0.01, gz + _LIFT), north, 0.03)
    yield from _leave(pilot)
    if not rules.is_closed(pilot.state, drawer):
        raise GiveUpError("it does not close")


def _check(pilot: Pilot, drawer: str) -> None:
    if pilot.state.holding is not None:
        raise GiveUpError("the hand is full")
    if not rules.robot_at(pilot.state, drawer):
        raise GiveUpError("out of reach")


def _handle(pilot: Pilot, drawer: str) -> tuple[float, float, float]:
    return layout.drawer_handle(drawer, pilot.state.drawers[drawer])


def _stand_before(pilot: Pilot, x: float, y: float) -> Motion:
    """Stand so that the world point (x, y) is straight ahead, at arm's length."""
    yield from pilot.drive(x, y - REACH, layout.NORTH)


def _roll_along(pilot: Pilot, way: float) -> Motion:
    """Drive straight ahead (or back, when negative), the arm holding still."""
    x, y, _ = pilot.state.base
    yield from pilot.roll(float(x), float(y) + way, layout.NORTH, 0.006, speed=PACE)


def _leave(pilot: Pilot) -> Motion:
    """Tuck the arm, open the hand and back off to the line of the cabinet's station."""
    pilot.opening = 1.0
    yield from pilot.tuck()
    x, y, _ = pilot.state.base
    station = layout.STATIONS["top drawer"]
    if abs(y - station.y) > 0.05:
        yield from pilot.roll(float(x), station.y, station.yaw, 0.02)
