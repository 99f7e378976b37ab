"""Evaluation of what an encoder has learnt to see, on held-out rooms, as numbers and a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.kitchen.pictures import SHOWN
from envs.kitchen.vocabulary import OBJECTS
from robo.training.sight_questions import Questions
from robo.training.sight_rooms import CAMERAS, Room

Said = Callable[
    [NDArray[np.uint8], int, NDArray[np.int64]], tuple[NDArray[np.int64], NDArray[np.float32]]
]
"""From images [n, H, W, 3], their camera and the label named in each [n] to the likeliest labels
and the logits of what is named, both [n, h, w]."""

_TILE: Final = 192


class Exam:
    """Questions about held-out rooms.

    Args:
        rooms: Images and labels of each room.
        questions: The questions to ask.
        said: The network that answers.
    """

    def __init__(self, rooms: Sequence[Room], questions: Questions, said: Said) -> None:
        self._rooms, self._questions, self._said = rooms, questions, said

    def results(self) -> dict[str, float]:
        """Metrics by camera.

        `overlap`: intersection over union of predicted and true places, averaged over objects; a
        view counts once per question about it. `found`: how often the likeliest place of what is
        named is on it or next to it.
        """
        shape = len(CAMERAS), len(SHOWN)
        inside, either, true, hits, asks = np.zeros((5, *shape))
        for images, labels in self._rooms:
            for camera in range(len(CAMERAS)):
                views, asked = self._questions.all_of(labels[:, camera])
                if not len(views):
                    continue
                shown = labels[views, camera]
                said, named = self._said(images[views, camera], camera, asked)
                for label in range(len(SHOWN)):
                    here, there = said == label, shown == label
                    inside[camera, label] += (here & there).sum()
                    either[camera, label] += (here | there).sum()
                    true[camera, label] += there.sum()
                there = shown == asked[:, None, None]
                for label, where, places in zip(asked, named, there, strict=True):
                    row, column = np.unravel_index(where.argmax(), where.shape)
                    around = places[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
                    hits[camera, label] += around.any()
                    asks[camera, label] += 1
        results = {}
        for camera, name in enumerate(CAMERAS):
            things = [label for label in map(SHOWN.index, OBJECTS) if true[camera, label]]
            overlaps = (inside / np.maximum(either, 1))[camera, things]
            results[f"overlap {name}"] = float(overlaps.mean())
            results[f"found {name}"] = float(hits[camera].sum() / max(1.0, asks[camera].sum()))
        return results

    def draw(self, path: Path) -> None:
        """Draw a sheet (PNG): images, true labels, predicted labels and heat maps of what is named.

        Raises:
            OSError: It cannot be written.
        """
        rng = np.random.default_rng(4)
        palette = rng.integers(60, 255, (len(SHOWN), 3)).astype(np.uint8)
        palette[SHOWN.index("other")] = 0
        rows = [self._row(camera, rng, palette) for camera in range(len(CAMERAS))]
        rows = [row for row in rows if row]
        if not rows:
            return
        # In some rooms a camera sees nothing to ask about.
        width = min(map(len, rows))
        sheet = np.concatenate([np.concatenate(row[:width], 1) for row in rows])
        path.write_bytes(cv2.imencode(".png", sheet[..., ::-1])[1].tobytes())

    def _row(
        self, camera: int, rng: np.random.Generator, palette: NDArray[np.uint8]
    ) -> list[NDArray[np.uint8]]:
        """A column of tiles for each room in which there is something to ask about."""
        columns = []
        for images, labels in self._rooms:
            views, asked = self._questions.all_of(labels[:, camera])
            if not len(views):
                continue
            question = rng.integers(len(views))
            view, label = views[question], asked[question]
            image = images[view, camera]
            said, named = self._said(image[None], camera, np.array([label]))
            light = (255 / (1 + np.exp(-named[0]))).astype(np.uint8)[..., None].repeat(3, -1)
            tiles = [
                cv2.resize(tile, (_TILE, _TILE), interpolation=cv2.INTER_NEAREST)
                for tile in (image, palette[labels[view, camera]], palette[said[0]], light)
            ]
            phrase = self._questions.texts[self._questions.phrases[label][0]]
            cv2.putText(tiles[-1], phrase, (4, _TILE - 6), 0, 0.36, (255, 200, 80), 1, 16)
            columns.append(np.concatenate(tiles))
        return columns


__all__ = ["Exam", "Said"]
