"""Rooms for encoder pretraining: drawn by number, with the newest kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from envs.kitchen import robot
from envs.kitchen.pictures import PLACEMENTS, POSES, views
from policies.vision.place_labels import FINER
from robo.training.randomness import numpy_generator
from robo.workers import begin_worker

CAMERAS: Final = (robot.HEAD_CAMERA, robot.WRIST_CAMERA)
VIEWS: Final = PLACEMENTS * POSES

Room = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""A room's views: images [views, cameras, H, W, 3] and labels [views, cameras, h, w]."""


class Rooms(Dataset[Room]):
    """Rooms by number.

    Args:
        seed: Random seed.
        size: Side of the images (pixels).
        grid: Rows and columns of the encoder's features; labels are `FINER` times as fine.
        held_out: Whether they are for validation.
    """

    def __init__(self, seed: int, size: int, grid: tuple[int, int], *, held_out: bool) -> None:
        self._seed, self._size, self._held_out = seed, size, held_out
        middles = [(np.arange(n * FINER) + 0.5) * size / (n * FINER) for n in grid]
        self._rows, self._columns = (middle.astype(int) for middle in middles)

    def __getitem__(self, number: int) -> Room:
        place = (number, 1) if self._held_out else (number,)
        seen = list(views(numpy_generator(self._seed, "views", *place), self._size, CAMERAS))
        labels = np.stack([view.labels for view in seen])
        return (
            np.stack([view.images for view in seen]),
            np.ascontiguousarray(labels[..., self._rows[:, None], self._columns]),
        )


class NewestRooms:
    """A buffer of the newest rooms, in which the next replaces the oldest.

    Args:
        rooms: All rooms by number.
        count: How many to keep.
        workers: Processes that draw rooms; 0 draws in this one.

    Attributes:
        images: [count x views, cameras, H, W, 3] uint8.
        labels: [count x views, cameras, h, w] uint8.
    """

    def __init__(self, rooms: Rooms, count: int, workers: int) -> None:
        self._rooms, self._count, self._workers = rooms, count, workers
        self.images, self.labels = torch.empty(0), torch.empty(0)

    def drawn(self, first: int) -> Iterator[int]:
        """Draw rooms from `first` on, endlessly; each is stored before its number is yielded."""
        loader: DataLoader[Any] = DataLoader(
            self._rooms,
            batch_size=None,
            sampler=itertools.count(first),
            num_workers=self._workers,
            prefetch_factor=2 if self._workers else None,
            worker_init_fn=_begin,
            # A process that has rendered must not be forked.
            multiprocessing_context="spawn" if self._workers else None,
        )
        for number, (images, labels) in zip(itertools.count(first), loader, strict=False):
            if not len(self.images):
                self.images = images.new_empty((self._count * VIEWS, *images.shape[1:]))
                self.labels = labels.new_empty((self._count * VIEWS, *labels.shape[1:]))
            begin = number % self._count * VIEWS
            self.images[begin : begin + VIEWS] = images
            self.labels[begin : begin + VIEWS] = labels
            yield number

    def colours(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the colours by camera, both [cameras, 3]."""
        some = self.images[:: max(1, len(self.images) // 256)].float()
        return some.mean((0, 2, 3)), some.std((0, 2, 3))


def _begin(_number: int) -> None:
    begin_worker()
