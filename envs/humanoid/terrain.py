"""Terrain: a plane, or a periodic height field, so that no copy ever walks off it.

A pattern is 8 m by 8 m and repeats at its edges; a copy that leaves the central one is set back by
8 m onto the same ground. Its level scales heights from 0 (flat) to 1. All copies share the
patterns; each has its own offset and its own level.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import mujoco
import numpy as np
from numpy.typing import NDArray

FLAT: Final = "flat"
KINDS: Final = (FLAT, "rough", "slopes", "steps")
MIXED: Final = "mixed"
"""Copies take turns on the kinds."""

PERIOD: Final = 8.0
"""Period of the ground along x and y (m)."""
STEEPNESS: Final = 0.3
"""Rise of slopes at level 1, per metre."""
RISE: Final = 0.12
TREAD: Final = 0.35
"""Rise and tread of steps at level 1 (m)."""
ROUGHNESS: Final = 0.08
"""Height range of rough ground at level 1 (m)."""

GROUND: Final = "ground"
FIELD: Final = "field"
"""Geoms: the plane and the height field."""

_CELL: Final = 0.05
_CELLS: Final = round(PERIOD / _CELL)
_MARGIN: Final = 20
_NODES: Final = _CELLS + 2 * _MARGIN + 1
_HALF: Final = PERIOD / 2 + _MARGIN * _CELL
_TOP: Final = 1.5


def add_ground(spec: Any, *, field: bool) -> None:
    """Add a plane and, with `field`, a height field."""
    spec.worldbody.add_geom(
        name=GROUND,
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=(0.0, 0.0, 1.0),
        contype=1,
        conaffinity=0,
        rgba=(0.45, 0.5, 0.55, 1.0),
    )
    if not field:
        return
    spec.add_hfield(
        name=FIELD,
        nrow=_NODES,
        ncol=_NODES,
        size=(_HALF, _HALF, _TOP, 0.1),
        userdata=[0.0] * (_NODES * _NODES),
    )
    spec.worldbody.add_geom(
        name=FIELD,
        type=mujoco.mjtGeom.mjGEOM_HFIELD,
        hfieldname=FIELD,
        contype=1,
        conaffinity=0,
        rgba=(0.45, 0.5, 0.55, 1.0),
    )


def kinds_of(terrain: str, copies: int, first: int = 0) -> NDArray[np.int64]:
    """The index in `KINDS` of each copy's ground.

    Raises:
        ValueError: there is no such terrain.
    """
    if terrain == MIXED:
        return np.arange(first, first + copies) % len(KINDS)
    if terrain not in KINDS:
        raise ValueError(f"no terrain {terrain!r}, choose from {', '.join((*KINDS, MIXED))}")
    return np.full(copies, KINDS.index(terrain))


@cache
def pattern(kind: str) -> NDArray[np.float64]:
    """Heights at level 1 (m), shape [160, 160]: rows along y, columns along x; the lowest is 0."""
    centres = (np.arange(_CELLS) - _CELLS // 2) * _CELL
    distance = np.maximum(np.abs(centres)[:, None], np.abs(centres)[None, :])
    if kind == "slopes":
        return np.asarray(STEEPNESS * distance)
    if kind == "steps":
        return np.asarray(RISE * np.floor(distance / TREAD))
    if kind == "rough":
        coarse = np.random.default_rng(5).uniform(0.0, ROUGHNESS, (_CELLS // 4, _CELLS // 4))
        rows = _between(coarse)
        return _between(rows.T).T
    return np.zeros((_CELLS, _CELLS))


def _between(coarse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate linearly, four rows for each; the last one is followed by the first."""
    share = (np.arange(4) / 4.0)[None, :, None]
    following = np.roll(coarse, -1, axis=0)
    fine = coarse[:, None] * (1.0 - share) + following[:, None] * share
    return np.asarray(fine.reshape(-1, coarse.shape[1]))


class Terrain:
    """The ground of each copy of a batch.

    Args:
        terrain: one of `KINDS`, or `MIXED`.
        copies: number of copies.
        places: offset of each copy's pattern, two numbers in [0, 1) per copy.
        first: number of the first copy.

    Attributes:
        kinds: index in `KINDS`, [n].
        level: [n], 0 to 1.
        uneven: copies that stand on a height field, [n].

    Raises:
        ValueError: there is no such terrain.
    """

    def __init__(
        self, terrain: str, copies: int, places: NDArray[np.float64], first: int = 0
    ) -> None:
        self.kinds = kinds_of(terrain, copies, first)
        self.present = (FLAT,) if terrain == FLAT else KINDS
        self.level = np.ones(copies)
        self.uneven = self.kinds > 0
        self._places = (places * _CELLS).astype(np.int64)
        self._patterns = np.stack([pattern(kind) for kind in KINDS])
        self._written = np.full(copies, np.nan)

    def height(
        self, rows: NDArray[np.int64], x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Ground height under points.

        Args:
            rows: copies, [k].
            x: [k, p] (m, world).
            y: [k, p] (m, world).

        Returns:
            Heights (m), [k, p].
        """
        if len(self.present) == 1:
            return np.zeros(x.shape)
        places, kinds = self._places[rows], self.kinds[rows]
        column = self._index(x) + places[:, :1]
        row = self._index(y) + places[:, 1:]
        heights = self._patterns[kinds[:, None], row % _CELLS, column % _CELLS]
        return np.asarray(heights * self.level[rows][:, None])

    def around(
        self,
        rows: NDArray[np.int64],
        base: NDArray[np.float64],
        look: NDArray[np.float64],
        points: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Ground heights around bases, relative to that below them.

        Args:
            rows: copies, [k].
            base: where they are, [k, 3] (m, world).
            look: cosine and sine of their headings, [k, 2].
            points: ahead and to the left of each, [p, 2] (m).

        Returns:
            Heights (m), [k, p].
        """
        if len(self.present) == 1:
            return np.zeros((len(rows), len(points)))
        cosine, sine = look[:, :1], look[:, 1:]
        ahead, aside = points.T
        x = base[:, :1] + cosine * ahead - sine * aside
        y = base[:, 1:2] + sine * ahead + cosine * aside
        return self.height(rows, x, y) - self.height(rows, base[:, :1], base[:, 1:2])

    @staticmethod
    def _index(along: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.asarray(np.rint(along / _CELL).astype(np.int64) + _CELLS // 2)

    def wrap(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shift of x and y of each copy, [n, 2], that keeps it on its central pattern."""
        shift = -PERIOD * np.round(position / PERIOD)
        return np.asarray(np.where(self.uneven[:, None], shift, 0.0))

    def shape(
        self, models: Sequence[Any], rows: NDArray[np.int64], levels: NDArray[np.float64]
    ) -> None:
        """Set the levels of some copies, [k], and write the grounds that change."""
        self.level[rows] = levels
        for copy in rows[self._written[rows] != levels]:
            self.write(models[copy], copy)
        self._written[rows] = levels

    def write(self, model: Any, copy: int) -> None:
        """Write a copy's ground into a model."""
        if len(self.present) == 1:
            return
        model.geom(FIELD if not self.uneven[copy] else GROUND).contype = 0
        if not self.uneven[copy]:
            return
        nodes = np.arange(_NODES) - _MARGIN
        column, row = self._places[copy]
        chosen = self._patterns[self.kinds[copy]]
        heights = chosen[np.ix_((nodes + row) % _CELLS, (nodes + column) % _CELLS)]
        model.hfield_data[:] = (heights * (self.level[copy] / _TOP)).ravel()


__all__ = [
    "FIELD",
    "FLAT",
    "GROUND",
    "KINDS",
    "MIXED",
    "PERIOD",
    "Terrain",
    "add_ground",
    "kinds_of",
    "pattern",
]
