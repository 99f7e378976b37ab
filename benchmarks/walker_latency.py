"""How long an exported walker takes for an action on one core, and how often it would be late.

    python benchmarks/walker_latency.py [--steps 2000] [--joints 12]

Untrained networks: time does not depend on the weights. Prints median, 99th percentile and the
longest step of each network, and the share of control periods (20 ms) that it missed.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from envs.humanoid import observations
from envs.humanoid.robots import g1
from policies.walker.mlp import MLPActor, MLPActorConfig
from policies.walker.transformer import TransformerStudent, TransformerStudentConfig
from robo.walking.export import export_walker
from robo.walking.runner import Runner, Signals


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--joints", type=int, default=12, choices=(12, 29))
    options = parser.parse_args()
    robot = g1(options.joints)
    sizes = {"observation_size": observations.size(robot), "action_size": options.joints}
    networks = {
        "transformer": TransformerStudent(TransformerStudentConfig(**sizes)),
        "mlp": MLPActor(MLPActorConfig(**sizes)),
    }
    for name, network in networks.items():
        with tempfile.TemporaryDirectory() as folder:
            export_walker(network, robot, Path(folder))
            runner = Runner(Path(folder))
            taken = _times(runner, np.array(robot.default_pose), options.steps) * 1e3
        parameters = sum(p.numel() for p in network.parameters())
        print(
            f"{name}: {parameters} parameters, median {np.median(taken):.3f} ms,"
            f" p99 {np.quantile(taken, 0.99):.3f} ms, longest {taken.max():.2f} ms,"
            f" above 20 ms {np.mean(taken > 20.0):.4f}"
        )


def _times(runner: Runner, pose: np.ndarray, steps: int) -> np.ndarray:
    taken = np.empty(steps)
    for step in range(steps):
        signals = Signals(
            gyro=np.zeros(3),
            gravity=np.array([0.0, 0.0, -1.0]),
            joint_position=pose,
            joint_velocity=np.zeros(len(pose)),
            time=float(step),
        )
        began = time.perf_counter()
        runner.step(signals, (0.5, 0.0, 0.0), now=float(step))
        taken[step] = time.perf_counter() - began
    assert runner.counts.walk == steps
    return taken


if __name__ == "__main__":
    main()
