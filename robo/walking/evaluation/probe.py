"""What the network knows of the ground: can a probe of its hidden state tell slopes from the flat?

After Radosavovic et al. 2024 ("Real-world humanoid locomotion with reinforcement learning"), whose
hidden states can. A logistic regression is trained on the last hidden features of some copies and
tested on those of others; the same on the network's inputs shows what the network adds.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.terrain import STEEPNESS
from robo.statistics import Rate
from robo.walking.actor import WalkActor, Walker
from robo.walking.evaluation.episodes import (
    SETTLE,
    Effort,
    Tick,
    make_batch,
    moments,
)
from robo.walking.evaluation.hardships import COMMAND, seconds_of

SLOPE: Final = 0.15
"""Gradient of the slopes to be told from the flat."""

MULTIPLE: Final = 8
"""Copies, half of them on slopes, per `Effort.copies`."""

_EVERY: Final = 10
_RIDGE: Final = 1e-3
_FEWEST: Final = 2
_NEWTON_STEPS: Final = 15

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


def probe(walker: Walker, effort: Effort, tick: Tick) -> dict[str, Any]:
    """Walk, half of the copies on slopes, and train the probes.

    Returns:
        "slope"; "features": how many; "accuracy" on the hidden state and "seen", on the network's
        inputs: balanced over both classes, on time steps of held-out copies (chance is 0.5);
        "copies": of how many held-out copies most steps are classified correctly; "moments": steps
        tested; or a "note" why there is no result.
    """
    copies = MULTIPLE * effort.copies
    steep = np.arange(copies) % 2 == 1
    given = {"terrain": np.where(steep, SLOPE / STEEPNESS, 0.0)}
    hidden: list[Floats] = []
    seen: list[Floats] = []
    upright: list[NDArray[np.bool_]] = []
    # Flat copies have a height field too, so that contacts are computed alike.
    with make_batch(walker, copies, effort, given=given, terrain="slopes") as batch:
        batch.hold_commands(np.array(COMMAND))
        actor = WalkActor(walker, copies)
        walk = moments(batch, actor, seconds_of(effort), tick)
        for number, moment in enumerate(walk, start=1):
            if moment.time > SETTLE and number % _EVERY == 0:
                hidden.append(actor.features.copy())
                seen.append(
                    np.concatenate([moment.step.observation[g] for g in walker.groups], axis=1)
                )
                upright.append(moment.upright)
    result: dict[str, Any] = {"slope": SLOPE, "command": list(COMMAND)}
    if not upright:
        return result | {"note": f"episodes were not longer than {SETTLE:g} s"}
    there = np.stack(upright, axis=1)
    told = _tell(np.stack(hidden, axis=1), there, steep)
    if told is None:
        return result | {"note": "too few robots walked for long enough, on slopes or on the flat"}
    from_seen = _tell(np.stack(seen, axis=1), there, steep)
    return result | {
        "note": None,
        "features": hidden[0].shape[1],
        "privileged": walker.is_teacher,
        "accuracy": told["accuracy"],
        "copies": told["copies"],
        "moments": told["moments"],
        "seen": from_seen["accuracy"] if from_seen else None,
    }


def _tell(
    values: Floats, there: NDArray[np.bool_], steep: NDArray[np.bool_]
) -> dict[str, Any] | None:
    """Train on every other pair of copies, test on the rest.

    Args:
        values: Features of n copies at t time steps [n, t, d].
        there: Which time steps count [n, t].
        steep: Which copies are on slopes [n].
    """
    learnt = np.arange(len(steep)) // 2 % 2 == 0
    labels = np.broadcast_to(steep[:, None], there.shape)
    for part in (learnt, ~learnt):
        for side in (steep, ~steep):
            if there[part & side].any(axis=1).sum() < _FEWEST:
                return None
    train = there & learnt[:, None]
    middle, spread = values[train].mean(axis=0), values[train].std(axis=0) + 1e-6
    scaled = ((values - middle) / spread).astype(np.float64)
    weights, bias = logistic_regression(scaled[train], labels[train])
    says = scaled @ weights + bias > 0.0
    right = says == labels
    tested = there & ~learnt[:, None]
    recalls = [right[tested & (labels == side)].mean() for side in (True, False)]
    shares = [right[k][there[k]].mean() for k in np.flatnonzero(~learnt & there.any(axis=1))]
    rate = Rate(sum(bool(share > 0.5) for share in shares), len(shares))
    return {
        "accuracy": round(float(np.mean(recalls)), 4),
        "copies": rate.as_dict(),
        "moments": int(tested.sum()),
    }


def logistic_regression(values: Doubles, labels: NDArray[np.bool_]) -> tuple[Doubles, float]:
    """Weights [d] and bias that predict labels [k] from values [k, d], classes weighted equally.

    With a ridge penalty; the loss is convex, and Newton's method finds its minimum.
    """
    truth = labels.astype(float)
    share = truth.mean()
    balance = np.where(labels, 0.5 / share, 0.5 / (1.0 - share)) / len(truth)
    columns = np.column_stack((values, np.ones(len(truth))))
    ridge = np.full(columns.shape[1], _RIDGE)
    ridge[-1] = 0.0

    def loss(weights: Doubles) -> float:
        logits = columns @ weights
        misses = np.logaddexp(0.0, logits) - truth * logits
        return float(balance @ misses + ridge @ weights**2)

    weights = np.zeros(columns.shape[1])
    for _ in range(_NEWTON_STEPS):
        says = 0.5 + 0.5 * np.tanh(0.5 * (columns @ weights))
        slope = columns.T @ (balance * (says - truth)) + 2.0 * ridge * weights
        curvature = columns.T @ (columns * (balance * says * (1.0 - says))[:, None])
        curvature += np.diag(2.0 * ridge + 1e-9)
        step, length = np.linalg.solve(curvature, slope), 1.0
        while loss(weights - length * step) > loss(weights) and length > 1e-4:
            length *= 0.5
        weights = weights - length * step
    return weights[:-1], float(weights[-1])
