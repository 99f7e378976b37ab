"""Small sets of demonstrations whose every number and image says where it belongs."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from robo.data.episodes import EpisodeInfo
from robo.data.features import ACTION, STATE, camera, vector
from robo.data.lerobot_writer import DatasetWriter, create_dataset

FPS = 10
SIDE = 32
CAMERA = "observation.images.head"
TASKS = ("bring the sponge", "open the drawer")
LABELS = ("find the sponge", "pick up the sponge")
RULE = "count-1"

Change = Callable[[dict[str, np.ndarray], int], dict[str, np.ndarray]]
"""Takes a frame and its number, gives another."""


def state(episode: int, frame: int) -> np.ndarray:
    """(3,): a curve that differs from episode to episode."""
    time = frame / FPS
    wave = np.sin(np.array([1.0, 1.7, 2.3]) * (time + 0.4 * episode))
    return (wave + 0.01 * episode).astype(np.float32)


def action(episode: int, frame: int) -> np.ndarray:
    """(2,)."""
    return state(episode, frame + 1)[:2] * 2


def image(episode: int, frame: int) -> np.ndarray:
    """(SIDE, SIDE, 3): a bright block that goes its way on a grey that tells the episode."""
    picture = np.full((SIDE, SIDE, 3), 40 + 30 * (episode % 5), np.uint8)
    row, column = 4 * (frame % 8), 4 * ((frame // 8) % 8)
    picture[row : row + 4, column : column + 4] = 250
    return picture


def frame_of(episode: int, frame: int) -> dict[str, np.ndarray]:
    return {
        STATE: state(episode, frame),
        ACTION: action(episode, frame),
        CAMERA: image(episode, frame),
    }


def make(root: Path) -> None:
    """An empty set."""
    features = [camera("head", SIDE, SIDE), vector(STATE, 3), vector(ACTION, 2, ["x", "y"])]
    create_dataset(root, FPS, features, "counter")


def add_episode(
    writer: DatasetWriter,
    length: int,
    *,
    number: int | None = None,
    change: Change | None = None,
    success: bool | None = None,
    finish: bool = True,
    late: Sequence[int] = (),
) -> None:
    """Record one; `number` makes it the copy of another, `late` frames come two periods late."""
    place = len(writer.episodes)
    shown = place if number is None else number
    info = EpisodeInfo(
        seed=100 + place, environment="robo/Count-v1", device="expert", success_rule_version=RULE
    )
    writer.begin_episode(TASKS[place % 2], info)
    time = 0.0
    for k in range(length):
        values = frame_of(shown, k)
        if change is not None:
            values = change(values, k)
        time += 2 / FPS if k in late else 0.0
        writer.add_frame(
            values, success=k == length - 1, label=LABELS[k >= length // 2], capture_time=time
        )
        time += 1 / FPS
    if finish:
        writer.finish_episode(success)


def record(root: Path, lengths: Sequence[int]) -> Path:
    """A set of whole episodes."""
    make(root)
    with DatasetWriter(root) as writer:
        for length in lengths:
            add_episode(writer, length)
    return root
