"""Cost of recording: adding a frame, keeping the rate, finishing an episode, size on disk.

    python benchmarks/data_recording.py --minutes 5

Images are moving patches with noise, as from a camera. The loop runs at the rate with nothing else
to do; a frame is late if it comes more than half a period after its time.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from robo.data.features import ACTION, CAMERA_PREFIX, STATE, camera, vector
from robo.data.lerobot_writer import DatasetWriter, create_dataset

SETUPS = {
    "two cameras 96x96": [("head", 96, 96), ("wrist", 96, 96)],
    "one camera 480x640": [("front", 480, 640)],
}
EPISODE_SECONDS = 15


def film(height: int, width: int, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Images (frames, H, W, 3) of patches that move, with a little noise."""
    patches = rng.integers(0, 230, (height // 8, width // 8, 3), dtype=np.uint8)
    base = np.kron(patches, np.ones((8, 8, 1), np.uint8))
    noise = rng.integers(0, 6, (frames, *base.shape), dtype=np.uint8)
    return np.stack([np.roll(base, 2 * k, 1) for k in range(frames)]) + noise


def measure(root: Path, cameras: list[tuple[str, int, int]], fps: int, episodes: int) -> dict:
    """Record at the rate; times in milliseconds."""
    rng = np.random.default_rng(0)
    features = [camera(*one) for one in cameras]
    create_dataset(root, fps, [*features, vector(STATE, 12), vector(ACTION, 11)], "none")
    films = {CAMERA_PREFIX + name: film(h, w, 40, rng) for name, h, w in cameras}
    adding, late, finishing = [], 0, []
    used = time.process_time()
    with DatasetWriter(root) as writer:
        for _ in range(episodes):
            writer.begin_episode("measure")
            begin = time.perf_counter()
            for k in range(EPISODE_SECONDS * fps):
                due = begin + k / fps
                time.sleep(max(0.0, due - time.perf_counter()))
                now = time.perf_counter()
                late += now - due > 0.5 / fps
                frame = {key: images[k % 40] for key, images in films.items()}
                frame[STATE] = rng.normal(size=12).astype(np.float32)
                frame[ACTION] = rng.normal(size=11).astype(np.float32)
                now = time.perf_counter()
                writer.add_frame(frame)
                adding.append(time.perf_counter() - now)
            now = time.perf_counter()
            writer.finish_episode()
            finishing.append(time.perf_counter() - now)
    minutes = episodes * EPISODE_SECONDS / 60
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    return {
        "fps": fps,
        "frames": len(adding),
        "add_frame_ms": {"median": _ms(np.median(adding)), "worst": _ms(max(adding))},
        "finish_ms": {"median": _ms(np.median(finishing)), "worst": _ms(max(finishing))},
        "late_frames": int(late),
        "cpu_share_of_one_core": round((time.process_time() - used) / (60 * minutes), 3),
        "megabytes_per_minute": round(size / 1e6 / minutes, 1),
    }


def _ms(seconds: float) -> float:
    return round(1000 * float(seconds), 2)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=0.5, help="of recording a setup")
    parser.add_argument("--fps", type=int, default=50)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    episodes = max(1, round(60 * arguments.minutes / EPISODE_SECONDS))
    with tempfile.TemporaryDirectory() as folder:
        result = {
            name: measure(Path(folder) / str(k), cameras, arguments.fps, episodes)
            for k, (name, cameras) in enumerate(SETUPS.items())
        }
    text = json.dumps(result, indent=1)
    arguments.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
