"""The elements of an action, such as joint targets; keys select one and move it."""

import inspect
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robo.errors import UserError

CROSSING_SECONDS: Final = 2.0
"""A held key moves an element that stays through its range in this time, at full speed."""
UNBOUNDED: Final = 1.0
"""Range, either way, of an element that the action space leaves unbounded."""


class Joints:
    """The elements of a Box action; results are always inside the action space.

    Elements either stay where they are put (joint targets) or spring back when the key is released
    (steps, speeds). They stay in environments whose module names actions like states
    (`ACTION_NAMES`, `STATE_NAMES`), because there an action is a target state; a person may toggle
    this.

    Args:
        env: The environment, unwrapped.

    Attributes:
        names: Names of the elements.
        low: Lower bounds, finite, shape (n,).
        high: Upper bounds, finite, shape (n,).
        values: Current values, shape (n,).
        stays: Whether elements stay there.
        chosen: Index of the element that keys move.

    Raises:
        UserError: The action space is not a Box.
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
        """The elements' values at rest: zeros, as far as the bounds allow."""
        return np.clip(np.zeros_like(self.low), self.low, self.high)

    def begin(self, state: NDArray[Any] | None) -> None:
        """Begin an episode; elements that stay start where the robot is.

        Args:
            state: First observed state, shape (m,); used if it has as many elements as the action,
                and either the same names or all values inside the bounds.
        """
        self.values = self.rest
        if not self.stays or state is None or np.shape(state) != self.low.shape:
            return
        numbers = np.nan_to_num(np.asarray(state, float))
        inside = np.all((numbers >= self.low) & (numbers <= self.high))
        if self._wanted_state or inside:
            self.values = np.clip(numbers, self.low, self.high)

    def choose(self, steps: int) -> None:
        """Move the selection by `steps` elements, wrapping around."""
        self.chosen = (self.chosen + steps) % len(self.low)

    def put(self, number: int, value: float) -> None:
        """Set an element, as far as its bounds allow."""
        self.values[number] = np.clip(value, self.low[number], self.high[number])

    def switch(self, state: NDArray[Any] | None) -> None:
        """Toggle between staying and springing back."""
        self.stays = not self.stays
        self.begin(state)

    def move(self, way: NDArray[np.float64], speed: float, seconds: float) -> NDArray[Any]:
        """The action while elements are pushed.

        Args:
            way: How each element is pushed, -1 to 1, shape (n,).
            speed: Share of full speed.
            seconds: Duration of the action.

        Returns:
            An action inside the action space.
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
        """The selected element, for a terminal."""
        manner = "stays" if self.stays else "springs back"
        return f"{self.names[self.chosen]} = {self.values[self.chosen]:.3f}, {manner}"
