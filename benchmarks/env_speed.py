"""Speed of the whole `step` of `robo/Kitchen-v1` on one core.

    python benchmarks/env_speed.py [--seconds 30] [--out FILE]

The stocked default kitchen while an expert fetches things (driving, reaching, holding, contacts),
without images and with two images of 96 pixels. A real-time factor of 10 means ten simulated
seconds per second.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("LP_NUM_THREADS", "0")

import numpy as np

from envs.kitchen.env import KitchenEnv
from envs.kitchen.experts import make_expert
from envs.kitchen.start import DEFAULT_START


def measure(image_size: int | None, seconds: float) -> dict[str, float]:
    """Simulated seconds per second of CPU and wall time, in `step` alone, and reset times."""
    env = KitchenEnv(image_size=image_size, terminate_ends_episode=False)
    env.reset(seed=0)
    walls, cpus, resets, seed = [], [], [], 0
    while len(walls) < seconds * env.control_hz:
        seed += 1
        start = time.perf_counter()
        env.reset(seed=seed)
        resets.append(time.perf_counter() - start)
        thing = seed % len(DEFAULT_START.objects)
        for skill in ("find", "pick_up", "bring"):
            expert = make_expert(env.scene, skill, thing, "user")
            while not expert.finished:
                action = expert.act(env.kitchen_state)
                wall, cpu = time.perf_counter(), time.process_time()
                env.step(action)
                walls.append(time.perf_counter() - wall)
                cpus.append(time.process_time() - cpu)
    env.close()
    simulated = len(walls) / env.control_hz
    return {
        "simulated_seconds": round(simulated, 1),
        "real_time_factor_wall": round(simulated / sum(walls), 1),
        "real_time_factor_cpu": round(simulated / sum(cpus), 1),
        "step_ms_median": round(1e3 * float(np.median(walls)), 2),
        "step_ms_99": round(1e3 * float(np.quantile(walls, 0.99)), 2),
        "reset_ms_median": round(1e3 * float(np.median(resets)), 1),
    }


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0, help="simulated, of each kind")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/env_speed.json"))
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    report = {}
    for name, size in (("no images", None), ("two images of 96 pixels", 96)):
        report[name] = measure(size, options.seconds)
        print(f"{name}: {report[name]}")
    options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
