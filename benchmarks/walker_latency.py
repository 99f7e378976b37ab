"""How long the runner takes per control period, 50 times a second, on one thread.

    python benchmarks/walker_latency.py [--policy walk] [--seconds 30]

The walker is exported, and its runner (numpy and onnxruntime, one thread) is driven as on a robot:
sleep until the next period begins, then step. Signals are constant, as they do not affect the
time. A step above 20 ms has missed its period; the runner counts these, too. CPU time excludes
what other processes on the same core took meanwhile.
"""

import argparse
import json
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from robo.results import provenance, write_json
from robo.walking.actor import load_walker
from robo.walking.export import export_walker
from robo.walking.runner import Runner, Signals


def measure(policy: str, seconds: float) -> dict[str, Any]:
    """The report: milliseconds per step, and how many steps were too slow."""
    walker = load_walker(policy)
    with tempfile.TemporaryDirectory() as folder:
        contract = export_walker(walker.network, walker.robot, Path(folder))
        runner = Runner(Path(folder))
        period = 1.0 / contract["rate_hz"]
        wall, cpu = (1e3 * taken for taken in _times(runner, period, round(seconds / period)))
    return {
        "robot": contract["robot"],
        "network": contract["network"]["kind"],
        "parameters": sum(weights.numel() for weights in walker.network.parameters()),
        "machine": platform.machine(),
        "steps": len(wall),
        "period_ms": 1e3 * period,
        "median_ms": round(float(np.median(wall)), 3),
        "p99_ms": round(float(np.quantile(wall, 0.99)), 3),
        "longest_ms": round(float(wall.max()), 3),
        "above_20_ms": int((wall > 20.0).sum()),
        "missed": runner.counts.missed,
        "cpu_median_ms": round(float(np.median(cpu)), 3),
        "cpu_p99_ms": round(float(np.quantile(cpu, 0.99)), 3),
    }


def _times(runner: Runner, period: float, steps: int) -> np.ndarray:
    """Wall and CPU seconds of each step, (2, steps)."""
    pose = np.array(runner.contract["default_pose"])
    down, still = np.array([0.0, 0.0, -1.0]), np.zeros(len(pose))
    taken = np.empty((2, steps))
    due = time.monotonic()
    for step in range(steps):
        due = max(due + period, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        began = time.perf_counter(), time.thread_time()
        runner.step(Signals(np.zeros(3), down, pose, still, time.monotonic()), (0.5, 0.0, 0.0))
        taken[:, step] = time.perf_counter() - began[0], time.thread_time() - began[1]
    assert runner.counts.walk == steps, runner.counts
    return taken


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--policy", default="walk")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/walker_latency.json"))
    options = parser.parse_args()
    settings = {"policy": options.policy, "seconds": options.seconds}
    report = provenance(settings, 0) | measure(options.policy, options.seconds)
    report["versions"]["onnxruntime"] = version("onnxruntime")
    write_json(options.out, report)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
