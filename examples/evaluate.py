"""Evaluate a policy from Python: episodes from one seed, success rates with intervals, a table.

    python examples/evaluate.py --env robo/Kitchen-v1 --policy expert --task "pick up" --episodes 10

--policy also takes a checkpoint's folder. A second run resumes where the first one stopped.
"""

import argparse
from pathlib import Path

from rich.console import Console

from robo.rollouts.run import Rollouts
from robo.rollouts.summary import print_summary

parser = argparse.ArgumentParser(description="Evaluate a policy.")
parser.add_argument("--env", default="robo/Kitchen-v1")
parser.add_argument("--policy", default="expert")
parser.add_argument("--task", nargs="*", default=["open", "go to"])
parser.add_argument("--episodes", type=int, default=2)
parser.add_argument("--out", type=Path, default=Path("runs/evaluate"))
arguments = parser.parse_args()

# workers=0 runs everything in this process; otherwise keep this below `if __name__ == "__main__"`.
run = Rollouts(arguments.env, arguments.policy, arguments.out, tasks=arguments.task)
summary = run.execute(arguments.episodes, workers=0)
print_summary(summary, Console())
print(f"success: {summary['success']['rate']:.0%}, all of it in {arguments.out}")
