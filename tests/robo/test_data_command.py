"""`robo data ...`: what it prints and returns."""

import json
from pathlib import Path

import pytest

from robo.commands.data import (
    DataInfo,
    DataMerge,
    DataRepair,
    DataSplit,
    DataStats,
    DataValidate,
)
from robo.commands.view import DataView
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter
from robo.data.tables import parquet, texts_table
from robo.errors import UserError
from tests.robo import demonstrations as demo


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.record(tmp_path_factory.mktemp("sets") / "set", [20, 12, 16, 25])


def test_info_says_what_a_set_holds(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert DataInfo(root, json=True).execute() == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["episodes"], said["frames"], said["successes"]) == (4, 73, 4)
    assert said["devices"] == ["expert"]
    assert said["skill_labels"] == list(demo.LABELS)
    assert DataInfo(root).execute() == 0
    assert "bring the sponge" in capsys.readouterr().out


def test_validate_returns_1_with_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = demo.record(tmp_path / "set", [20])
    assert DataValidate(own).execute() == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out
    (own / "meta/stats.json").unlink()
    assert DataValidate(own, no_images=True).execute() == 1
    assert "meta/stats.json" in capsys.readouterr().out
    assert DataValidate(own, json=True).execute() == 1
    assert json.loads(capsys.readouterr().out)["errors"] == 1


def test_a_task_may_hold_brackets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "set"
    demo.make(own)
    with DatasetWriter(own) as writer:
        writer.begin_episode("press [/] the key")
        writer.add_frame(demo.frame_of(0, 0), capture_time=0.0)
        writer.finish_episode()
    assert DataInfo(own).execute() == 0
    assert "press [/] the key" in capsys.readouterr().out
    tasks = own / "meta/tasks.parquet"
    tasks.write_bytes(parquet(texts_table(["another"], "task")))
    assert DataValidate(own, no_images=True).execute() == 1
    assert "press [/] the key" in " ".join(capsys.readouterr().out.split())


def test_pictures_need_a_folder(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="choose another folder"):
        DataView(root, tmp_path / "file").execute()


def test_repair_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = demo.record(tmp_path / "set", [20])
    with DatasetWriter(own) as writer:
        demo.add_episode(writer, 15, finish=False)
    assert DataRepair(own).execute() == 0
    assert "unfinished episode 1 from the journal: 15 frames, 1.5 s" in capsys.readouterr().out
    assert DataRepair(own).execute() == 0
    assert "nothing to repair" in capsys.readouterr().out


def test_split_and_merge(root: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    assert DataSplit(root, parts, into=("train=0.75", "val=0.25")).execute() == 0
    assert len(Dataset(parts / "train").episodes) == 3
    assert len(Dataset(parts / "val").episodes) == 1
    assert DataMerge((parts / "val", parts / "train"), tmp_path / "all").execute() == 0
    assert len(Dataset(tmp_path / "all")) == 73
    assert DataSplit(root, tmp_path / "some", episodes="1-2,0").execute() == 0
    assert [e.length for e in Dataset(tmp_path / "some").episodes] == [12, 16, 20]
    assert DataSplit(root, tmp_path / "good", successes=True).execute() == 0
    assert len(Dataset(tmp_path / "good").episodes) == 4


def test_split_leaves_out_tasks(tmp_path: Path) -> None:
    own = Path(__file__).parent / "kitchen-small"
    assert DataSplit(own, tmp_path / "few", without=("Find", "put down", "pi")).execute() == 0
    left = [task for episode in Dataset(tmp_path / "few").episodes for task in episode.tasks]
    every = [task for episode in Dataset(own).episodes for task in episode.tasks]
    assert len(every) == 7
    assert left == [task for task in every if task.split()[0] not in ("find", "put")]
    with pytest.raises(UserError, match="no episode was chosen"):
        DataSplit(own, tmp_path / "none", without=("the", "bring")).execute()


def test_stats_are_written_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = demo.record(tmp_path / "set", [20])
    before = (own / "meta/stats.json").read_bytes()
    (own / "meta/stats.json").write_bytes(b"{}")
    assert DataStats(own, json=True).execute() == 0
    assert json.loads(capsys.readouterr().out) == json.loads(before)
    assert (own / "meta/stats.json").read_bytes() == b"{}"
    assert DataStats(own, write=True).execute() == 0
    assert "observation.state" in capsys.readouterr().out
    assert (own / "meta/stats.json").read_bytes() == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (DataInfo(Path("nowhere")), "nowhere is not a dataset"),
        (DataValidate(Path("nowhere")), "nowhere is not a dataset"),
        (DataRepair(Path("nowhere")), "nowhere is not a dataset"),
        (DataSplit(Path("nowhere"), Path("out")), "say one of --into, --episodes"),
        (DataSplit(Path("nowhere"), Path("out"), episodes="1"), "nowhere is not a dataset"),
    ],
)
def test_a_mistake_is_one_sentence(
    command: DataInfo | DataValidate | DataRepair | DataSplit, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        command.execute()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"episodes": "7"}, "there is no episode 7; the dataset has 4"),
        ({"episodes": "a-b"}, "takes numbers such as"),
        ({"into": ("train",)}, "takes parts such as"),
        ({"into": ("../x=0.5",)}, "takes parts such as"),
        ({"into": ("a=0.5", "b=0.7")}, "at most 1 together"),
        ({"into": ("a=nan",)}, "above 0"),
        ({"into": ("a=0.5", "a=0.5")}, 'the part "a" twice'),
        ({"into": ("a=0.5", "b=0.5"), "seed": -1}, "--seed is -1"),
        ({"episodes": "0-1000000000000"}, "there is no episode 1000000000000"),
        ({"episodes": "0,2,0"}, "names episode 0 twice"),
    ],
)
def test_a_wrong_choice_is_one_sentence(
    arguments: dict[str, object], message: str, root: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        DataSplit(root, tmp_path / "out", **arguments).execute()  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
