"""From held keys, a dragged gizmo and sliders to an action of the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robo.errors import UserError

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
        sliders: Values by name, for environments without keys.
    """

    keys: frozenset[str] = frozenset()
    targets: Mapping[str, Pose] = field(default_factory=dict)
    driving: bool = False
    closed: frozenset[str] = frozenset()
    speed: float = 0.5
    sliders: Mapping[str, float] = field(default_factory=dict)


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
        keys: What the keys do, for the page: mode, key, meaning.
    """

    grippers: tuple[str, ...]
    drives: bool
    sliders: tuple[Slider, ...]
    keys: tuple[tuple[str, str, str], ...]

    def labels(self) -> tuple[str, ...]:
        """Skill labels to choose from."""
        ...

    def closed_grippers(self, info: Mapping[str, Any]) -> frozenset[str]:
        """The grippers that hold something at an episode's start."""
        ...

    def poses(self) -> dict[str, Pose]:
        """Where the grippers are."""
        ...

    def action(self, operator: Operator) -> NDArray[np.float32]:
        """The action for what the operator does, inside the action space."""
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
    if not isinstance(env.action_space, spaces.Box):
        raise UserError(f"a page has no controls for actions of {env.action_space}")
    return SliderControls(env)


class SliderControls:
    """A slider for every number of the action."""

    grippers: tuple[str, ...] = ()
    drives = False
    keys: tuple[tuple[str, str, str], ...] = ()

    def __init__(self, env: "gymnasium.Env[Any, Any]") -> None:
        space = env.action_space
        assert isinstance(space, spaces.Box)
        self._env, self._space = env, space
        low = np.nan_to_num(space.low.ravel(), neginf=-1.0).clip(-1e3, 1e3)
        high = np.nan_to_num(space.high.ravel(), posinf=1.0).clip(-1e3, 1e3)
        self.sliders = tuple(
            Slider(f"action {number}", float(a), float(b), float(np.clip(0.0, a, b)))
            for number, (a, b) in enumerate(zip(low, high, strict=True))
        )

    def labels(self) -> tuple[str, ...]:
        """None."""
        return ()

    def closed_grippers(self, info: Mapping[str, Any]) -> frozenset[str]:
        """None."""
        return frozenset()

    def poses(self) -> dict[str, Pose]:
        """None."""
        return {}

    def action(self, operator: Operator) -> NDArray[np.float32]:
        """The sliders' values."""
        values = [operator.sliders.get(slider.name, slider.start) for slider in self.sliders]
        vector = np.array(values, np.float32).reshape(self._space.shape)
        return np.clip(vector, self._space.low, self._space.high).astype(np.float32)

    def goodbye(self, operator: Operator) -> NDArray[np.float32] | None:
        """Nothing."""
        return None

    def view(self) -> View:
        """At the middle of the model."""
        model = getattr(self._env, "model", None)
        centre = np.zeros(3) if model is None else np.array(model.stat.center, np.float64)
        reach = 1.0 if model is None else float(model.stat.extent)
        return View(centre + reach * np.array([1.2, -1.2, 0.9]), centre)


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
