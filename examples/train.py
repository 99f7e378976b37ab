"""Train a small ACT on demonstrations, then query it for actions as a robot would.

robo record --task "open the drawer" --dataset data/open --device expert --episodes 10
python examples/train.py --dataset data/open --out runs/open
"""

import argparse
from pathlib import Path

from policies.checkpoint import load
from robo.data.lerobot_reader import Dataset
from robo.data.windows import WindowReader
from robo.training.config import TrainingConfig
from robo.training.job import train

parser = argparse.ArgumentParser(description="Train ACT.")
parser.add_argument("--dataset", type=Path, required=True)
parser.add_argument("--out", type=Path, default=Path("runs/example"))
parser.add_argument("--steps", type=int, default=200)
arguments = parser.parse_args()

# workers=0 reads samples in this process; otherwise keep this below `if __name__ == "__main__"`.
config = TrainingConfig(steps=arguments.steps, batch_size=8, learning_rate=3e-4, workers=0)
options = ["small", "chunk=10", "image_size=48", "instruction_width=0"]
outcome = train("act", arguments.dataset, arguments.out, config, options)
print("steps:", outcome.steps, "validation:", outcome.best)

policy = load(outcome.checkpoint)
policy.reset()
windows = WindowReader(Dataset(arguments.dataset), {key: [0] for key in policy.config.inputs})
observation = {key: windows[0][key][0] for key in policy.config.inputs}
print("actions:", policy.act(observation).round(2).tolist())
