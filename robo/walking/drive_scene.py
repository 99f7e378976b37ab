"""The 3-D scene of `robo walk`: the robot in the middle, the ground gliding below it.

The view follows the robot because the world is drawn relative to it; the viewers' cameras are left
to the viewers.
"""

from typing import Any, Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.humanoid.batch import WalkBatch
from envs.humanoid.robots import robot_spec
from envs.humanoid.state import heading
from envs.humanoid.terrain import FLAT, PERIOD
from robo.recording.browser_scene import Poses, body_poses

CAMERA: Final = np.array([-2.3, -1.3, 1.5])
TARGET: Final = np.array([0.25, 0.0, 0.6])
"""Initial view, relative to the robot's place on the ground (m): behind its right shoulder."""

_TILES: Final = 2.0
"""Period of the ground's checker pattern (m): two tiles."""

_HALF: Final = 10.0
_CELL: Final = 0.1
"""Half side and grid spacing of the uneven ground shown (m)."""

_PLANE: Final = 20.0
"""Half side of the flat ground shown (m)."""

_GLIDE: Final = 0.15
_CLIMB: Final = 0.6
_TURN: Final = 0.6
"""Time constants (s) with which the view follows the robot's place, height and heading."""

_LEAP: Final = 0.3
"""A larger move (m) between calls means that the robot was stood up elsewhere."""


class DriveScene:
    """A batch's first copy, drawn relative to its own place.

    Args:
        batch: The batch.

    Attributes:
        model: Model to show.
        turns: Whether the view turns with the robot.
    """

    def __init__(self, batch: WalkBatch) -> None:
        self._batch = batch
        self._flat = batch.terrain_name == FLAT
        self.model = self._built()
        self._data = mujoco.MjData(self.model)
        self.turns = True
        self.jump()

    def jump(self) -> None:
        """Move the view to the robot at once."""
        self._last, self._yaw = self._robot
        self._place = self._last

    def poses(self, seconds: float) -> tuple[Poses, bool]:
        """Poses of all bodies, `seconds` after the last call, and whether something jumped."""
        place, yaw = self._robot
        # A robot that walks off uneven ground is set back by one period, onto the same ground.
        shift = PERIOD * np.round((place - self._last) / PERIOD)
        stood_up = float(np.linalg.norm(place - self._last - shift)) > _LEAP
        if stood_up:
            self.jump()
        else:
            share = np.minimum(1.0, seconds / np.array((_GLIDE, _GLIDE, _CLIMB)))
            self._place = self._place + shift
            self._place = self._place + (place - self._place) * share
            self._last = place
        if self.turns:
            way = (yaw - self._yaw + np.pi) % (2.0 * np.pi) - np.pi
            self._yaw += way * min(1.0, seconds / _TURN)
        self._data.qpos[:] = self._batch.qpos[0]
        mujoco.mj_kinematics(self.model, self._data)
        poses = body_poses(self._data)
        if self._flat:
            poses[0, :2] = _TILES * np.round(self._place[:2] / _TILES)
        return _seen_from(poses, self._place, self._yaw), stood_up or bool(shift.any())

    @property
    def _robot(self) -> tuple[NDArray[np.float64], float]:
        qpos = self._batch.qpos[:1]
        cosine, sine = heading(qpos[:, 3:7])[0]
        height = 0.0 if self._flat else qpos[0, 2] - self._batch.robot.base_height
        return np.array((*qpos[0, :2], height)), float(np.arctan2(sine, cosine))

    def _built(self) -> Any:
        batch = self._batch
        spec = robot_spec(batch.robot, figure=True)
        spec.add_texture(
            name="tiles",
            type=mujoco.mjtTexture.mjTEXTURE_2D,
            builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
            rgb1=(0.60, 0.66, 0.66),
            rgb2=(0.72, 0.77, 0.76),
            width=64,
            height=64,
        )
        half = _PLANE if self._flat else _HALF
        repeat = 2.0 * half / _TILES
        material = spec.add_material(name="tiles", texrepeat=(repeat, repeat))
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "tiles"
        kind, size = mujoco.mjtGeom.mjGEOM_PLANE, (half, half, 0.1)
        name = ""
        if not self._flat:
            nodes = round(2.0 * _HALF / _CELL) + 1
            along = np.linspace(-_HALF, _HALF, nodes)
            x, y = np.meshgrid(along, along)
            heights = batch.terrain.height(np.array([0]), x.reshape(1, -1), y.reshape(1, -1))[0]
            top = max(float(heights.max()), 0.01)
            name = "uneven"
            spec.add_hfield(
                name=name,
                nrow=nodes,
                ncol=nodes,
                size=(_HALF, _HALF, top, 0.1),
                userdata=(heights / top).tolist(),
            )
            kind, size = mujoco.mjtGeom.mjGEOM_HFIELD, (0.0, 0.0, 0.0)
        spec.worldbody.add_geom(
            type=kind, size=size, hfieldname=name, material="tiles", contype=0, conaffinity=0
        )
        return spec.compile()


def _seen_from(poses: Poses, place: NDArray[np.float64], yaw: float) -> Poses:
    """Poses in a level frame at a place (3,), with its x axis along a yaw."""
    cosine, sine = np.cos(yaw), np.sin(yaw)
    seen = poses.copy()
    x, y, seen[:, 2] = (poses[:, :3] - place).T
    seen[:, 0], seen[:, 1] = cosine * x + sine * y, cosine * y - sine * x
    half_cosine, half_sine = np.cos(yaw / 2.0), -np.sin(yaw / 2.0)
    w, i, j, k = poses[:, 3:].T
    seen[:, 3], seen[:, 6] = half_cosine * w - half_sine * k, half_cosine * k + half_sine * w
    seen[:, 4], seen[:, 5] = half_cosine * i - half_sine * j, half_cosine * j + half_sine * i
    return seen


__all__ = ["CAMERA", "TARGET", "DriveScene"]
