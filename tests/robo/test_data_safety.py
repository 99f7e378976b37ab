"""Nothing is lost: cuts while finishing, full disks, slow disks, what was left open."""

import errno
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from robo.data import committing, journal_file, storage
from robo.data.episodes import read_episodes
from robo.data.errors import DatasetWriteError
from robo.data.features import ACTION, STATE
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter
from robo.data.repair import repair
from robo.data.validate import validate
from tests.robo import demonstrations as demo


class _Cut(BaseException):
    """Stands for the death of the process."""


@contextmanager
def _cut_at_write(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[None]:
    """Die before the number-th file is written while an episode is being finished."""
    written = 0
    real = storage.write_whole

    def write(path: Path, data: bytes) -> None:
        nonlocal written
        if written == number:
            raise _Cut
        written += 1
        real(path, data)

    with monkeypatch.context() as patch:
        for module in (committing, storage):
            patch.setattr(module, "write_whole", write)
        yield


FILES_OF_AN_EPISODE = 6
"""Tasks, film, row, frames, statistics, info."""


@pytest.mark.parametrize("number", range(FILES_OF_AN_EPISODE))
def test_a_cut_between_any_two_steps_of_finishing_leaves_a_loadable_set(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = demo.record(tmp_path / "set", [8])
    writer = DatasetWriter(root)
    with _cut_at_write(monkeypatch, number), pytest.raises(_Cut):
        demo.add_episode(writer, 6)
    writer.close()
    before = Dataset(root)
    assert len(before.episodes) == 1
    assert len(before.column(ACTION)) == 8
    # LeRobot reads every data file it finds and looks its episodes up in meta/episodes.
    known = {episode.index for episode in read_episodes(before.info)}
    for file in (root / "data").rglob("*.parquet"):
        assert set(pq.read_table(file)["episode_index"].to_pylist()) <= known
    with DatasetWriter(root) as again:
        assert len(again.episodes) == 2
        demo.add_episode(again, 5)
    dataset = Dataset(root)
    assert [episode.length for episode in dataset.episodes] == [8, 6, 5]
    assert not any(episode.info.restored for episode in dataset.episodes)
    assert validate(root).findings == []


def test_a_cut_after_the_last_step_does_not_repeat_the_episode(
    tmp_path: Path,
) -> None:
    root = demo.record(tmp_path / "set", [8])
    with DatasetWriter(root) as writer:
        demo.add_episode(writer, 6, finish=False)
        writer._recording.finish({})  # type: ignore[union-attr]
        journal_file = root / "journal" / "episode.journal"
        kept = journal_file.read_bytes()
        writer._sealed = True
        writer.finish_episode()
    journal_file.write_bytes(kept)
    assert repair(root) == ["removed a journal that held nothing that the dataset lacks"]
    assert len(Dataset(root).episodes) == 2
    assert validate(root).findings == []


def test_an_unfinished_episode_comes_back_when_recording_resumes(tmp_path: Path) -> None:
    root = demo.record(tmp_path / "set", [5])
    with DatasetWriter(root) as writer:
        demo.add_episode(writer, 9, finish=False)
    assert len(Dataset(root).episodes) == 1
    with DatasetWriter(root) as writer:
        assert writer.restored is not None
        assert writer.restored.length == 9
        assert writer.restored.info.restored
        assert writer.restored.info.success is None
    assert repair(root) == []
    assert not validate(root).findings


def test_an_unfinished_episode_can_be_thrown_away(tmp_path: Path) -> None:
    root = demo.record(tmp_path / "set", [5])
    with DatasetWriter(root) as writer:
        demo.add_episode(writer, 9, finish=False)
    with DatasetWriter(root, restore=False) as writer:
        demo.add_episode(writer, 9, finish=False)
        writer.discard_episode()
        demo.add_episode(writer, 3)
    assert [episode.length for episode in Dataset(root).episodes] == [5, 3]


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """Files end there: stands for a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _record_until_refused(writer: DatasetWriter) -> None:
    while len(writer.episodes) < 20:
        demo.add_episode(writer, 40 + 40 * len(writer.episodes))


@pytest.mark.parametrize("size", [100, 5_000, 7_000, 9_000, 12_000, 16_000])
def test_a_disk_that_fills_loses_nothing_finished(size: int, tmp_path: Path) -> None:
    root = demo.record(tmp_path / "set", [8])
    writer = DatasetWriter(root)
    with _largest_file(size), pytest.raises(DatasetWriteError, match="intact|nothing"):
        _record_until_refused(writer)
    finished = len(writer.episodes)
    assert len(Dataset(root).episodes) == finished
    writer.close()
    repair(root)
    dataset = Dataset(root)
    assert len(dataset.episodes) in (finished, finished + 1)
    for episode in dataset.episodes[1:]:
        wanted = [demo.state(episode.index, k) for k in range(episode.length)]
        assert np.array_equal(dataset.column(STATE)[episode.start : episode.stop], wanted)
    assert not validate(root).errors


def test_finishing_can_be_tried_again_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = demo.record(tmp_path / "set", [8])
    with DatasetWriter(root) as writer:
        demo.add_episode(writer, 5, finish=False)

        def refuse(path: Path, data: bytes) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(committing, "write_whole", refuse)
            with pytest.raises(DatasetWriteError, match="this one is whole in the journal"):
                writer.finish_episode()
        assert writer.finish_episode().length == 5
        demo.add_episode(writer, 3)
    assert [episode.length for episode in Dataset(root).episodes] == [8, 5, 3]
    assert not validate(root).errors


def test_a_full_disk_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = demo.record(tmp_path / "set", [8])
    writer = DatasetWriter(root)
    demo.add_episode(writer, 5, finish=False)

    def refuse(descriptor: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(journal_file.os, "write", refuse)
        with pytest.raises(DatasetWriteError) as caught:
            writer.finish_episode()
    text = str(caught.value)
    assert "the disk is full" in text
    assert "1 finished episodes are intact" in text
    assert "`robo data repair` brings it back" in text
    writer.discard_episode()
    demo.add_episode(writer, 3)
    writer.close()
    assert [episode.length for episode in Dataset(root).episodes] == [8, 3]


# ----------------------------------------------------------------------------------- slow disks
SLOW_SECONDS = 2.0


def _slow(real: Callable[..., int | None], calls: list[float]) -> Callable[..., int | None]:
    """The same call on a disk that stands still for two seconds each time."""

    def call(*arguments: object) -> int | None:
        calls.append(time.monotonic())
        time.sleep(SLOW_SECONDS)
        return real(*arguments)

    return call


@pytest.mark.parametrize("name", ["fdatasync", "write"])
def test_a_disk_that_stands_still_does_not_hold_up_who_records(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo.make(tmp_path / "set")
    writer = DatasetWriter(tmp_path / "set")
    demo.add_episode(writer, 3)  # what is imported late has been
    calls: list[float] = []
    adding = []
    monkeypatch.setattr(journal_file, "SYNC_SECONDS", 0.1)
    writer.begin_episode("count")
    with monkeypatch.context() as patch:
        patch.setattr(journal_file.os, name, _slow(getattr(os, name), calls))
        for k in range(30):
            began = time.perf_counter()
            writer.add_frame(demo.frame_of(1, k))
            adding.append(time.perf_counter() - began)
            time.sleep(0.02)
        assert calls, "the disk stood still while frames came"
        assert max(adding) < SLOW_SECONDS / 4
        assert sum(adding) < SLOW_SECONDS / 2
    writer.finish_episode()
    writer.close()
    dataset = Dataset(tmp_path / "set")
    wanted = [demo.state(1, k) for k in range(30)]
    assert np.array_equal(dataset.column(STATE)[dataset.episodes[1].start :], wanted)
    assert not validate(tmp_path / "set").errors


def test_frames_reach_the_file_while_a_sync_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "set"
    demo.make(root)
    writer = DatasetWriter(root)
    calls: list[float] = []
    with monkeypatch.context() as patch:
        patch.setattr(journal_file.os, "fdatasync", _slow(os.fdatasync, calls))
        demo.add_episode(writer, 12, finish=False)
        limit = time.monotonic() + SLOW_SECONDS / 2
        while writer.frames < 12 and time.monotonic() < limit:
            time.sleep(0.01)
        # From here a `kill -9` would take none of them.
        assert writer.frames == 12
        assert time.monotonic() < calls[0] + SLOW_SECONDS
    writer.finish_episode()
    writer.close()
    assert len(Dataset(root)) == 12


def test_a_sync_that_is_refused_is_told_to_who_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = demo.record(tmp_path / "set", [8])
    writer = DatasetWriter(root)

    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(journal_file.os, "fdatasync", refuse)
        with pytest.raises(DatasetWriteError, match="1 finished episodes are intact"):
            demo.add_episode(writer, 3)
    writer.close()
    repair(root)
    assert not validate(root).errors


def test_the_journal_is_brought_to_the_disk_every_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "set"
    demo.make(root)
    sizes = []
    real = os.fdatasync

    def sync(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(journal_file, "SYNC_SECONDS", 0.05)
    monkeypatch.setattr(journal_file.os, "fdatasync", sync)
    with DatasetWriter(root) as writer:
        writer.begin_episode("count")
        for k in range(20):
            writer.add_frame(demo.frame_of(0, k))
            time.sleep(0.02)
        time.sleep(0.2)
        while_open = len(sizes)
        assert while_open >= 3
        assert sizes[-1] == (root / "journal" / "episode.journal").stat().st_size
        time.sleep(0.2)
        assert len(sizes) == while_open, "nothing was added since"
        writer.finish_episode()
