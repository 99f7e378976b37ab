"""Writing an episode's frames into its journal while the caller goes on acting."""

import queue
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from robo.data.features import Features, cameras_of
from robo.data.journal import FRAME, LABEL, json_record, packet_record, record
from robo.data.journal_file import JournalThreads
from robo.data.statistics import ImageHistogram
from robo.data.video_encoding import VideoEncoder

BACKLOG_SECONDS = 1.0
"""How much may wait for compression before the caller is blocked. `kill -9` loses this..."""
HELD_UP_SECONDS = 5.0
"""... and what still waits to be written: usually nothing, and never more than this."""


class _Frame(NamedTuple):
    row: bytes
    images: list[np.ndarray]
    label: str | None


class EpisodeRecording:
    """Compresses images and appends frames to a new journal, in its own threads.

    Args:
        path: The journal's file; it must not exist.
        head: Content of the journal's header.
        features: The dataset's features.
        fps: Frames per second.

    Attributes:
        histograms: Histograms of the cameras' images so far.
        refused: Whether recording failed and the caller was told.

    Raises:
        OSError: Writing failed; later failures are raised by `add` and `finish`.
    """

    def __init__(self, path: Path, head: dict[str, Any], features: Features, fps: int) -> None:
        self._cameras = cameras_of(features)
        self._encoders = [VideoEncoder(*features[key].size, fps) for key in self._cameras]
        self._journal = JournalThreads(path, head, max(2, round(HELD_UP_SECONDS * fps)))
        self._queue: queue.Queue[_Frame | None] = queue.Queue(max(2, round(BACKLOG_SECONDS * fps)))
        self._error: BaseException | None = None
        self._finished = False
        self.histograms = {key: ImageHistogram() for key in self._cameras}
        self.refused = False
        self._thread = threading.Thread(target=self._run, name="episode recording", daemon=True)
        self._thread.start()

    @property
    def frames(self) -> int:
        """Number of frames in the journal."""
        return self._journal.frames

    def add(self, row: np.ndarray, images: list[np.ndarray], label: str | None) -> None:
        """Queue a frame; the caller must not change the images afterwards.

        Args:
            row: One element of `features.row_dtype`.
            images: One per camera, (H, W, 3).
            label: The skill label, if this frame is the first to have it.
        """
        self._raise()
        self._queue.put(_Frame(row.tobytes(), images, label))

    def finish(self, end: dict[str, Any] | None) -> None:
        """Write what is queued and close the journal; without an `end` it stays unfinished."""
        if not self._finished:
            self._finished = True
            self._queue.put(None)
            self._thread.join()
            try:
                self._journal.close(end if self._error is None else None)
            except OSError as error:
                self._error = self._error or error
        self._raise()

    def _raise(self) -> None:
        error = self._error or self._journal.error
        if error is not None:
            self.refused = True
            raise error

    def _run(self) -> None:
        while (frame := self._queue.get()) is not None:
            if self._error is not None:
                continue  # keep draining the queue, so that the caller is not blocked
            try:
                self._compress(frame)
            except BaseException as error:
                self._error = error

    def _compress(self, frame: _Frame) -> None:
        records = [] if frame.label is None else [json_record(LABEL, frame.label)]
        for number, (key, image) in enumerate(zip(self._cameras, frame.images, strict=True)):
            records.append(packet_record(number, self._encoders[number].encode(image)))
            self.histograms[key].add(image)
        records.append(record(FRAME, frame.row))
        self._journal.put(b"".join(records))
