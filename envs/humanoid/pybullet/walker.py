"""The walker in the second simulator: a `WalkBatch` whose physics is PyBullet's.

Commands, actions, delays, observations, rewards and falls are handled by the batch's own code.
"""

from collections.abc import Iterable
from typing import Any

from envs.humanoid.batch import WalkBatch
from envs.humanoid.pybullet.rollout import PyBulletRollout
from envs.humanoid.randomization import fixed_terms
from envs.humanoid.robots import RobotConfig


class PyBulletWalker(WalkBatch):
    """One robot in PyBullet, or a few; used like a `WalkBatch`.

        walker = PyBulletWalker(g1(12), seed=0, friction=0.5, payload=3.0)
        walker.hold_commands((0.5, 0.0, 0.0))
        observation = walker.reset()["policy"]                  # [1, p]
        step = walker.step(actions)                             # actions [1, m]
        walker.push((0.5, 0.0))                                 # m/s

    Args:
        robot: Config of all copies.
        seed: Random seed.
        copies: Number of copies; each costs as much as the first.
        friction: Between soles and ground; None: the model's, or the randomisation's.
        payload: On the torso (kg), likewise.
        pushes: Speed of every push (m/s), likewise.
        randomization: Names of terms, as in `WalkBatch`.
        settings: Other arguments of `WalkBatch`: `terrain`, `control_hz`, `seconds`, `ranges`, ...
    """

    def __init__(
        self,
        robot: RobotConfig,
        seed: int = 0,
        *,
        copies: int = 1,
        friction: float | None = None,
        payload: float | None = None,
        pushes: float | None = None,
        randomization: Iterable[str] = (),
        **settings: Any,
    ) -> None:
        names, terms = fixed_terms(randomization, friction=friction, payload=payload, pushes=pushes)
        super().__init__(
            robot,
            copies,
            seed,
            randomization=names,
            terms=terms,
            engine=PyBulletRollout(),
            **settings,
        )
