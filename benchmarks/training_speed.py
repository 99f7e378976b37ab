"""What limits training: samples per second of the loader and of the policy's step.

    python benchmarks/training_speed.py --dataset data/experts --policy rt1 --config small

One torch thread. CPU time of the training process, so that other work on the machine does not
count, and wall time. With workers the loader runs in other processes: "cpu" is then what
receiving a batch costs the training process.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from policies.registry import POLICIES
from robo.training.batches import WINDOW
from robo.training.config import TrainingConfig
from robo.training.preparation import Prepared, prepare
from robo.training.processes import Processes
from robo.training.run_folder import RunFolder
from robo.training.trainer import Trainer


def timed(work: Callable[[], Any], count: int, samples: int) -> dict[str, float]:
    """CPU and wall time of `work`, run `count` times after one warm-up."""
    work()
    wall, used = time.perf_counter(), time.process_time()
    for _ in range(count):
        work()
    wall, used = (time.perf_counter() - wall) / count, (time.process_time() - used) / count
    return {
        "ms_cpu": round(1000 * used, 2),
        "ms_wall": round(1000 * wall, 2),
        "samples_a_cpu_second": round(samples / max(used, 1e-9), 1),
        "samples_a_wall_second": round(samples / wall, 1),
    }


def prepared(arguments: argparse.Namespace, workers: int) -> tuple[Prepared, TrainingConfig]:
    """The run that `robo train` would start."""
    config = TrainingConfig(
        steps=10**6, batch_size=arguments.batch_size, workers=workers, threads=1, validation=0
    )
    folder = RunFolder(Path("nowhere"), resume=False)
    made = prepare(
        arguments.policy,
        arguments.dataset,
        folder,
        config,
        arguments.config,
        torch.device("cpu"),
        Processes(),
    )
    return made, config


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--policy", choices=POLICIES, default="rt1")
    parser.add_argument("--config", nargs="*", default=["small"])
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2])
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    result: dict[str, Any] = {"policy": [arguments.policy, *arguments.config]}
    for workers in arguments.workers:
        made, config = prepared(arguments, workers)
        for _ in made.batches.windows.warm_up():
            pass
        work = partial(next, made.batches.starting_at(0))
        name = f"loader, {workers} workers"
        result[name] = timed(work, arguments.batches, arguments.batch_size)

    made, config = prepared(arguments, 0)
    trainer = Trainer(made.policy, config, Processes())
    batch = next(made.batches.starting_at(0))
    frames = batch.pop(WINDOW).numpy()
    if made.instructions is not None:
        batch = made.instructions.add_to(batch, frames)
    result["shapes"] = {key: list(value.shape) for key, value in batch.items()}
    result["step"] = timed(
        lambda: trainer.learn(batch, time.perf_counter()), arguments.steps, arguments.batch_size
    )
    loading = result[f"loader, {arguments.workers[0]} workers"]
    result["loading as a share of the step"] = round(
        loading["ms_cpu"] / result["step"]["ms_cpu"], 4
    )
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
