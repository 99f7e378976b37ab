"""Writing journals in the background, so that a slow disk does not hold up recording.

An append may block as long as a concurrent sync, which may take seconds: each has its own thread,
and the recording thread does neither.
"""

import os
import queue
import threading
import time
from pathlib import Path
from typing import Any

from robo.data.journal import END, HEAD, MAGIC, json_record
from robo.data.storage import sync_folder

SYNC_SECONDS = 1.0
"""A power cut loses at most this much of the file, plus what is added during a sync."""


class JournalFile:
    """Appends records to a new journal.

    Args:
        path: The file; it must not exist.
        head: Content of the header.

    Raises:
        OSError: Writing failed, here or in `append` or `sync`.
    """

    def __init__(self, path: Path, head: dict[str, Any]) -> None:
        self.path = path
        self._named = False
        self._descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644
        )
        try:
            self.append(MAGIC + json_record(HEAD, head))
        except BaseException:
            self.close()
            path.unlink(missing_ok=True)
            raise

    def append(self, records: bytes) -> None:
        """Hand records to the system; from here on they survive the death of the process."""
        view = memoryview(records)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def sync(self) -> None:
        """Sync everything to disk; from here on it survives a power cut."""
        os.fdatasync(self._descriptor)
        if not self._named:
            sync_folder(self.path.parent)
            self._named = True

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class JournalThreads:
    """Appends frames to a new journal and syncs it every second, in its own threads.

    Args:
        path: The journal's file; it must not exist.
        head: Content of the journal's header.
        backlog: How many frames may be queued before `put` blocks.

    Attributes:
        frames: Number of frames in the file.
        error: The first write error; nothing is appended after it.

    Raises:
        OSError: The header could not be written.
    """

    def __init__(self, path: Path, head: dict[str, Any], backlog: int) -> None:
        self._file = JournalFile(path, head)
        self._queue: queue.Queue[bytes | None] = queue.Queue(backlog)
        self._closing = threading.Event()
        self.frames = 0
        self.error: OSError | None = None
        self._threads = [
            threading.Thread(target=run, name=f"journal {run.__name__}", daemon=True)
            for run in (self._write, self._sync)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, records: bytes) -> None:
        """Queue a frame's records."""
        self._queue.put(records)

    def close(self, end: dict[str, Any] | None) -> None:
        """Write what is queued, sync it to disk and close the file.

        Args:
            end: Content of the end record; None leaves the episode unfinished.

        Raises:
            OSError: Writing failed, now or before.
        """
        self._closing.set()
        self._queue.put(None)
        for thread in self._threads:
            thread.join()
        try:
            if self.error is None:
                self._try(end)
        finally:
            self._file.close()
        if self.error is not None:
            raise self.error

    def _try(self, end: dict[str, Any] | None) -> None:
        try:
            if end is not None:
                self._file.append(json_record(END, end))
            self._file.sync()
        except OSError as error:
            self.error = error

    def _write(self) -> None:
        while (records := self._queue.get()) is not None:
            if self.error is not None:
                continue  # keep draining the queue, so that `put` does not block
            try:
                self._file.append(records)
                self.frames += 1
            except OSError as error:
                self.error = error

    def _sync(self) -> None:
        synced, pause = -1, 0.0
        while not self._closing.wait(pause) and self.error is None:
            began = time.monotonic()
            if self.frames != synced:
                synced = self.frames
                try:
                    self._file.sync()
                except OSError as error:
                    self.error = error
            pause = max(0.0, SYNC_SECONDS - (time.monotonic() - began))
