"""Kill a recorder with SIGKILL at random moments; no finished episode may be lost.

    python benchmarks/data_kills.py --kills 100

A child records episodes as fast as it can and reports what it has done. It is killed; the dataset
is read as it lies, repaired, and the next child resumes into it. Every number and image encodes its
episode and frame, so what comes back is compared exactly.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from robo.data.features import ACTION, STATE, camera, vector
from robo.data.frames import FrameStore
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter, create_dataset
from robo.data.recording import BACKLOG_SECONDS, HELD_UP_SECONDS
from robo.data.repair import repair
from robo.data.validate import validate

FPS = 50
SIDE = 64
CAMERA = "observation.images.head"
TASK = "count"
KILLS_A_SET = 10


@dataclass
class Tally:
    """What became of the recorders.

    Attributes:
        kills: Recorders killed.
        finished: Episodes that a recorder had finished before it was killed.
        finished_lost: How many of these were not read back whole; must be 0.
        in_finishing: Kills while an episode was being finished, or right after.
        restored: Unfinished episodes recovered.
        frames_lost_worst: The most frames that an unfinished episode lost.
    """

    kills: int = 0
    finished: int = 0
    finished_lost: int = 0
    in_finishing: int = 0
    restored: int = 0
    frames_lost_worst: int = 0


def state_of(episode: int, frame: int) -> np.ndarray:
    """The state (2,) of a frame."""
    return np.array([episode, frame], np.float32)


def image_of(episode: int, frame: int) -> np.ndarray:
    """An image whose 16 squares encode episode and frame in bits."""
    bits = (np.uint16(((episode % 64) << 10) | (frame % 1024)) >> np.arange(16)) & 1
    grey = np.kron(bits.reshape(4, 4) * 200 + 20, np.ones((SIDE // 4, SIDE // 4)))
    return np.repeat(grey[:, :, None], 3, 2).astype(np.uint8)


def bits_of(images: np.ndarray) -> np.ndarray:
    """The codes (n,) that `image_of` put into images (n, H, W, 3)."""
    step = SIDE // 4
    squares = images[:, step // 2 :: step, step // 2 :: step, 0].reshape(len(images), 16)
    return ((squares > 120) << np.arange(16)).sum(1)


def make(root: Path) -> None:
    """Create the empty dataset."""
    features = [camera("head", SIDE, SIDE), vector(STATE, 2), vector(ACTION, 2)]
    create_dataset(root, FPS, features, "none")


def record(root: Path, seed: int, pause: float) -> None:
    """The child: record until killed."""
    rng = np.random.default_rng(seed)
    with DatasetWriter(root) as writer:
        print("ready", flush=True)
        while True:
            episode = len(writer.episodes)
            writer.begin_episode(TASK)
            for frame in range(int(rng.integers(10, 80))):
                values = {
                    STATE: state_of(episode, frame),
                    ACTION: -state_of(episode, frame),
                    CAMERA: image_of(episode, frame),
                }
                writer.add_frame(values, label=f"skill {frame // 20}")
                print(f"frame {episode} {frame}", flush=True)
                time.sleep(pause)
            print(f"finishing {episode}", flush=True)
            writer.finish_episode(success=True)
            print(f"finished {episode}", flush=True)


def check_episode(dataset: Dataset, number: int) -> bool:
    """Whether an episode holds what was recorded, images and all."""
    episode = dataset.episodes[number]
    rows = slice(episode.start, episode.stop)
    wanted = np.stack([state_of(number, frame) for frame in range(episode.length)])
    images = FrameStore(dataset, CAMERA).images(np.arange(episode.start, episode.stop))
    expected = ((number % 64) << 10) | (np.arange(episode.length) % 1024)
    labels = [dataset.labels[i] for i in dataset.column("subtask_index")[rows]]
    return (
        np.array_equal(dataset.column(STATE)[rows], wanted)
        and np.array_equal(dataset.column(ACTION)[rows], -wanted)
        and np.array_equal(bits_of(images), expected)
        and labels == [f"skill {frame // 20}" for frame in range(episode.length)]
    )


def kill_once(root: Path, rng: np.random.Generator, tally: Tally) -> None:
    """Record, kill, read, repair, compare."""
    before = len(Dataset(root).episodes)
    seed = str(int(rng.integers(1 << 30)))
    pause = str(float(rng.choice([0.0, 0.0, 0.005])))
    command = [sys.executable, __file__, "--record", str(root), "--seed", seed, "--pause", pause]
    source = str(Path(__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": source}
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(command, stdout=said, env=environment)
        while os.fstat(said.fileno()).st_size == 0 and child.poll() is None:
            time.sleep(0.002)
        time.sleep(float(rng.uniform(0, 0.7)))
        child.send_signal(signal.SIGKILL)
        child.wait()
        said.seek(0)
        lines = [line.split() for line in said.read().splitlines()]
    if child.returncode != -signal.SIGKILL:
        raise RuntimeError(f"the recorder ended by itself with {child.returncode}")
    finished = [int(words[1]) for words in lines if words[0] == "finished"]
    tally.kills += 1
    tally.finished += len(finished)
    last = lines[-1] if lines else ["ready"]
    tally.in_finishing += last[0] in ("finishing", "finished")

    as_it_lies = Dataset(root)
    for number in finished:
        whole = number < len(as_it_lies.episodes) and check_episode(as_it_lies, number)
        tally.finished_lost += not whole
    repair(root)
    dataset = Dataset(root)
    if not all(check_episode(dataset, number) for number in range(before, len(dataset.episodes))):
        raise RuntimeError(f"an episode in {root} is not what was recorded")
    if last[0] in ("frame", "finishing"):
        number = int(last[1])
        added = 1 + max(int(w[2]) for w in lines if w[0] == "frame" and int(w[1]) == number)
        kept = dataset.episodes[number].length if number < len(dataset.episodes) else 0
        tally.restored += kept > 0
        tally.frames_lost_worst = max(tally.frames_lost_worst, added - kept)
        if added - kept > (BACKLOG_SECONDS + HELD_UP_SECONDS) * FPS + 1:
            raise RuntimeError(f"episode {number}: {added} frames were added, {kept} came back")


def run(folder: Path, kills: int, seed: int) -> Tally:
    """Kill `kills` recorders, ten per dataset; each must validate without errors at the end."""
    rng = np.random.default_rng(seed)
    tally = Tally()
    while tally.kills < kills:
        root = folder / f"set-{tally.kills}"
        make(root)
        for _ in range(min(KILLS_A_SET, kills - tally.kills)):
            kill_once(root, rng, tally)
        report = validate(root, images=False)
        if report.errors:
            raise RuntimeError(f"the dataset is damaged: {report.findings[0].message}")
        print(f"{tally.kills} kills, {tally.finished_lost} lost", file=sys.stderr, flush=True)
    return tally


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--pause", type=float, default=0.0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.record:
        record(arguments.record, arguments.seed, arguments.pause)
        return
    with tempfile.TemporaryDirectory() as folder:
        tally = run(Path(folder), arguments.kills, arguments.seed)
    text = json.dumps(asdict(tally), indent=1)
    arguments.out.write_text(text + "\n")
    print(text)
    sys.exit(1 if tally.finished_lost else 0)


if __name__ == "__main__":
    main()
