"""The writer: what goes in comes out, as the format says, and what does not fit is refused."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo.data.assembling import merge_sets
from robo.data.dataset_stats import compute_stats
from robo.data.episodes import EpisodeInfo
from robo.data.errors import DatasetBusyError, DatasetError, FrameError
from robo.data.features import (
    ACTION,
    CAPTURE_TIME,
    STATE,
    SUCCESS,
    Feature,
    camera,
    features_of_spaces,
    vector,
)
from robo.data.frames import FrameStore
from robo.data.layout import read_info
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter, create_dataset
from robo.data.repair import repair
from robo.data.statistics import close
from robo.data.tables import parquet
from robo.data.validate import validate
from tests.robo import demonstrations as demo


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    states=st.integers(1, 4),
    dtype=st.sampled_from(["float32", "float64", "int64", "bool"]),
    fps=st.sampled_from([1, 10, 30, 50]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=12, deadline=None)
def test_what_is_recorded_is_read_back(
    lengths: list[int], states: int, dtype: str, fps: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    with TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        extra = Feature("extra.column", dtype, (states,))
        create_dataset(root, fps, [vector(STATE, states), vector(ACTION, 1), extra])
        told: dict[str, list[np.ndarray]] = {STATE: [], ACTION: [], extra.key: []}
        with DatasetWriter(root) as writer:
            for number, length in enumerate(lengths):
                writer.begin_episode(
                    f"task {number % 2}", EpisodeInfo(seed=number, start={"n": number})
                )
                for k in range(length):
                    frame = {
                        STATE: rng.normal(size=states).astype(np.float32),
                        ACTION: rng.normal(size=1).astype(np.float32),
                        extra.key: rng.integers(0, 2, states).astype(dtype),
                    }
                    writer.add_frame(frame, label=f"skill {k % 3}", capture_time=k / fps)
                    for key, value in frame.items():
                        told[key].append(value)
                writer.finish_episode(success=bool(number % 2))
        dataset = Dataset(root)
        assert [episode.length for episode in dataset.episodes] == lengths
        for key, values in told.items():
            wanted = np.stack(values).reshape(dataset.column(key).shape)
            assert np.array_equal(dataset.column(key), wanted)
            assert dataset.column(key).dtype == wanted.dtype
        for number, episode in enumerate(dataset.episodes):
            assert episode.tasks == (f"task {number % 2}",)
            assert episode.info.seed == number
            assert episode.info.start == {"n": number}
            assert episode.info.success == bool(number % 2)
        assert not validate(root).errors


def test_images_and_labels_are_read_back(tmp_path: Path) -> None:
    dataset = Dataset(demo.record(tmp_path / "set", [20, 5]))
    images = FrameStore(dataset, demo.CAMERA).images(np.arange(len(dataset)))
    wanted = np.stack([demo.image(0, k) for k in range(20)] + [demo.image(1, k) for k in range(5)])
    assert np.abs(images.astype(int) - wanted).mean() < 4
    labels = [dataset.labels[i] for i in dataset.column("subtask_index")]
    assert (
        labels
        == [demo.LABELS[0]] * 10
        + [demo.LABELS[1]] * 10
        + [demo.LABELS[0]] * 2
        + [demo.LABELS[1]] * 3
    )
    assert dataset.column(SUCCESS).tolist() == [False] * 19 + [True] + [False] * 4 + [True]
    assert dataset.episodes[1].info.success_rule_version == demo.RULE


def test_the_files_are_as_the_format_says(tmp_path: Path) -> None:
    root = demo.record(tmp_path / "set", [6, 4])
    info = json.loads((root / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert info["splits"] == {"train": "0:2"}
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"]) == (2, 10, 2)
    assert info["features"][demo.CAMERA]["info"]["video.fps"] == demo.FPS
    schema = pq.read_schema(root / "data/chunk-000/file-001.parquet")
    assert str(schema.field(STATE).type) == "fixed_size_list<element: float>[3]"
    assert str(schema.field("timestamp").type) == "float"
    assert schema.names[-5:] == [
        "timestamp", "frame_index", "episode_index", "index", "task_index",
    ]  # fmt: skip
    assert demo.CAMERA not in schema.names
    tasks = pq.read_schema(root / "meta/tasks.parquet")
    assert json.loads(tasks.metadata[b"pandas"])["index_columns"] == ["task"]
    assert pq.ParquetFile(root / "data/chunk-000/file-000.parquet").num_row_groups == 1


def test_an_episode_is_readable_before_the_next_one_starts(tmp_path: Path) -> None:
    demo.make(tmp_path / "set")
    with DatasetWriter(tmp_path / "set") as writer:
        for count in range(1, 4):
            demo.add_episode(writer, 4)
            dataset = Dataset(tmp_path / "set")
            assert len(dataset.episodes) == count
            assert len(dataset.column(ACTION)) == 4 * count
            assert not validate(tmp_path / "set").errors


def test_statistics_are_exact_while_recording_goes_on(tmp_path: Path) -> None:
    dataset = Dataset(demo.record(tmp_path / "set", [30, 7, 12]))
    exact = compute_stats(dataset)
    for key, part in dataset.stats.items():
        assert close(part, exact[key], relative=1e-6) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({ACTION: np.zeros(3, np.float32)}, r"action has shape \(3,\), the dataset takes \(2,\)"),
        ({STATE: np.array([0, np.nan, 0], np.float32)}, r"observation.state\[1\] is nan"),
        ({demo.CAMERA: np.zeros((8, 8, 3), np.uint8)}, "observation.images.head is uint8"),
        ({"more": np.zeros(1)}, r"holds \['more'\] that the dataset does not declare"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused_and_the_episode_goes_on(
    change: dict[str, np.ndarray], message: str, tmp_path: Path
) -> None:
    demo.make(tmp_path / "set")
    with DatasetWriter(tmp_path / "set") as writer:
        writer.begin_episode("count")
        writer.add_frame(demo.frame_of(0, 0))
        with pytest.raises(FrameError, match=message):
            writer.add_frame({**demo.frame_of(0, 1), **change})
        writer.add_frame(demo.frame_of(0, 1))
        assert writer.finish_episode().length == 2
    times = Dataset(tmp_path / "set").column(CAPTURE_TIME)
    assert 0 <= times[0] < times[1] < 10


def test_an_image_may_be_changed_after_it_was_added(tmp_path: Path) -> None:
    demo.make(tmp_path / "set")
    with DatasetWriter(tmp_path / "set") as writer:
        writer.begin_episode("count")
        frame = demo.frame_of(0, 0)
        for k in range(10):
            frame[demo.CAMERA][:] = 20 * k
            writer.add_frame(frame)
            frame[demo.CAMERA][:] = 255
        writer.finish_episode()
    dataset = Dataset(tmp_path / "set")
    images = FrameStore(dataset, demo.CAMERA).images(np.arange(10))
    assert np.abs(images.mean((1, 2, 3)) - 20 * np.arange(10)).max() < 4


def test_one_process_records_at_a_time(tmp_path: Path) -> None:
    demo.make(tmp_path / "set")
    with DatasetWriter(tmp_path / "set"):
        with pytest.raises(DatasetBusyError, match="another process is writing"):
            DatasetWriter(tmp_path / "set")
        with pytest.raises(DatasetBusyError):
            repair(tmp_path / "set")
    DatasetWriter(tmp_path / "set").close()


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a dataset"):
        DatasetWriter(tmp_path)
    with pytest.raises(DatasetError, match="sides must be even"):
        camera("head", 95, 96)
    with pytest.raises(DatasetError, match='must not hold a "/"'):
        vector("images/head", 2)
    with pytest.raises(DatasetError, match="the writer adds that itself"):
        create_dataset(tmp_path / "set", 10, [vector("timestamp", 1)])
    demo.make(tmp_path / "set")
    with pytest.raises(DatasetError, match="holds a dataset already"):
        demo.make(tmp_path / "set")
    with DatasetWriter(tmp_path / "set") as writer:
        with pytest.raises(DatasetError, match="no episode is open"):
            writer.add_frame({})
        writer.begin_episode("count")
        with pytest.raises(DatasetError, match="an episode is open"):
            writer.begin_episode("count")
        with pytest.raises(DatasetError, match="no frames"):
            writer.finish_episode()
        assert not writer.is_recording


def test_an_environments_spaces_become_features() -> None:
    from gymnasium.spaces import Box, Dict

    observation = Dict(
        {
            "state": Box(-1, 1, (5,), np.float32),
            "images/head": Box(0, 255, (96, 64, 3), np.uint8),
        }
    )
    features = features_of_spaces(observation, Box(-1, 1, (7,), np.float32))
    assert features[STATE].shape == (5,)
    assert features["observation.images.head"].size == (96, 64)
    assert features[ACTION].shape == (7,)


def test_a_set_whose_episodes_have_other_columns_is_not_added_to(tmp_path: Path) -> None:
    root = demo.record(tmp_path / "set", [4])
    file = root / "meta/episodes/chunk-000/file-000.parquet"
    file.write_bytes(parquet(pq.read_table(file).drop_columns(["operator_note"])))
    with pytest.raises(DatasetError, match="`robo data merge` makes a dataset of it"):
        DatasetWriter(root)
    merge_sets([Dataset(root)], tmp_path / "merged")
    with DatasetWriter(tmp_path / "merged") as writer:
        demo.add_episode(writer, 3)
    assert not validate(tmp_path / "merged").errors


def test_numbering_goes_on_in_the_next_chunk(tmp_path: Path) -> None:
    root = tmp_path / "set"
    demo.make(root)
    info = read_info(root)
    info.raw["chunks_size"] = 2
    info.write()
    with DatasetWriter(root) as writer:
        for _ in range(5):
            demo.add_episode(writer, 2)
    names = sorted(str(p.relative_to(root / "data")) for p in root.glob("data/*/*.parquet"))
    assert names[-1] == "chunk-002/file-000.parquet"
    assert not validate(root).errors
