"""Recovery after a crash: the journal's episode, half-written files, counts."""

from pathlib import Path

from robo.data.committing import commit
from robo.data.episodes import Episode, counted_episodes, episodes_schema, read_episodes
from robo.data.errors import DatasetFormatError
from robo.data.features import RECORDED, cameras_of
from robo.data.journal import Journal, read_journal
from robo.data.layout import JOURNAL, Info, read_info
from robo.data.storage import sync_folder
from robo.data.tables import read_schema

JOURNAL_FILE = "episode.journal"
LOCK_FILE = "lock"


def check_appendable(info: Info) -> None:
    """Refuse a dataset whose columns differ from ours; appending would break it for readers.

    Raises:
        DatasetFormatError: They differ; the message says what to do.
    """
    missing = [key for key in RECORDED if key not in info.features]
    if missing:
        raise DatasetFormatError(
            f"{info.root} was not recorded by robo (it lacks {', '.join(missing)}), so it cannot "
            "be added to; record into a new dataset"
        )
    first = next((info.root / "meta" / "episodes").glob("chunk-*/file-*.parquet"), None)
    if first is not None and not read_schema(first).equals(episodes_schema(info.features)):
        raise DatasetFormatError(
            f"{info.root} was recorded by another version of robo, whose episodes have other "
            "columns; `robo data merge` makes a dataset of it that can be added to"
        )


def bring_back(root: Path, *, unfinished: bool = True) -> Episode | None:
    """Put the journal's episode, if any, into the dataset.

    The caller holds the dataset's lock.

    Args:
        root: The dataset's folder.
        unfinished: False discards an unfinished episode; a finished one is kept.

    Returns:
        The restored episode, if any.

    Raises:
        OSError: Writing failed; the journal is kept.
        DatasetFormatError: The journal does not match the dataset's current state.
    """
    path = root / JOURNAL / JOURNAL_FILE
    clear_partial_files(root)
    if not path.is_file():
        return None
    episode = None
    journal = read_journal_if_any(root)
    if journal is not None:
        info = read_info(root)
        number = journal.head["episode_index"]
        done = check_counts(info, committing=number)
        committed = number == len(done) - 1 and (
            done[-1].info.recorded_at == journal.head["info"]["recorded_at"]
        )
        if not committed and (unfinished or journal.end is not None):
            last = done[-1] if done else None
            episode = commit(root, journal, last, restored=journal.end is None)
        elif not committed:
            drop_uncounted(info)
    path.unlink()
    sync_folder(path.parent)
    return episode


def check_counts(info: Info, committing: int | None = None) -> list[Episode]:
    """The episodes that count, after checking that none lies where the next one would go.

    Args:
        info: The dataset's info.
        committing: Index of an episode whose files may already be there.

    Raises:
        DatasetFormatError: meta/episodes holds episodes that meta/info.json does not count.
    """
    rows = read_episodes(info)
    uncounted = [row.index for row in rows[info.total_episodes :] if row.index != committing]
    if uncounted:
        raise DatasetFormatError(
            f"{info.root}: meta/info.json counts {info.total_episodes} episodes, meta/episodes "
            f"holds {len(rows)}; `robo data repair` puts the counts right"
        )
    return counted_episodes(info, rows)


def read_journal_if_any(root: Path) -> Journal | None:
    """A dataset's journal, if there is one with at least one frame."""
    path = root / JOURNAL / JOURNAL_FILE
    if not path.is_file():
        return None
    try:
        journal = read_journal(path)
    except DatasetFormatError:
        return None  # cut short before its header was whole
    return journal if len(journal.rows) else None


def clear_partial_files(root: Path) -> list[Path]:
    """Delete half-written files left by a crash; returns the files removed."""
    found = [path for path in root.rglob("*.partial") if path.is_file()]
    for path in found:
        path.unlink()
    return found


def drop_uncounted(info: Info) -> list[Path]:
    """Delete the files of episodes beyond the dataset's total, left by a crash while finishing one.

    Files that a counted episode uses are kept.

    Returns:
        The files removed.
    """
    rows = read_episodes(info)
    used: set[Path] = set()
    extra: set[Path] = set()
    for place, episode in enumerate(rows):
        files = used if place < info.total_episodes else extra
        files.add(info.data_path(episode.data))
        files.add(info.episodes_path(episode.row))
        for key in cameras_of(info.features):
            files.add(info.video_path(key, episode.films[key].number))
    removed = [path for path in sorted(extra - used) if path.is_file()]
    for path in removed:
        path.unlink()
    return removed
