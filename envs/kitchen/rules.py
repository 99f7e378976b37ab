"""Success rules: what counts as on, held, at, open and closed. Pure functions of a state.

A change of any threshold or meaning here needs a new `SUCCESS_RULE_VERSION`: results are only
comparable within one version.
"""

from collections.abc import Iterable
from math import hypot
from typing import Final

from envs.kitchen import layout
from envs.kitchen.state import KitchenState, ObjectState
from envs.kitchen.vocabulary import DRAWERS, PLACES

SUCCESS_RULE_VERSION: Final = "kitchen-1"

REST_SPEED: Final = 0.05
"""An object slower than this (m/s) lies still."""

AT_STATION: Final = 0.35
"""Largest distance (m) of the base from the line along which it works at a place."""


def held(state: KitchenState, instance: int) -> bool:
    """Both fingers touch it and nothing but the robot supports it from below."""
    return state.holding == instance


def on(state: KitchenState, instance: int, place: str) -> bool:
    """It lies still on or in `place`, out of the hand.

    Its centre is inside the place's region (horizontally above the surface or inside the
    container, at most 0.25 m above a surface, 0.15 m above a drawer's floor, 0.06 m above the
    bin's rim). For `user` it may also be in the hand, within the user's reach: the gripper at most
    0.9 m from them, horizontally.
    """
    thing = state.objects[instance]
    if held(state, instance):
        return place == "user" and in_user_reach(state)
    return thing.place == place and lies_still(thing)


def lies_still(thing: ObjectState) -> bool:
    """Slow, and not between the fingers."""
    return thing.speed < REST_SPEED and thing.fingers < 2


def in_user_reach(state: KitchenState) -> bool:
    """Whether the gripper is at most `layout.USER_REACH` from the user (horizontally)."""
    x, y = layout.USER_POSITION
    gripper = state.gripper_position
    return hypot(gripper[0] - x, gripper[1] - y) <= layout.USER_REACH


def place_of(state: KitchenState, instance: int) -> str | None:
    """The place on or in which an object lies still, or None. In the hand it has no place."""
    return next((place for place in PLACES if _lies_on(state.objects[instance], place)), None)


def _lies_on(thing: ObjectState, place: str) -> bool:
    return thing.place == place and lies_still(thing)


def robot_places(state: KitchenState) -> tuple[str, ...]:
    """Where the robot stands: the nearest place, if near enough; both drawers at the cabinet."""
    x, y, _ = state.base
    distances = {place: layout.distance_to_station(place, x, y) for place in PLACES}
    nearest = min(distances.values())
    if nearest > AT_STATION:
        return ()
    return tuple(place for place in PLACES if distances[place] <= nearest + 1e-9)


def robot_at(state: KitchenState, place: str) -> bool:
    """The base is at most `AT_STATION` from where it works at `place`, and no place is nearer."""
    return place in robot_places(state)


def is_open(state: KitchenState, drawer: str) -> bool:
    """Pulled out at least `layout.DRAWER_OPEN`."""
    return state.drawers[drawer] >= layout.DRAWER_OPEN


def is_closed(state: KitchenState, drawer: str) -> bool:
    """Pulled out at most `layout.DRAWER_CLOSED`."""
    return state.drawers[drawer] <= layout.DRAWER_CLOSED


def visited(history: Iterable[KitchenState], place: str) -> bool:
    """Whether the robot was at `place` in any state of the history (one per finished skill)."""
    return any(robot_at(state, place) for state in history)


def visible(state: KitchenState, instance: int) -> bool:
    """Neither in the hand nor in a drawer that is not open."""
    place = state.objects[instance].place
    return not held(state, instance) and (place not in DRAWERS or is_open(state, place))
