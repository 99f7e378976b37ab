"""`robo/HumanoidWalk-v1`: one walker as a gymnasium environment; a batch of one, bit for bit.

Observation (dict): `policy`, what a robot senses, and `privileged`, what only a simulator knows;
the terms of both are in `envs.humanoid.observations`. Action: one number per joint, in units of the
robot's action scale, added to its default pose. Reward: the table in `envs.humanoid.rewards`.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.humanoid import observations, rewards
from envs.humanoid.batch import ACTION_LIMIT, Observation, WalkBatch
from envs.humanoid.commands import CommandRanges
from envs.humanoid.robots import robot_config
from envs.humanoid.terrain import FLAT

if TYPE_CHECKING:
    from envs.humanoid.pictures import WalkCamera

CONTROL_HZ = 50


class HumanoidWalkEnv(gymnasium.Env[Observation, NDArray[np.float32]]):
    """A humanoid that follows velocity commands.

    Args:
        robot: name in `envs.humanoid.robots.ROBOTS`.
        randomization: names of terms in `envs.humanoid.randomization.TERMS`.
        terrain: one of `envs.humanoid.terrain.KINDS`.
        command: vx, vy (m/s) and yaw rate (rad/s) for all episodes; None: drawn repeatedly.
        seconds: longest episode.
        render_mode: "rgb_array" makes `render` return an image.

    Raises:
        ValueError: an argument is invalid; the message says what to do.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": CONTROL_HZ,
    }

    def __init__(
        self,
        robot: str = "g1-12",
        randomization: Iterable[str] = (),
        terrain: str = FLAT,
        command: Iterable[float] | None = None,
        seconds: float = 20.0,
        ranges: CommandRanges = CommandRanges(),  # noqa: B008
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f'render_mode is {render_mode!r}, it must be None or "rgb_array"')
        self.render_mode = render_mode
        config = robot_config(robot)
        self.batch = WalkBatch(
            config,
            1,
            randomization=randomization,
            terrain=terrain,
            control_hz=CONTROL_HZ,
            seconds=seconds,
            ranges=ranges,
            auto_reset=False,
        )
        if command is not None:
            held = np.asarray(tuple(command), dtype=np.float64)
            if held.shape != (3,) or not np.isfinite(held).all():
                raise ValueError(f"command is {command!r}, it must be vx, vy and yaw rate")
            self.batch.hold_commands(held)
        joints = len(config.joints)
        self.action_space = spaces.Box(-ACTION_LIMIT, ACTION_LIMIT, (joints,), np.float32)
        boxes: dict[str, spaces.Space[Any]] = {
            name: spaces.Box(-100.0, 100.0, (observations.size(config, name),), np.float32)
            for name in (observations.POLICY, observations.PRIVILEGED)
        }
        self.observation_space = cast(spaces.Space[Observation], spaces.Dict(boxes))
        self._camera: WalkCamera | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode; a seed restarts everything."""
        first = self._np_random is None
        super().reset(seed=seed)
        if seed is None and first:
            seed = int(self.np_random.integers(2**31))
        observation = self.batch.reset(seed)
        return _only(observation), {"command": self.batch.commands[0].copy()}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Hold joint targets for 1/50 s.

        Args:
            action: [m]; values outside the action space are clipped.

        Returns:
            Observation, reward, whether it fell or became unstable, whether time is up, and `info`
            with "command", "unstable" and each reward by name under "rewards".

        Raises:
            ValueError: the action has another shape or is not finite.
        """
        done = self.batch.step(np.asarray(action, dtype=np.float64)[None])
        info = {
            "command": self.batch.commands[0].copy(),
            "unstable": bool(done.info["unstable"][0]),
            "rewards": dict(zip(rewards.names(), done.info["rewards"][0].tolist(), strict=True)),
        }
        return (
            _only(done.observation),
            float(done.reward[0]),
            bool(done.terminated[0]),
            bool(done.truncated[0]),
            info,
        )

    def render(self) -> NDArray[np.uint8] | None:
        """An image of the robot, shape (480, 640, 3), or None without a render mode."""
        if self.render_mode is None:
            return None
        # Imported late: an environment without images needs no GL library.
        from envs.humanoid.pictures import WalkCamera

        if self._camera is None:
            self._camera = WalkCamera(self.batch)
        return self._camera.picture()

    def close(self) -> None:
        """Stop the threads and free the renderer."""
        self.batch.close()
        if self._camera is not None:
            self._camera.close()


def _only(observation: Observation) -> Observation:
    return {name: values[0] for name, values in observation.items()}


__all__ = ["CONTROL_HZ", "HumanoidWalkEnv"]
