"""Putting a new set in the place of an old one, so that a cut at any moment leaves one of them."""

import shutil
from pathlib import Path

from robo.data.storage import sync_folder, write_errors


def new_place(root: Path) -> Path:
    """Where to make what is to replace a set; free, and on the same disk."""
    place = root.with_name(f".{root.name}.new")
    shutil.rmtree(place, ignore_errors=True)
    return place


def replace_set(root: Path, new: Path) -> None:
    """Put a whole set in another's place.

    Args:
        root: The set that goes, if there is one.
        new: What `new_place` named, whole and on the disk.

    Raises:
        DatasetWriteError: The disk refused; `finish_replacing` puts right what is half done.
    """
    before = _before(root)
    with write_errors(root, "one of the old and the new set is whole"):
        if root.exists():
            shutil.rmtree(before, ignore_errors=True)
            root.rename(before)
        new.rename(root)
        sync_folder(root.parent)
        shutil.rmtree(before, ignore_errors=True)


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
        sync_folder(root.parent)
        shutil.rmtree(before, ignore_errors=True)


def _before(root: Path) -> Path:
    return root.with_name(f".{root.name}.before")
