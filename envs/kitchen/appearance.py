"""Appearance: the mesh of every object, and the materials of objects and room."""

from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Final

import mujoco
import numpy as np

from envs.kitchen import labels, materials, meshes
from envs.kitchen.meshes import Mesh
from envs.kitchen.objects import (
    BANANA_LINE,
    BANANA_RADIUS,
    BOTTLE_HEIGHT,
    BOTTLE_NECK,
    BOTTLE_RADIUS,
    BOTTLE_SHOULDER,
    KINDS,
    ObjectKind,
)
from envs.kitchen.painting import Image

_REPEATS: Final = {"floor": (4.0, 4.0), "splash tiles": (6.0, 1.0), "worktop": (3.0, 1.0)}
_SHINE: Final = {"floor": 0.15, "worktop": 0.3, "splash tiles": 0.4}
_BOX_SPLIT: Final = {"tea": 0.25, "sponge": 0.5, "energy bar": 0.6}


@cache
def object_mesh(name: str) -> Mesh:
    """The mesh of an object, object frame; its image is `labels.label(name)`."""
    kind = KINDS[name]
    if name.endswith(" can"):
        return _can(kind)
    if name in ("lime soda", "grapefruit soda", "water bottle"):
        return _bottle()
    if name in ("apple", "orange"):
        return _fruit(kind, dimple=0.22 if name == "apple" else 0.04)
    if name == "banana":
        return _banana()
    if name in _BOX_SPLIT:
        return meshes.box(kind.half, _BOX_SPLIT[name])
    return meshes.pillow(kind.half)


def add_object_looks(spec: mujoco.MjSpec, names: Iterable[str]) -> None:
    """Add mesh, texture and material of each named object, all named after it."""
    for name in sorted(set(names)):
        look = object_mesh(name)
        mesh = spec.add_mesh(name=name)
        mesh.uservert = look.vertices.ravel()
        mesh.userface = look.faces.ravel()
        mesh.usertexcoord = look.coordinates.ravel()
        # Visual only: it does not affect masses and need not be watertight.
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
        shine = 0.5 if KINDS[name].round else 0.1
        _add_material(spec, name, labels.label(name), (1.0, 1.0), shine)


def add_room_materials(spec: mujoco.MjSpec) -> None:
    """Add all variants of the room's materials: "floor 0", "floor 1", ..."""
    for material, images in materials.VARIANTS.items():
        repeat, shine = _REPEATS.get(material, (1.0, 1.0)), _SHINE.get(material, 0.0)
        for index in range(len(images)):
            image = materials.variant(material, index)
            _add_material(spec, f"{material} {index}", image, repeat, shine)


def _add_material(
    spec: mujoco.MjSpec,
    name: str,
    image: Image,
    repeat: tuple[float, float],
    shine: float,
) -> None:
    texture = spec.add_texture(
        name=name,
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        height=image.shape[0],
        width=image.shape[1],
        nchannel=3,
    )
    texture.data = image.tobytes()
    material = spec.add_material(
        name=name, texrepeat=repeat, specular=shine, shininess=0.5, texuniform=False
    )
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name


def _can(kind: ObjectKind) -> Mesh:
    radius, half = kind.half[0], kind.half[2]
    rim, bevel = radius - 0.006, 0.009
    # The lid's outer ring has the label's colour, so cans also differ from above.
    return meshes.lathe(
        (
            (0.0, -half + 0.004, 0.99),
            (rim, -half, 0.98),
            (radius, -half + bevel, 0.94),
            (radius, -half + bevel, 0.94),
            (radius, half - bevel, 0.12),
            (radius, half - bevel, 0.12),
            (rim, half, 0.06),
            (rim, half, 0.03),
            (rim - 0.002, half - 0.003, 0.03),
            (0.0, half - 0.003, 0.0),
        )
    )


def _bottle() -> Mesh:
    foot = -BOTTLE_HEIGHT / 2
    shoulder, neck, top = foot + BOTTLE_SHOULDER, foot + BOTTLE_SHOULDER + 0.018, -foot
    cap = top - 0.022
    return meshes.lathe(
        (
            (0.0, foot, 1.0),
            (BOTTLE_RADIUS - 0.004, foot, 0.99),
            (BOTTLE_RADIUS, foot + 0.006, 0.97),
            (BOTTLE_RADIUS, foot + 0.006, 0.97),
            (BOTTLE_RADIUS, shoulder, 0.42),
            (BOTTLE_RADIUS - 0.005, shoulder + 0.010, 0.36),
            (BOTTLE_NECK, neck, 0.30),
            (BOTTLE_NECK, cap, 0.20),
            (BOTTLE_NECK, cap, 0.17),
            (BOTTLE_NECK, top, 0.05),
            (BOTTLE_NECK, top, 0.05),
            (0.0, top, 0.01),
        )
    )


def _fruit(kind: ObjectKind, dimple: float) -> Mesh:
    radius = kind.half[0]
    # Half a turn from bottom to top; apples are dimpled at the stem.
    angle = np.linspace(-np.pi / 2, np.pi / 2, 10)
    height = np.sin(angle)
    sunk = height - dimple * np.clip((height - 0.85) / 0.15, 0.0, 1.0) ** 2
    return meshes.lathe(
        [
            (float(radius * max(np.cos(a), 0.0)), float(radius * z), float((1 - h) / 2))
            for a, z, h in zip(angle, sunk, height, strict=True)
        ],
        slices=16,
    )


def _banana() -> Mesh:
    corners = np.array(BANANA_LINE)[:, :2]
    ends = corners[[0, -1]] + np.array([(-0.012, -0.011), (0.012, -0.011)])
    line = np.concatenate([ends[:1], corners, ends[1:]])
    # Rounded by cutting the corners twice (Chaikin).
    for _ in range(2):
        line = np.concatenate(
            [line[:1], *(((3 * a + b) / 4, (a + 3 * b) / 4) for a, b in pairwise(line)), line[-1:]]
        )
    reach = np.linspace(-1.0, 1.0, len(line))
    radii = BANANA_RADIUS * np.clip(1.12 - 0.75 * np.abs(reach) ** 5, 0.3, 1.0)
    return meshes.sweep(line, [float(radius) for radius in radii])
