"""Batches of a run by step number, so that a run can resume at any step."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator, Iterator
from typing import Final, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from policies.base import INSTRUCTION, PAD, Batch
from robo.data.errors import DatasetError
from robo.data.windows import WindowReader
from robo.errors import UserError
from robo.instructions import instruction_features, stacked
from robo.training.data import Words
from robo.training.processes import Processes
from robo.training.randomness import numpy_generator

_GRACE: Final = 60.0
"""How long a reader asked to stop waits for the current step to be finished and saved (s)."""

WINDOW = "index"
"""The batch key with the dataset frame index of each sample."""


class Batches:
    """All windows, reshuffled every epoch.

    An incomplete last batch is dropped. Each of several processes gets its part of every batch.

    Args:
        windows: The samples.
        size: Samples per batch, over all processes.
        seed: Seed of the order.
        processes: The processes that share the batches.
        workers: Reader processes; 0 reads in this one.
        pinned: Whether batches go to pinned memory, for fast copies to a GPU.

    Raises:
        UserError: There are fewer samples than a batch takes, or processes cannot share it evenly.
    """

    def __init__(
        self,
        windows: WindowReader,
        size: int,
        *,
        seed: int,
        processes: Processes,
        workers: int = 0,
        pinned: bool = False,
    ) -> None:
        if size > len(windows):
            raise UserError(
                f"a batch of {size} cannot be drawn from {len(windows)} samples; "
                "lower --batch-size or record more"
            )
        if size % processes.count:
            raise UserError(
                f"--batch-size {size} cannot be shared by {processes.count} processes; "
                f"make it a multiple of {processes.count}"
            )
        self.windows = windows
        self._size = size
        self._seed = seed
        self._processes = processes
        self._workers = workers
        self._pinned = pinned
        self._turn = -1
        self._order = np.zeros(0, int)

    @property
    def turn(self) -> int:
        """Batches per epoch."""
        return len(self.windows) // self._size

    def numbers(self, step: int) -> np.ndarray:
        """Window numbers of this process's part of the batch of step `step`, counted from 0."""
        turn, place = divmod(step, self.turn)
        if turn != self._turn:
            self._order = numpy_generator(self._seed, "order", turn).permutation(len(self.windows))
            self._turn = turn
        batch = self._order[place * self._size : (place + 1) * self._size]
        return batch[self._processes.rank :: self._processes.count]

    def starting_at(self, step: int) -> Generator[Batch]:
        """Endless batches from step `step` on; closing the generator ends its readers."""

        def numbers() -> Iterator[np.ndarray]:
            here = step
            while True:
                yield self.numbers(here)
                here += 1

        return loaded(self.windows, numbers(), self._workers, self._pinned)


def loaded(
    windows: WindowReader, numbers: Iterator[np.ndarray], workers: int, pinned: bool = False
) -> Generator[Batch]:
    """A batch for each of `numbers`, vectors as float32, images as uint8.

    Raises:
        UserError: A video is missing or damaged.
    """
    loader: DataLoader[Batch] = DataLoader(
        _Windows(windows),
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        prefetch_factor=3 if workers else None,
        pin_memory=pinned,
        worker_init_fn=_prepare_worker,
        # A process with other threads must not be forked: a lock they hold would stay held.
        multiprocessing_context="spawn" if workers else None,
    )
    batches = cast("Iterator[Batch]", iter(loader))
    while True:
        try:
            yield next(batches)
        except StopIteration:
            return
        except DatasetError as error:
            # From a worker, the text includes its traceback; the last line is the message.
            last = str(error).strip().splitlines()[-1]
            raise UserError(last.rpartition("Error: ")[2]) from error


class Instructions:
    """Instruction features, looked up for every batch.

    Args:
        words: The instructions of all frames.
        device: Device on which the features are kept.
    """

    def __init__(self, words: Words, device: torch.device) -> None:
        table, is_pad = stacked([instruction_features(text) for text in words.texts])
        self._table = torch.from_numpy(table).to(device)
        self._is_pad = torch.from_numpy(is_pad).to(device)
        most = max(map(len, words.choices))
        self._choices = np.array([[*each, *[0] * (most - len(each))] for each in words.choices])
        self._counts = np.array(list(map(len, words.choices)))
        self._instruction = words.instruction

    def add_to(
        self, batch: Batch, frames: np.ndarray, rng: np.random.Generator | None = None
    ) -> Batch:
        """The batch with `instruction` and its mask.

        Args:
            batch: A batch.
            frames: Dataset frame index of each sample.
            rng: Draws a phrasing for each sample; without it, each has its original words.
        """
        wanted = self._instruction[frames]
        drawn = np.zeros(len(wanted), int)
        if rng is not None:
            drawn = (rng.random(len(wanted)) * self._counts[wanted]).astype(int)
        texts = torch.from_numpy(self._choices[wanted, drawn])
        texts = texts.to(self._table.device)
        is_pad = self._is_pad[texts]
        longest = int((~is_pad).sum(1).max())
        return {
            **batch,
            INSTRUCTION: self._table[texts, :longest],
            INSTRUCTION + PAD: is_pad[:, :longest],
        }


class _Windows(Dataset[Batch]):
    def __init__(self, windows: WindowReader) -> None:
        self._windows = windows

    def __getitem__(self, numbers: np.ndarray) -> Batch:
        batch = self._windows.batch(numbers)
        return {
            key: _tensor(value)
            for key, value in batch.items()
            if key == WINDOW or not key.endswith("_index")
        }


def _tensor(value: np.ndarray) -> Tensor:
    if value.dtype == np.float64:
        value = value.astype(np.float32)
    if value.ndim == 2 and value.dtype == np.float32:
        value = value[:, :, None]  # a vector of one number is a scalar column in a dataset
    return torch.from_numpy(np.ascontiguousarray(value))


def _prepare_worker(_number: int) -> None:
    """Make a reader outlive a stop signal while the training process finishes and saves its step.

    Ctrl-C and the signals of a batch system reach all processes of a group at once.
    """
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end_later)
    cv2.setNumThreads(1)


def _end_later(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second signal ends it at once
    timer = threading.Timer(_GRACE, os._exit, [0])
    timer.daemon = True
    timer.start()
