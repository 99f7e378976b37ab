"""The numbers of an action, such as joint targets, one of them chosen and moved by keys."""

import inspect
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robo.errors import UserError

CROSSING_SECONDS: Final = 2.0
"""A held key takes a number that stays through its whole range in this time, at full speed."""
UNBOUNDED: Final = 1.0
"""Range, each way, of a number that the action space leaves open."""


class Joints:
    """The numbers of a Box action; what comes out is always inside the action space.

    Numbers either stay where they are put (targets of joints) or spring back when the key is let
    go (steps, speeds). They stay in environments whose module names the action's numbers as the
    state's (`ACTION_NAMES`, `STATE_NAMES`), for there an action is a wanted state; a person may
    change it.

    Args:
        env: Unwrapped.

    Attributes:
        names: Of the numbers.
        low: Bounds, finite, shape (n,).
        high: Bounds, finite, shape (n,).
        values: Where the numbers are, shape (n,).
        stays: Whether they stay there.
        chosen: Index of the number that keys move.

    Raises:
        UserError: Its actions are not numbers.
    """

    def __init__(self, env: "gymnasium.Env[Any, Any]") -> None:
        space = env.action_space
        if not isinstance(space, spaces.Box):
            raise UserError(f"keys and sliders cannot give actions of {space}; it must be a Box")
        self._space = space
        low, high = np.asarray(space.low, float).ravel(), np.asarray(space.high, float).ravel()
        self.low = np.where(np.isfinite(low), low, np.fmin(-UNBOUNDED, high - UNBOUNDED))
        self.high = np.where(np.isfinite(high), high, np.fmax(UNBOUNDED, self.low + UNBOUNDED))
        module = inspect.getmodule(type(env))
        names = list(getattr(module, "ACTION_NAMES", None) or ())
        self._wanted_state = bool(names) and names == list(getattr(module, "STATE_NAMES", ()))
        if len(names) != len(self.low):
            names = [f"action {number}" for number in range(len(self.low))]
        self.names: tuple[str, ...] = tuple(names)
        self.chosen = 0
        self.stays = self._wanted_state
        self.begin(None)

    @property
    def rest(self) -> NDArray[np.float64]:
        """The numbers of an action that does nothing: zeros, as far as the bounds allow."""
        return np.clip(np.zeros_like(self.low), self.low, self.high)

    def begin(self, state: NDArray[Any] | None) -> None:
        """An episode begins; numbers that stay begin where the robot is.

        Args:
            state: Observed first, shape (m,); it counts where it is what the action's numbers are
                targets of, or has as many numbers, all inside the bounds.
        """
        self.values = self.rest
        if not self.stays or state is None or np.shape(state) != self.low.shape:
            return
        numbers = np.nan_to_num(np.asarray(state, float))
        inside = np.all((numbers >= self.low) & (numbers <= self.high))
        if self._wanted_state or inside:
            self.values = np.clip(numbers, self.low, self.high)

    def choose(self, steps: int) -> None:
        """Choose another number, so many further; after the last comes the first."""
        self.chosen = (self.chosen + steps) % len(self.low)

    def put(self, number: int, value: float) -> None:
        """Set a number, as far as its bounds allow."""
        self.values[number] = np.clip(value, self.low[number], self.high[number])

    def switch(self, state: NDArray[Any] | None) -> None:
        """Numbers that stayed spring back from now on, or the other way round."""
        self.stays = not self.stays
        self.begin(state)

    def move(self, way: NDArray[np.float64], speed: float, seconds: float) -> NDArray[Any]:
        """The action while numbers are pushed.

        Args:
            way: How each number is pushed, -1 to 1, shape (n,).
            speed: Share of the fastest.
            seconds: For which the action holds.

        Returns:
            Of the action space.
        """
        if self.stays:
            step = way * speed * seconds / CROSSING_SECONDS * (self.high - self.low)
            self.values = np.clip(self.values + step, self.low, self.high)
            wanted = self.values
        else:
            ends = np.where(way > 0, self.high, -self.low)
            wanted = self.values + speed * way * ends
        bounds = np.ravel(self._space.low), np.ravel(self._space.high)
        clipped = np.clip(wanted.astype(self._space.dtype), *bounds)
        return np.asarray(clipped, self._space.dtype).reshape(self._space.shape)

    def line(self) -> str:
        """The chosen number, for a terminal."""
        manner = "stays" if self.stays else "springs back"
        return f"{self.names[self.chosen]} = {self.values[self.chosen]:.3f}, {manner}"
