"""Episodes of a trained walker, one per copy of a batch, and their outcomes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.batch import Step, WalkBatch
from envs.humanoid.domain import Draw, Term
from envs.humanoid.randomization import TERMS
from envs.humanoid.state import State
from envs.humanoid.terrain import FLAT
from robo.errors import user_errors
from robo.walking.actor import WalkActor, Walker

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Tick = Callable[[], None]

ALWAYS: Final = ("start", "observation noise")
"""Randomisation active in every episode, so that no two of a condition are the same."""

SETTLE: Final = 2.0
"""Velocities and power are averaged from this time on (s)."""

LEAST: Final = 1.0
"""Shortest time to average over (s); less would only show a robot about to fall."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        seconds: Duration of the long episodes.
        copies: Episodes per commanded velocity; other conditions have multiples of it.
        seed: Seed of everything random.
        threads: Physics threads.
    """

    seconds: float
    copies: int
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True)
class Moment:
    """What n copies did in one control step.

    Attributes:
        time: Time since the episodes began (s).
        hz: Actions per second.
        state: State after the action.
        upright: Which have neither fallen nor become unstable so far [n].
        step: Full result of the step.
    """

    time: float
    hz: int
    state: State
    upright: Flags
    step: Step


def make_batch(
    walker: Walker,
    copies: int,
    effort: Effort,
    *,
    terms: tuple[str, ...] = (),
    given: Mapping[str, Floats] | None = None,
    terrain: str = FLAT,
) -> WalkBatch:
    """A batch for one episode of every copy, at the physics rate of the walker's training.

    Args:
        walker: Walker to measure.
        copies: Number of copies.
        effort: Gives the seed and threads.
        terms: Names of randomisation terms besides `ALWAYS`.
        given: Values [n] of terms by name, one per copy; these terms are not drawn.
        terrain: Ground.

    Raises:
        UserError: The robot's model is not available.
    """
    given = given or {}
    table = dict(TERMS) | {name: _fixed(TERMS[name], values) for name, values in given.items()}
    with user_errors(ValueError, ModuleNotFoundError):
        return WalkBatch(
            walker.robot,
            copies,
            effort.seed,
            (*ALWAYS, *terms, *given),
            terrain,
            physics_hz=walker.physics_hz,
            threads=effort.threads,
            # The evaluation ends episodes itself.
            seconds=1e6,
            auto_reset=False,
            terms=table,
        )


def moments(
    batch: WalkBatch, actor: WalkActor, seconds: float, tick: Tick | None = None
) -> Iterator[Moment]:
    """Walk; a copy that falls is not reset, and no longer `upright`.

    Args:
        batch: Batch to step; it is reset.
        actor: Actor for as many copies.
        seconds: Duration.
        tick: Called after every simulated second.

    Raises:
        UserError: See `WalkActor.act`.
    """
    hz = round(batch.control_hz)
    actor.reset()
    observation = batch.reset()
    upright = np.ones(batch.copies, dtype=bool)
    for number in range(1, round(seconds * hz) + 1):
        step = batch.step(actor.act(observation))
        observation = step.observation
        upright = upright & ~step.terminated
        yield Moment(number / hz, hz, step.info["state"], upright, step)
        if tick is not None and number % hz == 0:
            tick()


class Tally:
    """Statistics of n episodes.

    Args:
        copies: n.

    Attributes:
        lasted: How long each was upright (s) [n].
        survived: Which were upright to the end [n].
        unstable: Whose physics became unstable [n].
    """

    def __init__(self, copies: int) -> None:
        self.lasted = np.zeros(copies)
        self.survived = np.ones(copies, dtype=bool)
        self.unstable = np.zeros(copies, dtype=bool)
        self._counted = np.zeros(copies)
        self._velocity = np.zeros((copies, 3))
        self._power = np.zeros(copies)

    def add(self, moment: Moment) -> None:
        """Add a moment."""
        upright, state = moment.upright, moment.state
        # Only instability that ended an upright copy counts.
        self.unstable |= self.survived & moment.step.info["unstable"]
        self.survived = upright
        self.lasted[upright] = moment.time
        if moment.time <= SETTLE:
            return
        share = upright / moment.hz
        velocity = np.column_stack((state.velocity[:, :2], state.gyro[:, 2]))
        self._counted += share
        self._velocity += velocity * share[:, None]
        self._power += state.power * share

    @property
    def velocity(self) -> Floats:
        """Mean vx, vy (level frame, m/s) and yaw rate (rad/s) while upright after `SETTLE`, [n, 3].

        NaN where that is less than `LEAST`.
        """
        return self._mean(self._velocity.T).T

    @property
    def power(self) -> Floats:
        """Mean mechanical power over the same time (W) [n]."""
        return self._mean(self._power)

    def _mean(self, sums: Floats) -> Floats:
        counted = np.where(self._counted > LEAST - 1e-6, self._counted, np.nan)
        return np.asarray(sums / counted)


def _fixed(term: Term, values: Floats) -> Term:
    """The term fixed to `values` [n] of the batch's copies, instead of drawn."""

    def apply(draw: Draw) -> Floats:
        def chosen(width: int) -> Floats:
            return np.repeat(values[draw.rows, None], width, axis=1)

        return term.apply(replace(draw, values=chosen))

    return replace(term, apply=apply)


def mean(values: Any) -> float | None:
    """Mean of the finite values; None if there are none."""
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    return round(float(numbers.mean()), 4) if numbers.size else None


def lasted(tally: Tally, rows: Any = slice(None)) -> list[float]:
    """How long episodes lasted (s), for a results file."""
    return [round(float(seconds), 2) for seconds in tally.lasted[rows]]
