"""The room plan: where furniture stands, objects may lie and the robot stands to work.

World frame, metres and radians: the room is a square around the origin, x to the east, y to the
north, z up. All furniture stands along the walls, so the middle of the room is one convex free
area (`DRIVABLE`): every straight line between two stations is free of furniture.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot, pi
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.kitchen.vocabulary import DRAWERS, PLACES

ROOM_HALF: Final = 2.5
"""Half the side of the square room (m)."""

WALL_HEIGHT: Final = 2.3
FURNITURE_DEPTH: Final = 0.5
"""Counters and table reach this far from their wall into the room (m)."""

BASE_HALF: Final = 0.25
"""Half the side of the robot's square footprint (m)."""

STANDOFF: Final = 0.37
"""Base centre to furniture edge at a station (m): more than half the footprint's diagonal
(0.354 m), so the robot can turn on the spot at every station."""

FRONT: Final = ROOM_HALF - FURNITURE_DEPTH
"""Distance of the furniture's front edges from the room's centre (m)."""

# ---------------------------------------------------------------------------------------- drawers
DRAWER_TRAVEL: Final = 0.30
"""Range of a drawer's slide joint (m); 0 is closed."""

DRAWER_OPEN: Final = 0.22
"""A drawer pulled out at least this far (m) is open: objects can be put into it from above."""

DRAWER_CLOSED: Final = 0.03
"""A drawer pulled out at most this far (m) is closed."""

DRAWER_INNER: Final = (0.21, 0.14)
"""Half width and half depth of a drawer's inside (m)."""

DRAWER_WALL: Final = 0.05
"""Height of a drawer's side walls above its floor (m): a hand grasping low stays above them."""

DRAWER_PANEL_HEIGHT: Final = 0.15
"""Top of a drawer's front panel above its floor (m): the wrist passes above it."""

DRAWER_CLEARANCE: Final = 0.185
"""Free height above a drawer's floor inside the cabinet (m)."""

DRAWER_PANEL_THICKNESS: Final = 0.02
HANDLE_CLEARANCE: Final = 0.055
"""Free depth between a drawer's front panel and its bar handle (m)."""

HANDLE_RADIUS: Final = 0.008
HANDLE_HALF_LENGTH: Final = 0.075
HANDLE_HEIGHT: Final = 0.075
"""Height of the bar handle above the drawer's floor (m)."""

CABINET_CENTRE: Final = (0.85, FRONT + FURNITURE_DEPTH / 2)
CABINET_HALF_WIDTH: Final = 0.5
CABINET_HEIGHT: Final = 0.76

_DRAWER_X: Final = {
    "top drawer": CABINET_CENTRE[0] - 0.25,
    "bottom drawer": CABINET_CENTRE[0] + 0.25,
}
_DRAWER_FLOOR: Final = {"top drawer": 0.53, "bottom drawer": 0.30}
"""Heights of the drawers' floors. The drawers sit in different columns of the cabinet, so an open
top drawer never hides the bottom one from above."""

# -------------------------------------------------------------------------------------- furniture
COUNTER_HEIGHT: Final = 0.75
TABLE_HEIGHT: Final = 0.65
TRAY_HEIGHT: Final = 0.60
BIN_RIM: Final = 0.46
BIN_FLOOR: Final = 0.32
"""The bin has a raised floor, so that the arm reaches everything in it."""

BIN_INNER_HALF: Final = 0.20
USER_POSITION: Final = (2.12, -1.88)
"""Where the user stands (world x, y), facing north-west."""

USER_REACH: Final = 0.9
"""A gripper at most this far (m, horizontally) from the user is within their reach."""


@dataclass(frozen=True)
class Rectangle:
    """An axis-aligned rectangle on the floor plan, world frame, m."""

    centre: tuple[float, float]
    half: tuple[float, float]

    def contains(self, x: float, y: float, margin: float = 0.0) -> bool:
        """Whether (x, y) lies inside, with the rectangle grown by `margin`."""
        return (
            abs(x - self.centre[0]) <= self.half[0] + margin
            and abs(y - self.centre[1]) <= self.half[1] + margin
        )

    def shifted(self, dx: float, dy: float) -> "Rectangle":
        """The same rectangle moved by (dx, dy)."""
        return Rectangle((self.centre[0] + dx, self.centre[1] + dy), self.half)


@dataclass(frozen=True)
class Station:
    """Where the robot's base stands to work: centre (world x, y) and heading `yaw`."""

    x: float
    y: float
    yaw: float

    @property
    def heading(self) -> tuple[float, float]:
        """Unit vector towards the furniture (world x, y)."""
        return float(np.cos(self.yaw)), float(np.sin(self.yaw))


@dataclass(frozen=True)
class Surface:
    """A horizontal surface on which objects lie.

    Attributes:
        extent: the whole surface; an object whose centre is above it is on it.
        usable: where centres of objects should go: within reach from the front edge, clear of
            walls, rims and edges by the width of a hand.
        height: world z of the surface (m).
        ceiling: world z below which an object's centre counts as on this surface or in this
            container (m).
        capacity: the most objects that a start state may put here.
    """

    extent: Rectangle
    usable: Rectangle
    height: float
    ceiling: float
    capacity: int

    def contains(self, position: ArrayLike) -> bool:
        """Whether an object with its centre at `position` (world x, y, z, m) lies on or in this."""
        x, y, z = np.asarray(position, dtype=np.float64)
        return self.extent.contains(x, y) and self.height < z < self.ceiling

    def spots(self, spacing: float) -> NDArray[np.float64]:
        """Grid of centres on the usable part, shape (n, 2), world x, y, at least `spacing` apart
        (nearest to the middle first)."""
        axes = []
        for centre, half in zip(self.usable.centre, self.usable.half, strict=True):
            count = int(2 * half / spacing + 1e-9) + 1
            span = min(half, spacing * (count - 1))
            axes.append(centre + (np.linspace(-span, span, count) if count > 1 else np.zeros(1)))
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        return grid[np.argsort(np.linalg.norm(grid - self.usable.centre, axis=1), kind="stable")]

    def shifted(self, dx: float, dy: float) -> "Surface":
        """The same surface moved by (dx, dy)."""
        return Surface(
            self.extent.shifted(dx, dy),
            self.usable.shifted(dx, dy),
            self.height,
            self.ceiling,
            self.capacity,
        )


def _counter(
    centre: tuple[float, float], half_length: float, facing: float, height: float
) -> Surface:
    """A deck along a wall; `facing` is the yaw of a robot that faces it."""
    normal = np.array([np.cos(facing), np.sin(facing)])
    along_x = abs(normal[1]) > 0.5
    depth = FURNITURE_DEPTH / 2
    # Centres go 0.08 to 0.34 m behind the front edge: 0.16 m off the wall leaves room for a hand.
    back, reach = 0.21 - depth, 0.13
    middle = (centre[0] + back * normal[0], centre[1] + back * normal[1])
    full = (half_length, depth) if along_x else (depth, half_length)
    usable = (half_length - 0.10, reach) if along_x else (reach, half_length - 0.10)
    return Surface(Rectangle(centre, full), Rectangle(middle, usable), height, height + 0.25, 16)


def _drawer(name: str) -> Surface:
    """The inside of a closed drawer."""
    face = FRONT + DRAWER_PANEL_THICKNESS
    centre = (_DRAWER_X[name], face + DRAWER_INNER[1])
    # Centres stay 0.07 m behind the front panel and, fully open, 0.09 m off the cabinet.
    usable = Rectangle((centre[0], centre[1] - 0.01), (DRAWER_INNER[0] - 0.05, 0.06))
    floor = _DRAWER_FLOOR[name]
    return Surface(Rectangle(centre, DRAWER_INNER), usable, floor, floor + 0.15, 6)


EAST: Final = 0.0
NORTH: Final = pi / 2
WEST: Final = pi
SOUTH: Final = -pi / 2

STOVE: Final = Rectangle((0.125, FRONT + FURNITURE_DEPTH / 2), (0.215, FURNITURE_DEPTH / 2))
SINK: Final = Rectangle((-(FRONT + FURNITURE_DEPTH / 2), 0.95), (FURNITURE_DEPTH / 2, 0.45))
FRIDGE: Final = Rectangle((1.86, FRONT + 0.23), (0.34, 0.27))
PLANT: Final = Rectangle((-2.22, -1.75), (0.15, 0.15))
"""What stands along the walls but is not a place to work at."""

_WALL_LINE: Final = FRONT + FURNITURE_DEPTH / 2
_BIN_CENTRE: Final = (-0.55, -(FRONT + 0.23))
_BIN: Final = Rectangle(_BIN_CENTRE, (BIN_INNER_HALF, BIN_INNER_HALF))
_BIN_USABLE: Final = Rectangle(_BIN_CENTRE, (0.10, 0.10))

SURFACES: Final[Mapping[str, Surface]] = MappingProxyType(
    {
        "table": _counter((-_WALL_LINE, -0.45), 0.65, WEST, TABLE_HEIGHT),
        "close counter": _counter((_WALL_LINE, 0.45), 0.75, EAST, COUNTER_HEIGHT),
        "far counter": _counter((-0.85, _WALL_LINE), 0.75, NORTH, COUNTER_HEIGHT),
        "trash": Surface(_BIN, _BIN_USABLE, BIN_FLOOR, BIN_RIM + 0.06, 6),
        "top drawer": _drawer("top drawer"),
        "bottom drawer": _drawer("bottom drawer"),
        "user": Surface(
            Rectangle((FRONT + 0.23, -1.08), (0.23, 0.36)),
            Rectangle((FRONT + 0.205, -1.08), (0.13, 0.29)),
            TRAY_HEIGHT,
            TRAY_HEIGHT + 0.25,
            10,
        ),
    }
)
"""The surface of every place, world frame. Drawers are given closed: see `surface`."""

_AT_WALL: Final = FRONT - STANDOFF
_CABINET: Final = Station(CABINET_CENTRE[0], 1.24, NORTH)
"""One station for both drawers, outside the sweep of their handles (y > 1.62)."""

STATIONS: Final[Mapping[str, Station]] = MappingProxyType(
    {
        "table": Station(-_AT_WALL, -0.45, WEST),
        "close counter": Station(_AT_WALL, 0.45, EAST),
        "far counter": Station(-0.85, _AT_WALL, NORTH),
        "trash": Station(_BIN_CENTRE[0], -_AT_WALL, SOUTH),
        "top drawer": _CABINET,
        "bottom drawer": _CABINET,
        "user": Station(_AT_WALL, -1.08, EAST),
    }
)
"""Where the base stands to work at each place, world frame."""

DRIVABLE: Final = Rectangle((0.0, 0.0), (FRONT - 0.355, FRONT - 0.355))
"""Base centres in here keep the base clear of all furniture at any heading (drawers closed)."""


def surface(place: str, opening: float = 0.0) -> Surface:
    """The surface of `place`; a drawer's is moved by how far it is pulled out (m)."""
    return SURFACES[place].shifted(0.0, -opening) if place in DRAWERS else SURFACES[place]


def place_at(position: ArrayLike, openings: Mapping[str, float] | None = None) -> str | None:
    """The place on or in which an object with its centre at `position` lies, or None.

    Args:
        position: world x, y, z (m).
        openings: how far each drawer is pulled out (m); omitted drawers are closed.
    """
    openings = openings or {}
    for place in PLACES:
        if surface(place, openings.get(place, 0.0)).contains(position):
            return place
    return None


def distance(place_a: str, place_b: str) -> float:
    """Metres between the stations of two places."""
    a, b = STATIONS[place_a], STATIONS[place_b]
    return hypot(a.x - b.x, a.y - b.y)


def distance_to_station(place: str, x: float, y: float) -> float:
    """Metres from a base centre to where the base may stand to work at `place`: the line through
    the station along the surface, as long as the surface's usable part (drawers: 0.5 m)."""
    station = STATIONS[place]
    usable = SURFACES[place].usable
    if place in DRAWERS:
        usable = Rectangle(CABINET_CENTRE, (0.25, 0.0))
    along_x = abs(station.heading[1]) > 0.5
    dx = max(abs(x - station.x) - (usable.half[0] if along_x else 0.0), 0.0)
    dy = max(abs(y - station.y) - (0.0 if along_x else usable.half[1]), 0.0)
    return hypot(dx, dy)


def drawer_handle(drawer: str, opening: float = 0.0) -> tuple[float, float, float]:
    """Centre of a drawer's bar handle (world x, y, z, m). The bar runs along x."""
    y = FRONT - HANDLE_CLEARANCE - HANDLE_RADIUS - opening
    return _DRAWER_X[drawer], y, _DRAWER_FLOOR[drawer] + HANDLE_HEIGHT


def obstacles(openings: Mapping[str, float] | None = None) -> tuple[Rectangle, ...]:
    """Footprints of what the base must not drive into: furniture, user, opened drawers.

    Args:
        openings: how far each drawer is pulled out (m); omitted drawers are closed.
    """
    openings = openings or {}
    handle = HANDLE_CLEARANCE + 2 * HANDLE_RADIUS
    return (
        *(SURFACES[place].extent for place in PLACES if place not in (*DRAWERS, "trash")),
        Rectangle(_BIN_CENTRE, (BIN_INNER_HALF + 0.02, BIN_INNER_HALF + 0.02)),
        Rectangle(CABINET_CENTRE, (CABINET_HALF_WIDTH, FURNITURE_DEPTH / 2)),
        Rectangle(USER_POSITION, (0.2, 0.25)),
        *(STOVE, SINK, FRIDGE, PLANT),
        *(
            Rectangle(
                (_DRAWER_X[drawer], FRONT - (openings.get(drawer, 0.0) + handle) / 2),
                (DRAWER_INNER[0] + 0.02, (openings.get(drawer, 0.0) + handle) / 2),
            )
            for drawer in DRAWERS
        ),
    )
