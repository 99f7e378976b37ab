"""`robo train walk`: it learns, leaves all that is needed, and goes on where it was."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from envs.humanoid.batch import WalkBatch
from envs.humanoid.pushes import EVERY, OFTEN
from envs.humanoid.randomization import TERMS
from envs.humanoid.robots import g1
from policies.walker.mlp import MLPActor
from policies.walker.weights import load_network
from robo.errors import UserError
from robo.training.log import read_log
from robo.training.randomness import seed_torch
from robo.training.run_folder import RunFolder
from robo.walking import run
from robo.walking.config import WalkTrainingConfig
from robo.walking.environment import Mirror, WalkEnv
from robo.walking.learner import WalkLearner
from robo.walking.reinforcement import Reinforcement, walk_batch
from robo.walking.stages import train_walk
from robo.walking.stepping import begin_stepping, stepping_actions

ITERATION = 8 * 4
SMALL = WalkTrainingConfig(
    stage="teacher",
    steps=2 * ITERATION,
    copies=8,
    rollout=4,
    epochs=2,
    minibatches=2,
    hidden=(16, 16),
    stepping=False,
    video=False,
)
CLOCK = {"time", "hours", "steps_per_second"}


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without pictures of curves, each a second's work; with torch's threads as they were."""
    monkeypatch.setattr(run, "draw_curve", lambda *_: None)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def trained(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "checkpoints/last/training/weights.safetensors")


def timeless(out: Path) -> list[dict[str, float]]:
    return [{k: v for k, v in line.items() if k not in CLOCK} for line in read_log(out)]


def test_a_run_learns_and_leaves_all_that_is_needed(tmp_path: Path) -> None:
    outcome = train_walk(tmp_path, replace(SMALL, steps=ITERATION))
    first = trained(tmp_path)
    assert outcome.steps == ITERATION
    assert outcome.checkpoint == tmp_path / "checkpoints" / f"step-{ITERATION:08d}"
    outcome = train_walk(tmp_path, SMALL, resume=True)
    second = trained(tmp_path)
    assert outcome.steps == 2 * ITERATION
    assert all(not second[name].equal(first[name]) for name in first if "normalizer" not in name)
    assert second["actor.network.normalizer.count"] == 3 * ITERATION  # one to warm up
    lines = read_log(tmp_path)
    assert [line["iteration"] for line in lines] == [1, 2]
    assert [line["step"] for line in lines] == [ITERATION, 2 * ITERATION]
    assert lines[0].keys() >= {"error/forward", "falls", "reward/alive", "steps_per_second"}
    description = json.loads((tmp_path / "training.json").read_text())
    assert description["status"] == "finished"
    assert description["sessions"] == 2
    assert description["config"]["copies"] == 8
    assert description.keys() >= {"command", "seed", "versions", "git_commit"}


def test_pushes_calm_down_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rolled: list[object] = []
    roll = Reinforcement._roll

    def note(self: Reinforcement) -> None:
        rolled.append(self.batch.push_every)
        roll(self)

    monkeypatch.setattr(Reinforcement, "_roll", note)
    train_walk(tmp_path, replace(SMALL, steps=4 * ITERATION, calm=0.5))
    assert rolled[-4:] == [OFTEN, OFTEN, EVERY, EVERY]


def test_a_teacher_sees_more_than_a_robot_senses(tmp_path: Path) -> None:
    sizes = {}
    stages: tuple[Literal["teacher", "mlp"], ...] = ("teacher", "mlp")
    for stage in stages:
        out = tmp_path / stage
        train_walk(out, replace(SMALL, steps=ITERATION, stage=stage))
        network, metadata = load_network(out / "checkpoints" / "last")
        assert isinstance(network, MLPActor)
        assert metadata["steps"] == ITERATION
        sizes[stage] = network.config.observation_size
    with WalkBatch(g1(12), 1) as batch:
        groups = batch.reset()
    assert sizes["mlp"] == groups["policy"].shape[1]
    assert sizes["teacher"] == sizes["mlp"] + groups["privileged"].shape[1]


def test_what_goes_on_is_the_uninterrupted_run(tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    short = replace(SMALL, steps=ITERATION)
    train_walk(whole, SMALL)
    train_walk(parted, short)
    before = trained(parted)
    # Nothing is left to do: what was loaded is what was saved.
    train_walk(parted, short, resume=True)
    assert all(value.equal(before[name]) for name, value in trained(parted).items())
    train_walk(parted, SMALL, resume=True)
    assert timeless(whole) == timeless(parted)
    for file in ("weights", "optimizer", "robots"):
        path = f"checkpoints/last/training/{file}.safetensors"
        one, other = load_file(whole / path), load_file(parted / path)
        assert one.keys() == other.keys()
        assert all(value.equal(other[name]) for name, value in one.items())


def test_without_their_places_robots_begin_anew(tmp_path: Path) -> None:
    """As in checkpoints of before they were written down."""
    train_walk(tmp_path, replace(SMALL, steps=ITERATION))
    (tmp_path / "checkpoints/last/training/robots.safetensors").unlink()
    assert train_walk(tmp_path, SMALL, resume=True).steps == 2 * ITERATION


def test_what_is_loaded_is_what_was_saved() -> None:
    with WalkBatch(g1(12), 8) as batch:
        env = WalkEnv(batch)
        learners = [WalkLearner(env, SMALL) for _ in range(2)]
        with torch.inference_mode():
            for _ in range(SMALL.rollout):
                obs, rewards, dones, extras = env.step(learners[0].act(env.get_observations()))
                learners[0].process_env_step(obs, rewards, dones, extras)
            learners[0].compute_returns(obs)
    learners[0].update()
    learners[1].go_on(learners[0].weights(), learners[0].optimizer_state(), 3e-4)
    for one, other in (
        (learners[0].weights(), learners[1].weights()),
        (learners[0].optimizer_state(), learners[1].optimizer_state()),
    ):
        assert one.keys() == other.keys()
        assert all(value.equal(other[name]) for name, value in one.items())
    assert learners[1].optimizer.param_groups[0]["lr"] == 3e-4


def test_a_time_out_counts_the_value_of_the_last_observation() -> None:
    with WalkBatch(g1(12), 4, seed=1, seconds=0.04) as batch:
        env = WalkEnv(batch)
        batch.reset()
        learner = WalkLearner(env, replace(SMALL, copies=4))
        with torch.inference_mode():
            for _ in range(2):
                learner.act(env.get_observations())
                obs, rewards, dones, extras = env.step(torch.zeros(4, 12))
                learner.process_env_step(obs, rewards, dones, extras)
            final = extras["final_observation"]
            promised = learner.critic(final).squeeze(-1)
            begun = learner.critic(obs).squeeze(-1)
    assert extras["time_outs"].all()
    assert dones.all()
    np.testing.assert_array_equal(final["policy"], extras["info"]["final_observation"]["policy"])
    stored = learner.storage.rewards[:2].squeeze(-1)
    torch.testing.assert_close(stored[1], rewards + 0.99 * promised)
    assert (promised - begun).abs().min() > 1e-4
    assert learner.storage.dones[:2].squeeze(-1).tolist() == [[0] * 4, [1] * 4]


def test_a_fall_counts_nothing_behind_it() -> None:
    with WalkBatch(g1(12), 4, seed=1) as batch:
        env = WalkEnv(batch)
        learner = WalkLearner(env, replace(SMALL, copies=4, rollout=1))
        batch.qpos[:, 2] = 0.2
        with torch.inference_mode():
            learner.act(env.get_observations())
            obs, rewards, dones, extras = env.step(torch.zeros(4, 12))
            learner.process_env_step(obs, rewards, dones, extras)
    assert dones.all()
    assert not extras["time_outs"].any()
    torch.testing.assert_close(learner.storage.rewards[0].squeeze(-1), rewards)


def test_the_mirror_image_of_an_image_is_the_sample() -> None:
    mirror = Mirror(g1(12))
    with WalkBatch(g1(12), 4) as batch:
        env = WalkEnv(batch)
        obs, actions = env.get_observations(), torch.randn(4, 12)
        doubled, both = mirror(env, obs, actions)
        assert doubled is not None
        assert both is not None
        again, back = mirror(env, doubled[4:], both[4:])
        assert again is not None
        assert back is not None
    assert not doubled["policy"][4:].equal(obs["policy"])
    for name in ("policy", "privileged"):
        torch.testing.assert_close(again[name][4:], obs[name])
    torch.testing.assert_close(back[4:], actions)


@pytest.mark.parametrize("symmetry", [True, False])
def test_with_symmetry_every_minibatch_is_learnt_from_with_its_mirror_image(symmetry: bool) -> None:
    seen = []

    def look(network: Any, given: tuple[Any, ...], values: Any) -> None:
        seen.append(given[0])

    with WalkBatch(g1(12), 8) as batch:
        env = WalkEnv(batch)
        learner = WalkLearner(env, replace(SMALL, symmetry=symmetry))
        with torch.inference_mode():
            for _ in range(SMALL.rollout):
                obs, rewards, dones, extras = env.step(learner.act(env.get_observations()))
                learner.process_env_step(obs, rewards, dones, extras)
            learner.compute_returns(obs)
        for network in (learner.actor, learner.critic):
            network.register_forward_hook(look)
        learner.update()
    assert len(seen) == 2 * SMALL.epochs * SMALL.minibatches
    half = ITERATION // SMALL.minibatches
    mirror = Mirror(g1(12))
    for samples in seen:
        assert len(samples) == (2 * half if symmetry else half)
        if symmetry:
            for name in ("policy", "privileged"):
                image = mirror.image(name, samples[name][:half])
                torch.testing.assert_close(samples[name][half:], image)


@pytest.mark.parametrize(
    ("share", "penalties", "commands"),
    [(0.9, [0.101, 0.102], [0.703, 0.706]), (0.4, [0.1] * 2, [0.7] * 2)],
)
def test_penalties_and_commands_grow_while_episodes_are_long(
    share: float, penalties: list[float], commands: list[float], tmp_path: Path
) -> None:
    training = Reinforcement(RunFolder(tmp_path, resume=False), SMALL, None, None)
    try:
        assert (training.batch.penalties, training.batch.command_scale) == (0.1, 0.7)
        training.begin()
        for wanted in zip(penalties, commands, strict=True):
            training.tally.shares.extend([share] * SMALL.copies)
            line = training.iterate()
            factors = training.batch.penalties, training.batch.command_scale
            assert factors == pytest.approx(wanted)
            assert factors == (line["curriculum/penalties"], line["curriculum/commands"])
    finally:
        training.close()


def test_penalties_and_commands_shrink_again_while_robots_fall_soon(tmp_path: Path) -> None:
    training = Reinforcement(RunFolder(tmp_path, resume=False), SMALL, None, None)
    try:
        training._set_curricula({"penalties": 0.5, "commands": 0.9, "randomization": [0.0] * 8})
        training.tally.shares.extend([0.1] * SMALL.copies)
        training.iterate()
        assert training.batch.penalties == pytest.approx(0.499)
        assert training.batch.command_scale == pytest.approx(0.897)
    finally:
        training.close()


def test_trainings_draw_slippery_ground_more_often_than_it_is_measured() -> None:
    """From 0.2 to 1.25, as much of it below 0.5 as above."""
    with walk_batch(replace(SMALL, copies=64), 0, None) as batch:
        batch.reset()
        soles = ["left_sole_0", "right_sole_3"]
        drawn = np.array([[m.geom(sole).friction[0] for sole in soles] for m in batch.models])
    np.testing.assert_array_equal(drawn, batch.randomizer.draws["friction"].repeat(2, axis=1))
    assert 0.2 <= drawn.min() < 0.23
    assert 1.1 < drawn.max() <= 1.25
    assert np.median(drawn) == pytest.approx(0.5, abs=0.1)
    assert np.log(drawn).std() == pytest.approx(np.log(1.25 / 0.2) / 12**0.5, rel=0.15)
    assert batch.randomizer.names == tuple(TERMS)


def test_ctrl_c_saves(tmp_path: Path) -> None:
    def interrupt() -> None:
        while not read_log(tmp_path):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    outcome = train_walk(tmp_path, replace(SMALL, steps=10**9))
    thread.join()
    assert outcome.stopped == signal.SIGINT
    assert outcome.checkpoint is not None
    assert outcome.checkpoint.name == f"step-{outcome.steps:08d}"
    assert json.loads((tmp_path / "training.json").read_text())["status"] == "stopped"


def test_mistakes_are_said(tmp_path: Path) -> None:
    def refused(text: str, config: WalkTrainingConfig, *, resume: bool = False) -> None:
        with pytest.raises(UserError, match=text):
            train_walk(tmp_path / "run", config, resume=resume)

    refused("--copies is 0", replace(SMALL, copies=0))
    refused("--steps or --minutes", replace(SMALL, steps=None))
    refused("--entropy is nan", replace(SMALL, entropy=float("nan")))
    refused("choose from g1-12", replace(SMALL, robot="atlas"))
    refused("no multiple of control", replace(SMALL, physics_hz=130.0))
    refused("no run to go on with", SMALL, resume=True)
    train_walk(tmp_path / "run", replace(SMALL, steps=1))
    refused("add --resume", SMALL)
    refused("began with --copies 8", replace(SMALL, copies=4), resume=True)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['robo', 'train', 'walk', '--help']\n"
        "from robo.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print([m for m in ('torch', 'numpy') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--copies" in done.stdout
    assert "--dataset" not in done.stdout
    assert done.stderr.strip() == "[]"


def test_an_actor_begins_by_stepping_in_time_with_the_clock() -> None:
    config = WalkTrainingConfig(stage="teacher", steps=1, copies=32, randomization=False)
    with walk_batch(config, 0, None) as batch:
        env = WalkEnv(batch)
        seed_torch(0, "weights")
        learner = WalkLearner(env, config)
        begin_stepping(learner, env)
        observed = env.get_observations()
        wanted = stepping_actions(batch.robot, observed)
        with torch.inference_mode():
            done = learner.actor.network(learner.actor.values(observed))
    standing = wanted.square().mean()
    assert standing > 0.1
    assert (done - wanted).square().mean() < 0.2 * standing
    told_to_stand = observed["policy"].clone()
    told_to_stand[:, -2:] = 0.0
    assert not stepping_actions(batch.robot, {"policy": told_to_stand}).any()
