"""Speed of RT-1: a control step of `full` and `small`, and training of `small`.

    python benchmarks/rt1_speed.py [--threads 1 2] [--steps 20] [--out FILE]

A control step is `act` on images already at hand; "six images" encodes the whole window each time,
as without cached tokens. Training is forward, backward and AdamW on segments of 8 frames, all
supervised. Times are medians, CPU time over all threads; on a busy machine only the CPU time with
one thread is meaningful.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from policies.rt1.config import RT1Config
from policies.rt1.rt1 import RT1

HEAD, WRIST, STATE = "observation.images.head", "observation.images.wrist", "observation.state"
INSTRUCTION_WIDTH, WORDS, ACTION_SIZE = 576, 8, 11


def make(preset: str, cameras: tuple[str, ...], **overrides: Any) -> RT1:
    """An untrained policy for these cameras and a state of 31 numbers."""
    inputs = {**dict.fromkeys(cameras, (480, 640, 3)), STATE: (31,)}
    torch.manual_seed(0)
    config = RT1Config.for_dataset(
        inputs, ACTION_SIZE, preset=preset, instruction_width=INSTRUCTION_WIDTH, **overrides
    )
    return RT1(config)


def timed(step: Callable[[], object], steps: int, seconds: float = 20.0) -> dict[str, float]:
    """Milliseconds per step: median and 95th percentile of wall time, median CPU time."""
    step()
    step()
    walls, cpus = [], []
    while len(walls) < steps and (sum(walls) < seconds or len(walls) < 3):
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "wall_ms": round(1e3 * float(np.median(walls)), 1),
        "wall_ms_95": round(1e3 * float(np.quantile(walls, 0.95)), 1),
        "cpu_ms": round(1e3 * float(np.median(cpus)), 1),
    }


def control_steps(policy: RT1, steps: int) -> dict[str, Any]:
    """A control step with cached tokens, one encoding six images, and one frame's encoding."""
    policy.eval()
    rng = np.random.default_rng(0)
    observation = {
        key: rng.integers(0, 256, shape, np.uint8)
        if len(shape) == 3
        else rng.normal(size=shape).astype(np.float32)
        for key, shape in policy.config.inputs.items()
    }
    observation["instruction"] = rng.normal(size=(WORDS, INSTRUCTION_WIDTH)).astype(np.float32)
    inputs = policy.tensors(observation)
    instruction = inputs.pop("instruction")[None]
    frames = policy.config.history
    window = {
        key: value[None, None].expand(1, frames, *value.shape) for key, value in inputs.items()
    }
    window["instruction"] = instruction
    with torch.inference_mode():
        condition = policy.condition(instruction, None, 1)
        one = {key: value[None] for key, value in inputs.items()}
        return {
            "kept tokens": timed(lambda: policy.act(observation), steps),
            "six images": timed(lambda: policy.decode(policy.outputs(window)[:, -1]), steps),
            "of it encoding one frame": timed(lambda: policy.frame_tokens(one, condition), steps),
        }


def training(policy: RT1, batch_size: int, bfloat16: bool, steps: int) -> dict[str, float]:
    """Frames per second when training `policy`."""
    policy.train()
    optimizer = torch.optim.AdamW(policy.optimizer_groups(1e-4), fused=True)
    frames, actions = policy.config.segment, len(policy.windows()["action"])
    batch = {
        key: torch.randint(0, 256, (batch_size, frames, *shape)).byte()
        if len(shape) == 3
        else torch.randn(batch_size, frames, *shape)
        for key, shape in policy.config.inputs.items()
    }
    batch["action"] = torch.rand(batch_size, actions, ACTION_SIZE) * 2 - 1
    batch["instruction"] = torch.randn(batch_size, WORDS, INSTRUCTION_WIDTH)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss, _ = policy.loss(batch)
        loss.backward()
        optimizer.step()

    found = timed(step, steps)
    number = 1e3 * batch_size * frames
    return {
        "frames_per_second": round(number / found["wall_ms"], 1),
        "frames_per_cpu_second": round(number / found["cpu_ms"], 1),
    }


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=20, help="at most, of each kind")
    parser.add_argument("--batch-size", type=int, default=16, help="segments")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    report: dict[str, Any] = {
        "torch": torch.__version__,
        "machine": platform.machine(),
        "load_average_before": os.getloadavg()[0],
    }
    one, two = (HEAD,), (HEAD, WRIST)
    for threads in options.threads:
        torch.set_num_threads(threads)
        found: dict[str, Any] = {}
        for name, preset, cameras in (
            ("full", "full", one),
            ("small, one camera", "small", one),
            ("small, two cameras", "small", two),
        ):
            found[f"control step, {name}"] = control_steps(make(preset, cameras), options.steps)
        for name, cameras, sees, bfloat16 in (
            ("one camera, bfloat16", one, "own", True),
            ("one camera, float32", one, "own", False),
            ("two cameras, bfloat16", two, "own", True),
            ("one camera, bfloat16, frames see earlier ones", one, "earlier", True),
        ):
            policy = make("small", cameras, frames_see=sees)
            steps = max(options.steps // 3, 3)
            found[f"training, small, {name}"] = training(
                policy, options.batch_size, bfloat16, steps
            )
        report[f"{threads} threads"] = found
        for name, numbers in found.items():
            print(f"{threads} threads: {name}: {numbers}", flush=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
