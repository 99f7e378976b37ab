"""`robo/AlohaTransferCube-v1` and `robo/AlohaInsertion-v1` as gymnasium environments.

Observation (dict): `state`, float32 of shape (14,), named by `STATE_NAMES`; and, when `image_size`
is given, `images/<camera>`, uint8 of shape (height, width, 3), for each camera. Action: 14 numbers,
named by `ACTION_NAMES`. True object poses are only in `info` (plain types) and, for experts, in
`AlohaEnv.aloha_state`.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.aloha.model import (
    CAMERAS,
    JOINTS,
    SIDES,
    START_POSE,
    drawing_model,
    finger_of,
    opening_of,
    scene_model,
)
from envs.aloha.rules import (
    DONE,
    SUCCESS_RULE_VERSION,
    Touching,
    insertion_stage,
    transfer_stage,
)
from envs.aloha.state import AlohaState, touching_pairs
from envs.images import ObservationDict, checked_image_size, observation_space
from envs.stability import is_unstable

if TYPE_CHECKING:
    from envs.rendering import CameraRenderer

STATE_NAMES: Final[tuple[str, ...]] = tuple(
    f"{side}_{name}" for side in SIDES for name in (*JOINTS, "gripper")
)
"""For each arm, left first: joint positions (rad), then gripper opening (0 to 1)."""

ACTION_NAMES: Final = STATE_NAMES
"""Targets for the same joints and grippers."""

CONTROL_HZ: Final[int] = 50

Ranges = tuple[tuple[float, float, float], tuple[float, float, float]]

# To the log: by default MuJoCo writes warnings to a file in the working directory.
mujoco.set_mju_user_warning(logging.getLogger(__name__).warning)


class AlohaEnv(gymnasium.Env[ObservationDict, NDArray[np.float32]]):
    """Two arms at a table; each task is a subclass.

    The reward of a step is the stage reached after it, 0 to 4; `info["success"]` is whether the
    episode has reached 4.

    Args:
        image_size: (height, width) or one number for square images; None for no images.
        cameras: cameras to observe, from `envs.aloha.model.CAMERAS`.
        success_ends_episode: whether success ends the episode.
        render_mode: "rgb_array" makes `render` return an image of the table.

    Raises:
        ValueError: an argument is out of range; the message says what to do.
        gymnasium.error.DependencyNotInstalled: the model files are missing.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": CONTROL_HZ,
    }

    scene: ClassVar[str]
    """Name of the scene, see `scene_model`."""
    instruction: ClassVar[str]
    """The task in words."""
    starts: ClassVar[Mapping[str, Ranges]]
    """Start range of each object: lowest and highest position (world frame, m)."""
    recording_image_size: ClassVar[tuple[int, int]] = (240, 320)
    """Default height and width for datasets: half the resolution of LeRobot's datasets of these
    tasks. The cube is seven pixels wide, the peg's clearance three."""

    def __init__(
        self,
        image_size: int | Sequence[int] | None = None,
        cameras: Sequence[str] = ("top",),
        success_ends_episode: bool = True,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f'render_mode is {render_mode!r}, it must be None or "rgb_array"')
        unknown = [name for name in cameras if name not in CAMERAS]
        if unknown or isinstance(cameras, str):
            raise ValueError(f"cameras is {cameras!r}, choose a list from {', '.join(CAMERAS)}")
        self.render_mode = render_mode
        self.control_hz = CONTROL_HZ
        self.cameras = tuple(cameras)
        self.image_size = checked_image_size(image_size)
        self._success_ends_episode = success_ends_episode
        self._model = scene_model(self.scene)
        self._data = mujoco.MjData(self._model)
        self._substeps = round(1.0 / CONTROL_HZ / self._model.opt.timestep)
        self._objects = {name: self._free_joint(name) for name in self.starts}
        self._thin_model: mujoco.MjModel | None = None
        self._renderers: dict[bool, CameraRenderer] = {}

        low, high = _action_bounds(self._model)
        self.action_space = spaces.Box(low, high)
        self.observation_space = observation_space(len(STATE_NAMES), self.cameras, self.image_size)

    @staticmethod
    def stage(touching: Touching) -> int:
        """The success rule: the stage of the task, 0 to 4."""
        raise NotImplementedError

    @property
    def aloha_state(self) -> AlohaState:
        """The current true state; for experts, not for policies."""
        joints, openings = {}, {}
        for index, side in enumerate(SIDES):
            joints[side] = self._data.qpos[8 * index : 8 * index + 6].copy()
            openings[side] = float(opening_of(self._data.qpos[8 * index + 6]))
        return AlohaState(joints, openings, self._poses(), self._touching)

    @property
    def model(self) -> mujoco.MjModel:
        """The simulated model; for rendering and tools."""
        return self._model

    @property
    def data(self) -> mujoco.MjData:
        """The simulation's state; for rendering and tools, not for policies."""
        return self._data

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObservationDict, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: random seed for this and the following episodes.
            options: may hold `objects`, start poses by object name: position (world frame, m),
                optionally followed by a quaternion (w, x, y, z).

        Raises:
            ValueError: `objects` is malformed.
        """
        super().reset(seed=seed)
        drawn = {
            name: np.array([*self.np_random.uniform(*ranges), 1.0, 0.0, 0.0, 0.0])
            for name, ranges in self.starts.items()
        }
        drawn |= self._asked_poses((options or {}).get("objects", {}))
        model, data = self._model, self._data
        mujoco.mj_resetData(model, data)
        data.qpos[:16] = 2 * START_POSE
        data.ctrl[:] = 2 * START_POSE
        for name, pose in drawn.items():
            data.qpos[self._objects[name]] = pose
        mujoco.mj_forward(model, data)
        self._touching = touching_pairs(model, data)
        self._highest = 0
        self._observation = self._observe()
        return self._observation, self._info(stage=0, unstable=False)

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[ObservationDict, float, bool, bool, dict[str, Any]]:
        """Apply an action for 1/50 s.

        Args:
            action: shape (14,); values outside the action space are clipped.

        Raises:
            ValueError: the action has another shape or is not finite.
        """
        model, data = self._model, self._data
        data.ctrl[:] = self._controls(action)
        # Ends on mj_step1, so that contacts, like all that is observed, match the new state.
        mujoco.mj_step2(model, data)
        mujoco.mj_step(model, data, self._substeps - 1)
        mujoco.mj_step1(model, data)
        unstable = is_unstable(data)
        stage = 0
        if not unstable:
            self._touching = touching_pairs(model, data)
            stage = self.stage(self._touching)
            self._highest = max(self._highest, stage)
            self._observation = self._observe()
        info = self._info(stage, unstable)
        terminated = unstable or (self._success_ends_episode and bool(info["success"]))
        return self._observation, float(stage), terminated, False, info

    def render(self) -> NDArray[np.uint8] | None:
        """An image of the table, shape (480, 640, 3), or None without a render mode."""
        if self.render_mode is None:
            return None
        return self._picture("angle", observation=False)

    def close(self) -> None:
        """Free the renderers."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _controls(self, action: NDArray[np.float32]) -> NDArray[np.float64]:
        """Actuator controls, shape (16,): the fingers of a gripper mirror each other."""
        try:
            numbers = np.asarray(action, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(
                f'action is {action!r}, the env "{self._name}" takes an array of shape (14,)'
            ) from None
        if numbers.shape != (len(ACTION_NAMES),):
            raise ValueError(
                f'action has shape {numbers.shape}, the env "{self._name}" takes (14,)'
            )
        if not np.isfinite(numbers).all():
            names = [n for n, v in zip(ACTION_NAMES, numbers, strict=True) if not np.isfinite(v)]
            raise ValueError(
                f'action is not finite in {", ".join(names)}, the env "{self._name}" needs it'
            )
        space = cast(spaces.Box, self.action_space)
        arms = np.clip(numbers, space.low, space.high).reshape(2, 7)
        finger = finger_of(arms[:, 6:])
        return np.hstack([arms[:, :6], finger, -finger]).ravel()

    def _asked_poses(self, asked: object) -> dict[str, NDArray[np.float64]]:
        if not isinstance(asked, Mapping) or not asked.keys() <= self.starts.keys():
            raise ValueError(f'"objects" is {asked!r}, it must give poses of {list(self.starts)}')
        poses = {}
        for name, numbers in asked.items():
            pose = np.asarray(numbers, dtype=np.float64)
            if pose.shape == (3,):
                pose = np.concatenate([pose, [1.0, 0.0, 0.0, 0.0]])
            if pose.shape != (7,) or not np.isfinite(pose).all() or not pose[3:].any():
                raise ValueError(f"the pose of {name!r} is {numbers!r}, it must be 3 or 7 numbers")
            poses[name] = pose
        return poses

    @property
    def _name(self) -> str:
        return self.spec.id if self.spec is not None else type(self).__name__

    def _free_joint(self, body: str) -> slice:
        start = int(self._model.jnt_qposadr[self._model.body(body).jntadr[0]])
        return slice(start, start + 7)

    def _poses(self) -> dict[str, NDArray[np.float64]]:
        return {name: self._data.qpos[place].copy() for name, place in self._objects.items()}

    def _observe(self) -> ObservationDict:
        arms = self._data.qpos[:16].reshape(2, 8)
        vector = np.hstack([arms[:, :6], opening_of(arms[:, 6:7])]).ravel()
        observation: ObservationDict = {"state": vector.astype(np.float32)}
        if self.image_size is not None:
            for camera in self.cameras:
                observation[f"images/{camera}"] = self._picture(camera, observation=True)
        return observation

    def _picture(self, camera: str, *, observation: bool) -> NDArray[np.uint8]:
        # Imported late: an environment without images needs no GL library.
        from envs.rendering import OBSERVATION, VIDEO, CameraRenderer

        if self._thin_model is None:
            self._thin_model = drawing_model(self._model)
        if observation not in self._renderers:
            size = self.image_size if observation and self.image_size is not None else (480, 640)
            self._renderers[observation] = CameraRenderer(
                *size, OBSERVATION if observation else VIDEO
            )
        shown = self._thin_model if observation else self._model
        return self._renderers[observation].render(shown, self._data, camera)

    def _info(self, stage: int, unstable: bool) -> dict[str, Any]:
        return {
            "objects": [
                {"name": name, "position": pose[:3].tolist(), "quaternion": pose[3:].tolist()}
                for name, pose in self._poses().items()
            ],
            "stage": stage,
            "highest_stage": self._highest,
            "success": self._highest == DONE,
            "unstable": unstable,
            "success_rule_version": SUCCESS_RULE_VERSION,
        }


class AlohaTransferCubeEnv(AlohaEnv):
    """The right arm picks up the cube and hands it to the left arm."""

    scene = "transfer_cube"
    instruction = "pick up the cube with the right arm and hand it to the left arm"
    starts: ClassVar[Mapping[str, Ranges]] = {"box": ((0.0, 0.4, 0.05), (0.2, 0.6, 0.05))}

    @staticmethod
    def stage(touching: Touching) -> int:
        """See `envs.aloha.rules`."""
        return transfer_stage(touching)


class AlohaInsertionEnv(AlohaEnv):
    """The left arm picks up the socket, the right arm the peg and inserts it in mid-air."""

    scene = "insertion"
    instruction = "pick up the socket and the peg and put the peg into the socket"
    starts: ClassVar[Mapping[str, Ranges]] = {
        "peg": ((0.1, 0.4, 0.05), (0.2, 0.6, 0.05)),
        "socket": ((-0.2, 0.4, 0.05), (-0.1, 0.6, 0.05)),
    }

    @staticmethod
    def stage(touching: Touching) -> int:
        """See `envs.aloha.rules`."""
        return insertion_stage(touching)


def _action_bounds(model: mujoco.MjModel) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Control ranges of the joint actuators, and 0 to 1 for the openings; shapes (14,)."""
    ranges = model.actuator_ctrlrange.reshape(2, 8, 2)[:, :6]
    low = np.hstack([ranges[:, :, 0], np.zeros((2, 1))]).ravel()
    high = np.hstack([ranges[:, :, 1], np.ones((2, 1))]).ravel()
    return low.astype(np.float32), high.astype(np.float32)
