"""Grasp planning: top-down grasps across an object's narrow side, clear of other objects."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import atan2, pi, remainder
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.kitchen import layout, robot
from envs.kitchen.experts.pilot import rotation_matrix
from envs.kitchen.objects import ObjectKind
from envs.kitchen.state import KitchenState, ObjectState
from envs.kitchen.vocabulary import DRAWERS


@dataclass(frozen=True)
class _Part:
    """A part of the gripper seen from above, gripper frame (m).

    Attributes:
        half: half its length along the gripper's x axis.
        inner: its inner edge across, from the middle (a finger's from the finger's face).
        outer: its outer edge across, likewise.
        bottom: height of its lowest point above the point between the fingertips.
        finger: whether it moves with a finger.
    """

    half: float
    inner: float
    outer: float
    bottom: float
    finger: bool


PALM: Final[float] = 0.040
"""The hand's body begins this far above the point between the fingertips (m)."""

TIP: Final[float] = 0.013
"""The fingers reach this far below that point (m)."""

_PARTS: Final[tuple[_Part, ...]] = (
    _Part(0.0125, 0.0, 0.0135, -TIP, True),
    _Part(0.0125, 0.008, 0.0245, 0.017, True),
    _Part(0.031, 0.0, 0.102, PALM, False),
)

WIDEST: Final[float] = 0.076
"""Objects wider than this do not fit between the fingers (m)."""

_HEADINGS: Final[int] = 16
_LIFTS: Final[tuple[float, ...]] = (0.0, 0.012)
_BITE: Final[float] = 0.014
"""Minimum height of an object between the fingers when the grasp is raised (m)."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Grasp:
    """A top-down grasp, world frame.

    Attributes:
        position: of the point between the fingertips (m).
        yaw: heading of the gripper's x axis (rad); the fingers close across it.
        opening: of the gripper on the way down, 0 to 1.
        width: of the object between the fingers (m).
        clearance: distance of fingers and hand to other objects (m), negative where they overlap.
    """

    position: Vector
    yaw: float
    opening: float
    width: float
    clearance: float


def half_height(kind: ObjectKind, rotation: Vector) -> float:
    """Half the vertical extent of an object (m), for its rotation matrix."""
    up = np.abs(rotation[2])
    if is_sphere(kind):
        return kind.half[2]
    if kind.round:
        return float(up[2] * kind.half[2] + np.hypot(up[0], up[1]) * kind.half[0])
    return float(up @ kind.half)


def footprint(kind: ObjectKind, thing: ObjectState) -> Vector:
    """Points on the outline of an object seen from above, world x, y (m), shape (n, 2)."""
    rotation = rotation_matrix(thing.quaternion)
    if is_sphere(kind) or (kind.round and abs(rotation[2, 2]) > 0.9):
        angles = np.linspace(0.0, 2 * pi, 12, endpoint=False)
        circle = np.column_stack([np.cos(angles), np.sin(angles)])
        return np.asarray(thing.position[:2] + kind.half[0] * circle)
    flat = np.argsort(np.abs(rotation[2]))[:2]
    first, second = (rotation[:2, axis] * kind.half[axis] for axis in flat)
    weights = (-1.0, -1 / 3, 1 / 3, 1.0)
    return np.array(
        [
            thing.position[:2] + a * first + b * second
            for a in weights
            for b in weights
            if max(abs(a), abs(b)) == 1.0
        ]
    )


def radius(kind: ObjectKind, rotation: Vector) -> float:
    """Radius of the circle around an object seen from above (m)."""
    if kind.round and (is_sphere(kind) or abs(rotation[2, 2]) > 0.9):
        return kind.half[0]
    flat = np.argsort(np.abs(rotation[2]))[:2]
    return float(np.linalg.norm([kind.half[axis] for axis in flat]))


def is_sphere(kind: ObjectKind) -> bool:
    """Whether the object is a sphere."""
    return bool(kind.colliders[0].kind == mujoco.mjtGeom.mjGEOM_SPHERE)


def plan_grasp(
    state: KitchenState,
    kinds: tuple[ObjectKind, ...],
    instance: int,
    base_yaw: float,
    tried: Sequence[Grasp] = (),
) -> Grasp | None:
    """The best grasp of an object, or None if it is too wide to be grasped from above.

    Args:
        state: where everything is.
        kinds: kind by instance id.
        instance: what to grasp.
        base_yaw: heading of the base (rad): small turns of the wrist are preferred.
        tried: grasps that failed: others are preferred.
    """
    thing, kind = state.objects[instance], kinds[instance]
    near = [
        (footprint(kinds[other.id], other), _top(kinds[other.id], other))
        for other in state.objects
        if other.id != instance and np.linalg.norm((other.position - thing.position)[:2]) < 0.35
    ]
    best, best_score = None, -np.inf
    for grasp in _variants(kind, thing, base_yaw):
        clearance = min(_clearance(grasp, near), _wall_clearance(grasp, thing.place, state))
        shift = float(np.linalg.norm((grasp.position - thing.position)[:2]))
        lift = max(0.0, float(grasp.position[2] - thing.position[2]))
        score = min(clearance, 0.02) + 0.004 * grasp.opening - 0.003 * abs(grasp.yaw - base_yaw)
        score -= 0.15 * shift + 0.1 * lift + 0.01 * sum(_alike(grasp, other) for other in tried)
        if score > best_score:
            best, best_score = replace(grasp, clearance=clearance), score
    return best


def _variants(kind: ObjectKind, thing: ObjectState, base_yaw: float) -> Iterator[Grasp]:
    """Every grasp of an object: headings, openings of the fingers, the object in their middle or
    nearer to one of them, slightly raised."""
    top = _top(kind, thing)
    lifts = (0.0,) if is_sphere(kind) else _LIFTS
    for position, heading, width in _candidates(kind, thing):
        yaw = base_yaw + remainder(heading - base_yaw, pi)
        across = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
        for opening in (robot.MAX_OPENING, min(robot.MAX_OPENING, width + 0.022)):
            slack = max(0.0, (opening - width) / 2 - 0.004)
            for shift in (0.0, slack, -slack):
                for lift in lifts:
                    point = position + shift * across + np.array([0.0, 0.0, lift])
                    if lift == 0.0 or top - (point[2] - TIP) > _BITE:
                        yield Grasp(point, yaw, opening / robot.MAX_OPENING, width, 0.0)


def _alike(grasp: Grasp, other: Grasp) -> bool:
    near = float(np.linalg.norm(grasp.position - other.position)) < 0.004
    return near and abs(remainder(grasp.yaw - other.yaw, pi)) < 0.25


def _top(kind: ObjectKind, thing: ObjectState) -> float:
    return float(thing.position[2]) + half_height(kind, rotation_matrix(thing.quaternion))


def _candidates(kind: ObjectKind, thing: ObjectState) -> Iterator[tuple[Vector, float, float]]:
    """Position, heading of the gripper's x axis and width of every basic grasp of an object."""
    rotation = rotation_matrix(thing.quaternion)
    reach = half_height(kind, rotation)
    middle, bottom = thing.position.copy(), float(thing.position[2]) - reach
    upright = rotation[2, 2] > 0.9
    if upright:
        middle[2] = bottom + kind.grasp_height
    elif kind.round and not is_sphere(kind):
        middle += rotation @ np.array(kind.colliders[0].position)
    middle[2] = max(middle[2], bottom + TIP + 0.002, bottom + 2 * reach - PALM + 0.004)
    if is_sphere(kind) or (kind.round and abs(rotation[2, 2]) > 0.9):
        width = kind.grasp_width if upright else 2 * kind.half[0]
        for heading in np.linspace(0.0, pi, _HEADINGS, endpoint=False):
            yield middle, float(heading), width
        return
    if kind.round:
        yield middle, atan2(rotation[1, 2], rotation[0, 2]), 2 * kind.half[0]
        return
    upward = int(np.argmax(np.abs(rotation[2])))
    for axis in range(3):
        if axis != upward and 2 * kind.half[axis] < WIDEST:
            # The fingers close along this axis of the object.
            closing = rotation[:2, axis]
            yield middle, atan2(closing[0], -closing[1]), 2 * kind.half[axis]


def _clearance(grasp: Grasp, near: Iterable[tuple[Vector, float]]) -> float:
    """Smallest distance from the open fingers and the hand to other objects (m, at most 0.1)."""
    along = np.array([np.cos(grasp.yaw), np.sin(grasp.yaw)])
    across = np.array([np.sin(grasp.yaw), -np.cos(grasp.yaw)])
    clearance = 0.1
    for outline, top in near:
        offset = outline - grasp.position[:2]
        x, y = np.abs(offset @ along), np.abs(offset @ across)
        for part in _PARTS:
            if top > grasp.position[2] + part.bottom:
                inner, outer = _reach_across(part, grasp)
                middle, half = (inner + outer) / 2, (outer - inner) / 2
                gaps = _gap(x - part.half, np.abs(y - middle) - half)
                clearance = min(clearance, float(gaps.min()))
    return clearance


def _reach_across(part: _Part, grasp: Grasp) -> tuple[float, float]:
    """Inner and outer edge of a part of the gripper, across, from the middle (m)."""
    face = grasp.opening * robot.MAX_OPENING / 2 if part.finger else 0.0
    return face + part.inner, face + part.outer


def _gap(x: Vector, y: Vector) -> Vector:
    """Signed distance to a rectangle from the signed distances to its two pairs of sides."""
    outside = np.hypot(np.maximum(x, 0.0), np.maximum(y, 0.0))
    return np.where((x < 0) & (y < 0), np.maximum(x, y), outside)


def _wall_clearance(grasp: Grasp, place: str | None, state: KitchenState) -> float:
    """Room between the gripper and the walls of the bin or drawer around it (m, at most 0.1)."""
    if place != "trash" and place not in DRAWERS:
        return 0.1
    inside = layout.surface(place, state.drawers.get(place, 0.0)).extent
    side = front = layout.BIN_RIM
    if place in DRAWERS:
        # An open drawer has the cabinet behind it and low boards at its sides.
        floor = layout.SURFACES[place].height
        side, front = floor + layout.DRAWER_WALL, floor + layout.DRAWER_PANEL_HEIGHT
    offset = grasp.position[:2] - inside.centre
    sine, cosine = abs(np.sin(grasp.yaw)), abs(np.cos(grasp.yaw))
    rooms = [0.1]
    for part in _PARTS:
        bottom, outer = grasp.position[2] + part.bottom, _reach_across(part, grasp)[1]
        spread_x, spread_y = cosine * part.half + sine * outer, sine * part.half + cosine * outer
        if bottom < side:
            rooms.append(inside.half[0] - abs(offset[0]) - spread_x)
        if bottom < front:
            rooms.append(inside.half[1] + offset[1] - spread_y)
        if bottom < front or place in DRAWERS:
            rooms.append(inside.half[1] - offset[1] - spread_y)
    return float(min(rooms))
