"""The kitchen robot's controls: WASD move, IJKL lift and turn, M switches arm and base."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.kitchen.control import ARM, BASE, TERMINATE
from envs.kitchen.env import KitchenEnv
from envs.kitchen.vocabulary import DRAWERS, PLACES
from robo.recording.browser_controls import (
    PULL,
    Operator,
    Pose,
    Slider,
    View,
    axis,
    pose_error,
    slowed,
)

GRIPPER: Final = "gripper"
KEYS: Final = (
    ("arm", "W S", "forward, back"),
    ("arm", "A D", "left, right"),
    ("arm", "I K", "up, down"),
    ("arm", "J L", "turn"),
    ("arm", "U O", "tilt"),
    ("base", "W S", "drive"),
    ("base", "A D", "sideways"),
    ("base", "J L", "turn"),
    ("", "Space", "gripper"),
    ("", "M", "arm or base"),
    ("", "+ -", "speed"),
    ("", "V", "view"),
)
CAMERA: Final = np.array([-0.95, -0.95, 1.95])
"""Behind the robot's right shoulder, base frame (m); its mast is on the left."""
TARGET: Final = np.array([0.65, 0.05, 0.75])


class KitchenControls:
    """See `browser_controls.Controls`."""

    grippers: tuple[str, ...] = (GRIPPER,)
    drives = True
    sliders: tuple[Slider, ...] = ()
    keys: tuple[tuple[str, str, str], ...] = KEYS

    def __init__(self, env: KitchenEnv) -> None:
        self._env = env
        space = env.action_space
        self._low = np.asarray(space.low, np.float64)  # type: ignore[attr-defined]
        self._high = np.asarray(space.high, np.float64)  # type: ignore[attr-defined]

    def labels(self) -> tuple[str, ...]:
        """Skill labels for this kitchen's objects, places and drawers."""
        names = dict.fromkeys(self._env.scene.names)
        return (
            *(f"{verb} the {name}" for name in names for verb in ("find", "pick up", "put down")),
            *(f"go to the {place}" for place in PLACES),
            "bring it to you",
            *(f"{verb} the {drawer}" for drawer in DRAWERS for verb in ("open", "close")),
        )

    def begin(self, observation: Mapping[str, Any], info: Mapping[str, Any]) -> frozenset[str]:
        """The gripper, if it holds something."""
        return frozenset(() if info.get("holding") is None else self.grippers)

    def attend(self, operator: Operator, observation: Mapping[str, Any]) -> None:
        """Does nothing."""

    def panel(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def poses(self) -> dict[str, Pose]:
        """The gripper's pose."""
        state = self._env.kitchen_state
        return {GRIPPER: np.concatenate([state.gripper_position, state.gripper_quaternion])}

    def action(self, operator: Operator, seconds: float = 0.1) -> NDArray[np.float32]:
        """The 11 elements of `envs.kitchen.control`."""
        keys, high = operator.keys, self._high
        action = np.zeros(11)
        action[6] = 0.0 if GRIPPER in operator.closed else 1.0
        target = operator.targets.get(GRIPPER)
        if target is not None:
            way, turn = pose_error(self.poses()[GRIPPER], target)
            to_base = self._to_base()
            action[0:3] = slowed(PULL * (to_base @ way), high[0:3])
            action[3:6] = slowed(PULL * (to_base @ turn), high[3:6])
        elif operator.driving:
            wanted = (axis(keys, "w", "s"), axis(keys, "a", "d"), axis(keys, "j", "l"))
            action[7:10] = np.array(wanted) * operator.speed * high[7:10]
        else:
            wanted = (axis(keys, "w", "s"), axis(keys, "a", "d"), axis(keys, "i", "k"))
            tilt = (0.0, axis(keys, "u", "o"), axis(keys, "j", "l"))
            action[0:6] = np.array((*wanted, *tilt)) * operator.speed * high[0:6]
        action[10] = BASE if operator.driving and target is None else ARM
        return np.clip(action, self._low, high).astype(np.float32)

    def goodbye(self, operator: Operator) -> NDArray[np.float32] | None:
        """An action in mode "terminate", so that a policy learns when to stop."""
        action = self.action(Operator(closed=operator.closed))
        action[10] = TERMINATE
        return action

    def view(self) -> View:
        """Over the robot's shoulder, following the robot."""
        x, y, _ = self._env.kitchen_state.base
        to_world, base = self._to_base().T, np.array([x, y, 0.0])
        carrier = self._env.scene.base_body
        return View(base + to_world @ CAMERA, base + to_world @ TARGET, carrier)

    def _to_base(self) -> NDArray[np.float64]:
        yaw = self._env.kitchen_state.base[2]
        cosine, sine = np.cos(yaw), np.sin(yaw)
        return np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
