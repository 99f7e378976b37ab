"""The walker in the second simulator: a `WalkBatch` whose physics is PyBullet's.

Commands, actions, delays, observations, rewards and falls are those of the batch, by its own code.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from envs.humanoid.batch import WalkBatch
from envs.humanoid.domain import Term
from envs.humanoid.pybullet.rollout import PyBulletRollout
from envs.humanoid.randomization import TERMS
from envs.humanoid.robots import RobotConfig


class PyBulletWalker(WalkBatch):
    """One robot in PyBullet, or a few; used as a `WalkBatch` is.

        walker = PyBulletWalker(g1(12), seed=0, friction=0.5, payload=3.0)
        walker.hold_commands((0.5, 0.0, 0.0))
        observation = walker.reset()["policy"]                  # [1, p]
        step = walker.step(actions)                             # actions [1, m]
        walker.push((0.5, 0.0))                                 # m/s

    Args:
        robot: Of all copies.
        seed: Of everything random.
        copies: How many; each costs as much as the first.
        friction: Between soles and ground; the model's, or the randomisation's, when left out.
        payload: On the torso (kg), likewise.
        randomization: Names of terms, as in `WalkBatch`.
        settings: The rest of `WalkBatch`'s: `terrain`, `control_hz`, `seconds`, `ranges`, ...
    """

    def __init__(
        self,
        robot: RobotConfig,
        seed: int = 0,
        *,
        copies: int = 1,
        friction: float | None = None,
        payload: float | None = None,
        randomization: Iterable[str] = (),
        **settings: Any,
    ) -> None:
        names, terms = fixed_terms(randomization, friction=friction, payload=payload)
        super().__init__(
            robot,
            copies,
            seed,
            randomization=names,
            terms=terms,
            engine=PyBulletRollout(),
            **settings,
        )


def fixed_terms(
    names: Iterable[str], **values: float | None
) -> tuple[tuple[str, ...], dict[str, Term]]:
    """Randomisation of which some terms always draw the same.

    Args:
        names: Of the terms that are switched on.
        values: By the name of a term what it draws from now on; None leaves it as it is.

    Returns:
        Names and table for `WalkBatch`, in either simulator.
    """
    terms = dict(TERMS)
    chosen = list(names)
    for name, value in values.items():
        if value is None:
            continue
        distribution = replace(terms[name].distribution, low=value, high=value)
        terms[name] = replace(terms[name], distribution=distribution)
        if name not in chosen:
            chosen.append(name)
    return tuple(chosen), terms
