"""Training samples: for each frame, the observations before it and the actions to take next.

    windows = WindowReader(
        Dataset(root),
        {"observation.state": range(-1, 1), "observation.images.head": [0], "action": range(20)},
    )
    batch = windows.batch(np.array([5, 17]))
    batch["action"]           # (2, 20, n)
    batch["action_is_pad"]    # (2, 20), true where the window reaches past the episode

Windows never cross the bounds of an episode (or of a skill): the first or last frame is repeated
there, and the mask marks it.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from robo.data.errors import DatasetError
from robo.data.features import SUBTASK
from robo.data.frame_cache import default_cache
from robo.data.frames import FrameStore
from robo.data.lerobot_reader import Dataset

Batch = dict[str, np.ndarray]
INDICES = ("index", "episode_index", "frame_index", "task_index")


class WindowReader:
    """Random access to windows around the frames of a dataset.

    Args:
        dataset: The dataset.
        offsets: By feature, the frames to return relative to the window's own: -1 is one before.
        within: What a window may not leave: its "episode", or its "skill" (a segment with one
            label), which splits a long episode into many short ones.
        episodes: Indices of the episodes to use; all by default.
        image_size: (height, width) to scale images to.
        cache: Folder for decoded small images; `frame_cache.default_cache()` by default.

    Attributes:
        frames: Dataset frame index of each window (n,).

    Raises:
        DatasetError: A feature is not in the dataset, or has no offsets.
    """

    def __init__(
        self,
        dataset: Dataset,
        offsets: Mapping[str, Iterable[int]],
        *,
        within: Literal["episode", "skill"] = "episode",
        episodes: Iterable[int] | None = None,
        image_size: tuple[int, int] | None = None,
        cache: Path | None = None,
    ) -> None:
        self.dataset = dataset
        self._offsets = {key: np.array(list(steps), int) for key, steps in offsets.items()}
        if any(not len(steps) for steps in self._offsets.values()):
            raise DatasetError("a window needs at least one offset for every feature")
        self._stores = {
            key: FrameStore(dataset, key, image_size, cache or default_cache())
            for key in self._offsets
            if key in dataset.cameras
        }
        self._columns = {
            key: dataset.column(key) for key in self._offsets if key not in self._stores
        }
        extra = (*INDICES, SUBTASK) if SUBTASK in dataset.features else INDICES
        self._indices = {key: dataset.column(key) for key in extra}
        bounds = dataset.episode_bounds if within == "episode" else dataset.skill_bounds
        self._first, self._stop = bounds()
        chosen = range(len(dataset.episodes)) if episodes is None else sorted(set(episodes))
        stretches = [
            np.arange(dataset.episodes[number].start, dataset.episodes[number].stop)
            for number in chosen
        ]
        self.frames = np.concatenate([np.zeros(0, int), *stretches])

    def __len__(self) -> int:
        return len(self.frames)

    def batch(self, numbers: np.ndarray) -> Batch:
        """A batch of windows by their numbers in [0, len).

        Returns:
            By feature (batch, offsets, n), a scalar column (batch, offsets), a camera
            (batch, offsets, H, W, 3) uint8; `<feature>_is_pad` (batch, offsets) bool; and
            `index`, `episode_index`, `frame_index`, `task_index` and, if the dataset has it,
            `subtask_index` (batch,).

        Raises:
            DatasetFormatError: A video is missing, damaged or too short.
        """
        frames = self.frames[np.asarray(numbers)]
        first, stop = self._first[frames, None], self._stop[frames, None]
        result = {key: column[frames] for key, column in self._indices.items()}
        for key, offsets in self._offsets.items():
            wanted = frames[:, None] + offsets
            result[f"{key}_is_pad"] = (wanted < first) | (wanted >= stop)
            inside = np.clip(wanted, first, stop - 1)
            store = self._stores.get(key)
            if store is None:
                result[key] = self._columns[key][inside]
            else:
                images = store.images(inside.reshape(-1))
                result[key] = images.reshape(*inside.shape, *images.shape[1:])
        return result

    def __getitem__(self, number: int) -> Batch:
        """One window, without the batch dimension."""
        if not 0 <= number < len(self):
            raise IndexError(f"window {number} of {len(self)}")
        return {key: value[0] for key, value in self.batch(np.array([number])).items()}

    def warm_up(self, part: int = 0, parts: int = 1) -> Iterator[float]:
        """Decode the dataset's small images into the cache, as this is iterated over.

        Args:
            part: Rank of this process among those that share the work.
            parts: Number of those processes.

        Yields:
            How much of this process's part is done, 0 to 1.
        """
        films = [(store, film) for store in self._stores.values() for film in store.films_to_cache]
        mine = films[part::parts]
        for done, (store, film) in enumerate(mine, 1):
            store.warm_up(film)
            yield done / len(mine)
