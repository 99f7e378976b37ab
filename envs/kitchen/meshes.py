"""Small textured meshes for the looks of objects (their colliders are primitives).

A texture coordinate is (u, v) with v = 0 at the top row of the image.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh.

    Attributes:
        vertices: object frame (m), shape (n, 3).
        faces: vertex indices, counter-clockwise from outside, shape (m, 3).
        coordinates: texture coordinates by vertex, shape (n, 2).
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    coordinates: NDArray[np.float64]


def lathe(profile: Sequence[tuple[float, float, float]], slices: int = 14) -> Mesh:
    """A body of revolution about z.

    Args:
        profile: (radius, z, v) from bottom to top; repeat a point for a sharp edge.
        slices: number of sides.
    """
    turn = np.linspace(0.0, 1.0, slices + 1)
    angle = 2 * np.pi * turn
    rings = []
    for radius, z, v in profile:
        ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
        rings.append(np.column_stack([ring, np.full(slices + 1, z), turn, np.full(slices + 1, v)]))
    grid = np.array(rings)
    faces = _grid_faces(len(profile), slices + 1)
    return _clean(grid[..., :3].reshape(-1, 3), faces, grid[..., 3:].reshape(-1, 2))


def sweep(line: ArrayLike, radii: Sequence[float], sides: int = 8) -> Mesh:
    """A tube along a line in the xy plane; v runs along it, u around it.

    Args:
        line: shape (n, 2), x and y (m).
        radii: of the tube at each point of the line (m).
        sides: number of sides.
    """
    points = np.asarray(line, dtype=np.float64)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.column_stack([-along[:, 1], along[:, 0]])
    turn = np.linspace(0.0, 1.0, sides + 1)
    angle = 2 * np.pi * turn
    rings = []
    for index, radius in enumerate(radii):
        flat = points[index] + radius * np.cos(angle)[:, None] * across[index]
        v = np.full(sides + 1, index / (len(radii) - 1))
        rings.append(np.column_stack([flat, radius * np.sin(angle), turn, v]))
    grid = np.array(rings)
    faces = _grid_faces(len(radii), sides + 1)[:, ::-1]
    return _clean(grid[..., :3].reshape(-1, 3), faces, grid[..., 3:].reshape(-1, 2))


def pillow(half: tuple[float, float, float], columns: int = 6, rows: int = 8) -> Mesh:
    """A filled bag, flat at its seams; the image is on both of its faces (normals -y and y)."""
    hx, hy, hz = half
    x, z = np.meshgrid(np.linspace(-1, 1, columns + 1), np.linspace(-1, 1, rows + 1))
    bulge = hy * np.clip(1 - x**4, 0, 1) ** 0.5 * np.clip(1 - np.abs(z) ** 5, 0, 1) ** 0.7
    waist = 1 - 0.06 * np.cos(np.pi * z / 2)
    vertices: list[NDArray[np.float64]] = []
    faces: list[NDArray[np.int64]] = []
    coordinates: list[NDArray[np.float64]] = []
    for side in (-1.0, 1.0):
        sheet = np.stack([hx * x * waist, side * np.maximum(bulge, 0.0015), hz * z], axis=-1)
        grid = _grid_faces(rows + 1, columns + 1)
        faces.append((grid if side < 0 else grid[:, ::-1]) + len(vertices) * x.size)
        vertices.append(sheet.reshape(-1, 3))
        u = (1 - side * x) / 2 if side > 0 else (1 + x) / 2
        coordinates.append(np.stack([u, (1 - z) / 2], axis=-1).reshape(-1, 2))
    return _clean(np.concatenate(vertices), np.concatenate(faces), np.concatenate(coordinates))


def box(half: tuple[float, float, float], split: float) -> Mesh:
    """A box; image rows above `split` (0..1) cover its top and bottom, the rest each side."""
    hx, hy, hz = half
    vertices: list[NDArray[np.float64]] = []
    faces: list[tuple[int, int, int]] = []
    coordinates: list[tuple[float, float]] = []
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    sides = (
        (np.array([1, 0, 0]), np.array([0, 0, 1]), np.array([0, -1, 0])),
        (np.array([-1, 0, 0]), np.array([0, 0, 1]), np.array([0, 1, 0])),
        (np.array([0, 1, 0]), np.array([0, 0, 1]), np.array([1, 0, 0])),
        (np.array([0, -1, 0]), np.array([0, 0, 1]), np.array([-1, 0, 0])),
        (np.array([1, 0, 0]), np.array([0, 1, 0]), np.array([0, 0, 1])),
        (np.array([1, 0, 0]), np.array([0, -1, 0]), np.array([0, 0, -1])),
    )
    for number, (right, up, normal) in enumerate(sides):
        low, high = (split, 1.0) if number < 4 else (0.0, split)
        for column, row in corners:
            vertices.append((normal + column * right + row * up) * (hx, hy, hz))
            coordinates.append(((1 + column) / 2, low + (high - low) * (1 - row) / 2))
        first = 4 * number
        faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    return Mesh(np.array(vertices), np.array(faces), np.array(coordinates))


def _grid_faces(rows: int, columns: int) -> NDArray[np.int64]:
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    lower = np.column_stack([first, first + 1, first + columns + 1])
    upper = np.column_stack([first, first + columns + 1, first + columns])
    return np.concatenate([lower, upper])


def _clean(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], coordinates: NDArray[np.float64]
) -> Mesh:
    """The mesh without triangles of zero area."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    return Mesh(vertices, faces[area > 1e-10], coordinates)
