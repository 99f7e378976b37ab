"""Success rates of the scripted experts from random starts, by the success rules.

    python benchmarks/experts.py --episodes 100 --seed 0 --workers 2 [--skill pick_up] [--out FILE]

An episode: 8 to 12 random objects at random places, the robot where the skill needs it, else at a
random place; one expert until it has finished (at most 60 simulated seconds), then up to two
seconds for things to come to rest, then the rule. Every episode counts.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path

import numpy as np

from envs.kitchen import rules
from envs.kitchen.env import KitchenEnv
from envs.kitchen.experts import SKILLS, make_expert
from envs.kitchen.skill_starts import SkillStart, draw_skill_start, succeeded

LIMIT_SECONDS = 60.0
SETTLE_SECONDS = 2.0


@dataclass(frozen=True)
class Task:
    """What one episode asks for."""

    seed: int
    what: SkillStart


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
    return Task(seed, draw_skill_start(skill, rng))


_ENV: list[KitchenEnv] = []


def run(task: Task) -> Result:
    """One episode."""
    if not _ENV:
        _ENV.append(KitchenEnv(terminate_ends_episode=False))
    env, begin, steps, unstable = _ENV[0], time.perf_counter(), 0, False
    what = task.what
    env.reset(seed=task.seed, options={"start": what.start})
    expert = make_expert(env.scene, what.skill, what.thing, what.place)
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
    success = not unstable and succeeded(env.kitchen_state, what)
    reason = None if success else "unstable" if unstable else expert.failure or "the rule says no"
    name = None if what.thing is None else env.scene.names[what.thing]
    where = what.place
    if what.skill in ("find", "pick_up") and what.thing is not None:
        where = what.start.objects[what.thing][1]
    wall = time.perf_counter() - begin
    return Result(what.skill, task.seed, name, where, success, reason, steps / env.control_hz, wall)


def wilson(successes: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """95% interval of a proportion (Wilson 1927)."""
    share, scale = successes / count, 1 + z * z / count
    centre = (share + z * z / (2 * count)) / scale
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / scale
    return centre - half, centre + half


def summary(results: Iterable[Result]) -> dict[str, object]:
    """Statistics of one skill."""
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
