"""The journal: cut or damaged anywhere, it gives the whole frames before that."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo.data.errors import DatasetFormatError
from robo.data.features import STATE
from robo.data.frames import FrameStore
from robo.data.journal import Journal, read_journal
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter
from robo.data.repair import repair
from robo.data.validate import validate
from tests.robo import demonstrations as demo

FRAMES = 12


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The journal of an episode of 12 frames, without an end."""
    root = tmp_path_factory.mktemp("sets") / "set"
    demo.make(root)
    with DatasetWriter(root) as writer:
        demo.add_episode(writer, FRAMES, finish=False)
    return (root / "journal" / "episode.journal").read_bytes()


def head_of(content: bytes) -> int:
    """Where the first frame's records begin."""
    return content.index(f'"{demo.LABELS[0]}"'.encode()) - 9


def read(folder: Path, content: bytes) -> Journal:
    path = folder / "cut.journal"
    path.write_bytes(content)
    return read_journal(path)


def assert_whole(journal: Journal) -> None:
    """All that is there is what was recorded."""
    wanted = [demo.state(0, k) for k in range(len(journal.rows))]
    assert np.array_equal(journal.rows[STATE], np.reshape(wanted, (-1, 3)))
    assert len(journal.packets[demo.CAMERA]) == len(journal.rows)
    numbers = [int(k >= FRAMES // 2) for k in range(len(journal.rows))]
    assert journal.rows["subtask_index"].tolist() == numbers
    assert (
        tuple(journal.labels[: max(numbers, default=-1) + 1])
        == demo.LABELS[: max(numbers, default=-1) + 1]
    )


@given(st.data())
@settings(deadline=None, max_examples=80)
def test_cut_anywhere_it_gives_the_frames_before_the_cut(
    content: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(content)))
    folder = tmp_path_factory.mktemp("cuts")
    try:
        journal = read(folder, content[:cut])
    except DatasetFormatError:
        assert cut < head_of(content)
        return
    assert journal.end is None
    assert_whole(journal)
    assert cut < len(content) or len(journal.rows) == FRAMES


def test_every_cut_further_on_gives_at_least_as_much(content: bytes, tmp_path: Path) -> None:
    counts = []
    for cut in range(head_of(content), len(content) + 1, 37):
        counts.append(len(read(tmp_path, content[:cut]).rows))
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] >= FRAMES - 1


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_damaged_anywhere_it_gives_nothing_that_was_not_recorded(
    content: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(content) - 1))
    damaged = bytearray(content)
    damaged[place] ^= data.draw(st.integers(1, 255))
    try:
        journal = read(tmp_path_factory.mktemp("damaged"), bytes(damaged))
    except DatasetFormatError:
        return
    assert_whole(journal)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.75, 0.97])
def test_repair_brings_a_torn_journals_frames_into_the_set(
    share: float, content: bytes, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    demo.make(root)
    head = head_of(content)
    cut = head + int(share * (len(content) - head))
    (root / "journal").mkdir()
    (root / "journal" / "episode.journal").write_bytes(content[:cut])
    done = repair(root)
    dataset = Dataset(root)
    assert not (root / "journal" / "episode.journal").exists()
    if share == 0.0:
        assert len(dataset) == 0
        return
    assert "brought back the unfinished episode 0" in done[0]
    assert len(dataset) >= int(share * FRAMES) - 4
    wanted = np.stack([demo.image(0, k) for k in range(len(dataset))])
    images = FrameStore(dataset, demo.CAMERA).images(np.arange(len(dataset)))
    assert np.abs(images.astype(int) - wanted).mean() < 4
    assert not validate(root).errors
    assert repair(root) == []
