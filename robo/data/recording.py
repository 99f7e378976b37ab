"""An episode's frames on their way into its journal while the caller goes on acting."""

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
"""So much may wait to be compressed; a caller that is faster waits. `kill -9` loses it..."""
HELD_UP_SECONDS = 5.0
"""... and what the system was slow to take: mostly nothing, and never more than this."""


class _Frame(NamedTuple):
    row: bytes
    images: list[np.ndarray]
    label: str | None


class EpisodeRecording:
    """Compresses images and appends frames to a new journal, in threads of its own.

    Args:
        path: The journal's file; it must not exist.
        head: The journal's head.
        features: The set's features.
        fps: Frames a second.

    Attributes:
        histograms: Of the cameras' images so far.
        refused: Whether the disk refused and the caller was told.

    Raises:
        OSError: The disk refused; later refusals are raised by `add` and `finish`.
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
        """How many frames are in the journal."""
        return self._journal.frames

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
                continue  # keep emptying the queue, so that the caller is not left waiting
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
