"""The room: floor, walls, furniture, drawers, the user, lights and the overview camera."""

from typing import Any, Final

import mujoco
import numpy as np

from envs.kitchen import layout
from envs.kitchen.layout import Rectangle
from envs.kitchen.vocabulary import DRAWERS

_BOX = mujoco.mjtGeom.mjGEOM_BOX
_CYLINDER = mujoco.mjtGeom.mjGEOM_CYLINDER
_SPHERE = mujoco.mjtGeom.mjGEOM_SPHERE
_CAPSULE = mujoco.mjtGeom.mjGEOM_CAPSULE

OVERVIEW_CAMERA: Final = "overview"

_SEEN: Final[dict[str, Any]] = {"contype": 0, "conaffinity": 0}
"""For geoms that are only seen."""

_WOOD = (0.76, 0.60, 0.42, 1.0)
_WHITE = (0.93, 0.92, 0.89, 1.0)
_STONE = (0.42, 0.44, 0.47, 1.0)
_STEEL = (0.72, 0.74, 0.76, 1.0)

DRAWER_DAMPING: Final = 12.0
DRAWER_FRICTION: Final = 3.0
"""Drawers stay where they are left: damping (Ns/m) and dry friction (N) of the slides."""


def add_room(spec: mujoco.MjSpec) -> None:
    """Add everything that does not move, and the drawers."""
    _add_shell(spec)
    _add_deck(spec, "table")
    _add_deck(spec, "close counter")
    _add_deck(spec, "far counter")
    _add_deck(spec, "user")
    _add_bin(spec)
    _add_cabinet(spec)
    for drawer in DRAWERS:
        _add_drawer(spec, drawer)
    _add_user(spec)
    _add_lights(spec)
    spec.worldbody.add_camera(
        name=OVERVIEW_CAMERA, pos=(0.3, -4.6, 3.9), fovy=48.0, xyaxes=(1, 0, 0, 0, 0.62, 0.78)
    )


def _add_shell(spec: mujoco.MjSpec) -> None:
    world, half = spec.worldbody, layout.ROOM_HALF
    world.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=(half, half, 0.1),
        rgba=(0.8, 0.7, 0.6, 1),
    )
    height = layout.WALL_HEIGHT / 2
    for name, x, y, sx, sy in (
        ("north wall", 0.0, half + 0.05, half + 0.1, 0.05),
        ("east wall", half + 0.05, 0.0, 0.05, half),
        ("west wall", -half - 0.05, 0.0, 0.05, half),
    ):
        world.add_geom(name=name, type=_BOX, size=(sx, sy, height), pos=(x, y, height), rgba=_WHITE)


def _box(spec: mujoco.MjSpec, plan: Rectangle, bottom: float, top: float, **options: Any) -> None:
    spec.worldbody.add_geom(
        type=_BOX,
        size=(*plan.half, (top - bottom) / 2),
        pos=(*plan.centre, (top + bottom) / 2),
        **options,
    )


def _add_deck(spec: mujoco.MjSpec, place: str) -> None:
    surface = layout.SURFACES[place]
    colour = _WOOD if place in ("table", "user") else _STONE
    _box(spec, surface.extent, surface.height - 0.04, surface.height, name=place, rgba=colour)
    body = Rectangle(
        surface.extent.centre, (surface.extent.half[0] - 0.02, surface.extent.half[1] - 0.02)
    )
    _box(spec, body, 0.0, surface.height - 0.04, name=f"{place} body", rgba=_WHITE)


def _add_bin(spec: mujoco.MjSpec) -> None:
    surface = layout.SURFACES["trash"]
    (x, y), inner, wall = surface.extent.centre, layout.BIN_INNER_HALF, 0.01
    colour = (0.35, 0.38, 0.40, 1.0)
    _box(spec, surface.extent, 0.0, layout.BIN_FLOOR, name="trash", rgba=colour)
    for index, (dx, dy) in enumerate(((1, 0), (-1, 0), (0, 1), (0, -1))):
        plan = Rectangle(
            (x + dx * (inner + wall), y + dy * (inner + wall)),
            (wall if dx else inner + 2 * wall, wall if dy else inner),
        )
        _box(spec, plan, 0.0, layout.BIN_RIM, name=f"trash wall {index}", rgba=colour)


def _add_cabinet(spec: mujoco.MjSpec) -> None:
    """A shell of boards around two free compartments, top left and bottom right."""
    x, y = layout.CABINET_CENTRE
    width, depth, top = layout.CABINET_HALF_WIDTH, layout.FURNITURE_DEPTH / 2, layout.CABINET_HEIGHT
    slab = Rectangle((x, y), (width, depth))
    _box(spec, slab, top - 0.03, top, name="cabinet top", rgba=_STONE)
    _box(spec, slab, 0.0, 0.06, name="cabinet plinth", rgba=_STONE)
    for index, offset in enumerate((-width + 0.01, 0.0, width - 0.01)):
        side = Rectangle((x + offset, y), (0.01, depth))
        _box(spec, side, 0.06, top - 0.03, name=f"cabinet side {index}", rgba=_WHITE)
    back = Rectangle((x, y + depth - 0.01), (width - 0.02, 0.01))
    _box(spec, back, 0.06, top - 0.03, name="cabinet back", rgba=_WHITE)
    for drawer in DRAWERS:
        surface = layout.SURFACES[drawer]
        column = Rectangle((surface.extent.centre[0], y), (0.24, depth - 0.02))
        floor = surface.height - 0.03
        ceiling = surface.height + layout.DRAWER_CLEARANCE
        _box(spec, column, 0.06, floor, name=f"{drawer} below", rgba=_WHITE)
        _box(spec, column, ceiling, top - 0.03, name=f"{drawer} above", rgba=_WHITE)


def _add_drawer(spec: mujoco.MjSpec, drawer: str) -> None:
    """Body frame: middle of the drawer's floor, axes as the world's."""
    surface = layout.SURFACES[drawer]
    (x, y), (hx, hy) = surface.extent.centre, layout.DRAWER_INNER
    body = spec.worldbody.add_body(name=drawer, pos=(x, y, surface.height))
    body.add_joint(
        name=drawer,
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=(0, -1, 0),
        limited=True,
        range=(0.0, layout.DRAWER_TRAVEL),
        damping=DRAWER_DAMPING,
        frictionloss=DRAWER_FRICTION,
    )
    wall, panel = layout.DRAWER_WALL / 2, layout.DRAWER_PANEL_HEIGHT / 2
    thick = layout.DRAWER_PANEL_THICKNESS / 2

    def board(
        size: tuple[float, ...], pos: tuple[float, ...], name: str, rgba: Any = _WOOD
    ) -> None:
        body.add_geom(name=f"{drawer}/{name}", type=_BOX, size=size, pos=pos, rgba=rgba, mass=0.3)

    board((hx + 0.01, hy + 0.01, 0.008), (0.0, 0.0, -0.008), "floor")
    board((0.006, hy, wall), (hx + 0.006, 0.0, wall), "right")
    board((0.006, hy, wall), (-hx - 0.006, 0.0, wall), "left")
    board((hx + 0.012, 0.006, wall), (0.0, hy + 0.006, wall), "back")
    board((hx + 0.02, thick, panel + 0.01), (0.0, -hy - thick, panel - 0.01), "panel", _WHITE)
    handle = np.array(layout.drawer_handle(drawer)) - (x, y, surface.height)
    half, radius = layout.HANDLE_HALF_LENGTH, layout.HANDLE_RADIUS
    body.add_geom(
        name=f"{drawer}/handle", type=_CAPSULE, size=(radius, 0, 0), mass=0.1, rgba=_STEEL,
        fromto=(handle[0] - half, *handle[1:], handle[0] + half, *handle[1:]),
        condim=4, friction=(1.0, 0.02, 0.0001),
    )  # fmt: skip
    for side in (-1.0, 1.0):
        post = handle[0] + side * half
        body.add_geom(
            type=_CAPSULE, size=(0.006, 0, 0), mass=0.02, rgba=_STEEL,
            fromto=(post, *handle[1:], post, -hy - thick, handle[2]),
        )  # fmt: skip
    body.add_site(name=f"{drawer}/handle", pos=handle, size=(0.005, 0, 0), group=4)


def _add_user(spec: mujoco.MjSpec) -> None:
    x, y = layout.USER_POSITION
    world = spec.worldbody
    skin, shirt, trousers = (
        (0.87, 0.67, 0.53, 1.0),
        (0.25, 0.50, 0.75, 1.0),
        (0.25, 0.27, 0.35, 1.0),
    )
    world.add_geom(
        name="user figure",
        type=_CAPSULE,
        size=(0.17, 0, 0),
        fromto=(x, y, 0.95, x, y, 1.25),
        rgba=shirt,
    )
    world.add_geom(type=_CAPSULE, size=(0.13, 0, 0), fromto=(x, y, 0.13, x, y, 0.85), rgba=trousers)
    world.add_geom(type=_SPHERE, size=(0.13, 0, 0), pos=(x, y, 1.58), rgba=skin)


def _add_lights(spec: mujoco.MjSpec) -> None:
    spec.worldbody.add_light(
        name="ceiling", pos=(0.0, -0.5, 3.5), dir=(0.1, 0.3, -1.0), diffuse=(0.6, 0.6, 0.6)
    )
