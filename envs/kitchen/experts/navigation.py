"""Paths of the base around the furniture: a small visibility graph on the floor plan."""

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from math import hypot
from typing import Final

from envs.kitchen import layout
from envs.kitchen.layout import Rectangle

MARGIN: Final[float] = 0.355
"""The base's centre stays this far from furniture (m), so that it can turn freely."""

_CORNER: Final[float] = 0.02
"""Waypoints lie this far outside the forbidden zones (m)."""

Point = tuple[float, float]


def route(start: Point, goal: Point, openings: Mapping[str, float]) -> list[Point]:
    """Waypoints from `start` (excluded) to `goal` (included), world frame, m.

    If there is no free path, the straight one is returned.

    Args:
        start: centre of the base.
        goal: where its centre should go.
        openings: how far each drawer is pulled out (m).
    """
    zones = [
        _grown(zone, MARGIN)
        for zone in layout.obstacles(openings)
        if not zone.contains(*start, MARGIN) and not zone.contains(*goal, MARGIN)
    ]
    nodes = [start, goal, *_corners(zones)]
    distances = {0: 0.0}
    previous: dict[int, int] = {}
    queue = [(0.0, 0)]
    while queue:
        distance, here = heappop(queue)
        if here == 1:
            return _trace(nodes, previous)
        if distance > distances[here]:
            continue
        for there, node in enumerate(nodes):
            length = distance + hypot(node[0] - nodes[here][0], node[1] - nodes[here][1])
            if length < distances.get(there, float("inf")) and _is_free(nodes[here], node, zones):
                distances[there], previous[there] = length, here
                heappush(queue, (length, there))
    return [goal]


def _trace(nodes: Sequence[Point], previous: Mapping[int, int]) -> list[Point]:
    way, node = [], 1
    while node != 0:
        way.append(nodes[node])
        node = previous[node]
    return way[::-1]


def _grown(zone: Rectangle, margin: float) -> Rectangle:
    return Rectangle(zone.centre, (zone.half[0] + margin, zone.half[1] + margin))


def _corners(zones: Sequence[Rectangle]) -> Iterator[Point]:
    for zone in zones:
        for sign_x, sign_y in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            x = zone.centre[0] + sign_x * (zone.half[0] + _CORNER)
            y = zone.centre[1] + sign_y * (zone.half[1] + _CORNER)
            inside = layout.DRIVABLE.contains(x, y, _CORNER)
            if inside and not any(other.contains(x, y) for other in zones):
                yield x, y


def _is_free(start: Point, end: Point, zones: Sequence[Rectangle]) -> bool:
    return not any(_crosses(start, end, zone) for zone in zones)


def _crosses(start: Point, end: Point, zone: Rectangle) -> bool:
    """Whether a segment passes through the inside of a rectangle (slab clipping)."""
    enter, leave = 0.0, 1.0
    for axis in (0, 1):
        low = zone.centre[axis] - zone.half[axis] - start[axis]
        high = zone.centre[axis] + zone.half[axis] - start[axis]
        step = end[axis] - start[axis]
        if abs(step) < 1e-9:
            if low >= 0.0 or high <= 0.0:
                return False
            continue
        first, last = sorted((low / step, high / step))
        enter, leave = max(enter, first), min(leave, last)
    return enter < leave - 1e-6


def length(start: Point, way: Sequence[Point]) -> float:
    """Metres along `way` from `start`."""
    return sum(hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise((start, *way)))
