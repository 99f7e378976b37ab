"""Cost of reading: random windows on one core, cached small images and decoded large ones.

    python benchmarks/data_reading.py [--dataset DIR] [--lerobot PYTHON]

CPU time on one thread, so that other work on the machine does not count. --dataset reads that
dataset. With --lerobot, the Python of an environment that has LeRobot, LeRobot's reader reads
windows of the same datasets, too (see data_lerobot.py).
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from robo.data.features import ACTION, STATE, camera, vector
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter, create_dataset
from robo.data.windows import WindowReader

BATCH = 32


def make(root: Path, height: int, width: int, episodes: int, frames: int) -> None:
    """Write a dataset of moving patches."""
    rng = np.random.default_rng(0)
    create_dataset(
        root, 50, [camera("front", height, width), vector(STATE, 12), vector(ACTION, 11)], "none"
    )
    patches = rng.integers(0, 230, (height // 8, width // 8, 3), dtype=np.uint8)
    base = np.kron(patches, np.ones((8, 8, 1), np.uint8))
    with DatasetWriter(root) as writer:
        for _ in range(episodes):
            writer.begin_episode("measure")
            for k in range(frames):
                image = np.roll(base, 2 * k, 1)
                image = image + rng.integers(0, 6, image.shape, dtype=np.uint8)
                state, action = rng.normal(size=12), rng.normal(size=11)
                values = {STATE: state, ACTION: action, "observation.images.front": image}
                writer.add_frame(values)
            writer.finish_episode()


def measure(root: Path, cache: Path, size: tuple[int, int] | None, batches: int) -> dict:
    """Time random windows of one image, two states and twenty actions."""
    dataset = Dataset(root)
    key = dataset.cameras[0]
    windows = WindowReader(
        dataset, {key: [0], STATE: [-1, 0], ACTION: range(20)}, image_size=size, cache=cache
    )
    rng = np.random.default_rng(0)
    begin = time.process_time()
    for _ in windows.warm_up():
        pass
    windows.batch(rng.integers(0, len(windows), BATCH))
    warm_up = time.process_time() - begin
    begin = time.process_time()
    for _ in range(batches):
        windows.batch(rng.integers(0, len(windows), BATCH))
    used = (time.process_time() - begin) / (batches * BATCH)
    height, width = size or dataset.features[key].size
    return {
        "images": f"{height}x{width}",
        "warm_up_s": round(warm_up, 2),
        "ms_a_window": round(1000 * used, 3),
        "windows_a_second": round(1 / used),
    }


def beside(python: Path, root: Path, batches: int) -> dict:
    """The same measurement with LeRobot's reader."""
    script = Path(__file__).with_name("data_lerobot.py")
    command = [python, script, "read", root, "--batches", str(batches)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--lerobot", type=Path, help="a Python that has LeRobot")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    few = max(1, arguments.batches // 4)
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if arguments.dataset:
            sets = {"set": arguments.dataset}
        else:
            sets = {"small": root / "small", "large": root / "large"}
            make(sets["small"], 96, 96, 10, 200)
            make(sets["large"], 480, 640, 2, 100)
        for name, place in sets.items():
            many = few if name == "large" else 10 * arguments.batches
            result[name] = measure(place, root / "cache", None, many)
            if arguments.lerobot:
                result[f"{name}, LeRobot"] = beside(arguments.lerobot, place, few)
        if "large" in sets:
            result["large, scaled"] = measure(
                sets["large"], root / "cache", (96, 128), 10 * arguments.batches
            )
    text = json.dumps(result, indent=1)
    arguments.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
