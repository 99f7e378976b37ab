"""Robots drawn with their published meshes, where the wheel that has them is installed."""

import dataclasses

import mujoco
import numpy as np
import pytest

from envs.humanoid.robots import robot_config, robot_spec
from envs.humanoid.shell import GRID, coarsened, has_shell


def sphere(rings: int, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and outward faces of a sphere."""
    up, round_ = np.meshgrid(
        np.linspace(0.0, np.pi, rings + 1), np.linspace(0.0, 2.0 * np.pi, 2 * rings + 1)
    )
    points = np.stack((np.sin(up) * np.cos(round_), np.sin(up) * np.sin(round_), np.cos(up)), -1)
    number = np.arange(points.shape[0] * points.shape[1]).reshape(points.shape[:2])
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    faces = np.concatenate(
        [np.stack(corners, -1).reshape(-1, 3) for corners in ((a, c, b), (a, d, c))]
    )
    return radius * points.reshape(-1, 3), faces.astype(np.int32)


def test_a_coarsened_surface_has_fewer_triangles_at_nearly_the_same_place() -> None:
    vertices, faces = sphere(200, 0.1)
    fewer, corners = coarsened(vertices, faces, GRID)
    assert len(corners) < 0.15 * len(faces)
    assert np.abs(np.linalg.norm(fewer, axis=1) - 0.1).max() < GRID / 2.0
    a, b, c = fewer[corners].transpose(1, 0, 2)
    whole = 4.0 / 3.0 * np.pi * 0.1**3
    assert abs((np.cross(a, b) * c).sum() / 6.0) == pytest.approx(whole, rel=0.03)


@pytest.mark.parametrize("name", ["g1-12", "g1-29", "t1-12"])
def test_meshes_are_drawn_and_change_nothing_else(name: str) -> None:
    robot = robot_config(name)
    assert has_shell(robot)
    drawn, bare = robot_spec(robot, figure=True).compile(), robot_spec(robot).compile()
    assert drawn.nmesh > 20
    for field in ("body_mass", "body_inertia", "body_ipos", "jnt_range", "qpos0"):
        np.testing.assert_allclose(getattr(drawn, field), getattr(bare, field), atol=1e-12)
    shells = drawn.geom_type == mujoco.mjtGeom.mjGEOM_MESH
    assert not drawn.geom_contype[shells].any()
    assert not drawn.geom_conaffinity[shells].any()
    data = mujoco.MjData(drawn)
    mujoco.mj_resetDataKeyframe(drawn, data, 0)
    mujoco.mj_forward(drawn, data)
    # The meshes stand on the ground that the soles stand on.
    lowest = min(
        (drawn.mesh_vert[first : first + count] @ data.geom_xmat[geom].reshape(3, 3)[2]).min()
        + data.geom_xpos[geom][2]
        for geom in np.flatnonzero(shells)
        for mesh in [drawn.geom_dataid[geom]]
        for first, count in [(drawn.mesh_vertadr[mesh], drawn.mesh_vertnum[mesh])]
    )
    assert abs(lowest) < 0.015


def test_without_the_wheel_a_robot_is_drawn_as_capsules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envs.humanoid.shell.is_installed", lambda: False)
    model = robot_spec(robot_config("g1-12"), figure=True).compile()
    assert model.nmesh == 0
    assert (model.geom_type == mujoco.mjtGeom.mjGEOM_CAPSULE).sum() > 20


def test_a_robot_without_meshes_is_drawn_as_capsules() -> None:
    robot = dataclasses.replace(robot_config("g1-29"), shell="")
    assert not has_shell(robot)
    assert robot_spec(robot, figure=True).compile().nmesh == 0
