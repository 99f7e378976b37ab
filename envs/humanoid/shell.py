"""Looks of robots: the published meshes in the extra's wheel, coarsened for fast drawing."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.humanoid.menagerie import is_installed, menagerie

if TYPE_CHECKING:
    from envs.humanoid.robots import RobotConfig

GRID: Final = 0.005
"""Vertices in the same cell of this grid (m) are merged."""


@dataclass(frozen=True)
class Part:
    """A coloured surface fixed to a body.

    Attributes:
        body: its name.
        vertices: body frame (m) [n, 3].
        faces: rows of three vertices [m, 3].
        colour: red, green, blue, opacity.
    """

    body: str
    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    colour: tuple[float, ...]


def has_shell(robot: "RobotConfig") -> bool:
    """Whether the meshes of a robot are known and installed."""
    return bool(robot.shell) and is_installed()


def add_shell(spec: Any, robot: "RobotConfig") -> None:
    """Add meshes to a robot's links, for drawing only: massless and without contacts.

    Args:
        spec: a `mujoco.MjSpec` with the bodies of the robot's MJCF.
        robot: a robot whose `shell` is installed.
    """
    for index, part in enumerate(_parts(robot.shell)):
        name = f"shell {index}"
        spec.add_mesh(
            name=name,
            uservert=part.vertices.ravel().tolist(),
            userface=part.faces.ravel().tolist(),
            inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
        )
        spec.body(part.body).add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=name,
            contype=0,
            conaffinity=0,
            density=0.0,
            rgba=part.colour,
        )


@cache
def _parts(path: str) -> tuple[Part, ...]:
    return tuple(_read(path))


def _read(path: str) -> Iterator[Part]:
    """The visual meshes of an MJCF in the wheel."""
    mjcf = menagerie() / path
    spec = mujoco.MjSpec.from_file(str(mjcf))
    folder = mjcf.parent / spec.meshdir
    turn = np.zeros(9)
    for geom in spec.geoms:
        if geom.type != mujoco.mjtGeom.mjGEOM_MESH or geom.contype or geom.conaffinity:
            continue
        corners = _triangles(folder / spec.mesh(geom.meshname).file).reshape(-1, 3)
        mujoco.mju_quat2Mat(turn, geom.quat)
        points = corners @ turn.reshape(3, 3).T + geom.pos
        faces = np.arange(len(points), dtype=np.int32).reshape(-1, 3)
        colour = spec.material(geom.material).rgba if geom.material else geom.rgba
        yield Part(geom.parent.name, *coarsened(points, faces), tuple(map(float, colour)))


def _triangles(path: Path) -> NDArray[np.float64]:
    """Triangles of a binary STL file [n, 3, 3]."""
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("", "<u2")])
    corners = np.frombuffer(path.read_bytes(), record, offset=84)["corners"]
    return np.asarray(corners, dtype=np.float64)


def coarsened(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], grid: float = GRID
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """A surface whose vertices are merged, per cell of a grid, into their mean.

    Args:
        vertices: [n, 3] (m).
        faces: rows of three vertices [m, 3].
        grid: side of a cell (m).

    Returns:
        Vertices and faces of the same kind; triangles within one or two cells are dropped.
    """
    cells = np.round((vertices - vertices.min(axis=0)) / grid).astype(np.int64)
    width, depth = cells[:, 1:].max(axis=0) + 1
    keys = (cells[:, 0] * width + cells[:, 1]) * depth + cells[:, 2]
    _, cell, count = np.unique(keys, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(cell, axis) for axis in vertices.T], axis=1) / count[:, None]
    corners = cell[faces]
    whole = (corners != np.roll(corners, 1, axis=1)).all(axis=1)
    return means, corners[whole].astype(np.int32)


__all__ = ["GRID", "Part", "add_shell", "coarsened", "has_shell"]
