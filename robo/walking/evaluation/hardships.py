"""Whether a walker stays upright: randomised, pushed, loaded, on uneven ground, delayed.

Each of `AXES` varies one parameter and keeps the rest nominal.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.pushes import EVERY
from envs.humanoid.randomization import TERMS
from envs.humanoid.state import heading
from envs.humanoid.terrain import FLAT, RISE, ROUGHNESS, STEEPNESS
from robo.statistics import Rate
from robo.walking.actor import WalkActor, Walker
from robo.walking.evaluation.episodes import (
    Effort,
    Tally,
    Tick,
    lasted,
    make_batch,
    mean,
    moments,
)

COMMAND: Final = (0.5, 0.0, 0.0)
"""Command while something else is varied."""

SHORT: Final = 10.0
"""Longest episode in which one parameter is varied (s)."""

RANDOM_PUSH: Final = 1.0
"""Speed of the pushes under full randomisation (m/s)."""
PUSHED_OFTEN: Final = 20.0
"""Episodes shorter than this (s) are pushed sooner, so that each has one to three pushes."""
RANDOM_MULTIPLE: Final = 16
"""Episodes under full randomisation, per `Effort.copies`."""
FRICTIONS: Final = (0.3, 0.4, 0.6, 0.9, 1.25)
"""Edges of the friction bins that are counted separately."""

PUSHES: Final = (0.5, 1.0, 1.5, 2.0)
"""Changes of the base's velocity (m/s)."""
DIRECTIONS: Final = (
    "forwards",
    "forwards left",
    "left",
    "backwards left",
    "backwards",
    "backwards right",
    "right",
    "forwards right",
)
"""Directions of pushes, each an eighth of a turn to the left of the one before."""
PUSHED_AT: Final = 3.0
PUSH_SECONDS: Final = 8.0
"""When the push comes and when the episode ends (s)."""


@dataclass(frozen=True)
class Condition:
    """One value of a varied parameter.

    Attributes:
        name: Display name.
        value: Value in the axis's unit.
        given: Values by name of randomisation term.
    """

    name: str
    value: float
    given: Mapping[str, float]


@dataclass(frozen=True)
class Axis:
    """One varied parameter.

    Attributes:
        name: Name of the suite.
        title: Display name.
        unit: Unit of the values.
        conditions: Conditions for a physics time step (s).
        terrain: Ground.
    """

    name: str
    title: str
    unit: str
    conditions: Callable[[float], Sequence[Condition]]
    terrain: str = FLAT


def _values(term: str, unit: str, values: Sequence[float], scale: float = 1.0) -> Any:
    """Conditions that set one term to the values times a scale."""
    conditions = [Condition(f"{v:g} {unit}".strip(), v, {term: v * scale}) for v in values]
    return lambda time_step: conditions


def _delays(time_step: float) -> list[Condition]:
    """Delays that physics can represent: multiples of its time step within the randomised range."""
    conditions = []
    for what, term in (("actions", "action delay"), ("observations", "observation delay")):
        longest = TERMS[term].distribution.high
        for late in range(int(longest / time_step + 1e-9) + 1):
            if late or what == "actions":
                delay = round(late * time_step, 6)
                name = f"{what} {1e3 * delay:g} ms" if late else "none"
                conditions.append(Condition(name, 1e3 * delay, {term: delay}))
    return conditions


AXES: Final = (
    Axis("payload", "payload on the torso", "kg", _values("payload", "kg", (0, 2.5, 5, 7.5, 10))),
    Axis("friction", "friction", "", _values("friction", "", (0.2, 0.3, 0.6, 0.9, 1.25))),
    Axis(
        "slopes",
        "slopes, up and down",
        "%",
        _values("terrain", "%", (0, 10, 20, 30), 0.01 / STEEPNESS),
        "slopes",
    ),
    Axis(
        "steps",
        "steps, up and down",
        "cm",
        _values("terrain", "cm", (2, 4, 8, 12), 0.01 / RISE),
        "steps",
    ),
    Axis(
        "rough",
        "rough ground",
        "cm",
        _values("terrain", "cm", (2, 4, 8), 0.01 / ROUGHNESS),
        "rough",
    ),
    Axis("delay", "delay", "ms", _delays),
)


def push_every(seconds: float) -> tuple[float, float]:
    """Time from one push to the next (s), at least and at most, in episodes of some length."""
    sooner = min(1.0, seconds / PUSHED_OFTEN)
    return EVERY[0] * sooner, EVERY[1] * sooner


def survive(walker: Walker, effort: Effort, tick: Tick) -> dict[str, Any]:
    """Walk under random commands with everything randomised and pushes of 1 m/s.

    They come every 5 to 10 s, see `push_every`. The ground is that of the training.
    """
    copies = RANDOM_MULTIPLE * effort.copies
    terrain = walker.metadata.get("config", {}).get("terrain", FLAT)
    terms = tuple(name for name in TERMS if name != "pushes")
    given = {"pushes": np.full(copies, RANDOM_PUSH)}
    with make_batch(walker, copies, effort, terms=terms, given=given, terrain=terrain) as batch:
        batch.push_every = push_every(effort.seconds)
        tally = Tally(copies)
        for moment in moments(batch, WalkActor(walker, copies), effort.seconds, tick):
            tally.add(moment)
        drawn = {name: batch.randomizer.draws[name] for name in terms}
    row = _row(f"everything randomised, pushes of {RANDOM_PUSH:g} m/s", tally, slice(None))
    # Each copy's draws of the scalar terms, to look up why one fell.
    row["drawn"] = {
        name: values[:, 0].round(4).tolist() for name, values in drawn.items() if len(values.T) == 1
    }
    return {
        "seconds": effort.seconds,
        "terrain": terrain,
        "rows": [row],
        "by_friction": _by_friction(tally, drawn["friction"][:, 0]),
    }


def _by_friction(tally: Tally, friction: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Rows for the friction bins of `FRICTIONS`."""
    rows = []
    for low, high in pairwise(FRICTIONS):
        chosen = np.flatnonzero((friction >= low) & (friction < high))
        if len(chosen):
            rows.append(_row(f"{low:g} to {high:g}", tally, chosen, episodes=False))
    return rows


def push(walker: Walker, effort: Effort, tick: Tick) -> dict[str, Any]:
    """Walk forwards and be pushed once, at every speed in every direction."""
    copies = effort.copies
    sizes = np.repeat(PUSHES, len(DIRECTIONS) * copies)
    angles = np.tile(np.repeat(np.arange(len(DIRECTIONS)) * np.pi / 4, copies), len(PUSHES))
    with make_batch(walker, len(sizes), effort) as batch:
        batch.hold_commands(np.array(COMMAND))
        tally = Tally(batch.copies)
        pushed_at = round(PUSHED_AT * batch.control_hz)
        walk = moments(batch, WalkActor(walker, batch.copies), PUSH_SECONDS, tick)
        for number, moment in enumerate(walk, start=1):
            tally.add(moment)
            if number == pushed_at:
                cosine, sine = heading(batch.qpos[:, 3:7]).T
                ahead, aside = sizes * np.cos(angles), sizes * np.sin(angles)
                batch.push(np.column_stack((cosine * ahead - sine * aside,
                                            sine * ahead + cosine * aside)))  # fmt: skip
    rows = []
    for size in PUSHES:
        for number, direction in enumerate(DIRECTIONS):
            chosen = np.flatnonzero((sizes == size) & np.isclose(angles, number * np.pi / 4))
            name = f"{size:g} m/s {direction}"
            rows.append({"size": size, "direction": direction} | _row(name, tally, chosen))
    totals = []
    for size in PUSHES:
        chosen = np.flatnonzero(sizes == size)
        totals.append({"size": size} | _row(f"{size:g} m/s", tally, chosen, episodes=False))
    return {"seconds": PUSH_SECONDS, "pushed_at": PUSHED_AT, "rows": rows, "by_size": totals}


def vary(axis: Axis, walker: Walker, effort: Effort, tick: Tick) -> dict[str, Any]:
    """Walk forwards under every condition of an axis."""
    conditions = axis.conditions(1.0 / walker.physics_hz)
    copies = 2 * effort.copies
    names = dict.fromkeys(name for condition in conditions for name in condition.given)
    nominal = {name: TERMS[name].distribution.nominal for name in names}
    given = {
        name: np.repeat([c.given.get(name, nominal[name]) for c in conditions], copies).astype(
            float
        )
        for name in names
    }
    with make_batch(
        walker, copies * len(conditions), effort, given=given, terrain=axis.terrain
    ) as batch:
        batch.hold_commands(np.array(COMMAND))
        tally = Tally(batch.copies)
        for moment in moments(batch, WalkActor(walker, batch.copies), seconds_of(effort), tick):
            tally.add(moment)
    rows = [
        {"value": condition.value}
        | _row(condition.name, tally, slice(number * copies, (number + 1) * copies))
        for number, condition in enumerate(conditions)
    ]
    return {
        "title": axis.title,
        "unit": axis.unit,
        "seconds": seconds_of(effort),
        "command": list(COMMAND),
        "rows": rows,
    }


def seconds_of(effort: Effort) -> float:
    """Duration of an episode in which one parameter is varied (s)."""
    return min(effort.seconds, SHORT)


def _row(name: str, tally: Tally, rows: Any, *, episodes: bool = True) -> dict[str, Any]:
    survived = tally.survived[rows]
    row: dict[str, Any] = {
        "name": name,
        "survived": Rate(int(survived.sum()), len(survived)).as_dict(),
        "unstable": int(tally.unstable[rows].sum()),
        "forward": mean(tally.velocity[rows, 0]),
    }
    return row | ({"lasted": lasted(tally, rows)} if episodes else {})
