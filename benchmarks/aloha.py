"""The two arms: success rates of the experts from random starts, and the speed of `step`.

    python benchmarks/aloha.py --episodes 100 --seed 0 [--only experts|speed] [--out FILE]

An episode's seed sets its start and the expert's way-points and pace; it ends when the expert has
finished or at the registered environment's step limit. Success is by the rule `aloha-1`.
Every episode counts. Speeds are CPU time on one core while the expert acts, in `step` alone.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("LP_NUM_THREADS", "0")

import gymnasium
import numpy as np

from envs.aloha.env import AlohaEnv
from envs.aloha.experts import make_expert
from envs.aloha.rules import SUCCESS_RULE_VERSION
from envs.registration import INSERTION_ID, TRANSFER_CUBE_ID
from robo.statistics import Rate

IDS = (TRANSFER_CUBE_ID, INSERTION_ID)
SIZES: dict[str, int | tuple[int, int] | None] = {
    "no image": None,
    "96 x 96": 96,
    "224 x 224": 224,
    "240 x 320": (240, 320),
    "480 x 640": (480, 640),
}


def experts(name: str, seeds: range) -> dict[str, Any]:
    """Success rate of one environment's expert."""
    env = gymnasium.make(name, success_ends_episode=False)
    arms = env.unwrapped
    assert isinstance(arms, AlohaEnv)
    good, done, lengths, failures = 0, [], [], []
    for seed in seeds:
        _, info = env.reset(seed=seed)
        expert = make_expert(arms.scene, seed)
        steps, over, first = 0, False, None
        action = expert.act(arms.aloha_state)
        while not expert.finished and not over:
            _, _, terminated, truncated, info = env.step(action)
            steps, over = steps + 1, terminated or truncated
            first = steps if first is None and info["success"] else first
            action = expert.act(arms.aloha_state)
        good += info["success"]
        lengths.append(steps)
        if first is not None:
            done.append(first)
        if not info["success"] or expert.failure:
            failures.append({"seed": seed, "success": info["success"], "why": expert.failure})
    env.close()
    return {
        "success": Rate(good, len(seeds)).as_dict(),
        "steps_to_success": {"mean": round(float(np.mean(done)), 1), "longest": max(done)},
        "steps_of_the_script": {"mean": round(float(np.mean(lengths)), 1), "longest": max(lengths)},
        "failures": failures,
    }


def speed(name: str, size: int | tuple[int, int] | None, steps: int) -> dict[str, float]:
    """Steps per second of CPU time, and the expert's own time per step."""
    env = gymnasium.make(name, image_size=size, success_ends_episode=False)
    arms = env.unwrapped
    assert isinstance(arms, AlohaEnv)
    cpu, acting, count, seed = 0.0, 0.0, 0, 10_000
    while count < steps:
        env.reset(seed=seed)
        expert = make_expert(arms.scene, seed)
        seed += 1
        while count < steps:
            before = time.process_time()
            action = expert.act(arms.aloha_state)
            acting += time.process_time() - before
            if expert.finished:
                break
            before = time.process_time()
            env.step(action)
            cpu += time.process_time() - before
            count += 1
    env.close()
    return {
        "steps_per_cpu_second": round(count / cpu, 1),
        "expert_ms": round(1e3 * acting / count, 2),
    }


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="first of the episodes' seeds")
    parser.add_argument("--only", choices=("experts", "speed"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/aloha.json"))
    options = parser.parse_args()
    report: dict[str, Any] = {}
    if options.out.exists():
        report = json.loads(options.out.read_text())
    report["success_rules"] = SUCCESS_RULE_VERSION
    for name in IDS:
        part = report.setdefault(name, {})
        if options.only != "speed":
            part["first_seed"] = options.seed
            part["expert"] = experts(name, range(options.seed, options.seed + options.episodes))
            print(name, part["expert"], flush=True)
        if options.only != "experts":
            part["speed"] = {}
            for label, size in SIZES.items():
                part["speed"][label] = speed(name, size, 1000 if size is None else 150)
                print(name, label, part["speed"][label], flush=True)
        options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
