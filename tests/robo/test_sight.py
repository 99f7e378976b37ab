"""`robo train sight`: an encoder learns to see, and a policy begins with it."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from policies.errors import PolicyError
from policies.rt1.config import RT1Config
from policies.rt1.rt1 import RT1
from robo.errors import UserError
from robo.training import sight, sight_rooms
from robo.training.sight import ENCODER, SHEET, train_sight
from robo.training.sight_config import SightConfig

LAST = Path("checkpoints") / "last" / ENCODER
TINY = {"rooms": 1, "renewed": 2, "batch_size": 8, "workers": 0, "threads": 1}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three steps, then three more."""
    out = tmp_path_factory.mktemp("sight") / "run"
    train_sight(out, SightConfig(steps=3, warmup=0.0, **TINY))
    train_sight(out, SightConfig(steps=6, warmup=0.0, **TINY), resume=True)
    return out


def test_it_learns_and_shows_what_it_sees(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert {"validation/overlap head", "validation/overlap wrist"} <= lines[-1].keys()
    assert (run / SHEET).is_file()
    assert (run / "curve.png").is_file()
    report = json.loads((run / "checkpoints" / "last" / "encoder.json").read_text())
    assert report["steps"] == 6
    assert "sponge" in report["shown"]


def test_a_policy_begins_with_its_weights(run: Path) -> None:
    inputs = {"observation.images.head": (96, 96, 3), "observation.state": (31,)}
    policy = RT1(RT1Config.for_dataset(inputs, 11, "small"))
    policy.load_encoder(run / LAST)
    for name, tensor in load_file(run / LAST).items():
        torch.testing.assert_close(policy.encoder.state_dict()[name], tensor)
    narrow = RT1(RT1Config.for_dataset(inputs, 11, "small", encoder_widths=(16, 16, 16, 16)))
    with pytest.raises(PolicyError, match="does not hold this encoder"):
        narrow.load_encoder(run / LAST)
    with pytest.raises(PolicyError, match="cannot be read as safetensors"):
        narrow.load_encoder(run / "log.jsonl")


def test_going_on_equals_not_stopping(tmp_path: Path) -> None:
    # By minutes the learning rate would depend on the clock; by steps it ends at the same place.
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_sight(whole, SightConfig(steps=5, **TINY))

    learn, losses = sight._Lessons._lesson, []

    def interrupted(*arguments: Any) -> torch.Tensor:
        losses.append(learn(*arguments))
        if len(losses) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return losses[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sight._Lessons, "_lesson", interrupted)
        outcome = train_sight(parts, SightConfig(steps=5, **TINY))
    assert outcome.stopped is not None
    assert outcome.steps == 4
    train_sight(parts, SightConfig(steps=5, **TINY), resume=True)
    for name, tensor in load_file(whole / LAST).items():
        assert torch.equal(load_file(parts / LAST)[name], tensor), name


def test_a_worker_draws_the_same_rooms(tmp_path: Path) -> None:
    for workers in (0, 1):
        config = SightConfig(steps=3, **{**TINY, "workers": workers})
        train_sight(tmp_path / str(workers), config)
    here, apart = (load_file(tmp_path / name / LAST) for name in ("0", "1"))
    for name, tensor in here.items():
        assert torch.equal(apart[name], tensor), name


def test_ctrl_c_before_the_first_step_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = sight_rooms.views

    def interrupted(*arguments: Any) -> Any:
        yield from draw(*arguments)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(sight, "HELD_OUT_ROOMS", 0)
        patch.setattr(sight_rooms, "views", interrupted)
        outcome = train_sight(tmp_path / "run", SightConfig(steps=2, **TINY))
    assert outcome.steps == 0
    assert outcome.stopped == signal.SIGINT
    assert outcome.checkpoint is None
    assert train_sight(tmp_path / "run", SightConfig(steps=2, **TINY), resume=True).steps == 2


def test_mistakes_are_told_in_a_sentence(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="say how long"):
        train_sight(tmp_path / "a", SightConfig())
    with pytest.raises(UserError, match="--rooms is 0"):
        train_sight(tmp_path / "a", SightConfig(steps=1, rooms=0))
    with pytest.raises(UserError, match="already holds a run"):
        train_sight(run, SightConfig(steps=6, **TINY))
    with pytest.raises(UserError, match="--learning-rate"):
        train_sight(run, SightConfig(steps=6, learning_rate=1e-2, **TINY), resume=True)
