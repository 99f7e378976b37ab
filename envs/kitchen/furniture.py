"""The room: floor, walls, surfaces, bin, cabinet with drawers, lights and cameras."""

from typing import Any, Final

import mujoco
import numpy as np

from envs.kitchen import layout
from envs.kitchen.decoration import (
    BRASS,
    CREAM,
    DARK,
    SAGE,
    SEEN,
    WHITE,
    Vector,
    add_decoration,
    add_front,
)
from envs.kitchen.layout import Rectangle
from envs.kitchen.vocabulary import DRAWERS

_BOX = mujoco.mjtGeom.mjGEOM_BOX
_CAPSULE = mujoco.mjtGeom.mjGEOM_CAPSULE

OVERVIEW_CAMERA: Final = "overview"
"""Sees the whole room."""

FOLLOW_CAMERA: Final = "follow"
"""Turns to follow the robot."""

_WOOD: Final = (0.80, 0.66, 0.48, 1.0)

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
    add_decoration(spec)
    _add_lights(spec)
    spec.worldbody.add_camera(
        name=OVERVIEW_CAMERA,
        pos=(0.22, -4.7, 4.0),
        fovy=46.5,
        xyaxes=(1.0, 0.0, 0.0, 0.0, 0.635, 0.772),
    )


def add_follow_camera(spec: mujoco.MjSpec, body: str) -> None:
    """Add the camera that stays in place and turns to follow a body."""
    spec.worldbody.add_camera(
        name=FOLLOW_CAMERA,
        pos=(0.2, -3.4, 2.9),
        fovy=40.0,
        mode=mujoco.mjtCamLight.mjCAMLIGHT_TARGETBODY,
        targetbody=body,
    )


def _add_shell(spec: mujoco.MjSpec) -> None:
    """Floor and three walls; the south is open, like a doll's house, for the overview camera."""
    world, half, height = spec.worldbody, layout.ROOM_HALF, layout.WALL_HEIGHT / 2
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=(0.80, 0.87, 0.93),
        rgb2=(0.55, 0.60, 0.64),
        width=32,
        height=32,
    )
    world.add_geom(
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=(half, half, 0.1), material="floor 0"
    )
    for name, x, y, sx, sy in (
        ("north wall", 0.0, half + 0.05, half + 0.1, 0.05),
        ("east wall", half + 0.05, 0.0, 0.05, half),
        ("west wall", -half - 0.05, 0.0, 0.05, half),
    ):
        world.add_geom(
            name=name, type=_BOX, size=(sx, sy, height), pos=(x, y, height), material="wall 0"
        )
        skirting = (sx + 0.012 * (sy > sx), sy + 0.012 * (sx > sy), 0.05)
        world.add_geom(type=_BOX, size=skirting, pos=(x, y, 0.05), rgba=WHITE, **SEEN)


def _box(spec: mujoco.MjSpec, plan: Rectangle, bottom: float, top: float, **options: Any) -> None:
    spec.worldbody.add_geom(
        type=_BOX,
        size=(*plan.half, (top - bottom) / 2),
        pos=(*plan.centre, (top + bottom) / 2),
        **options,
    )


def _add_deck(spec: mujoco.MjSpec, place: str) -> None:
    """A slab at the surface's height, on cabinets (counters) or on a frame with legs."""
    surface = layout.SURFACES[place]
    (x, y), (hx, hy), top = surface.extent.centre, surface.extent.half, surface.height
    counter = place.endswith("counter")
    thick = 0.04 if counter else 0.03
    material = "worktop 0" if counter else "wood 0"
    _box(spec, surface.extent, top - thick, top, name=place, material=material)
    if counter:
        body = Rectangle((x, y), (hx - 0.015, hy - 0.015))
        _box(spec, body, 0.08, top - thick, name=f"{place} body", rgba=CREAM)
        _box(spec, Rectangle((x, y), (hx - 0.05, hy - 0.05)), 0.0, 0.08, rgba=DARK, **SEEN)
        facing, length = ("south", hx) if hx > hy else ("west", hy)
        for offset in np.linspace(-1, 1, 7)[1::2] * length:
            front = (x + offset, y - hy + 0.015) if hx > hy else (x - hx + 0.015, y + offset)
            add_front(spec, (*front, top / 2 + 0.02), length / 3 - 0.012, top / 2 - 0.07, facing)
        return
    # Solid below for the robot's base; drawn as a frame on legs.
    _box(spec, surface.extent, 0.05, top - thick, name=f"{place} body", group=4)
    apron = Rectangle((x, y), (hx - 0.03, hy - 0.03))
    _box(spec, apron, top - thick - 0.07, top - thick, material="wood 1", **SEEN)
    for dx in (-1.0, 1.0):
        for dy in (-1.0, 1.0):
            leg = Rectangle((x + dx * (hx - 0.045), y + dy * (hy - 0.045)), (0.025, 0.025))
            _box(spec, leg, 0.0, top - thick, material="wood 1", **SEEN)
    if place == "user":
        # The tray: a raised rim that is only visual, so nothing catches on it.
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            centre = (x + dx * (hx - 0.012), y + dy * (hy - 0.012))
            rim = Rectangle(centre, (0.008 if dx else hx - 0.004, 0.008 if dy else hy - 0.004))
            _box(spec, rim, top, top + 0.015, rgba=SAGE, **SEEN)


def _add_bin(spec: mujoco.MjSpec) -> None:
    surface = layout.SURFACES["trash"]
    (x, y), inner, wall = surface.extent.centre, layout.BIN_INNER_HALF, 0.01
    colour = (0.36, 0.42, 0.46, 1.0)
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
    _box(spec, slab, top - 0.03, top, name="cabinet top", material="worktop 0")
    _box(spec, slab, 0.0, 0.06, name="cabinet plinth", rgba=DARK)
    for index, offset in enumerate((-width + 0.01, 0.0, width - 0.01)):
        side = Rectangle((x + offset, y), (0.01, depth))
        _box(spec, side, 0.06, top - 0.03, name=f"cabinet side {index}", rgba=CREAM)
    back = Rectangle((x, y + depth - 0.01), (width - 0.02, 0.01))
    _box(spec, back, 0.06, top - 0.03, name="cabinet back", rgba=CREAM)
    for drawer in DRAWERS:
        surface = layout.SURFACES[drawer]
        column = Rectangle((surface.extent.centre[0], y), (0.24, depth - 0.02))
        floor = surface.height - 0.03
        ceiling = surface.height + layout.DRAWER_CLEARANCE
        _box(spec, column, 0.06, floor, name=f"{drawer} below", rgba=CREAM)
        _box(spec, column, ceiling, top - 0.03, name=f"{drawer} above", rgba=CREAM)
        for low, high in ((0.06, floor), (ceiling, top - 0.03)):
            if high - low > 0.1:
                centre = (column.centre[0], layout.FRONT + 0.02, (low + high) / 2)
                add_front(spec, centre, 0.225, (high - low) / 2 - 0.01, "south")


def _add_drawer(spec: mujoco.MjSpec, drawer: str) -> None:
    """Add a drawer; its body frame is at the middle of its floor, with the world's axes."""
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

    def board(size: Vector, pos: Vector, name: str, rgba: Vector = _WOOD) -> None:
        body.add_geom(name=f"{drawer}/{name}", type=_BOX, size=size, pos=pos, rgba=rgba, mass=0.3)

    board((hx + 0.01, hy + 0.01, 0.008), (0.0, 0.0, -0.008), "floor")
    board((0.006, hy, wall), (hx + 0.006, 0.0, wall), "right")
    board((0.006, hy, wall), (-hx - 0.006, 0.0, wall), "left")
    board((hx + 0.012, 0.006, wall), (0.0, hy + 0.006, wall), "back")
    board((hx + 0.014, thick, panel + 0.01), (0.0, -hy - thick, panel - 0.01), "panel", SAGE)
    handle = np.array(layout.drawer_handle(drawer)) - (x, y, surface.height)
    half, radius = layout.HANDLE_HALF_LENGTH, layout.HANDLE_RADIUS
    body.add_geom(
        name=f"{drawer}/handle", type=_CAPSULE, size=(radius, 0, 0), mass=0.1, rgba=BRASS,
        fromto=(handle[0] - half, *handle[1:], handle[0] + half, *handle[1:]),
        condim=4, friction=(1.0, 0.02, 0.0001),
    )  # fmt: skip
    for side in (-1.0, 1.0):
        post = handle[0] + side * half
        body.add_geom(
            type=_CAPSULE, size=(0.006, 0, 0), mass=0.02, rgba=BRASS,
            fromto=(post, *handle[1:], post, -hy - thick, handle[2]),
        )  # fmt: skip
    body.add_site(name=f"{drawer}/handle", pos=handle, size=(0.005, 0, 0), group=4)


def _add_lights(spec: mujoco.MjSpec) -> None:
    """Daylight casts the shadows, the lamp fills them."""
    headlight = spec.visual.headlight
    headlight.ambient, headlight.diffuse, headlight.specular = (0.40,) * 3, (0.26,) * 3, (0.05,) * 3
    spec.worldbody.add_light(
        name="daylight", type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, castshadow=True,
        pos=(-1.2, -1.5, 5.0), dir=(0.25, 0.42, -1.0),
        diffuse=(0.50, 0.48, 0.44), specular=(0.2,) * 3,
    )  # fmt: skip
    spec.worldbody.add_light(
        name="lamp", type=mujoco.mjtLightType.mjLIGHT_SPOT, castshadow=False,
        pos=(0.6, -0.6, 3.2), dir=(0.0, 0.1, -1.0), cutoff=80.0, exponent=1.0,
        diffuse=(0.22, 0.20, 0.16), specular=(0.1,) * 3,
    )  # fmt: skip
