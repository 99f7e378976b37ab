"""Where to put things down: a free spot on a surface, near the robot and away from others."""

from math import hypot

import numpy as np
from numpy.typing import NDArray

from envs.kitchen import layout
from envs.kitchen.experts.grasp import footprint
from envs.kitchen.objects import ObjectKind
from envs.kitchen.state import KitchenState

ROOM = 0.065
"""Free space around a placed object (m): room for the fingers to open and retreat."""

_EDGE = 0.20
"""Preferred distance behind the front edge of a surface (m)."""


def free_spot(
    state: KitchenState,
    kinds: tuple[ObjectKind, ...],
    place: str,
    instance: int,
    near: tuple[float, float],
) -> NDArray[np.float64]:
    """Where the centre of the held object should go, world x, y (m), shape (2,).

    Args:
        state: where everything is.
        kinds: kind by instance id.
        place: where to put it.
        instance: the held object.
        near: point (world x, y) to which the spot should be close.
    """
    surface = layout.surface(place, state.drawers.get(place, 0.0))
    heading = np.array(layout.STATIONS[place].heading)
    outlines = [
        footprint(kinds[thing.id], thing)
        for thing in state.objects
        if thing.id != instance
        and surface.extent.contains(thing.position[0], thing.position[1], 0.1)
    ]
    others = np.concatenate(outlines) if outlines else np.full((1, 2), 9.0)
    own = max(kinds[instance].half[0], kinds[instance].half[1])
    best, least = np.array(surface.usable.centre), np.inf
    for spot in surface.spots(0.03):
        gap = float(np.linalg.norm(others - spot, axis=1).min()) - own
        depth = float((spot - surface.extent.centre) @ heading) + _half_depth(surface, heading)
        cost = 8.0 * max(0.0, ROOM - gap) + (5.0 if gap < 0.0 else 0.0)
        cost += 0.4 * hypot(spot[0] - near[0], spot[1] - near[1]) + 0.4 * abs(depth - _EDGE)
        if cost < least:
            best, least = spot, cost
    return np.asarray(best, dtype=np.float64)


def _half_depth(surface: layout.Surface, heading: NDArray[np.float64]) -> float:
    return float(np.abs(heading) @ surface.extent.half)
