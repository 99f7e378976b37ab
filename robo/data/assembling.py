"""New datasets from episodes of others: merging, splitting, filtering.

Sources are only read. A new dataset appears complete or not at all; videos are copied, never
re-encoded (one shared by several episodes is copied whole even if only some of them are taken).
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from robo.data.dataset_stats import compute_stats, write_stats
from robo.data.episodes import Episode, Film, episodes_schema
from robo.data.errors import DatasetError, DatasetFormatError
from robo.data.features import AUTOMATIC, RECORDED, SUBTASK, Feature
from robo.data.frames import FrameStore
from robo.data.layout import FIRST, SUBTASKS, TASKS, FileNumber, Info
from robo.data.lerobot_reader import Dataset
from robo.data.statistics import FeatureStats, ImageHistogram, Stats, stats_of_rows
from robo.data.storage import make_folder, sync_folder, write_errors, write_whole
from robo.data.tables import column_values, parquet, rows_table, texts_table

SAMPLED_IMAGES = 20


def merge_sets(sources: Sequence[Dataset], out: Path) -> None:
    """Merge all episodes of several datasets into one.

    Args:
        sources: Datasets with the same features and fps.
        out: A folder that does not exist.

    Raises:
        DatasetError: The datasets differ, one is damaged, or `out` exists.
        DatasetWriteError: Writing failed; `out` was not created.
    """
    if not sources:
        raise DatasetError("there is nothing to merge")
    assemble([(source, range(len(source.episodes))) for source in sources], out)


def assemble(picks: Sequence[tuple[Dataset, Sequence[int]]], out: Path) -> None:
    """Build a dataset from chosen episodes.

    Args:
        picks: Datasets with the same features and fps, and the episodes to take, in order.
        out: A folder that does not exist.

    Raises:
        DatasetError: No episode was chosen, the datasets differ, one is damaged, or `out` exists.
        DatasetWriteError: Writing failed; `out` was not created.
    """
    if out.exists():
        raise DatasetError(f"{out} exists; choose another folder")
    if not any(len(numbers) for _, numbers in picks):
        raise DatasetError("no episode was chosen")
    for other, _ in picks[1:]:
        check_alike(picks[0][0], other)
    with _whole_folder(out) as folder:
        made = _Assembly(folder, picks[0][0].info)
        for source, numbers in picks:
            made.take(source, numbers)
        made.close()


def split_by_share(
    dataset: Dataset, shares: Mapping[str, float], seed: int
) -> dict[str, list[int]]:
    """Split episodes at random; returns sorted episode indices by part.

    Args:
        dataset: The dataset.
        shares: Positive share of each part, at most 1 in total; the rest is in no part.
        seed: Random seed.

    Raises:
        DatasetError: The shares are invalid, or a part would be empty.
    """
    if not shares or not all(s > 0 for s in shares.values()) or sum(shares.values()) > 1 + 1e-9:
        raise DatasetError("shares must be above 0 and at most 1 together")
    count = len(dataset.episodes)
    order = np.random.default_rng(seed).permutation(count)
    bounds = np.round(np.cumsum([0.0, *shares.values()]) * count).astype(int)
    parts = {
        name: sorted(order[begin:end].tolist())
        for name, begin, end in zip(shares, bounds[:-1], bounds[1:], strict=True)
    }
    empty = [name for name, part in parts.items() if not part]
    if empty:
        raise DatasetError(f"{count} episodes are too few for a part {empty[0]}")
    return parts


@dataclass
class _Assembly:
    """A dataset being assembled."""

    root: Path
    like: Info
    episodes: list[Episode] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    next_data: FileNumber = FIRST
    next_films: dict[str, FileNumber] = field(default_factory=dict)

    def take(self, source: Dataset, numbers: Sequence[int]) -> None:
        """Append episodes of a dataset."""
        info = Info(self.root, self.like.raw, self.like.features)
        films: dict[tuple[str, FileNumber], FileNumber] = {}
        tasks = _numbers(self.tasks, source.tasks)
        labels = _numbers(self.labels, source.labels)
        for group in _by_file([source.episodes[number] for number in numbers]):
            tables = []
            for episode in group:
                kept = {}
                for key, film in episode.films.items():
                    if (key, film.number) not in films:
                        number = self.next_films.get(key, FIRST)
                        self.next_films[key] = number.next(info.chunks_size)
                        films[key, film.number] = number
                        path = info.video_path(key, number)
                        make_folder(path.parent)
                        shutil.copyfile(source.info.video_path(key, film.number), path)
                    kept[key] = Film(films[key, film.number], film.start, film.stop)
                start = self.episodes[-1].stop if self.episodes else 0
                rows = source.table.slice(episode.start, episode.length)
                table = self._renumbered(rows, start, tasks, labels)
                new = replace(
                    episode,
                    index=len(self.episodes),
                    start=start,
                    stop=start + episode.length,
                    data=self.next_data,
                    row=FIRST,
                    films=kept,
                )
                self.episodes.append(new.with_stats(_stats(source, episode, table)))
                tables.append(table)
            write_whole(info.data_path(self.next_data), parquet(*tables))
            self.next_data = self.next_data.next(info.chunks_size)

    def close(self) -> None:
        """Write meta/."""
        info = Info(self.root, self.like.raw, self.like.features).with_totals(
            len(self.episodes), self.episodes[-1].stop, len(self.tasks)
        )
        write_whole(self.root / TASKS, parquet(texts_table(self.tasks, "task")))
        if SUBTASK in info.features:
            write_whole(self.root / SUBTASKS, parquet(texts_table(self.labels, "subtask")))
        table = rows_table([e.as_row() for e in self.episodes], episodes_schema(info.features))
        write_whole(info.episodes_path(FIRST), parquet(table))
        info.write()
        write_stats(self.root, compute_stats(Dataset(self.root)))

    def _renumbered(
        self, rows: pa.Table, start: int, tasks: np.ndarray, labels: np.ndarray
    ) -> pa.Table:
        """An episode's rows with their indices in the new dataset."""
        count = rows.num_rows
        columns = {
            "index": start + np.arange(count),
            "episode_index": np.full(count, len(self.episodes)),
            "task_index": _renamed(rows, AUTOMATIC["task_index"], tasks),
        }
        if SUBTASK in rows.column_names and len(labels):
            columns[SUBTASK] = _renamed(rows, RECORDED[SUBTASK], labels)
        for key, values in columns.items():
            place = rows.column_names.index(key)
            rows = rows.set_column(place, rows.schema.field(place), pa.array(values, pa.int64()))
        return rows


def _renamed(rows: pa.Table, feature: Feature, numbers: np.ndarray) -> np.ndarray:
    """A column of text indices, mapped to the texts' new indices."""
    values = column_values(rows, feature)
    if len(values) and (values.min() < 0 or values.max() >= len(numbers)):
        raise DatasetFormatError(
            f"{feature.key} reaches from {values.min()} to {values.max()}, there are "
            f"{len(numbers)} texts; `robo data validate` says where"
        )
    return np.asarray(numbers[values])


def _stats(source: Dataset, episode: Episode, table: pa.Table) -> Stats:
    stats: Stats = {}
    for key, feature in source.features.items():
        if key in source.cameras:
            stats[key] = _camera_stats(source, episode, key)
        elif feature.is_numeric:
            stats[key] = stats_of_rows(column_values(table, feature))
    return stats


def _camera_stats(source: Dataset, episode: Episode, camera: str) -> FeatureStats:
    """The statistics from our writer; for other datasets, from a sample of decoded images."""
    known = episode.feature_stats().get(camera)
    if known is not None and RECORDED.keys() <= source.features.keys():
        return known
    store = FrameStore(source, camera)
    histogram = ImageHistogram()
    chosen = np.linspace(episode.start, episode.stop - 1, SAMPLED_IMAGES).astype(int)
    for frame in np.unique(chosen):
        histogram.add(store.images(np.array([frame]))[0])
    return histogram.stats()


def _by_file(episodes: Sequence[Episode]) -> Iterator[list[Episode]]:
    """Group consecutive episodes that share a data file."""
    group: list[Episode] = []
    for episode in episodes:
        if group and group[-1].data != episode.data:
            yield group
            group = []
        group.append(episode)
    if group:
        yield group


def _numbers(known: list[str], texts: Sequence[str]) -> np.ndarray:
    """Indices of texts in a list, to which new ones are appended."""
    known += [text for text in dict.fromkeys(texts) if text not in known]
    return np.array([known.index(text) for text in texts], np.int64)


def check_alike(one: Dataset, other: Dataset) -> None:
    """Refuse datasets whose episodes cannot be merged.

    Raises:
        DatasetError: Their fps or features differ.
    """

    def shape(dataset: Dataset) -> dict[str, Any]:
        return {key: (f.dtype, f.shape) for key, f in dataset.features.items()}

    if one.fps != other.fps:
        raise DatasetError(f"{one.root} has {one.fps} fps, {other.root} {other.fps}")
    left, right = shape(one), shape(other)
    for key in {**left, **right}:
        if left.get(key) != right.get(key):
            raise DatasetError(
                f'"{key}" is {left.get(key, "missing")} in {one.root} and '
                f"{right.get(key, 'missing')} in {other.root}; only like datasets can be merged"
            )


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """Yield a folder to fill; it gets its final name once complete."""
    partial = out.with_name(out.name + ".partial")
    with write_errors(out, "it was not made; the sources are untouched"):
        shutil.rmtree(partial, ignore_errors=True)
        make_folder(partial)
        try:
            yield partial
            partial.rename(out)
            sync_folder(out.parent)
        except BaseException as problem:
            shutil.rmtree(partial, ignore_errors=True)
            if isinstance(problem, FileNotFoundError):
                raise DatasetFormatError(f"there is no file {problem.filename}") from problem
            raise
