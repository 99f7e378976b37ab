"""Replaces an old dataset by a new one, so that a crash at any moment leaves one of them."""

import shutil
from pathlib import Path

from robo.data.errors import DatasetFormatError
from robo.data.layout import INFO, JOURNAL
from robo.data.storage import sync_folder, write_errors

OWN = ("meta", "data", "videos", JOURNAL)
"""What belongs to a dataset in its folder; all else, such as a README, survives a replacement."""


def check_place(root: Path) -> None:
    """Refuse a place that holds anything but a dataset, because a new dataset would replace it.

    Raises:
        DatasetFormatError: It is neither a dataset, nor free, nor an empty folder.
    """
    free = not (root.exists() or root.is_symlink()) or (root.is_dir() and not any(root.iterdir()))
    if not free and not (root / INFO).is_file():
        raise DatasetFormatError(
            f"{root} is there and is no dataset; choose a folder that is empty or not there yet"
        )


def new_place(root: Path) -> Path:
    """Where to build a dataset's replacement; cleared, and on the same disk."""
    place = root.with_name(f".{root.name}.new")
    shutil.rmtree(place, ignore_errors=True)
    return place


def replace_set(root: Path, new: Path) -> None:
    """Replace a dataset by a complete new one; other files in the folder are carried over.

    Args:
        root: The old dataset, an empty folder, or nothing.
        new: The path from `new_place`, complete and on disk.

    Raises:
        DatasetFormatError: `root` holds something other than a dataset.
        DatasetWriteError: Writing failed; `finish_replacing` repairs what is half done.
    """
    check_place(root)
    before = _before(root)
    with write_errors(root, "one of the old and the new dataset is whole"):
        if root.exists():
            shutil.rmtree(before, ignore_errors=True)
            root.rename(before)
        new.rename(root)
        _clear(before, root)


def finish_replacing(root: Path) -> None:
    """Finish, or undo, what a crash in `replace_set` left half done.

    Raises:
        DatasetWriteError: Writing failed.
    """
    before = _before(root)
    if not before.exists():
        return
    with write_errors(root, "nothing was lost"):
        if not root.exists():
            before.rename(root)
        _clear(before, root)


def _clear(before: Path, root: Path) -> None:
    """Carry over what does not belong to the dataset, and remove the old dataset."""
    sync_folder(root.parent)
    if not before.exists():
        return
    for path in before.iterdir():
        if path.name not in OWN and not (root / path.name).exists():
            path.rename(root / path.name)
    sync_folder(root)
    shutil.rmtree(before, ignore_errors=True)


def _before(root: Path) -> Path:
    return root.with_name(f".{root.name}.before")
