"""`robo/Kitchen-v1`: a mobile manipulator in a kitchen, as a gymnasium environment.

Observation (dict): `state`, float32 of shape (31,), named by `STATE_NAMES`; and, when `image_size`
is given, `images/<camera>`, uint8 of shape (height, width, 3), for each camera. Action: see
`envs.kitchen.control`. True object states are only in `info` (plain types) and, for experts and
success rules, in `KitchenEnv.kitchen_state`.
"""

import logging
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.images import ObservationDict, checked_image_size, observation_space
from envs.kitchen import robot
from envs.kitchen.control import (
    SERVO_HZ,
    TERMINATE,
    Controller,
    action_bounds,
    check_action,
)
from envs.kitchen.furniture import OVERVIEW_CAMERA
from envs.kitchen.randomization import TERMS, Randomizer, Samples
from envs.kitchen.rules import SUCCESS_RULE_VERSION
from envs.kitchen.scene import Scene, build_scene
from envs.kitchen.sight import camera_sees
from envs.kitchen.start import DEFAULT_START, StartState
from envs.kitchen.state import KitchenState, read_state
from envs.registration import KITCHEN_ID
from envs.stability import is_unstable
from envs.terms import check_terms

if TYPE_CHECKING:
    from envs.rendering import CameraRenderer

STATE_NAMES: Final[tuple[str, ...]] = (
    *(f"joint{i}_position" for i in range(1, 8)),
    *(f"joint{i}_velocity" for i in range(1, 8)),
    *("gripper_x", "gripper_y", "gripper_z"),
    *(f"gripper_rotation_{row}{column}" for column in "xy" for row in "xyz"),
    "gripper_opening",
    *("base_x", "base_y", "base_yaw_cosine", "base_yaw_sine"),
    *("base_velocity_x", "base_velocity_y", "base_velocity_yaw"),
)
"""Proprioception, in order: arm joints (rad, rad/s), gripper position (base frame, m) and the first
two columns of its rotation (base frame), opening (0..1), base pose (world frame, m), base velocity
(base frame, m/s, rad/s)."""

# To the log: by default MuJoCo writes warnings to a file in the working directory.
mujoco.set_mju_user_warning(logging.getLogger(__name__).warning)

SuccessRule = Callable[[KitchenState], bool]


class KitchenEnv(gymnasium.Env[ObservationDict, NDArray[np.float32]]):
    """A kitchen in which a robot finds, fetches and puts away objects.

    Args:
        image_size: (height, width) or one number for square images; None for no images.
        cameras: names of the cameras to observe.
        start: default start state; `reset(options={"start": ...})` overrides it.
        success: a rule on the true state; it gives the reward (0 or 1) and `info["success"]`.
        control_hz: actions a second; a divisor of 50.
        randomization: names of the terms to draw at each reset (`randomization.TERMS`).
        terminate_ends_episode: whether an action of mode "terminate" ends the episode.
        render_mode: "rgb_array" makes `render` return an image of the room.

    Raises:
        ValueError: an argument is out of range; the message says what to do.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(
        self,
        image_size: int | tuple[int, int] | None = None,
        cameras: Sequence[str] = (robot.HEAD_CAMERA, robot.WRIST_CAMERA),
        start: StartState | None = None,
        success: SuccessRule | None = None,
        control_hz: int = 10,
        randomization: Sequence[str] = (),
        terminate_ends_episode: bool = True,
        render_mode: str | None = None,
    ) -> None:
        if control_hz < 1 or SERVO_HZ % control_hz:
            raise ValueError(f"control_hz is {control_hz}, it must divide {SERVO_HZ}")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f'render_mode is {render_mode!r}, it must be None or "rgb_array"')
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": control_hz}
        self.control_hz = control_hz
        self.cameras = tuple(cameras)
        self.image_size = checked_image_size(image_size)
        self._start = start or DEFAULT_START
        self._success = success
        self._terminate_ends_episode = terminate_ends_episode
        self._terms = check_terms(randomization, TERMS)
        self._renderers: dict[tuple[int, int], CameraRenderer] = {}
        self._scene: Scene | None = None
        self._delay = 0

        low, high = action_bounds(control_hz)
        self.action_space = spaces.Box(low.astype(np.float32), high.astype(np.float32))
        self.observation_space = observation_space(len(STATE_NAMES), self.cameras, self.image_size)

    @property
    def scene(self) -> Scene:
        """The scene of the current episode; for experts and tools, not for policies."""
        if self._scene is None:
            raise RuntimeError(f'the env "{KITCHEN_ID}" has no scene yet, call reset first')
        return self._scene

    @property
    def kitchen_state(self) -> KitchenState:
        """The current true state; for experts, rules and feedback, not for policies."""
        return self._state

    def sees(self, camera: str, instance: int) -> bool:
        """Whether one of the robot's cameras sees an object now; for experts."""
        return camera_sees(self.scene, self._data, camera, instance)

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
            options: may hold `start`, a `StartState` or its dictionary, for this episode.

        Raises:
            ValueError: the start state is malformed.
        """
        super().reset(seed=seed)
        start = _start_state((options or {}).get("start", self._start))
        if self._scene is None or self._scene.names != start.object_names:
            self._scene = build_scene(start)
            self._data = mujoco.MjData(self._scene.model)
            self._controller = Controller(self._scene.model, self.control_hz)
            self._randomizer = Randomizer(self._scene, self._terms)
            self._index(self._scene.model)
        self._samples: Samples = self._randomizer.reset(self._data, start, self.np_random)
        self._delay = int(self._samples.get("control delay", 0))
        self._first_opening = 0.0 if start.holding else 1.0
        self._controller.reset(self._data, self._first_opening)
        self._waiting: list[NDArray[np.float64]] = []
        self._state = read_state(self._scene, self._data)
        self._observation = self._observe()
        return self._observation, self._info(unstable=False)

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[ObservationDict, float, bool, bool, dict[str, Any]]:
        """Apply an action for 1 / `control_hz` seconds.

        Args:
            action: shape (11,); values outside the action space are clipped.

        Raises:
            ValueError: the action has another shape or is not finite.
        """
        scene, data = self.scene, self._data
        mode = self._controller.command(self._delayed(check_action(action, KITCHEN_ID)))
        for _ in range(SERVO_HZ // self.control_hz):
            self._controller.tick(data)
            for ctrl in self._controller.ramp:
                data.ctrl[:] = ctrl
                mujoco.mj_step(scene.model, data)
        unstable = is_unstable(data)
        if not unstable:
            self._state = read_state(scene, data)
            self._observation = self._observe()
        info = self._info(unstable)
        terminated = unstable or (mode == TERMINATE and self._terminate_ends_episode)
        return self._observation, float(info["success"]), terminated, False, info

    def render(self) -> NDArray[np.uint8] | None:
        """An image of the room, shape (480, 640, 3), or None without a render mode."""
        if self.render_mode is None:
            return None
        return self._picture((480, 640), OVERVIEW_CAMERA)

    def close(self) -> None:
        """Free the renderers."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _index(self, model: mujoco.MjModel) -> None:
        arm = [model.joint(name) for name in robot.ARM_JOINTS]
        base = [model.joint(name) for name in robot.BASE_JOINTS]
        self._arm_qpos = np.array([joint.qposadr[0] for joint in arm])
        self._arm_dofs = np.array([joint.dofadr[0] for joint in arm])
        self._base_dofs = np.array([joint.dofadr[0] for joint in base])

    def _delayed(self, action: NDArray[np.float64]) -> NDArray[np.float64]:
        """The action that reaches the robot now, "control delay" steps after it was given; before
        the first one arrives the robot holds still."""
        self._waiting.append(action)
        if len(self._waiting) <= self._delay:
            return np.array([*(0.0,) * 6, self._first_opening, *(0.0,) * 4])
        return self._waiting.pop(0)

    def _observe(self) -> ObservationDict:
        scene, data, state = self.scene, self._data, self._state
        x, y, yaw = state.base
        cosine, sine = np.cos(yaw), np.sin(yaw)
        to_base = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
        rotation = to_base @ data.site_xmat[scene.gripper_site].reshape(3, 3)
        vector = np.concatenate(
            [
                data.qpos[self._arm_qpos],
                data.qvel[self._arm_dofs],
                to_base @ (state.gripper_position - (x, y, 0.0)),
                rotation[:, 0],
                rotation[:, 1],
                [state.gripper_opening / robot.MAX_OPENING, x, y, cosine, sine],
                to_base @ data.qvel[self._base_dofs],
            ]
        )
        observation: ObservationDict = {"state": vector.astype(np.float32)}
        if self.image_size is not None:
            for camera in self.cameras:
                observation[f"images/{camera}"] = self._picture(self.image_size, camera)
        return observation

    def _picture(self, size: tuple[int, int], camera: str) -> NDArray[np.uint8]:
        # Imported late: an environment without images needs no GL library.
        from envs.rendering import OBSERVATION, VIDEO, CameraRenderer

        if size not in self._renderers:
            quality = OBSERVATION if size == self.image_size else VIDEO
            self._renderers[size] = CameraRenderer(*size, quality)
        return self._renderers[size].render(self.scene.model, self._data, camera)

    def _info(self, unstable: bool) -> dict[str, Any]:
        state = self._state
        success = not unstable and self._success is not None and self._success(state)
        return {
            "objects": [
                {
                    "id": thing.id,
                    "name": thing.name,
                    "position": thing.position,
                    "quaternion": thing.quaternion,
                    "place": thing.place,
                }
                for thing in state.objects
            ],
            "drawers": dict(state.drawers),
            "base": state.base,
            "holding": state.holding,
            "success": bool(success),
            "unstable": unstable,
            "randomization": deepcopy(self._samples),
            "success_rule_version": SUCCESS_RULE_VERSION,
        }


def _start_state(start: object) -> StartState:
    if isinstance(start, StartState):
        return start
    return StartState.from_dict(start)  # type: ignore[arg-type]
