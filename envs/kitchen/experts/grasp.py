"""Where to take hold of things: top-down grasps across a thing's narrow side, clear of others."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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

PALM: Final[float] = 0.040
"""The hand's body begins this far above the point between the fingertips (m)."""

TIP: Final[float] = 0.013
"""The fingers reach this far below that point (m)."""

HAND_HALF: Final[tuple[float, float]] = (0.031, 0.102)
"""Half size of the hand's body, along the gripper's x axis and across (m)."""

FINGER_HALF: Final[tuple[float, float]] = (0.013, 0.013)

WIDEST: Final[float] = 0.076
"""Things wider than this do not fit between the fingers (m)."""

_HEADINGS: Final[int] = 16

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Grasp:
    """A top-down grasp, world frame.

    Attributes:
        position: of the point between the fingertips (m).
        yaw: heading of the gripper's x axis (rad); the fingers close across it.
        opening: of the gripper on the way down, 0 to 1.
        width: of what is between the fingers (m).
        clearance: distance of fingers and hand to other things (m), negative where they overlap.
    """

    position: Vector
    yaw: float
    opening: float
    width: float
    clearance: float


def half_height(kind: ObjectKind, rotation: Vector) -> float:
    """Half of how far the thing reaches vertically (m), for its rotation matrix."""
    up = np.abs(rotation[2])
    if is_sphere(kind):
        return kind.half[2]
    if kind.round:
        return float(up[2] * kind.half[2] + np.hypot(up[0], up[1]) * kind.half[0])
    return float(up @ kind.half)


def footprint(kind: ObjectKind, thing: ObjectState) -> Vector:
    """Points on the outline of the thing seen from above, world x, y (m), shape (n, 2)."""
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
    """Of the circle around the thing seen from above (m)."""
    if kind.round and (is_sphere(kind) or abs(rotation[2, 2]) > 0.9):
        return kind.half[0]
    flat = np.argsort(np.abs(rotation[2]))[:2]
    return float(np.hypot(*(kind.half[axis] for axis in flat)))


def is_sphere(kind: ObjectKind) -> bool:
    """Whether it has the same shape from everywhere."""
    return kind.colliders[0].kind == mujoco.mjtGeom.mjGEOM_SPHERE


def plan_grasp(
    state: KitchenState, kinds: tuple[ObjectKind, ...], instance: int, base_yaw: float
) -> Grasp | None:
    """The clearest grasp of a thing, or None when it is too wide to be grasped from above.

    Args:
        state: where everything is.
        kinds: kind by instance id.
        instance: what to grasp.
        base_yaw: heading of the base (rad): small turns of the wrist are preferred.
    """
    thing, kind = state.objects[instance], kinds[instance]
    near = [
        (footprint(kinds[other.id], other), _top(kinds[other.id], other))
        for other in state.objects
        if other.id != instance and np.linalg.norm((other.position - thing.position)[:2]) < 0.35
    ]
    best, best_score = None, -np.inf
    for position, heading, width in _candidates(kind, thing):
        yaw = base_yaw + remainder(heading - base_yaw, pi)
        for opening in (robot.MAX_OPENING, min(robot.MAX_OPENING, width + 0.022)):
            clearance = min(
                _clearance(position, yaw, opening, near), _wall_clearance(thing, position, yaw, state)
            )
            score = min(clearance, 0.02) + 0.05 * opening - 0.003 * abs(yaw - base_yaw)
            if score > best_score:
                fraction = opening / robot.MAX_OPENING
                best, best_score = Grasp(position, yaw, fraction, width, clearance), score
    return best


def _top(kind: ObjectKind, thing: ObjectState) -> float:
    return float(thing.position[2]) + half_height(kind, rotation_matrix(thing.quaternion))


def _candidates(kind: ObjectKind, thing: ObjectState) -> Iterator[tuple[Vector, float, float]]:
    """Position, heading of the gripper's x axis and width of every way to take hold of a thing."""
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
            # The fingers close along this axis of the thing.
            closing = rotation[:2, axis]
            yield middle, atan2(closing[0], -closing[1]), 2 * kind.half[axis]


def _clearance(
    position: Vector, yaw: float, opening: float, near: Iterable[tuple[Vector, float]]
) -> float:
    """Smallest distance from the open fingers and the hand to other things (m, at most 0.1)."""
    along = np.array([np.cos(yaw), np.sin(yaw)])
    across = np.array([np.sin(yaw), -np.cos(yaw)])
    finger = opening / 2 + FINGER_HALF[1]
    clearance = 0.1
    for outline, top in near:
        if top < position[2] - TIP:
            continue
        offset = outline - position[:2]
        x, y = np.abs(offset @ along), np.abs(offset @ across)
        gaps = _gap(x - FINGER_HALF[0], np.abs(y - finger) - FINGER_HALF[1])
        if top > position[2] + PALM:
            gaps = np.minimum(gaps, _gap(x - HAND_HALF[0], y - HAND_HALF[1]))
        clearance = min(clearance, float(gaps.min()))
    return clearance


def _gap(x: Vector, y: Vector) -> Vector:
    """Signed distance to a rectangle from the signed distances to its two pairs of sides."""
    outside = np.hypot(np.maximum(x, 0.0), np.maximum(y, 0.0))
    return np.where((x < 0) & (y < 0), np.maximum(x, y), outside)


def _wall_clearance(
    thing: ObjectState, position: Vector, yaw: float, state: KitchenState
) -> float:
    """Room between the hand and the walls of the bin or drawer around it (m, at most 0.1)."""
    if thing.place != "trash" and thing.place not in DRAWERS:
        return 0.1
    inside = layout.surface(thing.place, state.drawers.get(thing.place, 0.0)).extent
    half = np.array(HAND_HALF)
    spread_x = abs(np.cos(yaw)) * half[0] + abs(np.sin(yaw)) * half[1]
    spread_y = abs(np.sin(yaw)) * half[0] + abs(np.cos(yaw)) * half[1]
    room_x = inside.half[0] - abs(position[0] - inside.centre[0]) - spread_x
    room_y = inside.half[1] - abs(position[1] - inside.centre[1]) - spread_y
    return float(min(room_x, room_y, 0.1))
