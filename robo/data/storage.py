"""Writing files so that a cut at any moment leaves the old one or the new one, whole."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from robo.data.errors import DatasetBusyError, DatasetFormatError, DatasetWriteError

FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}


@contextmanager
def write_errors(path: Path, kept: str) -> Iterator[None]:
    """Turn a refused write into one clear sentence.

    Args:
        path: What was being written.
        kept: What is safe and what to do, a clause.
    """
    try:
        yield
    except OSError as error:
        reason = FULL.get(error.errno or 0) or error.strerror or str(error)
        raise DatasetWriteError(f"cannot write {path}: {reason}; {kept}") from error


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write a file so that it appears whole, and stays after a power cut.

    Raises:
        OSError: The disk refused; the file is as it was before.
    """
    make_folder(path.parent)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, data: object) -> None:
    """Write JSON whole."""
    write_whole(path, (json.dumps(data, indent=4, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        DatasetFormatError: The file is missing or broken.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DatasetFormatError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise DatasetFormatError(f"{path} cannot be read: {error}") from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that their names stay after a power cut."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        made.mkdir(exist_ok=True)
        sync_folder(made.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Lock:
    """Keeps other writers out of a set; the system lets it go when the process dies.

    Args:
        path: The lock's file; it is left behind, empty.
        guarded: What it keeps others out of, for the message; the folder around the lock's when
            left out.

    Raises:
        DatasetBusyError: Another process holds it.
    """

    def __init__(self, path: Path, guarded: Path | None = None) -> None:
        make_folder(path.parent)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise DatasetBusyError(
                f"another process is writing to {guarded or path.parent.parent}; "
                "wait for it or end it first"
            ) from None

    def release(self) -> None:
        """Let others in."""
        os.close(self._descriptor)
