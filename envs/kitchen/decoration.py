"""Decoration of the room: window, stove, sink, fridge, cupboards, the user.

Nothing here is manipulated. What stands on the floor is solid; the rest is only visual.
"""

from typing import Any, Final

import mujoco
import numpy as np

from envs.kitchen import layout

_BOX = mujoco.mjtGeom.mjGEOM_BOX
_CYLINDER = mujoco.mjtGeom.mjGEOM_CYLINDER
_SPHERE = mujoco.mjtGeom.mjGEOM_SPHERE
_ELLIPSOID = mujoco.mjtGeom.mjGEOM_ELLIPSOID
_CAPSULE = mujoco.mjtGeom.mjGEOM_CAPSULE

Vector = tuple[float, ...]

SEEN: Final[dict[str, Any]] = {"contype": 0, "conaffinity": 0}
"""For geoms that touch nothing."""

WHITE: Final = (0.95, 0.94, 0.91, 1.0)
SAGE: Final = (0.60, 0.70, 0.62, 1.0)
CREAM: Final = (0.93, 0.90, 0.82, 1.0)
STEEL: Final = (0.74, 0.76, 0.78, 1.0)
DARK: Final = (0.13, 0.14, 0.16, 1.0)
BRASS: Final = (0.80, 0.66, 0.36, 1.0)

_WALL: Final = layout.ROOM_HALF


def add_decoration(spec: mujoco.MjSpec) -> None:
    """Add everything that is not manipulated, and the user."""
    _add_window(spec)
    _add_stove(spec)
    _add_sink(spec)
    _add_fridge(spec)
    _add_cupboards(spec)
    _add_small_things(spec)
    _add_user(spec)


def _block(spec: mujoco.MjSpec, centre: Vector, half: Vector, **options: Any) -> None:
    spec.worldbody.add_geom(type=_BOX, pos=centre, size=half, **options)


def add_front(
    spec: mujoco.MjSpec, centre: Vector, half_width: float, half_height: float, facing: str
) -> None:
    """Add a cabinet door with a knob, 12 mm thick.

    Args:
        spec: gets the geoms.
        centre: of the door, on the surface it covers (world, m).
        half_width: half its width (m).
        half_height: half its height (m).
        facing: "south", "west" or "east".
    """
    normal = {"south": (0.0, -1.0), "west": (-1.0, 0.0), "east": (1.0, 0.0)}[facing]
    side = abs(normal[0]) > 0.5
    out = np.array([*normal, 0.0])
    across = np.array([0.0, 1.0, 0.0] if side else [1.0, 0.0, 0.0])
    size = (0.006, half_width, half_height) if side else (half_width, 0.006, half_height)
    _block(spec, tuple(np.array(centre) + 0.006 * out), size, rgba=SAGE, **SEEN)
    knob = np.array(centre) + 0.02 * out + 0.8 * half_width * across
    knob[2] += 0.75 * half_height
    spec.worldbody.add_geom(type=_SPHERE, pos=knob, size=(0.012, 0, 0), rgba=BRASS, **SEEN)


def _add_window(spec: mujoco.MjSpec) -> None:
    x, y, z, half_x, half_z = -0.85, _WALL - 0.004, 1.55, 0.55, 0.38
    # The image is mapped along the box's own z axis, which points into the room.
    spec.worldbody.add_geom(
        name="window", type=_BOX, pos=(x, y, z), size=(half_x, half_z, 0.004),
        xyaxes=(1, 0, 0, 0, 0, 1), material="view 0", **SEEN,
    )  # fmt: skip
    for dx, dz, sx, sz in (
        (0.0, half_z, half_x + 0.05, 0.03),
        (0.0, -half_z, half_x + 0.07, 0.03),
        (-half_x, 0.0, 0.03, half_z),
        (half_x, 0.0, 0.03, half_z),
        (0.0, 0.0, 0.018, half_z),
    ):
        _block(spec, (x + dx, y - 0.02, z + dz), (sx, 0.03, sz), rgba=WHITE, **SEEN)
    for side in (-1.0, 1.0):
        curtain = (x + side * (half_x + 0.07), y - 0.05, z - 0.03)
        _block(spec, curtain, (0.09, 0.02, half_z + 0.12), rgba=(0.90, 0.76, 0.55, 1), **SEEN)


def _add_stove(spec: mujoco.MjSpec) -> None:
    plan, top = layout.STOVE, layout.COUNTER_HEIGHT
    (x, y), (hx, hy) = plan.centre, plan.half
    _block(spec, (x, y, top / 2), (hx, hy, top / 2), rgba=STEEL, name="stove")
    front = layout.FRONT
    _block(spec, (x, front - 0.004, 0.36), (hx - 0.03, 0.006, 0.20), rgba=DARK, **SEEN)
    handle = (x - hx + 0.04, front - 0.03, 0.60, x + hx - 0.04, front - 0.03, 0.60)
    spec.worldbody.add_geom(
        type=_CAPSULE, fromto=handle, size=(0.008, 0, 0), rgba=(0.4, 0.4, 0.42, 1), **SEEN
    )
    _block(spec, (x, y, top + 0.004), (hx - 0.01, hy - 0.02, 0.004), rgba=DARK, **SEEN)
    for dx in (-0.09, 0.09):
        for dy in (-0.11, 0.11):
            spec.worldbody.add_geom(
                type=_CYLINDER, pos=(x + dx, y + dy, top + 0.009), size=(0.065, 0.002, 0),
                rgba=(0.32, 0.16, 0.14, 1), **SEEN,
            )  # fmt: skip
    _block(spec, (x, _WALL - 0.16, 1.62), (hx, 0.16, 0.05), rgba=STEEL, **SEEN)
    _block(spec, (x, _WALL - 0.11, 1.97), (0.11, 0.11, 0.30), rgba=STEEL, **SEEN)


def _add_sink(spec: mujoco.MjSpec) -> None:
    plan, top = layout.SINK, layout.COUNTER_HEIGHT
    (x, y), (hx, hy) = plan.centre, plan.half
    _block(
        spec,
        (x, y, (top - 0.04) / 2),
        (hx - 0.02, hy - 0.01, (top - 0.04) / 2),
        rgba=CREAM,
        name="sink",
    )
    _block(spec, (x, y, top - 0.02), (hx, hy, 0.02), material="worktop 0", name="sink top")
    _block(spec, (x + 0.04, y, top + 0.001), (0.16, 0.25, 0.002), rgba=STEEL, **SEEN)
    _block(
        spec, (x + 0.04, y, top + 0.002), (0.13, 0.22, 0.002), rgba=(0.42, 0.44, 0.46, 1), **SEEN
    )
    pipe = (
        (x - 0.17, y, top, x - 0.17, y, top + 0.22),
        (x - 0.17, y, top + 0.22, x - 0.04, y, top + 0.20),
    )
    for fromto in pipe:
        spec.worldbody.add_geom(
            type=_CAPSULE, fromto=fromto, size=(0.014, 0, 0), rgba=STEEL, **SEEN
        )
    for side in (-1.0, 1.0):
        centre = (x + hx - 0.02, y + side * 0.5 * hy, (top - 0.04) / 2 + 0.03)
        add_front(spec, centre, 0.45 * hy, 0.27, "east")


def _add_fridge(spec: mujoco.MjSpec) -> None:
    (x, y), (hx, hy) = layout.FRIDGE.centre, layout.FRIDGE.half
    front = y - hy
    _block(spec, (x, y, 0.85), (hx, hy, 0.85), rgba=(0.80, 0.82, 0.84, 1), name="fridge")
    for centre, half in ((1.25, 0.43), (0.42, 0.37)):
        _block(spec, (x, front - 0.006, centre), (hx - 0.01, 0.010, half), rgba=WHITE, **SEEN)
        grip = (
            x - hx + 0.06,
            front - 0.04,
            centre - 0.2,
            x - hx + 0.06,
            front - 0.04,
            centre + 0.2,
        )
        spec.worldbody.add_geom(type=_CAPSULE, fromto=grip, size=(0.012, 0, 0), rgba=STEEL, **SEEN)
    for dx, dz, colour in (
        (0.08, 0.22, (0.95, 0.75, 0.25, 1)),
        (-0.03, 0.12, (0.85, 0.35, 0.35, 1)),
        (0.12, 0.04, (0.35, 0.60, 0.80, 1)),
    ):
        _block(spec, (x + dx, front - 0.02, 1.2 + dz), (0.03, 0.004, 0.035), rgba=colour, **SEEN)


def _add_cupboards(spec: mujoco.MjSpec) -> None:
    """Wall cupboards above the drawer cabinet, tiles behind the worktops."""
    x = layout.CABINET_CENTRE[0]
    _block(spec, (x, _WALL - 0.16, 1.75), (0.5, 0.16, 0.32), rgba=CREAM, **SEEN)
    for side in (-1.0, 1.0):
        add_front(spec, (x + side * 0.25, _WALL - 0.32, 1.75), 0.235, 0.30, "south")
    low, high = layout.COUNTER_HEIGHT, 1.12
    start, end = -1.6, layout.CABINET_CENTRE[0] + layout.CABINET_HALF_WIDTH
    spec.worldbody.add_geom(
        name="splash tiles", type=_BOX, xyaxes=(1, 0, 0, 0, 0, 1), material="splash tiles 0",
        pos=((start + end) / 2, _WALL - 0.003, (low + high) / 2),
        size=((end - start) / 2, (high - low) / 2, 0.003), **SEEN,
    )  # fmt: skip


def _add_small_things(spec: mujoco.MjSpec) -> None:
    world = spec.worldbody
    # A clock and two pictures.
    clock = (1.75, _WALL - 0.01, 1.95)
    for radius, lift, colour in ((0.15, 0.010, BRASS), (0.13, 0.014, WHITE)):
        world.add_geom(
            type=_CYLINDER, pos=(clock[0], clock[1] - lift, clock[2]), size=(radius, 0.006, 0),
            zaxis=(0, 1, 0), rgba=colour, **SEEN,
        )  # fmt: skip
    for dx, dz in ((0.0, 0.09), (0.06, 0.03)):
        hand = (
            clock[0],
            clock[1] - 0.024,
            clock[2],
            clock[0] + dx,
            clock[1] - 0.024,
            clock[2] + dz,
        )
        world.add_geom(type=_CAPSULE, fromto=hand, size=(0.006, 0, 0), rgba=DARK, **SEEN)
    for y, colour in ((-0.75, (0.85, 0.55, 0.40, 1)), (-0.15, (0.40, 0.58, 0.62, 1))):
        _block(
            spec, (-_WALL + 0.01, y, 1.45), (0.012, 0.20, 0.26), rgba=(0.35, 0.25, 0.18, 1), **SEEN
        )
        _block(spec, (-_WALL + 0.02, y, 1.45), (0.008, 0.17, 0.23), rgba=WHITE, **SEEN)
        _block(spec, (-_WALL + 0.026, y, 1.45), (0.006, 0.11, 0.16), rgba=colour, **SEEN)
    # A rug in the middle, a plant in the corner.
    for half, z, colour in (
        ((0.95, 0.62), 0.001, (0.62, 0.32, 0.28, 1)),
        ((0.87, 0.54), 0.002, (0.90, 0.84, 0.74, 1)),
        ((0.80, 0.47), 0.003, (0.36, 0.47, 0.55, 1)),
    ):
        _block(spec, (0.0, -0.1, z), (*half, 0.001), rgba=colour, **SEEN)
    (x, y), (radius, _) = layout.PLANT.centre, layout.PLANT.half
    world.add_geom(
        name="plant",
        type=_CYLINDER,
        pos=(x, y, 0.16),
        size=(radius, 0.16, 0),
        rgba=(0.78, 0.45, 0.32, 1),
    )
    for index in range(7):
        angle, tilt = 2.4 * index, 0.25 + 0.05 * index
        lean = np.array([np.cos(angle) * np.sin(tilt), np.sin(angle) * np.sin(tilt), np.cos(tilt)])
        world.add_geom(
            type=_ELLIPSOID, pos=np.array([x, y, 0.30]) + 0.28 * lean, size=(0.07, 0.02, 0.27),
            zaxis=lean, rgba=(0.22 + 0.03 * index, 0.52, 0.25, 1), **SEEN,
        )  # fmt: skip


def _add_user(spec: mujoco.MjSpec) -> None:
    """A friendly person who stands beside the tray and looks into the room."""
    x, y = layout.USER_POSITION
    body = spec.worldbody.add_body(
        name="user", pos=(x, y, 0.0), quat=(np.cos(1.25), 0.0, 0.0, np.sin(1.25))
    )
    skin, hair = (0.90, 0.70, 0.56, 1.0), (0.30, 0.19, 0.12, 1.0)
    shirt, trousers = (0.93, 0.58, 0.25, 1.0), (0.24, 0.30, 0.45, 1.0)

    def limb(start: Vector, end: Vector, radius: float, colour: Vector, **options: Any) -> None:
        body.add_geom(
            type=_CAPSULE, fromto=(*start, *end), size=(radius, 0, 0), rgba=colour, **options
        )

    def ball(position: Vector, size: Vector, colour: Vector, **options: Any) -> None:
        body.add_geom(type=_ELLIPSOID, pos=position, size=size, rgba=colour, **options)

    limb((0, 0, 0.95), (0, 0, 1.24), 0.145, shirt, name="user torso")
    for side in (-1.0, 1.0):
        limb((0.0, 0.085 * side, 0.86), (0.0, 0.085 * side, 0.10), 0.075, trousers)
        ball((0.04, 0.085 * side, 0.04), (0.11, 0.05, 0.04), (0.92, 0.92, 0.92, 1.0), **SEEN)
        limb((0.0, 0.17 * side, 1.27), (0.03, 0.24 * side, 1.02), 0.048, shirt, **SEEN)
        limb((0.03, 0.24 * side, 1.02), (0.20, 0.20 * side, 0.94), 0.040, skin, **SEEN)
        ball((0.102, 0.042 * side, 1.585), (0.012, 0.017, 0.021), DARK, **SEEN)
        ball((0.090, 0.070 * side, 1.54), (0.020, 0.020, 0.016), (0.95, 0.58, 0.50, 1.0), **SEEN)
    limb((0, 0, 1.38), (0, 0, 1.46), 0.055, skin, **SEEN)
    ball((0.0, 0.0, 1.57), (0.112, 0.105, 0.130), skin, name="user head")
    ball((-0.022, 0.0, 1.615), (0.116, 0.118, 0.112), hair, **SEEN)
    for side in (-1.0, 1.0):
        mouth = ((0.108, 0.0, 1.518), (0.100, 0.030 * side, 1.528))
        limb(*mouth, 0.006, (0.72, 0.25, 0.25, 1.0), **SEEN)
