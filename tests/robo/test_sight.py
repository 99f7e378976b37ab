"""`robo train sight`: an encoder learns to see, and a policy begins with it."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from envs.kitchen.pictures import SHOWN
from policies.checkpoint import save
from policies.errors import PolicyError
from policies.rt1.config import RT1Config
from policies.rt1.rt1 import RT1
from robo.commands.sight_training import SightTraining
from robo.errors import UserError
from robo.instructions import WIDTH
from robo.rollouts.splits import HELD_OUT, HELD_OUT_PHRASINGS, PHRASINGS
from robo.training import sight, sight_rooms
from robo.training.checkpoints import read_training
from robo.training.sight import ENCODER, SHEET, train_sight
from robo.training.sight_config import SightConfig
from robo.training.sight_questions import Questions
from robo.training.sight_rooms import CAMERAS

LAST = Path("checkpoints") / "last" / ENCODER
DATA = "observation.images."
TINY = {"rooms": 1, "renewed": 2, "batch_size": 8, "workers": 0, "threads": 1}


def small(cameras: tuple[str, ...], **values: Any) -> RT1Config:
    inputs = {DATA + name: (96, 96, 3) for name in cameras} | {"observation.state": (31,)}
    return RT1Config.for_dataset(inputs, 11, "small", **values)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three steps, then three more."""
    out = tmp_path_factory.mktemp("sight") / "run"
    train_sight(out, SightConfig(steps=3, warmup=0.0, **TINY))
    train_sight(out, SightConfig(steps=6, warmup=0.0, **TINY), resume=True)
    return out


def test_it_learns_and_shows_what_it_sees(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    told = {f"validation/{what} {name}" for what in ("overlap", "found") for name in CAMERAS}
    assert told <= lines[-1].keys()
    assert (run / SHEET).is_file()
    assert (run / "curve.png").is_file()
    report = json.loads((run / "checkpoints" / "last" / "encoder.json").read_text())
    assert report["steps"] == 6
    assert "sponge" in report["shown"]


def test_a_policy_begins_with_its_weights(run: Path) -> None:
    policy = RT1(small(("head", "wrist"), instruction_width=WIDTH, pointing=True))
    policy.load_encoder(run / LAST)
    eyes = load_file(run / LAST)
    assert {name.split(".")[0] for name in eyes} == {"encoder", "instruction", "camera", "points"}
    for name, tensor in eyes.items():
        torch.testing.assert_close(policy.state_dict()[name], tensor)
    # With one camera and without words it takes what it has a use for.
    deaf = RT1(small(("head",)))
    own = deaf.camera.clone()
    deaf.load_encoder(run / LAST)
    torch.testing.assert_close(deaf.encoder.stem.weight, policy.encoder.stem.weight)
    torch.testing.assert_close(deaf.camera, own)
    narrow = RT1(small(("head",), encoder_widths=(16, 16, 16, 16)))
    with pytest.raises(PolicyError, match="does not hold this encoder"):
        narrow.load_encoder(run / LAST)
    with pytest.raises(PolicyError, match="cannot be read as safetensors"):
        narrow.load_encoder(run / "log.jsonl")


@pytest.mark.parametrize("pointing", [False, True])
def test_it_begins_with_a_policys_eyes_and_colours(tmp_path: Path, pointing: bool) -> None:
    torch.manual_seed(1)
    policy = RT1(small(("head", "wrist"), instruction_width=WIDTH, pointing=pointing))
    colours = {"mean": [[[0.2]], [[0.3]], [[0.4]]], "std": [[[0.5]], [[0.6]], [[0.7]]]}
    bounds = {"min": [[[0.0]]] * 3, "max": [[[1.0]]] * 3}
    image = {key: np.array(value) for key, value in {**colours, **bounds}.items()}
    vector = {"mean": np.zeros(31), "std": np.ones(31), "min": -np.ones(31), "max": np.ones(31)}
    actions = {key: value[:11] for key, value in vector.items()}
    stats = {DATA + name: image for name in CAMERAS}
    policy.normalizer.set_stats({**stats, "observation.state": vector, "action": actions})
    save(policy, tmp_path / "policy", {})
    config = SightConfig(steps=1, start=str(tmp_path / "policy"), learning_rate=1e-9, **TINY)
    train_sight(tmp_path / "run", config)
    for name, tensor in load_file(tmp_path / "run" / LAST).items():
        if pointing or not name.startswith("points."):
            torch.testing.assert_close(tensor, policy.state_dict()[name], atol=1e-6, rtol=1e-4)
    weights, _, _ = read_training(tmp_path / "run" / "checkpoints" / "last")
    torch.testing.assert_close(weights["mean"], torch.tensor([[51.0, 76.5, 102.0]] * 2))


def test_questions_name_what_is_there_in_words_that_may_be_trained_with() -> None:
    questions = Questions()
    assert "pick up the sponge" in questions.texts
    assert "shut the top drawer" in questions.texts
    said = set(questions.texts)
    for skill, things in HELD_OUT.items():
        for thing in things:
            words = (skill + " the {}", *PHRASINGS[skill], *HELD_OUT_PHRASINGS[skill])
            assert not said & {phrase.format(thing) for phrase in words}
    for skill, words in HELD_OUT_PHRASINGS.items():
        assert not said & {phrase.format("sponge") for phrase in words}, skill
    shown = np.zeros((400, 4, 4), np.uint8)
    sponge, robot = SHOWN.index("sponge"), SHOWN.index("robot")
    shown[:, 0, 0], shown[:, 1, 1] = sponge, robot
    asked, words = questions.ask(shown, np.random.default_rng(0))
    assert 0.8 < (asked == sponge).mean() < 0.95
    assert robot not in asked
    assert all(w in questions.phrases[int(label)] for label, w in zip(asked, words, strict=True))
    pictures, labels = questions.all_of(shown[:3])
    assert pictures.tolist() == [0, 1, 2]
    assert labels.tolist() == [sponge] * 3


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


def test_weights_that_are_not_there_are_refused_before_anything_heavy_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "robo.training.sight", None)
    command = SightTraining("sight", tmp_path / "run", training=SightConfig(steps=1, start="nope"))
    with pytest.raises(UserError, match='"nope" is no folder'):
        command.execute()


def test_mistakes_are_told_in_a_sentence(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="act does not hold this encoder"):
        train_sight(tmp_path / "b", SightConfig(steps=1, start="act", **TINY))
    with pytest.raises(UserError, match="say how long"):
        train_sight(tmp_path / "a", SightConfig())
    with pytest.raises(UserError, match="--rooms is 0"):
        train_sight(tmp_path / "a", SightConfig(steps=1, rooms=0))
    with pytest.raises(UserError, match="already holds a run"):
        train_sight(run, SightConfig(steps=6, **TINY))
    with pytest.raises(UserError, match="--learning-rate"):
        train_sight(run, SightConfig(steps=6, learning_rate=1e-2, **TINY), resume=True)
