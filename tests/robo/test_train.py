"""`robo train`: what a run leaves, going on, being stopped, full disks, several processes."""

import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from policies import registry
from policies.checkpoint import describe, load
from robo.errors import UserError
from robo.training.checkpoints import Checkpoints
from robo.training.config import TrainingConfig
from robo.training.job import Outcome, train
from robo.training.log import CLOCK, TrainingLog, read_log
from tests.robo import demonstrations as demo
from tests.robo.line_policy import NAME, WHERE

ROOT = Path(__file__).parents[2]
SHORT: dict[str, Any] = {"batch_size": 8, "log_steps": 3, "workers": 0, "threads": 1}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.record(tmp_path_factory.mktemp("set") / "set", [14, 12, 15, 13])


@pytest.fixture(autouse=True)
def line_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setitem(registry.POLICIES, NAME, WHERE)
    monkeypatch.setenv("ROBO_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def run(
    dataset: Path,
    out: Path,
    *options: str,
    resume: bool = False,
    **config: Any,
) -> Outcome:
    options = options or ("instruction_width=0",)
    return train(NAME, dataset, out, TrainingConfig(**SHORT | config), options, resume=resume)


def weights(out: Path) -> dict[str, torch.Tensor]:
    last = out / "checkpoints" / "last"
    averaged = load_file(last / "model.safetensors")
    trained = load_file(last / "training" / "weights.safetensors")
    return averaged | {f"trained {name}": value for name, value in trained.items()}


def timeless(out: Path) -> list[dict[str, float]]:
    return [{k: v for k, v in line.items() if k not in CLOCK} for line in read_log(out)]


def assert_equal_runs(one: Path, other: Path) -> None:
    assert timeless(one) == timeless(other)
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_learns_and_leaves_all_that_is_needed(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    outcome = run(dataset, out, "wide", "instruction_width=0", steps=60, learning_rate=0.02)
    losses = [line["loss"] for line in read_log(out) if "loss" in line]
    assert losses[-1] < losses[0] / 2
    assert outcome.steps == 60
    assert outcome.best is not None
    assert outcome.checkpoint == out / "checkpoints" / "step-00000060"

    report = json.loads((out / "training.json").read_text())
    assert (report["status"], report["steps"], report["samples"]) == ("finished", 60, 480)
    assert report["hours"] > 0
    assert report["policy_config"]["width"] == 32
    assert (out / "curve.png").stat().st_size > 5000
    assert list((out / "tensorboard").iterdir())
    last = read_log(out)[-1]
    assert last["validation/reliance_state"] > 1
    assert last["validation/reliance_images"] != 0
    assert "validation/reliance_words" not in last
    line = read_log(out)[0]
    assert {"step", "loss", "first", "learning_rate", "gradient_norm", "waiting"} <= line.keys()


def test_a_sample_alone_tells_nothing_of_reliance(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path / "run", steps=1, batch_size=1)
    last = read_log(tmp_path / "run")[-1]
    assert "validation/loss" in last
    assert not any("reliance" in name for name in last)


def test_a_checkpoint_acts_and_says_where_it_comes_from(dataset: Path, tmp_path: Path) -> None:
    outcome = run(dataset, tmp_path / "run", steps=4, seed=5)
    assert outcome.checkpoint is not None
    policy = load(outcome.checkpoint)
    actions = policy.act({demo.STATE: demo.state(0, 0), demo.CAMERA: demo.image(0, 0)})
    assert actions.shape == (4, 2)
    said = describe(outcome.checkpoint).metadata
    assert said["success_rule_version"] == demo.RULE
    assert (said["seed"], said["fps"], said["step"], said["samples"]) == (5, demo.FPS, 4, 32)
    assert len(said["dataset_fingerprint"]) == 16
    assert {"command", "code_version", "versions", "validation", "training"} <= said.keys()


@pytest.mark.parametrize("workers", [0, 1])
def test_going_on_equals_not_having_stopped(dataset: Path, tmp_path: Path, workers: int) -> None:
    config = {"save_steps": 10, "workers": workers, "shift": 2, "brightness": 0.2}
    run(dataset, tmp_path / "whole", steps=20, **config)
    parts = tmp_path / "parts"
    run(dataset, parts, steps=20, **config)
    # As if the power had gone after the checkpoint of step 10: later ones are not there.
    for path in (parts / "checkpoints").glob("step-00000020*"):
        path.rename(tmp_path / "gone")
    outcome = run(dataset, parts, steps=20, resume=True, **config)
    assert outcome.steps == 20
    assert_equal_runs(tmp_path / "whole", parts)


def test_augmentation_and_seed_change_the_curve(dataset: Path, tmp_path: Path) -> None:
    curves = []
    changes: list[dict[str, Any]] = [
        {},
        {},
        {"seed": 1},
        {"shift": 4},
        {"brightness": 0.3},
        {"tint": 0.1},
    ]
    for number, change in enumerate(changes):
        run(dataset, tmp_path / str(number), steps=3, validation=0, **change)
        curves.append(timeless(tmp_path / str(number))[0]["loss"])
    assert curves[0] == curves[1]
    assert len(set(curves)) == 5


def test_the_newest_and_the_best_checkpoints_are_kept(dataset: Path, tmp_path: Path) -> None:
    # A rate at which the loss soon grows: the first checkpoint stays the best.
    out = tmp_path / "run"
    run(dataset, out, steps=8, save_steps=1, keep=2, learning_rate=2.0, ema=0.0, warmup=0.0)
    folder = out / "checkpoints"
    validation = {
        line["step"]: line["validation/loss"] for line in read_log(out) if "validation/loss" in line
    }
    best = min(validation, key=lambda step: validation[step])
    names = {f"step-{step:08d}" for step in (7, 8, best)}
    assert {path.name for path in folder.glob("step-*")} == names
    assert (folder / "last").resolve().name == "step-00000008"
    assert (folder / "best").resolve().name == f"step-{best:08d}"


def test_a_run_by_minutes_ends_in_time_and_slows_down(dataset: Path, tmp_path: Path) -> None:
    outcome = run(dataset, tmp_path / "run", minutes=0.02, log_steps=1, save_minutes=None)
    assert outcome.seconds >= 1.2
    rates = [line["learning_rate"] for line in read_log(tmp_path / "run") if "loss" in line]
    assert max(rates) <= 1e-4
    assert rates[-1] < 0.1 * max(rates)


def test_a_loss_that_is_no_number_ends_the_run_and_is_not_saved(
    dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="not a number"):
        run(dataset, tmp_path / "run", steps=40, learning_rate=1e30, ema=0.0, warmup=0.0)
    assert not list((tmp_path / "run" / "checkpoints").glob("step-*"))


def test_training_can_begin_with_other_weights(dataset: Path, tmp_path: Path) -> None:
    first = run(dataset, tmp_path / "first", "wide", "instruction_width=0", steps=2)
    assert first.checkpoint is not None
    config = TrainingConfig(**SHORT, steps=1, start=str(first.checkpoint), learning_rate=1e-9)
    second = train(NAME, dataset, tmp_path / "second", config)
    assert second.checkpoint is not None
    before = load_file(first.checkpoint / "model.safetensors")
    after = load_file(second.checkpoint / "model.safetensors")
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)


def test_an_encoder_that_does_not_fit_is_refused(dataset: Path, tmp_path: Path) -> None:
    config = TrainingConfig(**SHORT, steps=1, encoder=tmp_path / "none.safetensors")
    with pytest.raises(UserError, match="takes no weights of an image encoder"):
        train(NAME, dataset, tmp_path / "run", config)
    with pytest.raises(UserError, match="none.safetensors cannot be read"):
        train("act", dataset, tmp_path / "run", config, ["small"])
    first = run(dataset, tmp_path / "first", "instruction_width=0", steps=1)
    with pytest.raises(UserError, match="takes no weights of an image encoder"):
        train(NAME, dataset, tmp_path / "run", replace(config, start=str(first.checkpoint)))
    assert not (tmp_path / "run").exists()


def test_words_reach_the_policy(dataset: Path, tmp_path: Path) -> None:
    outcome = train(NAME, dataset, tmp_path / "run", TrainingConfig(**SHORT, steps=2))
    assert outcome.checkpoint is not None
    assert load(outcome.checkpoint).config.instruction_width == 576
    report = json.loads((tmp_path / "run" / "training.json").read_text())
    assert report["instructions"] == list(demo.LABELS)


def command(dataset: Path, out: Path, *more: str) -> list[str]:
    return [
        *("train", NAME, "--dataset", str(dataset), "--out", str(out)),
        *("--batch-size", "8", "--log-steps", "1", "--workers", "1"),
        *("--config", "instruction_width=0", *more),
    ]


def test_ctrl_c_finishes_the_step_and_saves(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    add = TrainingLog.add

    def interrupted(log: TrainingLog, step: int, values: dict[str, float]) -> None:
        add(log, step, values)
        if step == 6 and "loss" in values:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingLog, "add", interrupted)
        outcome = run(dataset, out, steps=20)
    assert outcome.stopped == signal.SIGINT
    assert outcome.steps == 6
    assert json.loads((out / "training.json").read_text())["status"] == "stopped"
    run(dataset, out, steps=20, resume=True, save_steps=20)
    run(dataset, tmp_path / "whole", steps=20, save_steps=20)
    lines = [line for line in timeless(out) if line["step"] != 6 or "loss" in line]
    assert lines == timeless(tmp_path / "whole")


@pytest.mark.parametrize("whom", ["trainer", "its group"])
def test_a_killed_run_saves_and_says_how_to_go_on(whom: str, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.robo.line_policy"),
            *command(dataset, out, "--steps", "100000"),
        ],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while len(read_log(out)) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    # A batch system may signal all processes of a group, readers too.
    (os.kill if whom == "trainer" else os.killpg)(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert said.strip().splitlines()[-1].endswith("--resume")
    report = json.loads((out / "training.json").read_text())
    assert report["status"] == "stopped"
    assert (out / "checkpoints" / f"step-{report['steps']:08d}" / "training").is_dir()


def test_a_full_disk_is_one_sentence_and_the_last_checkpoint_stays(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, wide = tmp_path / "run", ("wide", "instruction_width=0")
    run(dataset, out, *wide, steps=4, save_steps=2)
    newest = weights(out)
    write = Checkpoints.write
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full(*arguments: Any, **more: Any) -> Path:
        # No file may grow beyond 2 kB: the system refuses the rest, as a full disk does.
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, unlimited[1]))
        try:
            return write(*arguments, **more)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "write", full)
        with pytest.raises(UserError, match=r"cannot write to .* step-00000004 is whole"):
            run(dataset, out, *wide, steps=6, resume=True)
    assert all(torch.equal(value, newest[name]) for name, value in weights(out).items())
    assert not list((out / "checkpoints").glob(".step-*"))
    assert run(dataset, out, *wide, steps=6, resume=True).steps == 6


def test_two_processes_learn_what_one_learns_from_the_joined_batch(
    dataset: Path, tmp_path: Path
) -> None:
    plain = ("dropout=0.0", "instruction_width=0")
    config = ("--steps", "6", "--save-steps", "3", "--validation", "0.25", "--device", "cpu")
    decay = ("--weight-decay", "100")
    arguments = [*command(dataset, tmp_path / "two", plain[0], *config, *decay)]
    subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
            *("--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"),
            *("-m", "tests.robo.line_policy", *arguments),
        ],
        check=True,
        capture_output=True,
        cwd=ROOT,
        timeout=500,
    )
    same = {"steps": 6, "save_steps": 3, "validation": 0.25, "weight_decay": 100.0}
    run(dataset, tmp_path / "one", *plain, log_steps=1, **same)
    one, two = timeless(tmp_path / "one"), timeless(tmp_path / "two")
    assert [line["step"] for line in one] == [line["step"] for line in two]
    for left, right in zip(one, two, strict=True):
        assert left.keys() == right.keys()
        if "loss" in left:
            assert all(math.isclose(left[k], right[k], rel_tol=1e-5) for k in left)
    first, second = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert all(torch.allclose(first[name], second[name], atol=1e-6) for name in first)
    assert torch.equal(first["spare"], second["spare"])
