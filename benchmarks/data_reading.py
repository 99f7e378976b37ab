"""What reading costs: random windows from one core, cached small images and decoded large ones.

    python benchmarks/data_reading.py [--dataset DIR]

CPU time, so that other work on the machine does not count. With --dataset it reads that set.
"""

import argparse
import json
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
    """A set of patches that move."""
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
    """Random windows of one image, two states and twenty actions."""
    dataset = Dataset(root)
    key = dataset.cameras[0]
    windows = WindowReader(
        dataset, {key: [0], STATE: [-1, 0], ACTION: range(20)}, image_size=size, cache=cache
    )
    rng = np.random.default_rng(0)
    begin = time.process_time()
    windows.warm_up()
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


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path)
    parser.add_argument("--batches", type=int, default=20)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if arguments.dataset:
            result = {"set": measure(arguments.dataset, root / "cache", None, arguments.batches)}
        else:
            make(root / "small", 96, 96, 10, 200)
            make(root / "large", 480, 640, 2, 100)
            few = max(1, arguments.batches // 4)
            result = {
                "small": measure(root / "small", root / "cache", None, 10 * arguments.batches),
                "large": measure(root / "large", root / "cache", None, few),
                "large, scaled": measure(
                    root / "large", root / "cache", (96, 128), 10 * arguments.batches
                ),
            }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
