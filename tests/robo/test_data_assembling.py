"""Merging and splitting keep every number and image, and only join what is alike."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo.data.assembling import assemble, merge_sets, split_by_share
from robo.data.errors import DatasetError
from robo.data.features import ACTION, STATE, vector
from robo.data.frames import FrameStore
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter, create_dataset
from robo.data.tables import parquet, read_parquet
from robo.data.validate import validate
from tests.robo import demonstrations as demo

LENGTHS = (12, 9, 14)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset(demo.record(tmp_path_factory.mktemp("sets") / "set", LENGTHS))


def assert_same_episode(one: Dataset, first: int, other: Dataset, second: int) -> None:
    left, right = one.episodes[first], other.episodes[second]
    assert left.length == right.length
    assert left.tasks == right.tasks
    assert left.info == right.info
    rows = [slice(episode.start, episode.stop) for episode in (left, right)]
    for key in (STATE, ACTION, "timestamp", "capture_time", "frame_index"):
        assert np.array_equal(one.column(key)[rows[0]], other.column(key)[rows[1]])
    labels = [
        [made.labels[i] for i in made.column("subtask_index")[part]]
        for made, part in zip((one, other), rows, strict=True)
    ]
    assert labels[0] == labels[1]
    images = [
        FrameStore(made, demo.CAMERA).images(np.arange(part.start, part.stop))
        for made, part in zip((one, other), rows, strict=True)
    ]
    assert np.array_equal(images[0], images[1])


def test_merged_sets_hold_all_episodes(dataset: Dataset, tmp_path: Path) -> None:
    root = tmp_path / "other"
    demo.make(root)
    with DatasetWriter(root) as writer:
        writer.begin_episode("quite another task")
        for k in range(8):
            writer.add_frame(demo.frame_of(4, k), label="quite another skill", capture_time=k / 10)
        writer.finish_episode(success=False)
    other = Dataset(root)
    merge_sets([other, dataset], tmp_path / "merged")
    merged = Dataset(tmp_path / "merged")
    assert len(merged.episodes) == 4
    assert_same_episode(merged, 0, other, 0)
    for number in range(3):
        assert_same_episode(merged, number + 1, dataset, number)
    assert validate(merged.root).findings == []
    with DatasetWriter(merged.root) as writer:
        demo.add_episode(writer, 20)
    assert validate(merged.root).findings == []


def test_chosen_episodes_come_in_the_chosen_order(dataset: Dataset, tmp_path: Path) -> None:
    assemble([(dataset, [2, 0])], tmp_path / "part")
    part = Dataset(tmp_path / "part")
    assert_same_episode(part, 0, dataset, 2)
    assert_same_episode(part, 1, dataset, 0)
    assert len(list(part.root.glob("videos/*/*/*.mp4"))) == 2
    assert validate(part.root).findings == []


@given(parts=st.lists(st.floats(0.2, 1.0), min_size=1, max_size=3), seed=st.integers(0, 2**31))
@settings(deadline=None)
def test_random_parts_share_no_episode(dataset: Dataset, parts: list[float], seed: int) -> None:
    total = sum(parts)
    shares = {str(k): part / total for k, part in enumerate(parts)}
    try:
        split = split_by_share(dataset, shares, seed)
    except DatasetError:
        return  # too few episodes for so many parts
    assert sorted(number for part in split.values() for number in part) == [0, 1, 2]
    assert split == split_by_share(dataset, shares, seed)


def test_mistakes_are_named_and_leave_nothing(dataset: Dataset, tmp_path: Path) -> None:
    root = tmp_path / "other"
    create_dataset(root, demo.FPS, [vector(STATE, 4), vector(ACTION, 2)])
    with pytest.raises(DatasetError, match="only like datasets can be merged"):
        merge_sets([dataset, Dataset(root)], tmp_path / "out")
    with pytest.raises(DatasetError, match="only like datasets can be merged"):
        assemble([(dataset, [0]), (Dataset(root), [])], tmp_path / "out")
    with pytest.raises(DatasetError, match="exists"):
        merge_sets([dataset], root)
    with pytest.raises(DatasetError, match="no episode was chosen"):
        assemble([(dataset, [])], tmp_path / "out")
    with pytest.raises(DatasetError, match="at most 1 together"):
        split_by_share(dataset, {"a": 0.8, "b": 0.4}, 0)
    with pytest.raises(DatasetError, match="at most 1 together"):
        split_by_share(dataset, {"a": float("nan")}, 0)
    broken = Dataset(demo.record(tmp_path / "broken", [5]))
    next(broken.root.glob("videos/*/*/*.mp4")).unlink()
    with pytest.raises(DatasetError, match="there is no file"):
        merge_sets([broken], tmp_path / "out")
    with pytest.raises(DatasetError, match="cannot write /proc/out"):
        merge_sets([dataset], Path("/proc/out"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "other"]


def test_a_task_that_is_not_there_is_said(tmp_path: Path) -> None:
    root = demo.record(tmp_path / "set", [5])
    file = root / "data/chunk-000/file-000.parquet"
    table = read_parquet(file)
    place = table.column_names.index("task_index")
    file.write_bytes(parquet(table.set_column(place, "task_index", pa.array([99] * 5))))
    with pytest.raises(DatasetError, match="reaches from 99 to 99, there are 1 texts"):
        merge_sets([Dataset(root)], tmp_path / "out")
