"""What loaders let pass in silence is found and named, and what can be deduced is repaired."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from robo.data.errors import DatasetFormatError
from robo.data.features import ACTION, STATE
from robo.data.findings import Severity
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter
from robo.data.repair import repair
from robo.data.tables import parquet, read_parquet
from robo.data.validate import validate
from robo.data.video_encoding import VideoEncoder, mp4_of_packets
from tests.robo import demonstrations as demo

LENGTHS = (30, 24, 36)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return demo.record(tmp_path / "set", LENGTHS)


def data_file(root: Path, episode: int) -> Path:
    return root / f"data/chunk-000/file-{episode:03d}.parquet"


def row_file(root: Path, episode: int) -> Path:
    return root / f"meta/episodes/chunk-000/file-{episode:03d}.parquet"


def change_table(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    path.write_bytes(parquet(change(read_parquet(path))))


def change_info(root: Path, **values: object) -> None:
    path = root / "meta/info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def set_column(table: pa.Table, key: str, values: np.ndarray) -> pa.Table:
    place = table.column_names.index(key)
    kind = table.schema.field(key).type
    flat = pa.array(values.reshape(-1))
    array = flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return table.set_column(place, table.schema.field(key), array.cast(kind))


def drop_action(root: Path) -> None:
    change_table(data_file(root, 1), lambda table: table.drop_columns([ACTION]))


def put_nan(root: Path) -> None:
    def change(table: pa.Table) -> pa.Table:
        values = np.array(table[STATE].to_pylist(), np.float32)
        values[7, 1] = np.nan
        return set_column(table, STATE, values)

    change_table(data_file(root, 1), change)


def shift_index(root: Path) -> None:
    change_table(data_file(root, 1), lambda t: set_column(t, "index", t["index"].to_numpy() + 1))


def swap_rows(root: Path) -> None:
    first, second = row_file(root, 0).read_bytes(), row_file(root, 1).read_bytes()
    row_file(root, 0).write_bytes(second)
    row_file(root, 1).write_bytes(first)


def wrong_task(root: Path) -> None:
    change_table(
        data_file(root, 1), lambda t: set_column(t, "task_index", t["task_index"].to_numpy() + 5)
    )


def plain_tasks(root: Path) -> None:
    change_table(root / "meta/tasks.parquet", lambda t: t.replace_schema_metadata(None))


def wrong_stats(root: Path) -> None:
    path = root / "meta/stats.json"
    stats = json.loads(path.read_text())
    stats[ACTION]["std"] = [0.054, 0.054]
    path.write_text(json.dumps(stats))


def wrong_image_stats(root: Path) -> None:
    path = root / "meta/stats.json"
    stats = json.loads(path.read_text())
    stats[demo.CAMERA]["std"] = [[[0.4]]] * 3
    path.write_text(json.dumps(stats))


def short_film(root: Path) -> None:
    encoder = VideoEncoder(demo.SIDE, demo.SIDE, demo.FPS)
    packets = [encoder.encode(demo.image(1, k)) for k in range(10)]
    film = root / f"videos/{demo.CAMERA}/chunk-000/file-001.mp4"
    film.write_bytes(mp4_of_packets(packets, demo.FPS))


def stray_file(root: Path) -> None:
    data_file(root, 7).write_bytes(data_file(root, 1).read_bytes())


DEFECTS: list[tuple[Callable[[Path], object], int | None, str | None, str]] = [
    (drop_action, 1, ACTION, "declared but missing"),
    (put_nan, 1, STATE, "frame 7 holds no number"),
    (lambda root: change_info(root, fps=30), 1, "timestamp", "the frames are 10 a second"),
    (lambda root: change_info(root, total_frames=91), None, None, "total_frames is 91"),
    (lambda root: change_info(root, total_episodes=2), None, None, "total_episodes is 2"),
    (shift_index, 1, "index", "frame 0 holds 31, it must be 30"),
    (swap_rows, 0, None, "row 0 of meta/episodes is episode 1"),
    (lambda root: (root / "meta/stats.json").unlink(), None, None, "no file .*stats.json"),
    (wrong_stats, None, ACTION, "std differ from the frames"),
    (wrong_image_stats, None, demo.CAMERA, "the images have"),
    (wrong_task, 1, "task_index", "it reaches from 6 to 6, there are 2 texts"),
    (plain_tasks, None, None, "not pandas' index"),
    (lambda root: data_file(root, 1).unlink(), 1, None, "there is no file"),
    (lambda root: data_file(root, 1).write_bytes(b"PAR1"), 1, None, "cannot be read"),
    (short_film, 1, demo.CAMERA, "the video has 10 frames, the episode needs 24"),
    (stray_file, None, None, "belongs to no episode"),
]


@pytest.mark.parametrize(("break_it", "episode", "column", "message"), DEFECTS)
def test_a_defect_is_found_with_its_episode_and_column(
    break_it: Callable[[Path], object],
    episode: int | None,
    column: str | None,
    message: str,
    root: Path,
) -> None:
    break_it(root)
    report = validate(root)
    assert report.errors
    assert report.findings[0].severity is Severity.ERROR

    found = [
        f
        for f in report.findings
        if f.episode == episode and f.column == column and re.search(message, f.message)
    ]
    assert found, report.as_dict()
    for reported in report.episodes:
        if reported.index == episode:
            assert reported.score == 0.0


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda root: change_info(root, total_frames=91), "total_frames was 91, is 90"),
        (lambda root: change_info(root, total_episodes=2), "total_episodes was 2, is 3"),
        (lambda root: change_info(root, total_episodes=4), "total_episodes was 4, is 3"),
        (shift_index, "counted index anew"),
        (swap_rows, "brought the rows into order"),
        (lambda root: (root / "meta/stats.json").unlink(), "stats.json: computed anew"),
        (wrong_stats, "stats.json: computed anew"),
        (plain_tasks, "made the text the index"),
        (
            lambda root: (root / "meta/info.json.partial").write_bytes(b"{"),
            "removed 1 half-written files",
        ),
    ],
)
def test_what_can_be_deduced_is_repaired(
    break_it: Callable[[Path], object], said: str, root: Path
) -> None:
    columns = {key: Dataset(root).column(key) for key in (STATE, ACTION)}
    break_it(root)
    assert said in " ".join(repair(root))
    assert validate(root).findings == []
    for key, values in columns.items():
        assert np.array_equal(Dataset(root).column(key), values)
    assert repair(root) == []
    with DatasetWriter(root) as writer:
        demo.add_episode(writer, 25)
    assert validate(root).findings == []


def test_a_writer_does_not_write_over_episodes_that_are_not_counted(root: Path) -> None:
    change_info(root, total_episodes=2)
    with pytest.raises(Exception, match="`robo data repair` puts the counts right"):
        DatasetWriter(root)
    repair(root)
    assert len(Dataset(root).episodes) == 3


def test_an_episode_that_is_there_in_part_is_dropped(root: Path) -> None:
    change_info(root, total_episodes=2, total_frames=54)
    data_file(root, 2).unlink()
    assert "there only in part" in " ".join(repair(root))
    assert len(Dataset(root).episodes) == 2
    assert validate(root).findings == []


def test_whole_episodes_behind_one_in_part_are_not_dropped(root: Path) -> None:
    change_info(root, total_episodes=1)
    next(root.glob("videos/*/*/file-001.mp4")).unlink()
    files = sorted(root.rglob("*"))
    with pytest.raises(DatasetFormatError, match="episode 1 is there only in part"):
        repair(root)
    assert sorted(root.rglob("*")) == files


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fps": float("nan")}, "fps is nan, not a count"),
        ({"total_episodes": float("inf")}, "total_episodes is inf"),
        ({"chunks_size": "abc"}, "chunks_size is 'abc'"),
        ({"data_path": "data/{chunk}.parquet"}, "data_path .* cannot be filled in"),
        ({"video_path": "{}"}, "video_path .* cannot be filled in"),
        ({"data_path": "/tmp/{file_index}"}, "data_path .* leads out of the dataset"),
        ({"video_path": "../{file_index}"}, "video_path .* leads out of the dataset"),
    ],
)
def test_a_damaged_info_is_one_sentence(
    values: dict[str, object], message: str, root: Path
) -> None:
    change_info(root, **values)
    for read in (Dataset, repair, DatasetWriter):
        with pytest.raises(DatasetFormatError, match=message):
            read(root)
    assert re.search(message, validate(root).findings[0].message)


def test_a_start_that_is_no_json_is_found(root: Path) -> None:
    kind = pa.array(["{"])
    change_table(
        row_file(root, 1),
        lambda table: table.set_column(table.column_names.index("start"), "start", kind),
    )
    with pytest.raises(DatasetFormatError, match="start of episode 1 holds no JSON object"):
        Dataset(root)
    assert "start of episode 1" in validate(root).findings[0].message


def test_statistics_that_are_none_are_said_and_made_anew(root: Path) -> None:
    (root / "meta/stats.json").write_text("[]")
    with pytest.raises(DatasetFormatError, match="`robo data stats` writes it anew"):
        Dataset(root).stats  # noqa: B018
    with DatasetWriter(root) as writer:
        demo.add_episode(writer, 8)
    assert validate(root).findings == []


def test_a_good_recording_has_no_findings(root: Path) -> None:
    report = validate(root)
    assert report.findings == []
    assert [episode.score for episode in report.episodes] == [1.0, 1.0, 1.0]


def test_an_open_episode_is_said(root: Path) -> None:
    with DatasetWriter(root) as writer:
        demo.add_episode(writer, 5, finish=False)
        assert [f.check for f in validate(root, images=False).findings] == ["journal"]


def test_an_empty_set_is_valid(tmp_path: Path) -> None:
    demo.make(tmp_path / "set")
    assert validate(tmp_path / "set").findings == []
    assert repair(tmp_path / "set") == []


def test_a_state_that_is_constant_does_no_harm(tmp_path: Path) -> None:
    root = tmp_path / "set"
    demo.make(root)
    with DatasetWriter(root) as writer:
        demo.add_episode(
            writer, 40, change=lambda values, k: {**values, STATE: np.zeros(3, np.float32)}
        )
    assert validate(root).errors == 0
