"""A walker that is driven live: one simulated robot, its network, falls and getting up."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.batch import WalkBatch
from envs.humanoid.domain import Draw, Term
from envs.humanoid.randomization import TERMS
from envs.humanoid.state import heading
from envs.humanoid.terrain import FLAT
from robo.closing import Closing
from robo.walking.actor import WalkActor, Walker
from robo.walking.steering import SETTINGS, Push

Floats = NDArray[np.float64]

CONTROL_HZ: Final = 50.0

_FALLING: Final = 0.2
"""How long (s) a fall is still simulated; no more, as only the feet touch the ground."""

_LYING: Final = 0.8
"""How long (s) it then lies until it is stood up again."""

_SMOOTHING: Final = 0.4
"""Time constant (s) of the velocity shown: half a gait cycle."""

_ENDLESS: Final = 1e6
"""Episode length (s) that is never reached."""


class LiveWalk(Closing):
    """One robot that walks until it falls, and then again.

    Args:
        walker: Walker to drive.
        terrain: One of `envs.humanoid.terrain.KINDS`.
        level: How steep, high or rough the ground is, 0 to 1.
        seed: Seed of the start.

    Attributes:
        batch: The simulator.
        velocity: Achieved vx, vy (m/s), yaw rate (rad/s), smoothed (3,).
        falls: How often it fell.
        seconds: Time since the start.
    """

    def __init__(
        self, walker: Walker, terrain: str = FLAT, level: float = 1.0, seed: int = 0
    ) -> None:
        self._values = {name: first for name, (_, _, first) in SETTINGS.items()}
        self._values["terrain"] = level
        self.batch = WalkBatch(
            walker.robot,
            1,
            seed,
            tuple(self._values),
            terrain,
            control_hz=CONTROL_HZ,
            physics_hz=walker.physics_hz,
            seconds=_ENDLESS,
            auto_reset=False,
            terms=_fixed(self._values),
        )
        self._actor = WalkActor(walker)
        self.falls, self.seconds = 0, 0.0
        self._episode = -1
        self.stand_up()

    @property
    def fallen(self) -> bool:
        """Whether it lies or is about to."""
        return self._since_fall > 0

    @property
    def yaw(self) -> float:
        """Heading, world frame (rad)."""
        cosine, sine = heading(self.batch.qpos[:, 3:7])[0]
        return float(np.arctan2(sine, cosine))

    def stand_up(self) -> None:
        """Stand in the default pose, at rest."""
        self._observation = self.batch.reset()
        self._actor.reset()
        self._episode += 1
        self._since_fall = 0
        self.velocity = np.zeros(3)

    def set(self, settings: Mapping[str, float]) -> None:
        """Change payload (kg) or friction, now."""
        if any(self._values[name] != value for name, value in settings.items()):
            self._values.update(settings)
            self.batch.randomizer.draw(np.array([0]), np.array([self._episode]), np.ones(1))

    def push(self, push: Push) -> None:
        """Push it, now."""
        angle = self.yaw + push.angle
        self.batch.push(push.speed * np.array([np.cos(angle), np.sin(angle)]))

    def tick(self, command: Floats) -> None:
        """One control step of 20 ms with a command vx, vy (m/s), yaw rate (rad/s) (3,)."""
        self.seconds += 1.0 / CONTROL_HZ
        if self._since_fall > _FALLING * CONTROL_HZ:
            self._since_fall += 1
            if self._since_fall > (_FALLING + _LYING) * CONTROL_HZ:
                self.stand_up()
            return
        self.batch.hold_commands(command)
        step = self.batch.step(self._actor.act(self._observation))
        self._observation = step.observation
        if self._since_fall:
            self._since_fall += 1
        elif step.terminated[0]:
            self.falls += 1
            self._since_fall = 1
        state = step.info["state"]
        achieved = np.array([*state.velocity[0, :2], state.gyro[0, 2]])
        self.velocity += (achieved - self.velocity) / (_SMOOTHING * CONTROL_HZ)

    def close(self) -> None:
        """Close the simulator."""
        self.batch.close()


def _fixed(values: Mapping[str, float]) -> Mapping[str, Term]:
    """The randomisation table with some terms fixed to the current `values`."""

    def fixed(name: str) -> Term:
        def apply(draw: Draw) -> Any:
            def same(width: int) -> Floats:
                return np.full((len(draw.rows), width), values[name])

            return TERMS[name].apply(replace(draw, values=same))

        return replace(TERMS[name], apply=apply)

    return MappingProxyType({**TERMS, **{name: fixed(name) for name in values}})


__all__ = ["CONTROL_HZ", "LiveWalk"]
