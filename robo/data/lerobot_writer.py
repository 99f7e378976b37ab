"""Crash-safe recording into a LeRobotDataset v3.0.

    create_dataset(root, fps=10, features=[camera("head", 96, 96), vector(STATE, 9), ...])
    with DatasetWriter(root) as writer:
        writer.begin_episode("bring me the sponge", EpisodeInfo(seed=1, device="expert"))
        writer.add_frame({STATE: state, ACTION: action, ...}, label="find the sponge")
        writer.finish_episode(success=True)

When `finish_episode` returns, the episode is on disk and readable by any reader. The open one is in
`journal/` up to its last second; the next writer, or `robo data repair`, restores it.
"""

import contextlib
import dataclasses
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from robo.closing import Closing
from robo.data.committing import commit
from robo.data.dataset_stats import compute_stats, write_stats
from robo.data.episodes import Episode, EpisodeInfo
from robo.data.errors import DatasetError, DatasetFormatError, FrameError
from robo.data.features import (
    AUTOMATIC,
    CAPTURE_TIME,
    RECORDED,
    SUBTASK,
    SUCCESS,
    Feature,
    cameras_of,
    checked_value,
    row_dtype,
)
from robo.data.journal import read_journal
from robo.data.layout import INFO, JOURNAL, Info, new_info, read_info
from robo.data.lerobot_reader import Dataset
from robo.data.recording import EpisodeRecording
from robo.data.recovery import JOURNAL_FILE, LOCK_FILE, bring_back, check_appendable, check_counts
from robo.data.storage import Lock, make_folder, sync_folder, write_errors


def create_dataset(
    root: Path, fps: int, features: Iterable[Feature], robot_type: str = "unknown"
) -> None:
    """Create an empty dataset.

    Args:
        root: Its folder; it may exist if it holds no dataset.
        fps: Frames per second, a whole number.
        features: What a frame holds besides the automatic and recorded columns.
        robot_type: The robot's type.

    Raises:
        DatasetFormatError: There already is a dataset, or the features or fps are invalid.
        DatasetWriteError: Writing failed.
    """
    if (root / INFO).exists():
        raise DatasetFormatError(f"{root} holds a dataset already; a writer resumes into it")
    info = new_info(root, fps, {feature.key: feature for feature in features}, robot_type)
    with write_errors(root, "nothing was recorded yet"):
        make_folder(root)
        info.write()


class DatasetWriter(Closing):
    """Records episodes into a dataset; one process at a time.

    An unfinished episode that an earlier writer left in the journal is restored first.

    Args:
        root: A dataset made by `create_dataset`; new episodes are appended to it.
        restore: False discards an earlier writer's unfinished episode.

    Attributes:
        info: meta/info.json when the dataset was opened.
        episodes: All finished episodes.
        restored: The episode restored when the dataset was opened, if any.

    Raises:
        DatasetFormatError: It is not a dataset, or cannot be appended to.
        DatasetBusyError: Another process is recording into it.
        DatasetWriteError: Writing failed.
    """

    def __init__(self, root: Path, *, restore: bool = True) -> None:
        self.root = Path(root)
        self.info: Info = read_info(self.root)
        check_appendable(self.info)
        with write_errors(self.root, "nothing was changed"):
            self._lock = Lock(self.root / JOURNAL / LOCK_FILE)
        try:
            with write_errors(self.root, "finished episodes and the journal are intact"):
                self.restored = bring_back(self.root, unfinished=restore)
            self.episodes = check_counts(read_info(self.root))
        except BaseException:
            self._lock.release()
            raise
        features = self.info.features
        self._cameras = cameras_of(features)
        self._dtype = row_dtype(features)
        self._given = [f for f in features.values() if f.key not in AUTOMATIC | RECORDED]
        self._recording: EpisodeRecording | None = None
        self._labels: dict[str, int] = {}
        self._finished = 0
        self._began = 0.0
        self._success = False
        self._sealed = False

    @property
    def frames(self) -> int:
        """Frames of the open episode that are in its journal."""
        return self._recording.frames if self._recording else 0

    @property
    def is_recording(self) -> bool:
        """Whether an episode is open."""
        return self._recording is not None

    def begin_episode(self, task: str, info: EpisodeInfo | None = None) -> None:
        """Open an episode.

        Args:
            task: The task in words.
            info: How the episode is recorded.

        Raises:
            DatasetWriteError: Writing failed.
        """
        if self._recording is not None:
            raise DatasetError("an episode is open; finish or discard it before the next")
        if not task.strip():
            raise DatasetError("an episode needs a task in words")
        info = info or EpisodeInfo()
        stamp = info.recorded_at or datetime.now(UTC).isoformat(timespec="seconds")
        head = {
            "episode_index": len(self.episodes),
            "task": task,
            "features": {k: f.as_json(self.info.fps) for k, f in self.info.features.items()},
            "fps": self.info.fps,
            "info": dataclasses.asdict(replace(info, recorded_at=stamp)),
        }
        with write_errors(self._journal, "nothing of this episode was recorded yet"):
            self._recording = EpisodeRecording(
                self._journal, head, self.info.features, self.info.fps
            )
        self._labels = {}
        self._began = time.perf_counter()
        self._sealed = False

    def add_frame(
        self,
        frame: Mapping[str, Any],
        *,
        success: bool = False,
        label: str = "",
        capture_time: float | None = None,
    ) -> None:
        """Add a frame: the observation, and the action that was then sent.

        Images are copied here and compressed in another thread.

        Args:
            frame: A value for every feature that `create_dataset` was given, and nothing else.
            success: Whether the success rule holds after the action.
            label: The skill being executed.
            capture_time: Time of the observation in seconds since the episode began; by default,
                the wall-clock time of this call.

        Raises:
            FrameError: The frame does not match; it was not added and the episode goes on.
            DatasetWriteError: Writing an earlier frame failed.
        """
        recording = self._open()
        now = time.perf_counter() - self._began if capture_time is None else capture_time
        if len(frame) != len(self._given) or any(f.key not in frame for f in self._given):
            declared = {feature.key for feature in self._given}
            missing, unknown = sorted(declared - frame.keys()), sorted(frame.keys() - declared)
            raise FrameError(
                f"the frame lacks {missing or 'nothing'} and holds {unknown or 'nothing'} "
                "that the dataset does not declare"
            )
        row = np.zeros((), self._dtype)
        images = []
        for feature in self._given:
            value = checked_value(feature, frame[feature.key])
            if feature.is_camera:
                images.append(np.array(value, order="C"))
            else:
                row[feature.key] = value
        number = self._labels.get(label)
        row[CAPTURE_TIME] = now
        row[SUCCESS] = success
        row[SUBTASK] = len(self._labels) if number is None else number
        with write_errors(self._journal, self._kept):
            recording.add(row, images, label if number is None else None)
        self._success = bool(success)
        if number is None:
            self._labels[label] = len(self._labels)

    def finish_episode(self, success: bool | None = None, operator_note: str = "") -> Episode:
        """Close the episode; when this returns, it is on disk and readable by any reader.

        Args:
            success: Whether the task was done; the last frame's `success` by default.
            operator_note: Note by the person who recorded.

        Raises:
            DatasetWriteError: Writing failed. The episode is whole in the journal: make room and
                call this again, or let the next writer finish it.
        """
        recording = self._open(sealed=True)
        if not self._sealed:
            end: dict[str, Any] = {"success": self._success if success is None else success}
            if operator_note:
                end["operator_note"] = operator_note
            with write_errors(self._journal, self._kept):
                recording.finish(end)
            self._sealed = True
        with write_errors(
            self.root,
            f"the {len(self.episodes)} finished episodes are intact and this one is whole in the "
            "journal: make room, then `robo data repair` puts it into the dataset",
        ):
            journal = read_journal(self._journal)
            if not len(journal.rows):
                self._drop()
                raise DatasetError("the episode has no frames; it was dropped")
            last = self.episodes[-1] if self.episodes else None
            episode = commit(self.root, journal, last, images=recording.histograms)
            self._drop()
        self.episodes.append(episode)
        self._finished += 1
        return episode

    def discard_episode(self) -> None:
        """Discard the open episode."""
        recording = self._open(sealed=True)
        if not self._sealed:
            with contextlib.suppress(OSError):  # a failed write does not matter here
                recording.finish(None)
        self._drop()

    def close(self) -> None:
        """Release the dataset; an open episode stays in the journal, to be restored."""
        if self._finished:
            # While recording, quantiles are merged from those of episodes; here they become exact.
            with contextlib.suppress(OSError, DatasetError):
                write_stats(self.root, compute_stats(Dataset(self.root)))
            self._finished = 0
        try:
            if self._recording and not self._sealed:
                told = contextlib.suppress(OSError) if self._recording.refused else None
                with told or write_errors(self._journal, self._kept):
                    self._recording.finish(None)
        finally:
            self._recording = None
            self._lock.release()

    @property
    def _journal(self) -> Path:
        return self.root / JOURNAL / JOURNAL_FILE

    @property
    def _kept(self) -> str:
        return (
            f"the {len(self.episodes)} finished episodes are intact and the journal holds "
            f"{self.frames} frames of this one: make room, then `robo data repair` brings it back"
        )

    def _open(self, *, sealed: bool = False) -> EpisodeRecording:
        if self._recording is None:
            raise DatasetError("no episode is open; begin one first")
        if self._sealed and not sealed:
            raise DatasetError("the episode is closed; finish or discard it")
        return self._recording

    def _drop(self) -> None:
        self._recording = None
        self._journal.unlink(missing_ok=True)
        sync_folder(self._journal.parent)
