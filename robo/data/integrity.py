"""Does a dataset follow the format? Finds what loaders silently accept."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from robo.data.episodes import Episode, read_episodes
from robo.data.errors import DatasetFormatError
from robo.data.features import AUTOMATIC, SUBTASK
from robo.data.findings import Finding, error, warning
from robo.data.layout import JOURNAL, STATS, SUBTASKS, TASKS, FileNumber, Info, read_info
from robo.data.lerobot_reader import Dataset
from robo.data.recovery import JOURNAL_FILE
from robo.data.statistics import FeatureStats, close, stats_of_rows
from robo.data.storage import read_json
from robo.data.tables import column_values, is_indexed, read_parquet, read_texts
from robo.data.video_decoding import TOLERANCE, VideoFile

Columns = Mapping[str, np.ndarray]


def check_set(root: Path) -> Iterator[Finding]:
    """Every way in which a dataset violates the format; reads everything but the images."""
    if (root / JOURNAL / JOURNAL_FILE).exists():
        yield warning(
            "journal",
            "an episode was cut off or is being recorded; `robo data repair` brings it back",
        )
    try:
        info = read_info(root)
        tasks = read_texts(root / TASKS, "task")
        labels = read_texts(root / SUBTASKS, "subtask")
        episodes = read_episodes(info)
    except DatasetFormatError as problem:
        yield error("meta", _said(problem, root))
        return
    yield from check_meta(info, episodes, tasks)
    files = _FrameFiles(info, episodes)
    columns = []
    for episode in episodes[: info.total_episodes]:
        try:
            table = files.rows(episode)
        except DatasetFormatError as problem:
            yield error("data", _said(problem, info.root), episode.index)
            continue
        found, values = check_frames(info, episode, table, tasks, labels)
        columns.append(values)
        yield from found
        yield from check_films(info, episode)
    yield from check_strays(info, episodes)
    if columns:
        yield from check_stats(info, columns)


def check_meta(info: Info, episodes: Sequence[Episode], tasks: Sequence[str]) -> Iterator[Finding]:
    """Check the counts, order and tables of meta/."""
    for key in AUTOMATIC:
        if key not in info.features:
            yield error(
                "features", "info.json does not declare it; every dataset has it", None, key
            )
    counts = {
        "total_episodes": len(episodes),
        "total_frames": sum(episode.length for episode in episodes),
        "total_tasks": len(tasks),
    }
    for key, count in counts.items():
        if info.raw.get(key) != count:
            yield error(
                "counts", f"meta/info.json: {key} is {info.raw.get(key)}, the tables hold {count}"
            )
    splits = info.raw.get("splits")
    if splits != {"train": f"0:{info.total_episodes}"} and not isinstance(splits, dict):
        yield error("counts", f"meta/info.json: splits is {splits!r}")
    if tasks and not is_indexed(info.root / TASKS, "task"):
        yield error(
            "tasks", "meta/tasks.parquet: task is not pandas' index, so loaders give 0 for its text"
        )
    expected = 0
    for place, episode in enumerate(episodes):
        if episode.index != place:
            yield error("order", f"row {place} of meta/episodes is episode {episode.index}", place)
        if episode.start != expected or episode.stop <= episode.start:
            yield error(
                "order",
                f"frames {episode.start} to {episode.stop}, expected to begin at {expected}",
                episode.index,
            )
        expected = episode.stop
        unknown = sorted(set(episode.tasks) - set(tasks))
        if unknown or not episode.tasks:
            yield error(
                "tasks", f"its tasks {unknown} are not in meta/tasks.parquet", episode.index
            )


def check_frames(
    info: Info, episode: Episode, table: pa.Table, tasks: Sequence[str], labels: Sequence[str]
) -> tuple[list[Finding], dict[str, np.ndarray]]:
    """Check an episode's rows; returns findings and the columns that could be read."""
    found: list[Finding] = []
    columns: dict[str, np.ndarray] = {}
    for key, feature in info.features.items():
        if not feature.is_numeric:
            continue
        try:
            columns[key] = column_values(table, feature)
        except DatasetFormatError as problem:
            found.append(error("column", _said(problem, info.root), episode.index, key))
            continue
        bad = _first_not_finite(columns[key])
        if bad is not None:
            found.append(error("not a number", f"frame {bad} holds no number", episode.index, key))
    extra = [name for name in table.column_names if name not in info.features]
    found += [error("column", "it is not declared in info.json", episode.index, k) for k in extra]
    found += _sequences(info, episode, columns)
    for key, texts in (("task_index", tasks), (SUBTASK, labels)):
        if key in columns and len(columns[key]):
            low, high = columns[key].min(), columns[key].max()
            if low < 0 or high >= len(texts):
                message = f"it reaches from {low} to {high}, there are {len(texts)} texts"
                found.append(error("tasks", message, episode.index, key))
    if "task_index" in columns and not found:
        named = {tasks[i] for i in np.unique(columns["task_index"])}
        if named != set(episode.tasks):
            message = f"frames say {sorted(named)}, meta/episodes says {sorted(episode.tasks)}"
            found.append(error("tasks", message, episode.index, "task_index"))
    return found, columns


def _sequences(info: Info, episode: Episode, columns: Columns) -> list[Finding]:
    """Check the columns that follow from a frame's position."""
    numbers = np.arange(episode.length)
    wanted = {
        "index": episode.start + numbers,
        "frame_index": numbers,
        "episode_index": np.full(episode.length, episode.index),
    }
    found = []
    for key, values in wanted.items():
        if key in columns and not np.array_equal(columns[key], values):
            at = int(np.flatnonzero(columns[key] != values)[0])
            message = f"frame {at} holds {columns[key][at]}, it must be {values[at]}"
            found.append(error("sequence", message, episode.index, key))
    if "timestamp" in columns and episode.length:
        times = columns["timestamp"].astype(float)
        wrong = np.abs(times - numbers / info.fps) > TOLERANCE
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
            rate = f"; the frames are {1 / step:.4g} a second" if step > 0 else ""
            message = f"frame {at} is at {times[at]:.4f} s, {info.fps} fps put it at "
            message += f"{at / info.fps:.4f} s{rate}"
            found.append(error("time", message, episode.index, "timestamp"))
    return found


def check_films(info: Info, episode: Episode) -> Iterator[Finding]:
    """Check that an episode's videos exist and have the declared size, rate and enough frames."""
    for key, film in episode.films.items():
        try:
            with VideoFile(info.video_path(key, film.number)) as video:
                if video.size != info.features[key].size:
                    message = f"images are {video.size}, declared {info.features[key].size}"
                    yield error("video", message, episode.index, key)
                if abs(video.rate - info.fps) > 1e-3 * info.fps:
                    message = (
                        f"the video has {video.rate:g} frames a second, the dataset {info.fps}"
                    )
                    yield error("video", message, episode.index, key)
                wanted = round(film.start * info.fps) + episode.length
                if video.frames < wanted:
                    message = f"the video has {video.frames} frames, the episode needs {wanted}"
                    yield error("video", message, episode.index, key)
                if abs(film.stop - film.start - episode.length / info.fps) > 0.5 / info.fps:
                    message = f"its stretch {film.start:.3f} to {film.stop:.3f} s does not hold "
                    yield error("video", message + f"{episode.length} frames", episode.index, key)
        except DatasetFormatError as problem:
            yield error("video", _said(problem, info.root), episode.index, key)


def check_strays(info: Info, episodes: Sequence[Episode]) -> Iterator[Finding]:
    """Find files that no episode uses; loaders read every data file they find."""
    used = {info.data_path(episode.data) for episode in episodes}
    for path in sorted((info.root / "data").glob("*/*.parquet")):
        if path not in used:
            name = path.relative_to(info.root)
            yield error("stray file", f"{name} belongs to no episode, but loaders read it")
    for path in sorted(info.root.rglob("*.partial")):
        name = path.relative_to(info.root)
        yield warning("stray file", f"{name} was left by a cut; `robo data repair` removes it")


def check_stats(info: Info, episodes: Sequence[Columns]) -> Iterator[Finding]:
    """Check meta/stats.json against the frames."""
    remedy = "`robo data stats --write` computes it"
    try:
        content = read_json(info.root / STATS)
    except DatasetFormatError as problem:
        yield error(
            "stats",
            f"{_said(problem, info.root)}; without it policies skip normalisation; {remedy}",
        )
        return
    for key, feature in info.features.items():
        if not (feature.is_numeric or feature.is_camera):
            continue
        try:
            stats = FeatureStats.from_json(content[key])
        except (KeyError, TypeError, ValueError):
            yield error("stats", f"meta/stats.json lacks it or part of it; {remedy}", None, key)
            continue
        values = [columns[key] for columns in episodes if key in columns and len(columns[key])]
        if not feature.is_numeric or not values or len(values) < len(episodes):
            continue
        exact = stats_of_rows(np.concatenate(values))
        if not np.isfinite(exact.mean).all():
            continue  # already reported for the episode
        wrong = close(stats, exact)
        if wrong:
            message = f"meta/stats.json: {', '.join(wrong)} differ from the frames; {remedy}"
            yield error("stats", message, None, key)


def check_image_stats(dataset: Dataset, camera: str, measured: FeatureStats) -> Iterator[Finding]:
    """Check a camera's std in meta/stats.json against one measured on decoded images."""
    told = dataset.stats.get(camera)
    if told is None or told.std.shape != measured.std.shape:
        return
    if (np.abs(told.std - measured.std) > 0.02 + 0.15 * measured.std).any():
        message = f"meta/stats.json: std is {told.std.round(3).tolist()}, the images have "
        message += f"{measured.std.round(3).tolist()}; `robo data stats --write` computes it"
        yield error("stats", message, None, camera)


class _FrameFiles:
    """Episodes' rows in the data files, located by position; the last file read is cached."""

    def __init__(self, info: Info, episodes: Sequence[Episode]) -> None:
        self._info = info
        self._held: dict[FileNumber, int] = {}
        self._before: dict[int, int] = {}
        for episode in episodes:
            self._before[id(episode)] = self._held.get(episode.data, 0)
            self._held[episode.data] = self._before[id(episode)] + episode.length
        self._open: tuple[FileNumber, pa.Table] | None = None

    def rows(self, episode: Episode) -> pa.Table:
        number = episode.data
        path = self._info.data_path(number)
        if self._open is None or self._open[0] != number:
            self._open = (number, read_parquet(path))
        table = self._open[1]
        if table.num_rows != self._held[number]:
            raise DatasetFormatError(
                f"{path} holds {table.num_rows} frames, its episodes have {self._held[number]}"
            )
        return table.slice(self._before[id(episode)], episode.length)


def _said(problem: DatasetFormatError, root: Path) -> str:
    """A message with paths relative to the dataset's folder."""
    return str(problem).replace(f"{root}/", "")


def _first_not_finite(values: np.ndarray) -> int | None:
    if values.dtype.kind != "f":
        return None
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(1)
    return int(np.flatnonzero(bad)[0]) if bad.any() else None
