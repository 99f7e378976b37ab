"""Atomic writes: a crash at any moment leaves the old file or the new one, whole."""

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
    """Turn a failed write into a `DatasetWriteError`.

    Args:
        path: What was being written.
        kept: A clause that says what is safe and what to do.
    """
    try:
        yield
    except OSError as error:
        reason = FULL.get(error.errno or 0) or error.strerror or str(error)
        raise DatasetWriteError(f"cannot write {path}: {reason}; {kept}") from error


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write a file atomically and durably.

    Raises:
        OSError: Writing failed; the file is as it was before.
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
    """Write JSON atomically and durably."""
    write_whole(path, (json.dumps(data, indent=4, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        DatasetFormatError: The file is missing or damaged.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DatasetFormatError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise DatasetFormatError(f"{path} cannot be read: {error}") from error


def make_folder(folder: Path) -> None:
    """Create a folder and its parents so that they survive a power cut."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        made.mkdir(exist_ok=True)
        sync_folder(made.parent)


def sync_folder(folder: Path) -> None:
    """Sync a folder's entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Lock:
    """Keeps other writers out of a dataset; the system releases it when the process dies.

    Args:
        path: The lock file; it is left behind, empty.
        guarded: What it guards, for the message; by default the parent of the lock's folder.

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
        """Release the lock."""
        os.close(self._descriptor)
