"""From what a person's keys or sticks say to an action of the environment."""

from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robo.errors import UserError

AXES = ("x", "y", "z", "roll", "pitch", "yaw")
"""Forward, left, up (robot's frame) and the turns about them."""

SPEEDS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
"""Shares of the environment's limits."""

ARM = 7
"""Numbers of an arm in an action: six for the motion, one for the gripper."""


@dataclass(frozen=True)
class Motion:
    """What the person wants now.

    Attributes:
        axes: Along and about `AXES`, each from -1 to 1.
        closed: Whether the gripper is to be closed.
        part: Which part moves: 0, 1, ..., see `Hand.parts`.
        speed: Share of the environment's limits.
    """

    axes: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(AXES)))
    closed: bool = False
    part: int = 0
    speed: float = 0.5

    def faster(self, steps: int) -> "Motion":
        """The same, so many steps of `SPEEDS` faster or slower."""
        place = int(np.argmin(np.abs(np.array(SPEEDS) - self.speed))) + steps
        return replace(self, speed=SPEEDS[min(max(place, 0), len(SPEEDS) - 1)])


class Hand:
    """Turns motions into actions of one environment.

    The kitchen's action has an arm, a gripper and a base. Of any other Box the axes move the first
    six numbers and the gripper is the seventh, by their bounds; with 14 numbers the second arm is
    another part, and so on.

    Args:
        env: Unwrapped.

    Attributes:
        parts: Names of what can be moved, one at a time.

    Raises:
        UserError: Its actions are not numbers.
    """

    def __init__(self, env: "gymnasium.Env[Any, Any]") -> None:
        space = env.action_space
        if not isinstance(space, spaces.Box):
            raise UserError(f"keys and sticks cannot give actions of {space}; it must be a Box")
        self._low = np.nan_to_num(space.low.astype(float).reshape(-1), neginf=-1.0)
        self._high = np.nan_to_num(space.high.astype(float).reshape(-1), posinf=1.0)
        self._space = space
        self._env = env
        self._kitchen = _is_kitchen(env)
        arms = -(-len(self._low) // ARM)
        self.parts = (
            ("arm", "base")
            if self._kitchen
            else tuple(f"arm {n + 1}" for n in range(arms))
            if arms > 1
            else ("arm",)
        )
        self._closed = [False] * len(self.parts)

    def begin(self) -> bool:
        """An episode begins; whether the gripper holds something."""
        held = self._kitchen and getattr(self._env, "kitchen_state").holding is not None  # noqa: B009
        self._closed = [held] * len(self.parts)
        return bool(held)

    def action(self, motion: Motion) -> NDArray[Any]:
        """The action for a motion, inside the action space."""
        self._closed[motion.part] = motion.closed
        vector = self._kitchen_action(motion) if self._kitchen else self._plain_action(motion)
        clipped = np.clip(vector, self._low, self._high)
        return clipped.astype(self._space.dtype).reshape(self._space.shape)

    def goodbye(self, motion: Motion) -> NDArray[Any] | None:
        """The action that ends an episode that is kept: the kitchen's "terminate"; or None."""
        if not self._kitchen:
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

    def _plain_action(self, motion: Motion) -> NDArray[np.float64]:
        middle = np.clip(0.0, self._low, self._high)
        vector = np.asarray(middle, float).copy()
        first = motion.part * ARM
        for number, axis in enumerate(motion.axes[: len(vector) - first]):
            end = self._high if axis > 0 else -self._low
            vector[first + number] = motion.speed * axis * end[first + number]
        for part, closed in enumerate(self._closed):
            grip = part * ARM + ARM - 1
            if grip < len(vector):
                vector[grip] = self._low[grip] if closed else self._high[grip]
        return vector


def _is_kitchen(env: "gymnasium.Env[Any, Any]") -> bool:
    from envs.kitchen.env import KitchenEnv

    return isinstance(env, KitchenEnv)
