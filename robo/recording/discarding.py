"""Removal of finished episodes from a dataset: noted at once, done when the session is over.

The note is in the dataset's journal folder, so it survives a crash; the dataset is then rebuilt
without the episodes and replaces the old one.
"""

from collections.abc import Collection
from pathlib import Path

from robo.data.assembling import assemble
from robo.data.errors import DatasetFormatError
from robo.data.features import AUTOMATIC, RECORDED
from robo.data.layout import JOURNAL
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter, create_dataset
from robo.data.storage import read_json, write_errors, write_json
from robo.recording.replacing import finish_replacing, new_place, replace_set

NOTE = "discarded.json"


def read_discarded(root: Path) -> frozenset[int]:
    """Indices of the episodes to remove.

    Raises:
        DatasetFormatError: The note is damaged.
    """
    path = root / JOURNAL / NOTE
    noted = read_json(path) if path.is_file() else []
    if not isinstance(noted, list) or not all(isinstance(number, int) for number in noted):
        raise DatasetFormatError(
            f"{path} is no list of episodes; delete it, then no episode is taken out"
        )
    return frozenset(noted)


def write_discarded(root: Path, episodes: Collection[int]) -> None:
    """Note which episodes to remove.

    Raises:
        DatasetWriteError: Writing failed.
    """
    with write_errors(root / JOURNAL, "all finished episodes are intact"):
        write_json(root / JOURNAL / NOTE, sorted(episodes))


def discard(root: Path) -> int:
    """Remove the noted episodes; returns how many.

    Raises:
        DatasetBusyError: Another process is recording into the dataset.
        DatasetFormatError: The note is damaged.
        DatasetWriteError: Writing failed; the dataset is unchanged.
    """
    finish_replacing(root)
    if not read_discarded(root):
        return 0
    # The open writer locks the dataset, and has recovered an unfinished episode.
    with DatasetWriter(root) as writer:
        # Read only now: another process may have removed them and renumbered the others.
        gone = read_discarded(root)
        if not gone:
            return 0
        new = new_place(root)
        left = [e.index for e in writer.episodes if e.index not in gone]
        if left:
            assemble([(Dataset(root), left)], new)
        else:
            own = AUTOMATIC.keys() | RECORDED.keys()
            features = [f for key, f in writer.info.features.items() if key not in own]
            create_dataset(new, writer.info.fps, features, writer.info.robot_type)
        replace_set(root, new)
    return len(gone)
