"""Control steps per CPU-second of the walker, as a share of bare `mj_step`.

    python benchmarks/walk_speed.py [--copies 256] [--steps 100] [--others] [--out FILE]

For 12 and 29 joints, with and without randomisation, and on mixed ground: batches act at random,
fall and begin anew; bare `mj_step` does the same physics with the same targets, in turns of 10
actions, so that both meet the same machine. A control step is 4 physics steps of 5 ms. `--others`
adds gymnasium's AsyncVectorEnv of the same environment and, where it is installed, EnvPool's G1
task (both count the CPU of all their processes and threads).
"""

import argparse
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import mujoco
import numpy as np

from envs.humanoid.batch import WalkBatch
from envs.humanoid.randomization import TERMS
from envs.humanoid.robots import g1

TURN = 10
CASES = (
    ("12 joints", 12, (), "flat"),
    ("12 joints, randomised", 12, tuple(TERMS), "flat"),
    ("12 joints, randomised, mixed ground", 12, tuple(TERMS), "mixed"),
    ("29 joints", 29, (), "flat"),
    ("29 joints, randomised", 29, tuple(TERMS), "flat"),
)


def measure(joints: int, names: tuple[str, ...], terrain: str, copies: int, steps: int) -> Any:
    """Control steps per CPU-second of a batch and of bare physics that does the same."""
    rng = np.random.default_rng(0)
    batch = WalkBatch(g1(joints), copies, 0, names, terrain)
    batch.reset()
    physics = batch.physics
    full = mujoco.mjtState.mjSTATE_FULLPHYSICS
    data = mujoco.MjData(batch.models[0])
    spent = bare = 0.0
    begun = 0
    for turn in range(-1, steps // TURN):
        actions = 0.3 * rng.standard_normal((TURN, copies, joints))
        record = []
        clock = time.process_time()
        for action in actions:
            step = batch.step(action)
            record.append((physics.control.copy(), physics.state.copy(), step))
        taken = time.process_time() - clock
        clock = time.process_time()
        for copy in range(copies):
            model = batch.models[copy]
            for index in range(TURN):
                control, state, _ = record[index]
                if index == 0 or record[index - 1][2].terminated[copy]:
                    # One state late, which is another state of the same kind.
                    mujoco.mj_setState(model, data, state[copy], full)
                for targets in control[copy]:
                    data.ctrl[:] = targets
                    mujoco.mj_step(model, data)
        taken_bare = time.process_time() - clock
        if turn >= 0:
            spent, bare = spent + taken, bare + taken_bare
            begun += sum(int(step.terminated.sum()) for _, _, step in record)
    batch.close()
    count = copies * TURN * (steps // TURN)
    return {
        "control_steps_per_cpu_second": round(count / spent),
        "bare_mj_step": round(count / bare),
        "share": round(bare / spent, 3),
        "episodes_begun_per_1000_steps": round(1000 * begun / count, 1),
        "unstable": batch.unstable,
    }


def cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure_async(copies: int, steps: int) -> Any:
    """Gymnasium's AsyncVectorEnv of the same environment, one process per copy.

    CPU of the processes is known when they have ended: twice as many steps minus as many.
    """
    spent = [async_seconds(copies, count * steps) for count in (1, 2)]
    return {"control_steps_per_cpu_second": round(copies * steps / (spent[1] - spent[0]))}


def async_seconds(copies: int, steps: int) -> float:
    """CPU of a run with its start."""
    import gymnasium

    from envs.registration import HUMANOID_WALK_ID

    rng, before = np.random.default_rng(0), cpu_seconds()
    envs = gymnasium.make_vec(HUMANOID_WALK_ID, num_envs=copies, vectorization_mode="async")
    envs.reset(seed=0)
    for _ in range(steps):
        envs.step(0.3 * rng.standard_normal((copies, 12)).astype(np.float32))
    envs.close()
    return cpu_seconds() - before


def measure_envpool(copies: int, steps: int) -> Any:
    """EnvPool's G1 joystick task, one thread."""
    import envpool

    envs = envpool.make_gymnasium(
        "G1JoystickFlatTerrain-v1", num_envs=copies, num_threads=1, seed=0
    )
    envs.reset()
    size = envs.action_space.shape[0]
    rng, clock = np.random.default_rng(0), time.process_time()
    for _ in range(steps):
        envs.step(0.3 * rng.standard_normal((copies, size)))
    return {"control_steps_per_cpu_second": round(copies * steps / (time.process_time() - clock))}


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--copies", type=int, default=256)
    parser.add_argument("--steps", type=int, default=100, help="actions of each copy")
    parser.add_argument("--others", action="store_true", help="measure other libraries, too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/walk_speed.json"))
    options = parser.parse_args()
    report = {}
    for name, joints, names, terrain in CASES:
        report[name] = measure(joints, names, terrain, options.copies, options.steps)
        print(f"{name}: {report[name]}", flush=True)
    if options.others:
        report["AsyncVectorEnv"] = measure_async(4, options.steps * 4)
        print(f"AsyncVectorEnv: {report['AsyncVectorEnv']}", flush=True)
        try:
            report["EnvPool G1"] = measure_envpool(32, options.steps)
            print(f"EnvPool G1: {report['EnvPool G1']}")
        except ModuleNotFoundError:
            print("EnvPool is not installed: pip install envpool")
    options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
