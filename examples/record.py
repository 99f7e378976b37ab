"""Record any policy in any gymnasium environment as a LeRobot dataset with the public recorder.

    python examples/record.py --env Pendulum-v1 --out data/pendulum

A second run adds to the same dataset. The kitchen: --env robo/Kitchen-v1.
"""

import argparse
from pathlib import Path

import gymnasium

from robo.recording.recorder import Recorder

parser = argparse.ArgumentParser(description="Record a policy.")
parser.add_argument("--env", default="Pendulum-v1")
parser.add_argument("--out", type=Path, default=Path("data/example"))
parser.add_argument("--episodes", type=int, default=2)
parser.add_argument("--steps", type=int, default=50)
arguments = parser.parse_args()

env = gymnasium.make(arguments.env)
env.action_space.seed(0)


def policy(observation: object) -> object:
    """Put yours here: an observation in, an action out."""
    return env.action_space.sample()


with Recorder(env, arguments.out, task="move at random") as recorder:
    for seed in range(arguments.episodes):
        observation, info = recorder.reset(seed=seed)
        for _ in range(arguments.steps):
            action = policy(observation)
            observation, reward, terminated, truncated, info = recorder.step(action)
            if terminated or truncated:
                break
        episode = recorder.keep()
        print(f"episode {episode.index}: {episode.length} frames in {arguments.out}")
