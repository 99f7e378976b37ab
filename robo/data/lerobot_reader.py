"""Reading a LeRobotDataset v3.0, written by us or by LeRobot.

    dataset = Dataset(root)
    dataset.column("action")              # (frames, n), all episodes concatenated
    dataset.episodes[3].start             # where episode 3 begins in it

Images are read through `frames.FrameStore`, training samples through `windows.WindowReader`.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from robo.data.episodes import Episode, counted_episodes
from robo.data.errors import DatasetFormatError
from robo.data.features import IMAGE, SUBTASK, Features
from robo.data.layout import STATS, SUBTASKS, TASKS, Info, read_info
from robo.data.statistics import FeatureStats, Stats
from robo.data.storage import read_json
from robo.data.tables import column_values, read_parquet, read_texts


class Dataset:
    """A dataset's episodes and columns; columns are read once, on first use.

    Args:
        root: The dataset's folder.

    Attributes:
        info: meta/info.json.
        episodes: The episodes that count, in order.
        tasks: Task texts by `task_index`.
        labels: Skill labels by `subtask_index`; empty in datasets without them.

    Raises:
        DatasetFormatError: It is not a dataset, or is damaged; `robo data validate` says more.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.info: Info = read_info(self.root)
        self.episodes: list[Episode] = counted_episodes(self.info)
        self.tasks = read_texts(self.root / TASKS, "task")
        self.labels = read_texts(self.root / SUBTASKS, "subtask")

    @property
    def fps(self) -> int:
        """Frames per second."""
        return self.info.fps

    @property
    def features(self) -> Features:
        """All features by key."""
        return self.info.features

    @property
    def cameras(self) -> list[str]:
        """Keys of the cameras, whether stored as videos or single images."""
        return [key for key, f in self.features.items() if f.is_camera or f.dtype == IMAGE]

    def __len__(self) -> int:
        return self.episodes[-1].stop if self.episodes else 0

    @cached_property
    def stats(self) -> Stats:
        """meta/stats.json.

        Raises:
            DatasetFormatError: It is missing or invalid.
        """
        content = read_json(self.root / STATS)
        try:
            return {
                key: FeatureStats.from_json(values)
                for key, values in content.items()
                if key in self.features
            }
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DatasetFormatError(
                f"{self.root / STATS} is not complete ({error!r}); `robo data stats` writes it anew"
            ) from error

    @cached_property
    def table(self) -> pa.Table:
        """All frames, in order.

        Raises:
            DatasetFormatError: A file is missing or damaged, or the frame counts do not add up.
        """
        files = dict.fromkeys(self.info.data_path(episode.data) for episode in self.episodes)
        if not files:
            return pa.table({})
        try:
            table = pa.concat_tables([read_parquet(file) for file in files])
        except pa.ArrowException as error:
            raise DatasetFormatError(
                f"{self.root}: data files differ in columns: {error}"
            ) from error
        if table.num_rows > len(self) and "episode_index" in table.column_names:
            # An episode that does not count yet may share the last file.
            counted = np.asarray(table["episode_index"].to_numpy()) < len(self.episodes)
            table = table.filter(pa.array(counted))
        if table.num_rows != len(self):
            raise DatasetFormatError(
                f"{self.root}: the data files hold {table.num_rows} frames, meta/episodes counts "
                f"{len(self)}; `robo data validate` says where"
            )
        return table

    def column(self, key: str) -> np.ndarray:
        """A numeric column (frames,) or (frames, n) of all episodes.

        Raises:
            DatasetFormatError: It is missing, or not as declared.
        """
        if key not in self._columns:
            if key not in self.features:
                raise DatasetFormatError(
                    f'{self.root} has no "{key}"; it has {", ".join(self.features)}'
                )
            self._columns[key] = column_values(self.table, self.features[key])
        return self._columns[key]

    def skill_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """For each frame, where the segment with its skill label begins and ends (exclusive).

        Raises:
            DatasetFormatError: The dataset has no skill labels.
        """
        labels = self.column(SUBTASK)
        begins = np.zeros(len(self), bool)
        begins[1:] = labels[1:] != labels[:-1]
        begins[[episode.start for episode in self.episodes if episode.length]] = True
        return _bounds(np.flatnonzero(begins), len(self))

    def episode_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """For each frame, where its episode begins and ends (exclusive)."""
        return _bounds(np.array([e.start for e in self.episodes if e.length], int), len(self))

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        return {}


def _bounds(begins: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray]:
    ends = np.append(begins[1:], frames)
    lengths = ends - begins
    return np.repeat(begins, lengths), np.repeat(ends, lengths)
