"""Searches for the gains of `robo.walking.reference`, and measures them.

    python -m robo.walking.reference_search gains.json --minutes 30
    python -m robo.walking.reference_search

The first searches, from the current gains: CMA-ES (Hansen 2016), every candidate on every command,
for time upright, tracking and little wobble. The second measures.
"""

import argparse
import json
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from envs.humanoid.batch import WalkBatch
from envs.humanoid.robots import RobotConfig, robot_config
from robo.walking.reference import ReferenceController, ReferenceGains

Floats = NDArray[np.float64]

SEARCHED: Final = np.array(
    [(0, 0, 0), (0.4, 0, 0), (-0.3, 0, 0), (0, 0.2, 0), (0, 0, 0.5), (0.3, -0.1, 0.3)]
)
"""Commands to search with; the robot and its controller are symmetric."""
MEASURED: Final = (
    (0.0, 0.0, 0.0),
    (0.2, 0.0, 0.0),
    (0.4, 0.0, 0.0),
    (-0.1, 0.0, 0.0),
    (0.0, 0.2, 0.0),
    (0.0, 0.0, 0.4),
    (0.3, 0.1, 0.3),
)
"""Commands for `table`."""
_WARM_UP: Final = 2.0
"""Velocities are averaged from this time on (s)."""
_PUSHES: Final = 2.0
"""Time between pushes (s)."""

_SPREAD: Final = {
    "crouch": 0.08,
    "lift": 0.1,
    "frequency": 0.4,
    "width": 0.03,
    "centre": 0.02,
    "place_x": 0.25,
    "place_y": 0.25,
    "lean": 0.04,
    "give_x": 0.3,
    "give_y": 0.3,
    "pitch": 0.5,
    "pitch_rate": 0.08,
    "roll": 0.5,
    "roll_rate": 0.08,
    "hang": 0.08,
    "knee": 0.08,
    "hip": 0.08,
    "ankle_x": 0.5,
    "ankle_y": 0.5,
    "toes": 0.08,
    "turn_rate": 0.05,
    "forward": 0.5,
    "sideways": 1.0,
    "turning": 0.3,
    "veer": 0.2,
    "skew": 0.5,
}
"""Unit of each gain in the search."""


class Walks(NamedTuple):
    """How n copies walked.

    Attributes:
        upright: time upright (s) [n].
        velocity: mean vx, vy (m/s), yaw rate (rad/s) while upright, after the first 2 s [n, 3].
        wobble: weighted mean square of tilt and its rate [n].
    """

    upright: Floats
    velocity: Floats
    wobble: Floats


def walk(
    robot: RobotConfig,
    gains: ReferenceGains,
    commands: Floats,
    seconds: float,
    seed: int,
    push: float = 0.0,
) -> Walks:
    """Let copies walk on flat ground, each under its command [n, 3], until time is up.

    Args:
        robot: robot of all copies.
        gains: gains of all copies, or one each.
        commands: held all the time (m/s, m/s, rad/s).
        seconds: duration (s).
        seed: seed of starts and pushes.
        push: speed added every two seconds, in a random direction (m/s).
    """
    n, generator = len(commands), np.random.default_rng(seed)
    controller = ReferenceController(robot, gains)
    upright, wobble, moved, counted = np.zeros(n), np.zeros(n), np.zeros((n, 3)), np.zeros((n, 1))
    up, actions = np.ones(n, dtype=bool), np.zeros((n, len(robot.joints)))
    with WalkBatch(
        robot,
        n,
        seed,
        physics_hz=100.0,
        seconds=seconds + 1.0,
        auto_reset=False,
    ) as batch:
        batch.reset()
        batch.hold_commands(commands)
        for moment in range(round(seconds * batch.control_hz)):
            step = batch.step(actions)
            up &= ~step.terminated
            if not up.any():
                break
            state = step.info["state"]
            upright += up / batch.control_hz
            velocity = np.column_stack((state.velocity[:, :2], state.gyro[:, 2]))
            counts = (up & (moment >= _WARM_UP * batch.control_hz))[:, None]
            moved += np.where(counts, velocity, 0.0)
            counted += counts
            tilt = 3.0 * state.gravity[:, :2] ** 2 + 0.02 * state.gyro[:, :2] ** 2
            wobble += up * tilt.sum(axis=1) / batch.control_hz
            actions = np.where(up[:, None], controller.act(state), 0.0)
            if push and (moment + 1) % round(_PUSHES * batch.control_hz) == 0:
                angle = generator.uniform(0.0, 2.0 * np.pi, n)
                batch.push(push * np.column_stack((np.cos(angle), np.sin(angle))))
    return Walks(upright, moved / np.maximum(counted, 1.0), wobble / np.maximum(upright, 0.02))


def scores(candidates: Floats, seconds: float, seed: int, push: float) -> Floats:
    """Scores [k] of gain vectors [k, gains]; 0 is best."""
    names, count = list(_SPREAD), len(SEARCHED)
    columns = np.repeat(candidates, count, axis=0)
    gains = ReferenceGains(**{name: columns[:, i : i + 1] for i, name in enumerate(names)})
    commands = np.tile(SEARCHED, (len(candidates), 1))
    walks = walk(robot_config("g1-12"), gains, commands, seconds, seed, push)
    share = walks.upright / seconds
    miss = np.minimum(np.abs(walks.velocity - commands) @ (1.0, 1.0, 0.5), 1.0)
    cost = 3.0 * (1.0 - share) + 1.5 * np.where(share > 0.5, miss, 1.0) + 5.0 * walks.wobble
    return np.asarray(-cost.reshape(-1, count).mean(axis=1))


def search(start: ReferenceGains, minutes: float, seed: int, console: Console) -> ReferenceGains:
    """Better gains, the mean of the last generation. Pushes of 0.1 m/s rule out dancing."""
    population, names = 24, list(_SPREAD)
    origin = np.array([getattr(start, name) for name in names])
    unit, size = np.array(list(_SPREAD.values())), len(names)
    weights = np.log(population / 2 + 0.5) - np.log(np.arange(1, population // 2 + 1))
    weights /= weights.sum()
    effective = 1.0 / (weights**2).sum()
    slow, keep = 4.0 / (size + 4), (effective + 2) / (size + effective + 5)
    rank_one = 2.0 / ((size + 1.3) ** 2 + effective)
    rank_many = 2.0 * (effective - 2 + 1 / effective) / ((size + 2) ** 2 + effective)
    typical = np.sqrt(size) * (1 - 1 / (4 * size) + 1 / (21 * size**2))
    generator = np.random.default_rng(seed)
    mean, path, steps, sigma = np.zeros(size), np.zeros(size), np.zeros(size), 0.4
    covariance, began, generation = np.eye(size), time.monotonic(), 0
    while time.monotonic() - began < 60.0 * minutes:
        values, axes = np.linalg.eigh(covariance)
        root = np.sqrt(np.maximum(values, 1e-12))
        draws = generator.standard_normal((population, size)) @ (axes * root).T
        candidates = mean + sigma * draws
        marks = scores(origin + unit * candidates, 6.0, seed + generation, 0.1)
        marks -= 0.002 * (candidates**2).sum(axis=1)
        best = draws[np.argsort(-marks)[: len(weights)]]
        move = weights @ best
        mean = mean + sigma * move
        white = axes @ ((axes.T @ move) / root)
        steps = (1 - keep) * steps + np.sqrt(keep * (2 - keep) * effective) * white
        path = (1 - slow) * path + np.sqrt(slow * (2 - slow) * effective) * move
        covariance = (1 - rank_one - rank_many) * covariance + rank_one * np.outer(path, path)
        covariance += rank_many * (best.T * weights) @ best
        sigma *= np.exp(keep / (1 + keep) * (np.linalg.norm(steps) / typical - 1))
        generation += 1
        console.print(f"{generation}: best {marks.max():.2f}, median {np.median(marks):.2f}")
    return ReferenceGains(**dict(zip(names, (origin + unit * mean).tolist(), strict=True)))


def table(robot: str, gains: ReferenceGains, copies: int, seed: int, push: float) -> Table:
    """Results of every command of `MEASURED` over 10 s, `copies` each."""
    told = np.repeat(MEASURED, copies, axis=0)
    walks = walk(robot_config(robot), gains, told, 10.0, seed, push)
    result = Table("told", "upright for 10 s", "vx", "vy", "yaw rate")
    for index, command in enumerate(MEASURED):
        rows = slice(index * copies, (index + 1) * copies)
        upright = walks.upright[rows] > 9.9
        means = walks.velocity[rows].mean(axis=0)
        result.add_row(str(command), f"{upright.mean():.0%}", *(f"{mean:.2f}" for mean in means))
    return result


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description="search for or measure the reference's gains")
    parser.add_argument("out", type=Path, nargs="?", help="search, and write what was found here")
    parser.add_argument("--gains", type=Path, help="begin with these")
    parser.add_argument("--minutes", type=float, default=30.0, help="of a search (default: 30)")
    parser.add_argument("--robot", default="g1-12", help="to measure (default: g1-12)")
    parser.add_argument("--copies", type=int, default=64, help="per command (default: 64)")
    parser.add_argument("--push", type=float, default=0.0, help="every 2 s, to measure (m/s)")
    parser.add_argument("--seed", type=int, default=0)
    given, console = parser.parse_args(), Console()
    gains = ReferenceGains()
    if given.gains:
        gains = ReferenceGains(**json.loads(given.gains.read_text()))
    if given.out:
        gains = search(gains, given.minutes, given.seed, console)
        given.out.write_text(json.dumps(asdict(gains), indent=2))
    else:
        console.print(table(given.robot, gains, given.copies, given.seed, given.push))


assert set(_SPREAD) == {gain.name for gain in fields(ReferenceGains)}

if __name__ == "__main__":
    main()
