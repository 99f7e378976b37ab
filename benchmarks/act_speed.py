"""ACT at LeRobot's dimensions: time per chunk and per training step, against LeRobot's ACT.

    python benchmarks/act_speed.py --lerobot ~/lerobot/bin/python

One 480x640 camera, 14 state numbers and actions, 51.6M parameters, float32, random weights.
A chunk is a batch of one; a training step is forward, backward and AdamW on a batch of 8. LeRobot
needs its own environment (`pip install lerobot`); each policy runs in its own process, and they
alternate, so that a busy machine slows both alike. CPU seconds are those of a process on all of
its threads. Ours is timed with more work: it starts from bytes, LeRobot's from images that are
normalised floats already. Ours runs as in `robo train`, with retained memory (robo/memory.py) and
fused AdamW; LeRobot's with the AdamW that it trains with.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HEIGHT, WIDTH, SIZE, CHUNK, BATCH = 480, 640, 14, 100, 8
STATE, IMAGE = "observation.state", "observation.images.top"
OURS, LEROBOT = "ours", "lerobot"
ENGINES = (OURS, LEROBOT)
WORK = ("chunk", "step")


def ours(bf16: bool) -> tuple[int, dict[str, Callable[[], None]]]:
    """Our policy's parameter count, and the functions to time."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from robo.memory import keep_memory

    keep_memory()
    import numpy as np
    import torch

    from policies.act.act import ACT, ACTConfig

    inputs = {STATE: (SIZE,), IMAGE: (HEIGHT, WIDTH, 3)}
    policy = ACT(ACTConfig.for_dataset(inputs, SIZE, "full", ensemble_decay=None))
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (BATCH, 1, HEIGHT, WIDTH, 3), dtype=np.uint8)
    batch = {
        STATE: torch.randn(BATCH, 1, SIZE),
        IMAGE: torch.from_numpy(image),
        "action": torch.randn(BATCH, CHUNK, SIZE),
        "action_is_pad": torch.zeros(BATCH, CHUNK, dtype=torch.bool),
    }
    observation = {STATE: np.zeros(SIZE, np.float32), IMAGE: image[0, 0]}
    optimizer = torch.optim.AdamW(policy.optimizer_groups(1e-5), weight_decay=1e-4, fused=True)
    policy.reset()

    def chunk() -> None:
        policy.eval()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            policy.act(observation)

    def step() -> None:
        policy.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss, _ = policy.loss(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return sum(p.numel() for p in policy.parameters()), {"chunk": chunk, "step": step}


def lerobot(bf16: bool) -> tuple[int, dict[str, Callable[[], None]]]:
    """The parameter count of LeRobot's policy, and the functions to time."""
    from data_lerobot import stand_in_for_torchvision

    stand_in_for_torchvision()
    import torch
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.act.modeling_act import ACTPolicy

    config = ACTConfig(
        input_features={
            STATE: PolicyFeature(FeatureType.STATE, (SIZE,)),
            IMAGE: PolicyFeature(FeatureType.VISUAL, (3, HEIGHT, WIDTH)),
        },
        output_features={"action": PolicyFeature(FeatureType.ACTION, (SIZE,))},
        pretrained_backbone_weights=None,
        device="cpu",
    )
    policy = ACTPolicy(config)
    batch = {
        STATE: torch.randn(BATCH, SIZE),
        IMAGE: torch.randn(BATCH, 3, HEIGHT, WIDTH),
        "action": torch.randn(BATCH, CHUNK, SIZE),
        "action_is_pad": torch.zeros(BATCH, CHUNK, dtype=torch.bool),
    }
    observation = {STATE: batch[STATE][:1], IMAGE: batch[IMAGE][:1]}
    optimizer = torch.optim.AdamW(policy.get_optim_params(), lr=1e-5, weight_decay=1e-4)

    def chunk() -> None:
        policy.eval()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16), torch.inference_mode():
            policy.predict_action_chunk(dict(observation))

    def step() -> None:
        policy.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss, _ = policy.forward(dict(batch))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return sum(p.numel() for p in policy.parameters()), {"chunk": chunk, "step": step}


def serve(engine: str, threads: int, bf16: bool) -> None:
    """Measuring process: reads names of work, one per line, and prints its seconds."""
    parameters, work = (ours if engine == OURS else lerobot)(bf16)
    import torch

    torch.set_num_threads(threads)
    print(json.dumps({"parameters": parameters, "torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        work[line.strip()]()
        seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps(seconds), flush=True)


class Engine:
    """A policy in its own process."""

    def __init__(self, python: str, engine: str, threads: int, bf16: bool) -> None:
        command = [python, __file__, "--serve", engine, "--threads", str(threads)]
        self._process = subprocess.Popen(
            command + ["--bf16"] * bf16,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.about = self._answer()

    def measure(self, work: str) -> dict[str, float]:
        """Wall and CPU seconds of doing `work` once."""
        assert self._process.stdin is not None
        self._process.stdin.write(work + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise SystemExit("a policy's process ended; run it by hand with --serve to see why")


def run(
    pythons: dict[str, str], threads: int, bf16: bool, chunks: int, steps: int
) -> dict[str, Any]:
    """Medians of each engine, and ours relative to LeRobot's."""
    engines = {
        name: Engine(python, name, threads, bf16) for name, python in pythons.items() if python
    }
    result: dict[str, Any] = {"threads": threads, "bf16": bf16, "machine": platform.machine()}
    for name, engine in engines.items():
        result[name] = dict(engine.about)
    for work, count in zip(WORK, (chunks, steps), strict=True):
        seconds: dict[str, list[dict[str, float]]] = {name: [] for name in engines}
        for turn in range(count + 1):
            for name, engine in engines.items():
                measured = engine.measure(work)
                if turn:
                    seconds[name].append(measured)
        for name, values in seconds.items():
            for clock in ("cpu", "wall"):
                median = statistics.median(value[clock] for value in values)
                result[name][f"{work}_{clock}_s"] = round(median, 4)
        if len(engines) == 2:
            pairs = zip(seconds[OURS], seconds[LEROBOT], strict=True)
            ratio = statistics.median(mine["cpu"] / theirs["cpu"] for mine, theirs in pairs)
            result[f"{work}_cpu_ratio"] = round(ratio, 3)
    for engine in engines.values():
        engine.close()
    return result


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lerobot", default="", help="python of an environment with LeRobot")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16, both policies")
    parser.add_argument("--chunks", type=int, default=20, help="times that a chunk is measured")
    parser.add_argument("--steps", type=int, default=5, help="times that a step is measured")
    parser.add_argument("--out", type=Path, help="write the JSON here too")
    parser.add_argument("--serve", choices=ENGINES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.threads, args.bf16)
        return
    pythons = {OURS: sys.executable, LEROBOT: args.lerobot}
    result = run(pythons, args.threads, args.bf16, args.chunks, args.steps)
    text = json.dumps(result, indent=2)
    print(text)
    if args.out:
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
