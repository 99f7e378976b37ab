"""How often the scripted experts succeed, from random starts, by the success rules.

    python benchmarks/experts.py --episodes 100 --seed 0 --workers 2 [--skill pick_up] [--out FILE]

An episode: 8 to 12 random objects at random places, the robot at a random place (where the skill
needs it), one expert until it says "terminate" (at most 60 simulated seconds), then up to two
seconds for things to come to rest, then the rule. Every episode counts.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path

import numpy as np

from envs.kitchen import rules
from envs.kitchen.env import KitchenEnv
from envs.kitchen.experts import SKILLS, make_expert
from envs.kitchen.layout import SURFACES
from envs.kitchen.start import StartState
from envs.kitchen.state import KitchenState
from envs.kitchen.vocabulary import DRAWERS, MAX_INSTANCES, OBJECTS, PLACES

LIMIT_SECONDS = 60.0
SETTLE_SECONDS = 2.0


@dataclass(frozen=True)
class Task:
    """What one episode asks for: a start, and what the skill is about."""

    skill: str
    seed: int
    start: StartState
    thing: int | None
    place: str | None


@dataclass(frozen=True)
class Result:
    """How one episode went."""

    skill: str
    seed: int
    thing: str | None
    place: str | None
    success: bool
    reason: str | None
    seconds: float
    wall_seconds: float


def random_task(skill: str, seed: int) -> Task:
    """A random start that fits the skill."""
    rng = np.random.default_rng([SKILLS.index(skill), seed])
    name = str(rng.choice(OBJECTS))
    place = str(rng.choice(PLACES))
    robot_at = str(rng.choice(PLACES))
    drawers = {drawer: str(rng.choice(("open", "closed"))) for drawer in DRAWERS}
    holding, thing, first = None, None, None
    if skill == "go_to":
        holding = name if rng.random() < 0.5 else None
    elif skill in ("find", "pick_up"):
        first, thing = (name, place), 0
        robot_at = place if skill == "pick_up" else robot_at
    elif skill in ("put_down", "bring"):
        holding = name
        robot_at = place if skill == "put_down" else robot_at
    else:
        place = str(rng.choice(DRAWERS))
        robot_at = place
        drawers[place] = "closed" if skill == "open" else "open"
    if place in DRAWERS and skill in ("find", "pick_up", "put_down"):
        drawers[place] = "open"
    objects = _clutter(rng, first, holding)
    if holding is not None and skill != "go_to":
        thing = len(objects)
    goal = {"find": None, "pick_up": None, "bring": "user"}.get(skill, place)
    return Task(skill, seed, StartState(robot_at, holding, objects, drawers), thing, goal)


def _clutter(
    rng: np.random.Generator, first: tuple[str, str] | None, holding: str | None
) -> tuple[tuple[str, str], ...]:
    objects = [] if first is None else [first]
    names = Counter(name for name, _ in objects)
    names.update([holding] if holding else [])
    places = Counter(place for _, place in objects)
    count = len(objects) + int(rng.integers(8, 13))
    while len(objects) < count:
        name, place = str(rng.choice(OBJECTS)), str(rng.choice(PLACES))
        # One place is left free for what is put down there.
        if names[name] < MAX_INSTANCES and places[place] < SURFACES[place].capacity - 1:
            objects.append((name, place))
            names[name] += 1
            places[place] += 1
    return tuple(objects)


def succeeded(state: KitchenState, task: Task) -> bool:
    """Whether the rules say that the skill did what it is for."""
    thing, place = task.thing, task.place
    match task.skill:
        case "find":
            where = state.objects[thing or 0].place
            return where is not None and rules.robot_at(state, where)
        case "go_to":
            kept = task.start.holding is None or state.holding == task.start.holding_id
            return rules.robot_at(state, place or "") and kept
        case "pick_up":
            return rules.held(state, thing or 0)
        case "put_down" | "bring":
            return rules.on(state, thing or 0, place or "") and state.holding is None
        case "open":
            return rules.is_open(state, place or "")
        case _:
            return rules.is_closed(state, place or "")


_ENV: list[KitchenEnv] = []


def run(task: Task) -> Result:
    """One episode."""
    if not _ENV:
        _ENV.append(KitchenEnv(terminate_ends_episode=False))
    env, begin, steps, unstable = _ENV[0], time.perf_counter(), 0, False
    env.reset(seed=task.seed, options={"start": task.start})
    expert = make_expert(env.scene, task.skill, task.thing, task.place)
    while not expert.finished and steps < LIMIT_SECONDS * env.control_hz and not unstable:
        unstable = env.step(expert.act(env.kitchen_state))[4]["unstable"]
        steps += 1
    action = expert.act(env.kitchen_state)
    for _ in range(round(SETTLE_SECONDS * env.control_hz)):
        if unstable or all(
            thing.speed < rules.REST_SPEED or thing.id == env.kitchen_state.holding
            for thing in env.kitchen_state.objects
        ):
            break
        unstable = env.step(action)[4]["unstable"]
    success = not unstable and succeeded(env.kitchen_state, task)
    reason = None if success else "unstable" if unstable else expert.failure or "the rule says no"
    name = None if task.thing is None else env.scene.names[task.thing]
    where = task.place
    if task.skill in ("find", "pick_up") and task.thing is not None:
        where = task.start.objects[task.thing][1]
    wall = time.perf_counter() - begin
    return Result(task.skill, task.seed, name, where, success, reason, steps / env.control_hz, wall)


def wilson(successes: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """95% interval of a proportion (Wilson 1927)."""
    share, scale = successes / count, 1 + z * z / count
    centre = (share + z * z / (2 * count)) / scale
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / scale
    return centre - half, centre + half


def summary(results: Iterable[Result]) -> dict[str, object]:
    """Numbers of one skill."""
    rows = list(results)
    good = sum(row.success for row in rows)
    low, high = wilson(good, len(rows))
    return {
        "episodes": len(rows),
        "successes": good,
        "interval_95": [round(low, 3), round(high, 3)],
        "mean_seconds": round(float(np.mean([row.seconds for row in rows])), 2),
        "mean_wall_seconds": round(float(np.mean([row.wall_seconds for row in rows])), 2),
        "failures": [asdict(row) for row in rows if not row.success],
    }


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="first of the episodes' seeds")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--skill", choices=SKILLS, action="append")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/experts.json"))
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.episodes)
    report: dict[str, object] = {"first_seed": options.seed}
    report["success_rules"] = rules.SUCCESS_RULE_VERSION
    print(f"{'skill':10} {'success':>9}  {'95% interval':14} {'simulated':>9} {'wall':>7}")
    with multiprocessing.Pool(options.workers) as pool:
        for skill in options.skill or SKILLS:
            tasks = [random_task(skill, seed) for seed in seeds]
            numbers = summary(pool.imap(run, tasks))
            report[skill] = numbers
            low, high = numbers["interval_95"]  # type: ignore[misc]
            print(
                f"{skill:10} {numbers['successes']:>4}/{numbers['episodes']:<4}  "
                f"{100 * low:5.1f}-{100 * high:5.1f} %  {numbers['mean_seconds']:>7} s "
                f"{numbers['mean_wall_seconds']:>5} s"
            )
            for failure in numbers["failures"]:  # type: ignore[attr-defined]
                print(
                    f"    seed {failure['seed']}: {failure['thing']} at {failure['place']}, "
                    f"{failure['reason']} after {failure['seconds']} s",
                    file=sys.stderr,
                )
    options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
