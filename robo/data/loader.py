"""Shuffled batches of windows as torch tensors, read in worker processes."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from robo.data.errors import DatasetError
from robo.data.windows import WindowReader

TensorBatch = dict[str, torch.Tensor]


class BatchLoader:
    """Iterates over all windows, each time in an order that depends on the seed and the epoch.

    Args:
        windows: The windows.
        batch_size: Windows per batch; an incomplete last batch is dropped.
        seed: Seed of the order.
        workers: Reader processes; 0 reads in this one.
        shuffle: False keeps them in order.

    Raises:
        DatasetError: There are fewer windows than a batch takes.
    """

    def __init__(
        self,
        windows: WindowReader,
        batch_size: int,
        *,
        seed: int,
        workers: int = 0,
        shuffle: bool = True,
    ) -> None:
        if not 0 < batch_size <= len(windows):
            raise DatasetError(
                f"a batch of {batch_size} from {len(windows)} windows cannot be made"
            )
        self._windows = windows
        self._batch_size = batch_size
        self._seed = seed
        self._shuffle = shuffle
        self._turn = 0
        self._batches: list[np.ndarray] = []
        self._loader = DataLoader(
            _Windows(windows),
            batch_size=None,
            sampler=self._batches,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=4 if workers else None,
            # A process with other threads must not be forked: a lock they hold would stay held.
            multiprocessing_context="spawn" if workers else None,
        )

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(self._windows) // self._batch_size

    def __iter__(self) -> Iterator[TensorBatch]:
        order = np.arange(len(self._windows))
        if self._shuffle:
            np.random.default_rng((self._seed, self._turn)).shuffle(order)
        self._turn += 1
        size = self._batch_size
        self._batches[:] = [order[k * size : (k + 1) * size] for k in range(len(self))]
        yield from self._loader


class _Windows(Dataset[TensorBatch]):
    def __init__(self, windows: WindowReader) -> None:
        self._windows = windows

    def __getitem__(self, numbers: np.ndarray) -> TensorBatch:
        batch = self._windows.batch(numbers)
        return {key: torch.from_numpy(np.ascontiguousarray(v)) for key, v in batch.items()}
