"""From a journal to a finished episode, in an order that keeps the dataset loadable at every step.

1. meta/tasks.parquet and meta/subtasks.parquet with new texts: nothing refers to them yet.
2. The videos: nothing refers to them yet.
3. The episode's row: readers stop at info.json's total. (LeRobot reads every data file it finds
   and looks its episodes up here, so the row must come before the frames.)
4. The frames.
5. meta/stats.json, then meta/info.json with the new total: from here on the episode counts.
6. The journal is deleted.

Each file is written atomically and synced to disk before the next step. After a crash in between,
repeating everything from the journal gives the same files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robo.data.episodes import Episode, EpisodeInfo, Film, counted_episodes, episodes_schema
from robo.data.errors import DatasetFormatError
from robo.data.features import SUBTASK, Features
from robo.data.journal import Journal
from robo.data.layout import STATS, SUBTASKS, TASKS, FileNumber, Info, read_info
from robo.data.statistics import FeatureStats, ImageHistogram, Stats, merge_all, stats_of_rows
from robo.data.storage import read_json, write_json, write_whole
from robo.data.tables import frames_table, parquet, read_texts, rows_table, texts_table
from robo.data.video_decoding import VideoFile
from robo.data.video_encoding import mp4_of_packets


@dataclass(frozen=True)
class Place:
    """Where the next episode goes.

    Attributes:
        episode: Its index.
        frame: Dataset index of its first frame.
        data: The file for its frames.
        row: The file for its row.
        films: The file for each camera's video.
    """

    episode: int
    frame: int
    data: FileNumber
    row: FileNumber
    films: Mapping[str, FileNumber]


def next_place(info: Info, last: Episode | None, cameras: list[str]) -> Place:
    """The place after the last episode: new files, so that nothing finished is touched."""
    first = FileNumber(0, 0)
    if last is None:
        return Place(0, 0, first, first, dict.fromkeys(cameras, first))
    size = info.chunks_size
    return Place(
        episode=last.index + 1,
        frame=last.stop,
        data=last.data.next(size),
        row=last.row.next(size),
        films={key: last.films[key].number.next(size) for key in cameras},
    )


def frame_columns(
    features: Features, rows: np.ndarray, *, fps: int, episode: int, start: int, task: int
) -> dict[str, np.ndarray]:
    """All columns of an episode: the recorded ones and those that follow from its position."""
    count = len(rows)
    numbers = np.arange(count)
    columns = {key: rows[key] for key in rows.dtype.names or ()}
    return columns | {
        "timestamp": (numbers / fps).astype(np.float32),
        "frame_index": numbers,
        "episode_index": np.full(count, episode),
        "index": start + numbers,
        "task_index": np.full(count, task),
    }


def commit(
    root: Path,
    journal: Journal,
    last: Episode | None,
    *,
    images: Mapping[str, ImageHistogram] | None = None,
    restored: bool = False,
) -> Episode:
    """Write the journal's episode into the dataset; the caller then deletes the journal.

    Args:
        root: The dataset's folder.
        journal: A journal with at least one frame.
        last: The dataset's last episode; None if it is empty.
        images: Histograms of the cameras' images; computed from the videos by default.
        restored: Whether the episode was cut short.

    Raises:
        OSError: Writing failed; the dataset is as before and the journal holds everything.
        DatasetFormatError: The journal does not match the dataset's current state.
    """
    info = read_info(root)
    cameras = list(journal.packets)
    place = next_place(info, last, cameras)
    if journal.head["episode_index"] != place.episode or place.episode != info.total_episodes:
        raise DatasetFormatError(
            f"{root}: the journal holds episode {journal.head['episode_index']}, but the "
            f"dataset has {info.total_episodes} episodes; move the journal's folder away to go on "
            "without it"
        )
    task_index = _add_texts(root / TASKS, "task", [journal.head["task"]])[0]
    rows = journal.rows.copy()
    numbers = np.array(_add_texts(root / SUBTASKS, "subtask", journal.labels), np.int64)
    rows[SUBTASK] = numbers[rows[SUBTASK]]

    stats: Stats = {}
    films = {}
    for key, packets in journal.packets.items():
        path = info.video_path(key, place.films[key])
        write_whole(path, mp4_of_packets(packets, info.fps))
        films[key] = Film(place.films[key], 0.0, len(packets) / info.fps)
        stats[key] = images[key].stats() if images else film_stats(path, range(len(packets)))

    columns = frame_columns(
        info.features, rows, fps=info.fps, episode=place.episode, start=place.frame, task=task_index
    )
    stats |= {key: stats_of_rows(values) for key, values in columns.items()}
    stats = {key: stats[key] for key in info.features if key in stats}
    described = EpisodeInfo(**{**journal.head["info"], **(journal.end or {})})
    episode = Episode(
        index=place.episode,
        tasks=(journal.head["task"],),
        start=place.frame,
        stop=place.frame + len(rows),
        data=place.data,
        row=place.row,
        films=films,
        info=replace(described, restored=restored),
    ).with_stats(stats)
    table = rows_table([episode.as_row()], episodes_schema(info.features))
    write_whole(info.episodes_path(place.row), parquet(table))
    write_whole(info.data_path(place.data), parquet(frames_table(info.features, columns)))
    _write_stats(info, stats)
    tasks = len(read_texts(root / TASKS, "task"))
    info.with_totals(place.episode + 1, episode.stop, tasks).write()
    return episode


def film_stats(path: Path, frames: range) -> FeatureStats:
    """A camera's statistics from a range of its video's frames."""
    histogram = ImageHistogram()
    with VideoFile(path) as film:
        for image in film.images(frames):
            histogram.add(image)
    return histogram.stats()


def _write_stats(info: Info, stats: Stats) -> None:
    """Add an episode's statistics to those of the episodes already counted."""
    path = info.root / STATS
    before: list[Stats] = []
    if info.total_episodes and path.is_file():
        try:
            known = {k: FeatureStats.from_json(v) for k, v in read_json(path).items()}
        except (DatasetFormatError, AttributeError, KeyError, TypeError, ValueError):
            known = {}  # damaged
        if known.keys() == stats.keys() and known["index"].count == info.raw["total_frames"]:
            before = [known]
    if info.total_episodes and not before:
        # Damaged, or a crash came between stats.json and info.json: use the episodes' rows.
        before = [episode.feature_stats() for episode in counted_episodes(info)]
    total = merge_all([*before, stats])
    write_json(path, {key: part.as_json() for key, part in total.items()})


def _add_texts(path: Path, column: str, texts: list[str]) -> list[int]:
    """Append new texts to a table; returns the indices of all `texts`."""
    known = read_texts(path, column)
    new = [text for text in dict.fromkeys(texts) if text not in known]
    if new or not path.is_file():
        known += new
        write_whole(path, parquet(texts_table(known, column)))
    return [known.index(text) for text in texts]
