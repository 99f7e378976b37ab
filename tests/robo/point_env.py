"""A point in a square that is to be moved onto a mark: fast, with our observation keys."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

POINT_ID = "tests/Point-v0"
RATE = 20


class PointEnv(gymnasium.Env[dict[str, np.ndarray], np.ndarray]):
    """State: the point and the mark, (4,). Action: the step, (2,), each number up to 0.1."""

    metadata = {"render_modes": [], "render_fps": RATE}  # noqa: RUF012

    def __init__(self, image_size: int | None = None, length: int = 0) -> None:
        self.size = image_size
        self.length = length
        self.action_space = spaces.Box(-0.1, 0.1, (2,), np.float32)
        observed: dict[str, spaces.Space[Any]] = {"state": spaces.Box(-2, 2, (4,), np.float32)}
        if image_size is not None:
            observed["images/above"] = spaces.Box(0, 255, (image_size, image_size, 3), np.uint8)
        self.observation_space = spaces.Dict(observed)  # type: ignore[assignment]
        self._state = np.zeros(4, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        super().reset(seed=seed)
        self._state[:] = self.np_random.uniform(-1, 1, 4)
        if options and "point" in options:
            self._state[:2] = options["point"]
        self._steps = 0
        return self._observe(), self._info()

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        self._state[:2] += np.clip(action, -0.1, 0.1)
        self._steps += 1
        info = self._info()
        ended = bool(self.length) and self._steps >= self.length
        return self._observe(), float(info["success"]), False, ended, info

    def _observe(self) -> dict[str, np.ndarray]:
        # The same array every time, as some environments do.
        observation = {"state": self._state}
        if self.size is not None:
            image = np.zeros((self.size, self.size, 3), np.uint8)
            x, y = (np.clip(self._state[:2] / 4 + 0.5, 0, 0.99) * self.size).astype(int)
            image[max(0, y - 3) : y + 3, max(0, x - 3) : x + 3] = 255
            observation["images/above"] = image
        return observation

    def _info(self) -> dict[str, Any]:
        away = float(np.linalg.norm(self._state[:2] - self._state[2:]))
        return {"success": away < 0.05, "success_rule_version": "point-1"}


def step_to_mark(observation: Any) -> np.ndarray:
    """The action that brings the point nearer."""
    state = observation["state"]
    return np.clip(state[2:] - state[:2], -0.1, 0.1).astype(np.float32)


if POINT_ID not in gymnasium.registry:
    gymnasium.register(POINT_ID, entry_point="tests.robo.point_env:PointEnv")
