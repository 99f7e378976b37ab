"""Turns held keys, dragged gizmos and sliders into an action of the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import gymnasium
import mujoco
import numpy as np
from numpy.typing import NDArray

from robo.recording.joints import Joints

Vector = NDArray[np.float64]
Pose = NDArray[np.float64]
"""Position (m) and quaternion wxyz, world frame, shape (7,)."""

ARRIVED: Final = 0.004
"""A gripper this close to its gizmo (m) has reached it."""
ARRIVED_ANGLE: Final = 0.03
PULL: Final = 0.5
"""Share of the way to the gizmo that one action asks for; the whole way would overshoot, because
the gripper responds late."""


@dataclass(frozen=True)
class Operator:
    """What the person at the page is doing.

    Attributes:
        keys: Held keys, in lower case, as browsers name them.
        targets: Poses that gizmos are dragged to, by name; only those that pull.
        driving: Whether keys drive the base instead of the arm.
        closed: Names of the grippers that should be closed.
        speed: Speed of the keys, 0 to 1 of the environment's limits.
        sliders: Values set since the last tick, by name.
        choose: Steps to move the selection of an element since the last tick.
        switch: Whether to toggle between staying and springing back since the last tick.
    """

    keys: frozenset[str] = frozenset()
    targets: Mapping[str, Pose] = field(default_factory=dict)
    driving: bool = False
    closed: frozenset[str] = frozenset()
    speed: float = 0.5
    sliders: Mapping[str, float] = field(default_factory=dict)
    choose: int = 0
    switch: bool = False


@dataclass(frozen=True)
class Slider:
    """An element of the action that is set directly."""

    name: str
    low: float
    high: float
    start: float


@dataclass(frozen=True)
class View:
    """A viewpoint on the scene.

    Attributes:
        position: Camera position (m, world).
        target: Point that it looks at (m, world).
        carrier: Body that the camera follows, or None.
    """

    position: Vector
    target: Vector
    carrier: int | None = None


class Controls(Protocol):
    """How one kind of robot interprets an operator. Called from the session's thread.

    Attributes:
        grippers: Names of the grippers, each with a gizmo.
        drives: Whether there is a base to drive.
        sliders: Elements of the action that have a slider; empty for robots moved by keys.
        keys: Key help for the page: mode, keys, meaning.
    """

    grippers: tuple[str, ...]
    drives: bool
    sliders: tuple[Slider, ...]
    keys: tuple[tuple[str, str, str], ...]

    def labels(self) -> tuple[str, ...]:
        """Skill labels to choose from."""
        ...

    def begin(self, observation: Mapping[str, Any], info: Mapping[str, Any]) -> frozenset[str]:
        """Begin an episode; returns the grippers that hold something."""
        ...

    def attend(self, operator: Operator, observation: Mapping[str, Any]) -> None:
        """Apply inputs that count even without an action; called every tick."""
        ...

    def panel(self) -> Mapping[str, Any]:
        """State to show on the page at every tick, plain types."""
        ...

    def poses(self) -> dict[str, Pose]:
        """Poses of the grippers."""
        ...

    def action(self, operator: Operator, seconds: float = 0.1) -> NDArray[np.float32]:
        """The action for the operator's input, inside the action space.

        Args:
            operator: What the operator does.
            seconds: Duration of the action.
        """
        ...

    def goodbye(self, operator: Operator) -> NDArray[np.float32] | None:
        """The last action of a kept episode, or None."""
        ...

    def view(self) -> View:
        """A good view of the robot now."""
        ...


def controls_of(env: "gymnasium.Env[Any, Any]") -> Controls:
    """The controls for an environment.

    Raises:
        UserError: Its action space is not a Box.
    """
    from envs.kitchen.env import KitchenEnv

    if isinstance(env, KitchenEnv):
        from robo.recording.browser_kitchen import KitchenControls

        return KitchenControls(env)
    return SliderControls(env)


class SliderControls:
    """A slider for every element of the action; keys select one and move it."""

    grippers: tuple[str, ...] = ()
    drives = False
    keys: tuple[tuple[str, str, str], ...] = (
        ("", "[ ]", "choose a number"),
        ("", "I K", "move it up, down"),
        ("", "T", "stays, or springs back"),
        ("", "+ -", "speed"),
        ("", "V", "view"),
    )

    def __init__(self, env: "gymnasium.Env[Any, Any]") -> None:
        self._env = env
        self._joints = joints = Joints(env)
        rows = zip(joints.names, joints.low, joints.high, joints.values, strict=True)
        self.sliders = tuple(Slider(n, float(a), float(b), float(v)) for n, a, b, v in rows)

    def labels(self) -> tuple[str, ...]:
        """None."""
        return ()

    def begin(self, observation: Mapping[str, Any], info: Mapping[str, Any]) -> frozenset[str]:
        """Set elements that stay to the robot's state; there are no grippers."""
        self._joints.begin(observation.get("state"))
        return frozenset()

    def attend(self, operator: Operator, observation: Mapping[str, Any]) -> None:
        """Apply moved sliders and selection."""
        joints = self._joints
        joints.choose(operator.choose)
        if operator.switch:
            joints.switch(observation.get("state"))
        for name, value in operator.sliders.items():
            if name in joints.names:
                joints.put(joints.names.index(name), value)

    def panel(self) -> Mapping[str, Any]:
        """The elements, and which one keys move."""
        joints = self._joints
        values = [round(float(value), 4) for value in joints.values]
        return {"values": values, "chosen": joints.chosen, "stays": joints.stays}

    def poses(self) -> dict[str, Pose]:
        """None."""
        return {}

    def action(self, operator: Operator, seconds: float = 0.1) -> NDArray[np.float32]:
        """The elements, with the selected one pushed by its keys."""
        joints = self._joints
        way = np.zeros(len(joints.names))
        way[joints.chosen] = axis(operator.keys, "i", "k")
        return joints.move(way, operator.speed, seconds)

    def goodbye(self, operator: Operator) -> NDArray[np.float32] | None:
        """None."""
        return None

    def view(self) -> View:
        """Towards the centre of the model."""
        model = getattr(self._env, "model", None)
        centre = np.zeros(3) if model is None else np.array(model.stat.center, np.float64)
        reach = 1.0 if model is None else float(model.stat.extent)
        return View(centre + reach * np.array([0.6, -0.6, 0.5]), centre)


def pose_error(pose: Pose, target: Pose) -> tuple[Vector, Vector]:
    """Translation (m) and rotation vector (rad) from a pose to a target, world frame."""
    conjugate, turn, vector = np.zeros(4), np.zeros(4), np.zeros(3)
    mujoco.mju_negQuat(conjugate, pose[3:])
    mujoco.mju_mulQuat(turn, target[3:], conjugate)
    mujoco.mju_quat2Vel(vector, turn, 1.0)
    return target[:3] - pose[:3], vector


def arrived(pose: Pose, target: Pose) -> bool:
    """Whether a gripper has reached its gizmo."""
    way, turn = pose_error(pose, target)
    return bool(np.linalg.norm(way) < ARRIVED and np.linalg.norm(turn) < ARRIVED_ANGLE)


def axis(keys: frozenset[str], up: str, down: str) -> float:
    """1, -1 or 0 for a pair of keys."""
    return float((up in keys) - (down in keys))


def slowed(vector: Vector, limits: Vector) -> Vector:
    """The same direction, shortened until every element is within its limit."""
    excess = float(np.max(np.abs(vector) / limits))
    return vector / excess if excess > 1 else vector
