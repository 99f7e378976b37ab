"""Turns a person's keys or sticks into an action of the environment."""

from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from robo.recording.joints import Joints

AXES = ("x", "y", "z", "roll", "pitch", "yaw")
"""Forward, left, up (robot's frame) and rotations about them."""

SPEEDS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
"""Shares of the environment's limits."""

ARM = 7
"""Elements of an action per arm: six for the motion, one for the gripper."""


@dataclass(frozen=True)
class Motion:
    """What the person wants now.

    Attributes:
        axes: Motion along and about `AXES`, each from -1 to 1.
        closed: Whether the gripper should be closed.
        part: Which part moves: 0, 1, ..., see `Hand.parts`.
        speed: Share of the environment's limits.
        nudge: Push of the element selected in `Hand.joints`, from -1 to 1.
    """

    axes: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(AXES)))
    closed: bool = False
    part: int = 0
    speed: float = 0.5
    nudge: float = 0.0

    def faster(self, steps: int) -> "Motion":
        """The same, `steps` of `SPEEDS` faster (or slower if negative)."""
        place = int(np.argmin(np.abs(np.array(SPEEDS) - self.speed))) + steps
        return replace(self, speed=SPEEDS[min(max(place, 0), len(SPEEDS) - 1)])


class Hand:
    """Turns motions into actions of one environment.

    The kitchen's action has an arm, a gripper and a base. In any other Box each element can be
    selected and nudged, see `Joints`; the axes move the first six elements and the gripper is the
    seventh, within their bounds; with 14 elements the second arm is another part, and so on.

    Args:
        env: The environment, unwrapped.

    Attributes:
        parts: Names of the parts, which move one at a time.
        joints: The elements; None in the kitchen.

    Raises:
        UserError: The action space is not a Box.
    """

    def __init__(self, env: "gymnasium.Env[Any, Any]") -> None:
        self._env = env
        joints = Joints(env)
        self._low, self._high = joints.low, joints.high
        self.joints = None if _is_kitchen(env) else joints
        arms = -(-len(self._low) // ARM)
        self.parts = (
            ("arm", "base")
            if self.joints is None
            else tuple(f"arm {n + 1}" for n in range(arms))
            if arms > 1
            else ("arm",)
        )
        self._closed = [False] * len(self.parts)

    def begin(self, state: NDArray[Any] | None = None) -> bool:
        """Begin an episode; returns whether the gripper holds something.

        Args:
            state: First observed state, shape (n,).
        """
        held = self.joints is None and getattr(self._env, "kitchen_state").holding is not None  # noqa: B009
        self._closed = [held] * len(self.parts)
        if self.joints is not None:
            self.joints.begin(state)
            if not self.joints.stays:
                for part in range(len(self.parts)):
                    self._grip(self.joints, part)
        return bool(held)

    def action(self, motion: Motion, seconds: float = 0.1) -> NDArray[Any]:
        """The action for a motion, inside the action space.

        Args:
            motion: What the person wants.
            seconds: Duration of the action.
        """
        if self.joints is None:
            clipped = np.clip(self._kitchen_action(motion), self._low, self._high)
            return clipped.astype(np.float32)
        if motion.closed != self._closed[motion.part]:
            self._closed[motion.part] = motion.closed
            self._grip(self.joints, motion.part)
        first = motion.part * ARM
        way = np.zeros(len(self._low))
        axes = motion.axes[: len(way) - first]
        way[first : first + len(axes)] = axes
        way[self.joints.chosen] += motion.nudge
        return self.joints.move(np.clip(way, -1.0, 1.0), motion.speed, seconds)

    def next_part(self, motion: Motion) -> Motion:
        """The same, but moving the next part; each arm keeps its grip."""
        part = (motion.part + 1) % len(self.parts)
        closed = motion.closed if self.joints is None else self._closed[part]
        return replace(motion, part=part, closed=closed)

    def goodbye(self, motion: Motion) -> NDArray[Any] | None:
        """The last action of a kept episode: the kitchen's "terminate"; or None."""
        if self.joints is not None:
            return None
        action = self.action(replace(motion, axes=np.zeros(len(AXES)), part=0))
        action[10] = 2.0
        return action

    def _kitchen_action(self, motion: Motion) -> NDArray[np.float64]:
        vector = np.zeros(11)
        vector[6] = 0.0 if motion.closed else 1.0
        if motion.part == 0:
            vector[:6] = motion.speed * motion.axes * self._high[:6]
        else:
            vector[7:10] = motion.speed * motion.axes[[0, 1, 5]] * self._high[7:10]
            vector[10] = 1.0
        return vector

    def _grip(self, joints: Joints, part: int) -> None:
        grip = part * ARM + ARM - 1
        if grip < len(self._low):
            end = self._low if self._closed[part] else self._high
            joints.put(grip, float(end[grip]))


def _is_kitchen(env: "gymnasium.Env[Any, Any]") -> bool:
    from envs.kitchen.env import KitchenEnv

    return isinstance(env, KitchenEnv)
