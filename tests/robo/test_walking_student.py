"""A student imitates its teacher while it learns; one command trains both."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from envs.humanoid import observations
from envs.humanoid.batch import WalkBatch
from envs.humanoid.observations import POLICY, PRIVILEGED
from envs.humanoid.robots import g1
from policies.walker.mlp import MLPActor, MLPActorConfig
from policies.walker.transformer import TransformerStudent
from policies.walker.weights import load_network, save_network
from robo.errors import UserError
from robo.training.curve import draw_curve
from robo.training.log import read_log
from robo.walking import run, sequence, snapshot
from robo.walking.actor import WalkActor, load_walker
from robo.walking.config import WalkTrainingConfig
from robo.walking.environment import WalkEnv
from robo.walking.stages import STUDENT_TO_TEACHER, train_walk
from robo.walking.student import WalkStudent
from robo.walking.teacher import load_teacher
from robo.walking.trajectories import FILE, Recording, source_of

ITERATION = 8 * 8
SMALL = WalkTrainingConfig(
    stage="student",
    steps=2 * ITERATION,
    copies=8,
    rollout=8,
    epochs=2,
    minibatches=2,
    hidden=(16, 16),
    history=4,
    width=16,
    layers=1,
    video=False,
)


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without pictures of curves, each a second's work; with torch's threads as they were."""
    monkeypatch.setattr(run, "draw_curve", lambda *_: None)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """One that has not learnt anything, but has something to imitate."""
    folder = tmp_path / "a teacher"
    save_teacher(folder, [POLICY, PRIVILEGED])
    return folder


def save_teacher(folder: Path, groups: list[str]) -> None:
    torch.manual_seed(3)
    size = sum(observations.size(g1(12), group) for group in groups)
    config = MLPActorConfig(observation_size=size, action_size=12, hidden=(16, 16), initial_std=0.3)
    network = MLPActor(config)
    torch.nn.init.normal_(network.head.linear.weight, std=0.1)
    network.normalizer.update(torch.randn(100, size))
    metadata = {"robot": "g1-12", "observation": {"groups": groups}, "steps": 5}
    save_network(network, folder, metadata)


def test_without_imitation_nobody_is_imitated(tmp_path: Path) -> None:
    train_walk(tmp_path, replace(SMALL, imitation=0.0))
    lines = read_log(tmp_path)
    assert "loss/mirror" in lines[0]
    assert "loss/imitation" not in lines[0]


def test_the_student_sees_what_a_robot_senses(tmp_path: Path, teacher: Path) -> None:
    train_walk(tmp_path / "run", replace(SMALL, teacher=teacher))
    network, metadata = load_network(tmp_path / "run/checkpoints/last")
    assert isinstance(network, TransformerStudent)
    assert network.config.observation_size == observations.size(g1(12))
    assert network.config.trunk.history == 4
    assert metadata["observation"]["groups"] == [POLICY]
    described = json.loads((tmp_path / "run/training.json").read_text())
    assert described["imitates"]["steps"] == 5


def student(teacher: Path | None, **changes: Any) -> tuple[WalkStudent, WalkEnv]:
    config = replace(SMALL, **changes)
    env = WalkEnv(WalkBatch(g1(12), config.copies))
    torch.manual_seed(0)
    taught = load_teacher(teacher, "g1-12") if teacher else None
    return WalkStudent(env, config, taught), env


def roll(learner: WalkStudent, env: WalkEnv, steps: int, ending: tuple[int, ...] = ()) -> None:
    """A rollout, in whose middle the episodes of some robots end."""
    with torch.inference_mode():
        for moment in range(steps):
            obs, rewards, _, extras = env.step(learner.act(env.get_observations()))
            dones = torch.zeros(env.num_envs, dtype=torch.bool)
            dones[list(ending)] = moment == steps // 2
            learner.process_env_step(obs, rewards, dones, extras)
        learner.compute_returns(env.get_observations())


@pytest.mark.parametrize("stage", ["student", "mlp"])
@pytest.mark.parametrize("apprenticeship", [1.0, 0.0])
def test_imitation_brings_the_student_nearer(
    teacher: Path, stage: str, apprenticeship: float
) -> None:
    """Alone, and beside reinforcement; here again and again from one rollout."""
    rates = {"learning_rate": 5e-3, "fastest": 5e-3, "divergence": 100.0}
    learner, env = student(teacher, stage=stage, apprenticeship=apprenticeship, **rates)
    roll(learner, env, 8)
    env.batch.close()
    far = [learner.update(0.0)["imitation"] for _ in range(25)]
    assert far[0] > 0.01
    assert far[-1] < 0.5 * far[0]


def test_the_weight_of_imitation_falls_to_nothing(teacher: Path) -> None:
    learner, env = student(teacher, imitation=8.0, apprenticeship=0.2, leave=0.8)
    weights = {}
    for share in (0.0, 0.2, 0.5, 0.8, 1.0):
        learner.guidance.begin(share)
        weights[share] = learner.guidance.weight
        assert learner.guidance.alone == (share == 0.0)
    env.batch.close()
    assert weights == pytest.approx({0.0: 1.0, 0.2: 8.0, 0.5: 2.0, 0.8: 0.0, 1.0: 0.0})


def test_teacher_and_student_are_asked_about_the_same_moments(teacher: Path) -> None:
    learner, env = student(teacher)
    roll(learner, env, 8)
    stored = learner.storage.observations
    values = torch.cat((stored[POLICY], stored[PRIVILEGED]), dim=-1)
    network, _ = load_network(teacher)
    with torch.no_grad():
        torch.testing.assert_close(stored["imitated"], network(values))
    env.batch.close()


def test_an_update_sees_what_the_robots_remembered() -> None:
    """Actions are as likely as they were, in a second rollout in which two robots' episodes end."""
    learner, env = student(None, minibatches=2)
    for parameter in learner.actor.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    for ending in (False, True):
        learner.storage.clear()
        roll(learner, env, 8, ending=(1, 4) if ending else ())
    for batch in learner.storage.recurrent_mini_batch_generator(2, 1):
        past = batch.hidden_states[0]
        learner.actor(batch.observations, batch.masks, past, stochastic_output=True)
        torch.testing.assert_close(
            learner.actor.get_output_log_prob(batch.actions),
            batch.old_actions_log_prob.squeeze(-1),
            atol=1e-4,
            rtol=1e-4,
        )
    env.batch.close()


def test_a_mirrored_sequence_is_compared_with_its_own_robot() -> None:
    """With a mirror that shows things as they are, and no past, there is no distance."""
    learner, env = student(None, student_epochs=1, minibatches=1)
    for parameter in learner.actor.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    learner.guidance._mirror.image = lambda name, values: values  # type: ignore[method-assign]
    # Two robots' rollouts are two episodes each, so that places and robots differ.
    roll(learner, env, 8, ending=(1, 4))
    assert learner.update(0.0)["mirror"] == pytest.approx(0.0, abs=1e-9)
    env.batch.close()


def test_what_the_teacher_knows_is_taken_over(tmp_path: Path) -> None:
    train_walk(tmp_path, replace(SMALL, stage="teacher"))
    taught = load_teacher(tmp_path, "g1-12")
    learner, env = student(tmp_path)
    env.batch.close()
    own, theirs = learner.actor.network.normalizer, taught.network.normalizer
    torch.testing.assert_close(own.mean, theirs.mean[: len(own.mean)])
    torch.testing.assert_close(learner.actor.network.head.std, taught.network.head.std)
    assert all(value.equal(taught.critic[k]) for k, value in learner.critic.state_dict().items())


def test_going_on_needs_no_teacher_besides(tmp_path: Path, teacher: Path) -> None:
    """And it is the uninterrupted run, with what the student remembered."""
    whole, out = tmp_path / "whole", tmp_path / "run"
    config = replace(SMALL, teacher=teacher, apprenticeship=0.5)
    train_walk(whole, config)
    train_walk(out, replace(config, steps=ITERATION))
    shutil.rmtree(teacher)
    train_walk(out, config, resume=True)
    for file in ("weights", "optimizer", "robots"):
        path = f"checkpoints/last/training/{file}.safetensors"
        one, other = load_file(whole / path), load_file(out / path)
        assert one.keys() == other.keys()
        assert all(value.equal(other[name]) for name, value in one.items()), file


def test_a_run_that_was_cut_off_before_it_kept_its_teacher_goes_on(
    tmp_path: Path, teacher: Path
) -> None:
    out = tmp_path / "run"
    train_walk(out, replace(SMALL, teacher=teacher, steps=ITERATION))
    (out / run.KEPT_TEACHER / "walker.safetensors").unlink()
    train_walk(out, replace(SMALL, teacher=teacher), resume=True)
    assert (out / run.KEPT_TEACHER / "walker.safetensors").is_file()


def test_damage_is_said(tmp_path: Path, teacher: Path) -> None:
    out = tmp_path / "run"
    train_walk(out, replace(SMALL, stage="teacher", steps=ITERATION))
    training = out / "checkpoints" / "last" / "training"
    state = training / "state.json"
    whole = json.loads(state.read_text())
    state.write_text(json.dumps({"iteration": whole["iteration"], "seconds": 1.0}))
    with pytest.raises(UserError, match="cannot be gone on with .its state has no began"):
        train_walk(out, replace(SMALL, stage="teacher"), resume=True)
    state.write_text("{")
    with pytest.raises(UserError, match="training is damaged"):
        load_teacher(out, "g1-12")
    (training / "weights.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match="training is damaged"):
        load_teacher(out, "g1-12")
    network, metadata = load_network(teacher)
    network.load_state_dict({k: v * np.nan for k, v in network.state_dict().items()})
    save_network(network, teacher, metadata)
    walker = load_walker(str(teacher))
    batch = WalkBatch(walker.robot, 1)
    with pytest.raises(UserError, match="its weights are broken"):
        WalkActor(walker).act(batch.reset())


def test_curricula_wait_for_an_apprentice(tmp_path: Path, teacher: Path) -> None:
    state: dict[str, Any] = {"randomization": [0.7], "penalties": 0.6, "commands": 0.8}
    training = teacher / "training"
    training.mkdir()
    save_file({"nothing": torch.zeros(1)}, training / "weights.safetensors")
    (training / "state.json").write_text(json.dumps(state))
    often = replace(SMALL, teacher=teacher, rollout=64, steps=8 * 64, apprenticeship=1.0)
    train_walk(tmp_path / "run", often)
    (line,) = read_log(tmp_path / "run")
    assert line["length"] < 2.0
    for name, factor in state.items():
        assert line[f"curriculum/{name}"] == pytest.approx(np.mean(factor))


def test_one_command_trains_teacher_and_student(tmp_path: Path) -> None:
    config = replace(SMALL, stage="both", steps=STUDENT_TO_TEACHER * ITERATION)
    outcome = train_walk(tmp_path, config)
    steps = STUDENT_TO_TEACHER * ITERATION
    assert outcome.checkpoint == tmp_path / f"student/checkpoints/step-{steps:08d}"
    # More of both: either stage goes on where it was.
    train_walk(tmp_path, replace(config, steps=2 * steps), resume=True)
    for stage, last in (("teacher", 2), ("student", 2 * STUDENT_TO_TEACHER)):
        lines = read_log(tmp_path / stage)
        assert [line["iteration"] for line in lines] == list(range(1, last + 1))
    with pytest.raises(UserError, match="add --resume"):
        train_walk(tmp_path, config)
    with pytest.raises(UserError, match="run of one stage"):
        train_walk(tmp_path / "teacher", config, resume=True)


def test_a_run_of_before_there_were_students_goes_on(tmp_path: Path) -> None:
    config = replace(SMALL, stage="teacher", steps=ITERATION)
    train_walk(tmp_path, config)
    path = tmp_path / "training.json"
    described = json.loads(path.read_text())
    for name in ("teacher", "imitation", "apprenticeship", "student_epochs", "history", "width"):
        del described["config"][name]
    path.write_text(json.dumps(described))
    outcome = train_walk(tmp_path, replace(config, steps=2 * ITERATION), resume=True)
    assert outcome.steps == 2 * ITERATION


def test_a_checkpoint_is_filmed_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_SECONDS", 0.04)
    monkeypatch.setattr(run, "PANELS", ["error/forward"])
    monkeypatch.setattr(run, "draw_curve", draw_curve)
    train_walk(tmp_path, replace(SMALL, stage="teacher", steps=ITERATION, video=True))
    assert (tmp_path / f"videos/step-{ITERATION:08d}.mp4").stat().st_size > 1000
    assert (tmp_path / "curve.png").is_file()


def test_next_tokens_are_learnt_from_what_the_teacher_does(
    tmp_path: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequence, "_BATCHES", 6)
    config = replace(
        SMALL, stage="next-token", teacher=teacher, recorded=8 * 40, learning_rate=5e-3
    )
    out = tmp_path / "run"
    iteration = 6 * 64 * 2 * SMALL.history
    train_walk(out, replace(config, steps=iteration))
    recording = load_file(out / FILE)
    train_walk(out, replace(config, steps=3 * iteration), resume=True)
    lines = [line for line in read_log(out) if "loss/action" in line]
    assert [line["step"] for line in lines] == [iteration, 2 * iteration, 3 * iteration]
    assert lines[-1]["loss/action"] < 0.8 * lines[0]["loss/action"]
    assert recording["known"].tolist() == [s != "observed" for s in source_of(8, g1(12))]
    assert not recording["actions"][:, ~recording["known"]].any()
    # Who acts asks for nothing special.
    actor = WalkActor(load_walker(str(out)), 2)
    with WalkBatch(g1(12), 2) as batch:
        assert np.isfinite(actor.act(batch.reset())).all()


def test_a_window_ends_with_its_episode() -> None:
    begins = torch.zeros(6, 2, dtype=torch.bool)
    begins[0] = begins[3, 1] = True
    numbers = torch.arange(12.0).view(6, 2, 1)
    recording = Recording(numbers, numbers, torch.tensor([True, False]), begins)
    windows = recording.windows(torch.tensor([1, 1, 3]), torch.tensor([0, 1, 1]), 3)
    assert windows.observations[..., 0].T.tolist() == [[2, 4, 6], [3, 5, 7], [7, 9, 11]]
    assert windows.valid.T.tolist() == [[True] * 3, [True, True, False], [True] * 3]
    assert windows.known.T.tolist() == [[True] * 3, [False] * 3, [False] * 3]


def test_the_learning_rate_has_a_limit() -> None:
    learner, env = student(None, fastest=2e-3)
    learner.learning_rate = 1e-2
    assert learner.learning_rate == 2e-3
    for share, limit in ((0.0, 2e-3), (0.5, 2e-3 * 0.02**0.5), (1.0, 4e-5)):
        roll(learner, env, 4)
        learner.update(share)
        learner.learning_rate = 1e-2
        assert learner.learning_rate == pytest.approx(limit)
    env.batch.close()


def test_mistakes_are_said(tmp_path: Path, teacher: Path) -> None:
    def refused(text: str, **changes: Any) -> None:
        with pytest.raises(UserError, match=text):
            train_walk(tmp_path / "run", replace(SMALL, **changes))

    refused("give its folder with --teacher")
    refused("learns from a teacher that walks", stage="next-token")
    refused("needs 2 or more", stage="next-token", teacher=teacher, copies=1)
    refused("no folder with a", teacher=tmp_path / "nowhere")
    refused("the student is to walk t1-12", teacher=teacher, robot="t1-12")
    refused("leave it out", teacher=teacher, stage="both")
    refused("multiple of 4", teacher=teacher, width=30)
    refused("whole rollouts", teacher=teacher, minibatches=9)
    save_teacher(tmp_path / "blind", [POLICY])
    refused("holds no teacher", teacher=tmp_path / "blind")
