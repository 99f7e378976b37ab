"""The thread that brings an episode's frames into its journal while the caller goes on acting."""

import queue
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from robo.data.features import Features, cameras_of
from robo.data.journal import (
    END,
    FRAME,
    LABEL,
    JournalFile,
    json_record,
    packet_record,
    record,
)
from robo.data.statistics import ImageHistogram
from robo.data.video_encoding import VideoEncoder

SYNC_SECONDS = 1.0
"""A power cut loses at most this much of the open episode."""
BACKLOG_SECONDS = 1.0
"""`kill -9` loses at most this much; a caller faster than the encoder waits."""


class _Frame(NamedTuple):
    row: bytes
    images: list[np.ndarray]
    label: str | None


class EpisodeRecording:
    """Compresses images and appends frames to a new journal, in a thread of its own.

    Args:
        path: The journal's file; it must not exist.
        head: The journal's head.
        features: The set's features.
        fps: Frames a second.

    Attributes:
        histograms: Of the cameras' images so far.
        frames: How many frames are in the journal.
        refused: Whether the disk refused and the caller was told.

    Raises:
        OSError: The disk refused; later refusals are raised by `add` and `finish`.
    """

    def __init__(self, path: Path, head: dict[str, Any], features: Features, fps: int) -> None:
        self._cameras = cameras_of(features)
        self._encoders = [VideoEncoder(*features[key].size, fps) for key in self._cameras]
        self._file = JournalFile(path, head)
        self._queue: queue.Queue[_Frame | None] = queue.Queue(max(2, round(BACKLOG_SECONDS * fps)))
        self._error: BaseException | None = None
        self.histograms = {key: ImageHistogram() for key in self._cameras}
        self.frames = 0
        self.refused = False
        self._thread = threading.Thread(target=self._run, name="episode recording", daemon=True)
        self._thread.start()

    def add(self, row: np.ndarray, images: list[np.ndarray], label: str | None) -> None:
        """Hand over a frame; the arrays are the thread's from here.

        Args:
            row: One element of `features.row_dtype`.
            images: One a camera, (H, W, 3).
            label: A skill label that this frame is the first to have.
        """
        self._raise()
        self._queue.put(_Frame(row.tobytes(), images, label))

    def finish(self, end: dict[str, Any] | None) -> None:
        """Write what is waiting and close the journal, with an end or cut off as it is."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._raise()
        try:
            if end is not None:
                self._file.append(json_record(END, end))
            self._file.sync()
        except OSError as error:
            self._error = error
            self.refused = True
            raise
        finally:
            self._file.close()

    def _raise(self) -> None:
        if self._error is not None:
            self.refused = True
            raise self._error

    def _run(self) -> None:
        synced = time.monotonic()
        while (frame := self._queue.get()) is not None:
            if self._error is not None:
                continue  # keep emptying the queue, so that the caller is not left waiting
            try:
                self._write(frame)
                if time.monotonic() - synced > SYNC_SECONDS:
                    self._file.sync()
                    synced = time.monotonic()
            except BaseException as error:
                self._error = error

    def _write(self, frame: _Frame) -> None:
        records = [] if frame.label is None else [json_record(LABEL, frame.label)]
        for number, (key, image) in enumerate(zip(self._cameras, frame.images, strict=True)):
            records.append(packet_record(number, self._encoders[number].encode(image)))
            self.histograms[key].add(image)
        records.append(record(FRAME, frame.row))
        self._file.append(b"".join(records))
        self.frames += 1
