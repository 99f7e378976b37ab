"""The graspable objects: shape, size, mass and friction of each.

Object frame: origin in the middle of the object, z up when it is upright; x is the long
horizontal side. The fingers close along y (round objects: along any horizontal direction).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

import mujoco

_BOX = mujoco.mjtGeom.mjGEOM_BOX
_CYLINDER = mujoco.mjtGeom.mjGEOM_CYLINDER
_SPHERE = mujoco.mjtGeom.mjGEOM_SPHERE
_CAPSULE = mujoco.mjtGeom.mjGEOM_CAPSULE

Vector = tuple[float, float, float]

LOOK_GROUP: Final = 2
COLLIDER_GROUP: Final = 3
"""Geom groups: an object's visual mesh, and its colliders (not drawn)."""


@dataclass(frozen=True)
class Collider:
    """One primitive of an object's shape, object frame, m.

    Attributes:
        kind: the MuJoCo primitive.
        size: its MuJoCo sizes.
        position: its centre; unused with `ends`.
        ends: both ends of a capsule's axis.
    """

    kind: mujoco.mjtGeom
    size: Vector
    position: Vector = (0.0, 0.0, 0.0)
    ends: tuple[Vector, Vector] | None = None


@dataclass(frozen=True)
class ObjectKind:
    """What the simulator and an expert need to know about one object.

    Attributes:
        name: as in the vocabulary.
        half: half extents of the upright object, object frame (m); half[2] is the height of its
            origin above the surface on which it stands.
        mass: kg.
        colliders: shape, one to three primitives.
        colour: main colour, RGB in 0..1.
        grasp_width: distance between the fingers that grasp it (m).
        grasp_height: where the gripper site should go, above the surface on which it stands (m).
        round: whether it can be grasped from any horizontal direction.
        friction: MuJoCo's sliding, torsional (m) and rolling (m) friction against furniture.
    """

    name: str
    half: Vector
    mass: float
    colliders: tuple[Collider, ...]
    colour: Vector
    grasp_width: float
    grasp_height: float
    round: bool = False
    friction: Vector = (0.9, 0.01, 0.001)


_PALM = 0.030
"""Tall objects are grasped this far below their top (m), so that the palm stays clear of it."""


def _can(name: str, colour: Vector, radius: float, height: float, mass: float) -> ObjectKind:
    return ObjectKind(
        name,
        (radius, radius, height / 2),
        mass,
        (Collider(_CYLINDER, (radius, height / 2, 0.0)),),
        colour,
        2 * radius,
        height - _PALM,
        round=True,
    )


BOTTLE_RADIUS: Final = 0.031
BOTTLE_NECK: Final = 0.016
BOTTLE_HEIGHT: Final = 0.165
BOTTLE_SHOULDER: Final = 0.100
"""Height up to which a bottle has its full width (m); the drawn neck begins 0.018 above."""


def _bottle(name: str, colour: Vector, mass: float) -> ObjectKind:
    half, body = BOTTLE_HEIGHT / 2, BOTTLE_SHOULDER / 2
    neck = (BOTTLE_HEIGHT - BOTTLE_SHOULDER) / 2
    return ObjectKind(
        name,
        (BOTTLE_RADIUS, BOTTLE_RADIUS, half),
        mass,
        (
            Collider(_CYLINDER, (BOTTLE_RADIUS, body, 0.0), (0.0, 0.0, body - half)),
            Collider(_CYLINDER, (BOTTLE_NECK, neck, 0.0), (0.0, 0.0, half - neck)),
        ),
        colour,
        2 * BOTTLE_NECK,
        0.135,
        round=True,
    )


def _box(name: str, colour: Vector, half: Vector, mass: float, grasp_height: float) -> ObjectKind:
    return ObjectKind(
        name, half, mass, (Collider(_BOX, half),), colour, 2 * half[1], grasp_height
    )  # fmt: skip


BAG_HALF: Final[Vector] = (0.052, 0.024, 0.070)


def _bag(name: str, colour: Vector) -> ObjectKind:
    return _box(name, colour, BAG_HALF, 0.08, 2 * BAG_HALF[2] - _PALM)


def _fruit(name: str, colour: Vector, radius: float, mass: float) -> ObjectKind:
    return ObjectKind(
        name,
        (radius, radius, radius),
        mass,
        (Collider(_SPHERE, (radius, 0.0, 0.0)),),
        colour,
        2 * radius,
        radius,
        round=True,
        # A real apple has flat spots: it does not roll away.
        friction=(0.9, 0.01, 0.006),
    )


BANANA_RADIUS: Final = 0.017
BANANA_LINE: Final[tuple[Vector, ...]] = (
    (-0.072, -0.026, 0.0),
    (-0.027, 0.0, 0.0),
    (0.027, 0.0, 0.0),
    (0.072, -0.026, 0.0),
)
"""Centre line of the banana, which lies on its side (object frame, m)."""


def _banana() -> ObjectKind:
    return ObjectKind(
        "banana",
        (0.085, 0.022, BANANA_RADIUS),
        0.13,
        tuple(
            Collider(_CAPSULE, (BANANA_RADIUS, 0.0, 0.0), ends=ends)
            for ends in pairwise(BANANA_LINE)
        ),
        (0.96, 0.83, 0.18),
        2 * BANANA_RADIUS,
        BANANA_RADIUS,
        friction=(0.9, 0.01, 0.004),
    )


_KINDS: Final[tuple[ObjectKind, ...]] = (
    _can("coke can", (0.85, 0.05, 0.07), 0.033, 0.116, 0.35),
    _can("pepsi can", (0.05, 0.22, 0.65), 0.033, 0.116, 0.35),
    _can("7up can", (0.05, 0.55, 0.20), 0.033, 0.116, 0.35),
    _can("sprite can", (0.10, 0.70, 0.35), 0.033, 0.116, 0.35),
    _can("redbull can", (0.75, 0.78, 0.85), 0.0265, 0.134, 0.27),
    _bottle("lime soda", (0.62, 0.85, 0.15), 0.36),
    _bottle("grapefruit soda", (0.98, 0.45, 0.42), 0.36),
    _box("tea", (0.41, 0.22, 0.57), (0.040, 0.030, 0.055), 0.12, 0.082),
    _bottle("water bottle", (0.55, 0.80, 0.95), 0.36),
    _fruit("apple", (0.80, 0.10, 0.10), 0.036, 0.18),
    _fruit("orange", (0.98, 0.55, 0.05), 0.037, 0.18),
    _banana(),
    _box("sponge", (0.98, 0.85, 0.20), (0.052, 0.033, 0.019), 0.04, 0.019),
    _box("energy bar", (0.45, 0.25, 0.12), (0.062, 0.020, 0.015), 0.06, 0.016),
    _bag("jalapeno chips", (0.20, 0.55, 0.12)),
    _bag("multigrain chips", (0.72, 0.50, 0.25)),
    _bag("rice chips", (0.96, 0.94, 0.88)),
    _bag("sea salt chips", (0.55, 0.82, 0.88)),
    _bag("blue chip bag", (0.10, 0.20, 0.75)),
)

KINDS: Final[Mapping[str, ObjectKind]] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""Every object of the vocabulary."""


def object_name(instance: int) -> str:
    """Name of the body and of the free joint of an instance."""
    return f"object/{instance}"


def add_object(spec: mujoco.MjSpec, kind: ObjectKind, instance: int) -> None:
    """Add a free body for one instance, upright above the world's origin.

    Its looks must have been added before (`appearance.add_object_looks`).
    """
    name = object_name(instance)
    body = spec.worldbody.add_body(name=name, pos=(0.0, 0.0, 3.0 + 0.3 * instance))
    body.add_joint(name=name, type=mujoco.mjtJoint.mjJNT_FREE)
    shares = _mass_shares(kind)
    for index, (collider, share) in enumerate(zip(kind.colliders, shares, strict=True)):
        pose: dict[str, Any] = {"pos": collider.position}
        if collider.ends is not None:
            pose = {"fromto": (*collider.ends[0], *collider.ends[1])}
        body.add_geom(
            name=f"{name}/{index}",
            type=collider.kind,
            size=collider.size,
            mass=kind.mass * share,
            rgba=(*kind.colour, 1.0),
            group=COLLIDER_GROUP,
            # Torsional and rolling friction keep things from spinning and rolling away.
            condim=6,
            friction=kind.friction,
            **pose,
        )
    body.add_geom(
        name=f"{name}/look",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=kind.name,
        material=kind.name,
        mass=0.0,
        group=LOOK_GROUP,
        contype=0,
        conaffinity=0,
    )


def _mass_shares(kind: ObjectKind) -> tuple[float, ...]:
    """Fractions of the mass: a bottle's neck is light, other parts are equal."""
    if len(kind.colliders) == 2:
        return (0.9, 0.1)
    return (1.0 / len(kind.colliders),) * len(kind.colliders)
