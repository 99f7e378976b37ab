"""Putting a new set in the place of an old one, so that a cut at any moment leaves one of them."""

import shutil
from pathlib import Path

from robo.data.errors import DatasetFormatError
from robo.data.layout import INFO, JOURNAL
from robo.data.storage import sync_folder, write_errors

OWN = ("meta", "data", "videos", JOURNAL)
"""What of a set's folder is the set; all else, such as a README, stays when the set is replaced."""


def check_place(root: Path) -> None:
    """Refuse a place for a set that holds something else, for a new set would take its place.

    Raises:
        DatasetFormatError: It is neither a set nor free nor an empty folder.
    """
    free = not (root.exists() or root.is_symlink()) or (root.is_dir() and not any(root.iterdir()))
    if not free and not (root / INFO).is_file():
        raise DatasetFormatError(
            f"{root} is there and is no dataset; choose a folder that is empty or not there yet"
        )


def new_place(root: Path) -> Path:
    """Where to make what is to replace a set; free, and on the same disk."""
    place = root.with_name(f".{root.name}.new")
    shutil.rmtree(place, ignore_errors=True)
    return place


def replace_set(root: Path, new: Path) -> None:
    """Put a whole set in another's place; what else lies in the folder is carried over.

    Args:
        root: The set that goes, or an empty folder, or nothing.
        new: What `new_place` named, whole and on the disk.

    Raises:
        DatasetFormatError: `root` holds something else than a set.
        DatasetWriteError: The disk refused; `finish_replacing` puts right what is half done.
    """
    check_place(root)
    before = _before(root)
    with write_errors(root, "one of the old and the new set is whole"):
        if root.exists():
            shutil.rmtree(before, ignore_errors=True)
            root.rename(before)
        new.rename(root)
        _clear(before, root)


def finish_replacing(root: Path) -> None:
    """Finish what a cut in `replace_set` left half done.

    Raises:
        DatasetWriteError: The disk refused.
    """
    before = _before(root)
    if not before.exists():
        return
    with write_errors(root, "nothing was lost"):
        if not root.exists():
            before.rename(root)
        _clear(before, root)


def _clear(before: Path, root: Path) -> None:
    """Carry over what is not the set's own, and remove the rest of the set that went."""
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
