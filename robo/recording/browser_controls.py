"""From held keys, a dragged gizmo and sliders to an action of the environment."""

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
"""A gripper this near its gizmo (m) has followed it."""
ARRIVED_ANGLE: Final = 0.03
PULL: Final = 0.5
"""Share of the way to the gizmo that one action asks for; a whole one would overshoot, because the
gripper answers an action late."""


@dataclass(frozen=True)
class Operator:
    """What the person at the page is doing.

    Attributes:
        keys: Keys held down, lower case, as browsers name them.
        targets: Where gizmos are dragged to, by name; only those that pull.
        driving: Whether keys drive the base rather than the arm.
        closed: Names of the grippers that are to be closed.
        speed: Of the keys, 0 to 1 of the environment's limits.
        sliders: Values by name that were set since the last tick.
        choose: How many numbers further to choose another one since the last tick.
        switch: Whether it was asked since the last tick that numbers stay, or spring back.
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
    """A number of the action that is set directly."""

    name: str
    low: float
    high: float
    start: float


@dataclass(frozen=True)
class View:
    """Where to look at the scene from.

    Attributes:
        position: Of the camera (m, world).
        target: What it looks at (m, world).
        carrier: The body that takes the camera along when it moves, or None.
    """

    position: Vector
    target: Vector
    carrier: int | None = None


class Controls(Protocol):
    """What one kind of robot makes of an operator. Called from the session's thread.

    Attributes:
        grippers: Names of the grippers, each with a gizmo.
        drives: Whether there is a base to drive.
        sliders: Numbers of the action that have a slider; empty for robots that keys move.
        keys: What the keys do, for the page: mode, keys, meaning.
    """

    grippers: tuple[str, ...]
    drives: bool
    sliders: tuple[Slider, ...]
    keys: tuple[tuple[str, str, str], ...]

    def labels(self) -> tuple[str, ...]:
        """Skill labels to choose from."""
        ...

    def begin(self, observation: Mapping[str, Any], info: Mapping[str, Any]) -> frozenset[str]:
        """An episode begins; the grippers that hold something."""
        ...

    def attend(self, operator: Operator, observation: Mapping[str, Any]) -> None:
        """Take what changes between actions too, at every tick."""
        ...

    def panel(self) -> Mapping[str, Any]:
        """What the page shows of them at every tick, plain types."""
        ...

    def poses(self) -> dict[str, Pose]:
        """Where the grippers are."""
        ...

    def action(self, operator: Operator, seconds: float = 0.1) -> NDArray[np.float32]:
        """The action for what the operator does, inside the action space.

        Args:
            operator: What is being done.
            seconds: For which the action holds.
        """
        ...

    def goodbye(self, operator: Operator) -> NDArray[np.float32] | None:
        """The action that ends an episode that is kept, or None."""
        ...

    def view(self) -> View:
        """A good look at the robot now."""
        ...


def controls_of(env: "gymnasium.Env[Any, Any]") -> Controls:
    """The controls for an environment.

    Raises:
        UserError: Its actions are not numbers.
    """
    from envs.kitchen.env import KitchenEnv

    if isinstance(env, KitchenEnv):
        from robo.recording.browser_kitchen import KitchenControls

        return KitchenControls(env)
    return SliderControls(env)


class SliderControls:
    """A slider for every number of the action; keys choose one and move it."""

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
        """The numbers where the robot is, if they stay there; no grippers."""
        self._joints.begin(observation.get("state"))
        return frozenset()

    def attend(self, operator: Operator, observation: Mapping[str, Any]) -> None:
        """Sliders that were moved, another choice."""
        joints = self._joints
        joints.choose(operator.choose)
        if operator.switch:
            joints.switch(observation.get("state"))
        for name, value in operator.sliders.items():
            if name in joints.names:
                joints.put(joints.names.index(name), value)

    def panel(self) -> Mapping[str, Any]:
        """The numbers and which one keys move."""
        joints = self._joints
        values = [round(float(value), 4) for value in joints.values]
        return {"values": values, "chosen": joints.chosen, "stays": joints.stays}

    def poses(self) -> dict[str, Pose]:
        """None."""
        return {}

    def action(self, operator: Operator, seconds: float = 0.1) -> NDArray[np.float32]:
        """The numbers, the chosen one pushed by its keys."""
        joints = self._joints
        way = np.zeros(len(joints.names))
        way[joints.chosen] = axis(operator.keys, "i", "k")
        return joints.move(way, operator.speed, seconds)

    def goodbye(self, operator: Operator) -> NDArray[np.float32] | None:
        """Nothing."""
        return None

    def view(self) -> View:
        """At the middle of the model."""
        model = getattr(self._env, "model", None)
        centre = np.zeros(3) if model is None else np.array(model.stat.center, np.float64)
        reach = 1.0 if model is None else float(model.stat.extent)
        return View(centre + reach * np.array([0.6, -0.6, 0.5]), centre)


def pose_error(pose: Pose, target: Pose) -> tuple[Vector, Vector]:
    """From a pose to a target: the way (m) and the turn (rotation vector, rad), world frame."""
    conjugate, turn, vector = np.zeros(4), np.zeros(4), np.zeros(3)
    mujoco.mju_negQuat(conjugate, pose[3:])
    mujoco.mju_mulQuat(turn, target[3:], conjugate)
    mujoco.mju_quat2Vel(vector, turn, 1.0)
    return target[:3] - pose[:3], vector


def arrived(pose: Pose, target: Pose) -> bool:
    """Whether a gripper is where its gizmo is."""
    way, turn = pose_error(pose, target)
    return bool(np.linalg.norm(way) < ARRIVED and np.linalg.norm(turn) < ARRIVED_ANGLE)


def axis(keys: frozenset[str], up: str, down: str) -> float:
    """1, -1 or 0 for a pair of keys."""
    return float((up in keys) - (down in keys))


def slowed(vector: Vector, limits: Vector) -> Vector:
    """The same direction, shortened until no number is beyond its limit."""
    excess = float(np.max(np.abs(vector) / limits))
    return vector / excess if excess > 1 else vector
