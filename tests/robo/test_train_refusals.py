"""What `robo train` refuses before the first step, each in one sentence."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from policies import registry
from robo.data.features import ACTION, STATE, vector
from robo.data.lerobot_writer import DatasetWriter, create_dataset
from robo.errors import UserError
from robo.training.config import TrainingConfig
from robo.training.job import train
from tests.robo import demonstrations as demo
from tests.robo.line_policy import NAME, WHERE

SHORT = TrainingConfig(steps=1, batch_size=4, workers=0, threads=1, validation=0)
PLAIN = ("instruction_width=0",)
MORE: dict[str, Any] = {"resume": True, "steps": 2}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.record(tmp_path_factory.mktemp("set") / "set", [8, 8])


@pytest.fixture
def begun(dataset: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The set, and the folder of a run of one step."""
    train(NAME, dataset, tmp_path / "run", SHORT, PLAIN)
    return dataset, tmp_path / "run"


@pytest.fixture(autouse=True)
def line_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setitem(registry.POLICIES, NAME, WHERE)
    monkeypatch.setenv("ROBO_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def plain_set(root: Path, *, episodes: int = 1, state: int = 3, fps: int = 10) -> Path:
    """A set without a camera and without labels."""
    create_dataset(root, fps, [vector(STATE, state), vector(ACTION, 2)], "none")
    with DatasetWriter(root) as writer:
        for _ in range(episodes):
            writer.begin_episode("wave")
            for frame in range(6):
                values = demo.state(0, frame)
                writer.add_frame({STATE: values[:state], ACTION: values[:2]})
            writer.finish_episode()
    return root


def refused(
    saying: str,
    dataset: Path,
    out: Path,
    options: tuple[str, ...] = PLAIN,
    *,
    policy: str = NAME,
    resume: bool = False,
    **changes: Any,
) -> None:
    existed = out.exists()
    with pytest.raises(UserError, match=saying) as caught:
        train(policy, dataset, out, replace(SHORT, **changes), options, resume=resume)
    assert "\n" not in str(caught.value)
    assert out.exists() == existed


@pytest.mark.parametrize(
    ("done", "saying"),
    [
        ("sent_action", 'the policy needs "sent_action", which .* lacks'),
        (STATE, "path_of must be no input"),
    ],
)
def test_what_was_done_must_be_there(dataset: Path, tmp_path: Path, done: str, saying: str) -> None:
    options = ("small", "image_size=[32,32]", "path=[0]", f"path_of={done}")
    refused(saying, dataset, tmp_path / "run", options, policy="rt1")


@pytest.mark.parametrize(
    ("options", "saying"),
    [
        (("tiny",), 'no preset "tiny" .it has wide'),
        (("wide", "wide"), "two presets"),
        (("chunks=3",), '"chunks" to configure; it has image_size, chunk'),
        (("chunk=many",), "chunk=many does not fit; it takes a whole number"),
        (("chunk=1.5",), "chunk=1.5"),
        (("chunk=0",), "chunk is 0"),
        (("image_size=[1,2,3]",), "image_size"),
        (("inputs={}",), '"inputs"'),
        (("instruction_width=512",), "512, features of instructions have 576"),
    ],
)
def test_a_wrong_configuration(
    dataset: Path, tmp_path: Path, options: tuple[str, ...], saying: str
) -> None:
    refused(saying, dataset, tmp_path / "run", options)


@pytest.mark.parametrize(
    ("changes", "saying"),
    [
        ({"steps": None}, "say how long"),
        ({"minutes": 1.0}, "not both"),
        ({"batch_size": 0}, "--batch-size is 0"),
        ({"batch_size": 400}, "batch of 400 cannot be drawn from 16 samples"),
        ({"ema": 1.0}, "--ema"),
        ({"weight_decay": float("nan")}, "--weight-decay is nan"),
        ({"learning_rate": -1.0}, "--learning-rate"),
        ({"inputs": ("observation.images.wrist",)}, 'no input "observation.images.wrist"'),
        ({"phrasings": Path("nowhere.json")}, "nowhere.json cannot be read"),
        ({"start": "nothing"}, '"nothing" is no folder'),
    ],
)
def test_wrong_options(dataset: Path, tmp_path: Path, changes: dict[str, Any], saying: str) -> None:
    options = () if "start" in changes else PLAIN
    refused(saying, dataset, tmp_path / "run", options, **changes)


def test_a_set_that_is_none_or_empty_or_does_not_fit(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    refused("is not a dataset", tmp_path / "nothing", out)
    demo.make(tmp_path / "empty")
    refused("has no episodes", tmp_path / "empty", out)
    bare = plain_set(tmp_path / "bare")
    refused("no skill labels", bare, out, within="skill")
    refused("camera", bare, out, policy="rt1", options=("small",))
    refused('no policy "gato"', dataset, out, policy="gato")


def test_weights_to_begin_with_that_do_not_fit(dataset: Path, tmp_path: Path) -> None:
    start = train(NAME, dataset, tmp_path / "first", SHORT, PLAIN).checkpoint
    bare = plain_set(tmp_path / "bare")
    refused('needs "observation.images.head"', bare, tmp_path / "run", (), start=str(start))
    refused("leave out --config", dataset, tmp_path / "run", start=str(start))
    narrow = plain_set(tmp_path / "narrow", state=2)
    wide = train(NAME, bare, tmp_path / "second", SHORT).checkpoint
    refused(r"shape \(2,\)", narrow, tmp_path / "run", (), start=str(wide))


def test_a_folder_with_another_run_or_other_files(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    refused("no run to go on with", dataset, out, resume=True)
    train(NAME, dataset, out, SHORT, PLAIN)
    refused("already holds a run .1 steps done.; add --resume", dataset, out)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    refused("holds other files", dataset, other)


def test_going_on_with_something_else(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(NAME, dataset, out, SHORT, PLAIN)
    refused("--learning-rate 0.0001 and cannot go on", dataset, out, **MORE, learning_rate=1.0)
    refused("began with chunk 4, not 5", dataset, out, (*PLAIN, "chunk=5"), **MORE)
    changed = demo.record(tmp_path / "changed", [8, 9])
    refused("fingerprint", changed, out, **MORE)
    moved = tmp_path / "moved"
    shutil.copytree(dataset, moved)
    assert train(NAME, moved, out, replace(SHORT, steps=2), PLAIN, resume=True).steps == 2


def test_going_on_with_a_set_of_another_rate(tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(NAME, plain_set(tmp_path / "slow"), out, SHORT)
    fast = plain_set(tmp_path / "fast", fps=50)
    refused("50 frames a second, the run began on a dataset with 10", fast, out, (), resume=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("training/optimizer.safetensors", b"junk"),
        ("model.safetensors", b"junk"),
        ("training/state.json", b"{}"),
        ("training/state.json", b"[]"),
    ],
)
def test_going_on_with_a_damaged_checkpoint(
    begun: tuple[Path, Path], name: str, content: bytes
) -> None:
    dataset, out = begun
    (out / "checkpoints" / "step-00000001" / name).write_bytes(content)
    refused("step-00000001 cannot be gone on with .*; take it away", dataset, out, **MORE)


def test_folders_that_are_no_checkpoints_are_left_alone(begun: tuple[Path, Path]) -> None:
    dataset, out = begun
    (out / "checkpoints" / "step-foo").mkdir()
    assert train(NAME, dataset, out, replace(SHORT, steps=2), PLAIN, resume=True).steps == 2


@pytest.mark.parametrize(
    ("key", "value", "saying"),
    [
        ("dataset", {}, "the run began on a dataset with None"),
        ("dataset", 5, "not one that robo train wrote"),
        ("config", None, "not one that robo train wrote"),
        ("policy_config", {}, "the run began with inputs None"),
    ],
)
def test_going_on_with_a_damaged_description(
    begun: tuple[Path, Path], key: str, value: object, saying: str
) -> None:
    dataset, out = begun
    path = out / "training.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    refused(saying, dataset, out, **MORE)


def test_a_set_with_a_file_that_was_cut(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "cut")
    table = next((tmp_path / "cut" / "data").rglob("*.parquet"))
    table.write_bytes(table.read_bytes()[:-100])
    refused(table.name, tmp_path / "cut", tmp_path / "run")


def test_phrasings_of_unknown_instructions(dataset: Path, tmp_path: Path) -> None:
    path = tmp_path / "phrasings.json"
    path.write_text(json.dumps({"fly": ["take off"]}))
    refused("--phrasings names no instruction", dataset, tmp_path / "run", phrasings=path)
    path.write_text("[1]")
    refused("must be", dataset, tmp_path / "run", phrasings=path)


def test_the_command_says_one_sentence_and_exits_with_2(dataset: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "robo", "train", "gato", "--dataset", dataset, "--out", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == 'robo: there is no policy "gato"; there are rt1, act, diffusion\n'


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['robo', 'train', '--help']\n"
        "from robo.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print([m for m in ('torch', 'numpy') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--dataset" in done.stdout
    assert done.stderr.strip() == "[]"
