"""`robo data repair`: fix what a crash or another program broke, as far as it can be deduced."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from robo.data.dataset_stats import compute_stats, write_stats
from robo.data.episodes import Episode, read_episodes
from robo.data.errors import DatasetFormatError
from robo.data.integrity import check_stats
from robo.data.layout import EPISODES_PATH, JOURNAL, TASKS, FileNumber, Info, read_info
from robo.data.lerobot_reader import Dataset
from robo.data.recovery import (
    JOURNAL_FILE,
    LOCK_FILE,
    bring_back,
    clear_partial_files,
    drop_uncounted,
    read_journal_if_any,
)
from robo.data.storage import Lock, write_errors, write_whole
from robo.data.tables import is_indexed, parquet, read_parquet, read_texts, texts_table


def repair(root: Path) -> list[str]:
    """Repair a dataset in place; an interrupted step leaves it no worse.

    Args:
        root: The dataset's folder.

    Returns:
        One phrase per repair; empty if there was nothing to do.

    Raises:
        DatasetFormatError: It is not a dataset, or is damaged beyond repair.
        DatasetBusyError: Another process is recording into it.
        DatasetWriteError: Writing failed.
    """
    read_info(root)
    with write_errors(root, "what was not repaired yet is as before"):
        lock = Lock(root / JOURNAL / LOCK_FILE)
        try:
            return _repair(root)
        finally:
            lock.release()


def _repair(root: Path) -> list[str]:
    done = []
    removed = clear_partial_files(root)
    if removed:
        done.append(f"removed {len(removed)} half-written files")
    done += _order_rows(root)
    done += _count(root)
    journal = (root / JOURNAL / JOURNAL_FILE).is_file()
    episode = bring_back(root)
    if episode is not None:
        kind = "the unfinished" if episode.info.restored else "the finished"
        seconds = episode.length / read_info(root).fps
        done.append(
            f"brought back {kind} episode {episode.index} from the journal: "
            f"{episode.length} frames, {seconds:.1f} s"
        )
    elif journal:
        done.append("removed a journal that held nothing that the dataset lacks")
    done += _count(root)
    done += _renumber(root)
    if read_texts(root / TASKS, "task") and not is_indexed(root / TASKS, "task"):
        texts = read_texts(root / TASKS, "task")
        write_whole(root / TASKS, parquet(texts_table(texts, "task")))
        done.append("meta/tasks.parquet: made the text the index")
    return done + _statistics(root)


def _statistics(root: Path) -> list[str]:
    """Recompute meta/stats.json if it is wrong, unless the frames are damaged."""
    try:
        dataset = Dataset(root)
        columns = {k: dataset.column(k) for k, f in dataset.features.items() if f.is_numeric}
    except DatasetFormatError:
        return []  # `robo data validate` reports it
    finite = all(v.dtype.kind != "f" or np.isfinite(v).all() for v in columns.values())
    if not len(dataset) or not finite or not any(check_stats(dataset.info, [columns])):
        return []
    write_stats(root, compute_stats(dataset))
    return ["meta/stats.json: computed anew"]


def _order_rows(root: Path) -> list[str]:
    """Sort meta/episodes if its rows are complete but out of order."""
    info = read_info(root)
    numbers = [episode.index for episode in read_episodes(info)]
    # A row may be there twice if this was interrupted before.
    known, order = np.unique(numbers, return_index=True)
    if numbers == list(range(len(numbers))) or known.tolist() != list(range(len(known))):
        return []
    files = sorted((root / "meta" / "episodes").glob("chunk-*/file-*.parquet"))
    table = pa.concat_tables([read_parquet(file) for file in files])
    table = table.take(order)
    for key in ("meta/episodes/chunk_index", "meta/episodes/file_index"):
        if key in table.column_names:
            place = table.column_names.index(key)
            zeros = pa.array(np.zeros(table.num_rows, np.int64))
            table = table.set_column(place, table.schema.field(place), zeros)
    first = root / EPISODES_PATH.format(chunk_index=0, file_index=0)
    write_whole(first, parquet(table))
    for file in files:
        if file != first:
            file.unlink()
    return ["meta/episodes: brought the rows into order"]


def _count(root: Path) -> list[str]:
    """Make meta/info.json count what is there, and drop incomplete episodes."""
    info = read_info(root)
    rows = read_episodes(info)
    journal = read_journal_if_any(root)
    committing = None if journal is None else journal.head["episode_index"]
    counted = min(info.total_episodes, len(rows))
    done = []
    if info.total_episodes < len(rows) and committing != info.total_episodes:
        while counted < len(rows) and _is_whole(info, rows[counted]):
            counted += 1
    frames = sum(row.length for row in rows[:counted])
    tasks = len(read_texts(root / TASKS, "task"))
    right = info.with_totals(counted, frames, tasks)
    for key in ("total_episodes", "total_frames", "total_tasks"):
        if info.raw.get(key) != right.raw[key]:
            done.append(f"meta/info.json: {key} was {info.raw.get(key)}, is {right.raw[key]}")
    partial = counted < len(rows) and committing != counted
    if partial and any(_is_whole(info, row) for row in rows[counted:]):
        raise DatasetFormatError(
            f"{root}: episode {rows[counted].index} is there only in part, but whole ones lie "
            "behind it, which would be lost; bring back its files from a copy and repair it again"
        )
    if done:
        right.write()
    if partial:
        removed = drop_uncounted(right)
        if removed:
            done.append(f"removed {len(removed)} files of episodes that are there only in part")
    return done


def _is_whole(info: Info, episode: Episode) -> bool:
    """Whether an episode's frames and videos are there."""
    try:
        table = read_parquet(info.data_path(episode.data))
    except DatasetFormatError:
        return False
    if "episode_index" not in table.column_names:
        return False
    held = int((np.asarray(table["episode_index"].to_numpy()) == episode.index).sum())
    films = (info.video_path(key, film.number) for key, film in episode.films.items())
    return held == episode.length and all(path.is_file() for path in films)


def _renumber(root: Path) -> list[str]:
    """Make `index`, `frame_index` and `episode_index` match the episodes' rows."""
    info = read_info(root)
    files: dict[FileNumber, list[Episode]] = {}
    for episode in read_episodes(info)[: info.total_episodes]:
        files.setdefault(episode.data, []).append(episode)
    done = []
    for number, episodes in files.items():
        path = info.data_path(number)
        try:
            table = read_parquet(path)
        except DatasetFormatError:
            continue  # `robo data validate` reports it
        if table.num_rows != sum(episode.length for episode in episodes):
            continue
        wanted = {
            "index": [np.arange(e.start, e.stop) for e in episodes],
            "frame_index": [np.arange(e.length) for e in episodes],
            "episode_index": [np.full(e.length, e.index) for e in episodes],
        }
        wrong = []
        for key, parts in wanted.items():
            values = pa.array(np.concatenate(parts), pa.int64())
            if key in table.column_names and not table[key].combine_chunks().equals(values):
                place = table.column_names.index(key)
                table = table.set_column(place, table.schema.field(place), values)
                wrong.append(key)
        if wrong:
            groups = [table.slice(e.start - episodes[0].start, e.length) for e in episodes]
            write_whole(path, parquet(*groups))
            done.append(f"{path.relative_to(root)}: counted {', '.join(wrong)} anew")
    return done
