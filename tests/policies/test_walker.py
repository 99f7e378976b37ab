"""Networks of the walker: steps equal sequences, the past stays in the episode, PPO takes them."""

from pathlib import Path

import pytest
import torch
from rsl_rl.algorithms import PPO
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch import Tensor

from policies.errors import CheckpointError, PolicyError
from policies.walker.learner import LearnerActor, LearnerCritic
from policies.walker.mlp import Critic, CriticConfig, MLPActor, MLPActorConfig
from policies.walker.parts import Gaussian, RunningNormalizer
from policies.walker.transformer import TransformerStudent, TransformerStudentConfig, TrunkConfig
from policies.walker.weights import MODEL, load_network, save_network

CONFIG = TransformerStudentConfig(
    observation_size=9,
    action_size=3,
    trunk=TrunkConfig(history=5, width=32, layers=2, heads=2, hidden=48),
)


def student() -> TransformerStudent:
    """With weights and statistics of a trained one's size, so that every path counts."""
    torch.manual_seed(0)
    network = TransformerStudent(CONFIG)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    network.normalizer.update(torch.randn(50, 9) * 3.0 + 1.0)
    return network.eval()


def test_the_default_student_has_its_size() -> None:
    network = TransformerStudent(TransformerStudentConfig(observation_size=48, action_size=12))
    assert 300_000 < sum(p.numel() for p in network.parameters()) < 500_000


@torch.no_grad()
def test_steps_with_a_memory_equal_the_whole_sequence() -> None:
    network = student()
    observations = torch.randn(20, 4, 9)
    whole = network(observations)
    memory = network.empty_memory(4)
    for moment, observation in enumerate(observations):
        mean, memory = network.step(observation, memory)
        torch.testing.assert_close(mean, whole[moment], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_sequence_in_two_parts_equals_the_whole() -> None:
    network = student()
    observations = torch.randn(17, 2, 9)
    _, memory = network.encode(observations[:7])
    torch.testing.assert_close(
        network(observations[7:], memory), network(observations)[7:], atol=1e-5, rtol=1e-5
    )


@torch.no_grad()
def test_the_window_holds_all_that_counts() -> None:
    """A token sees `history` - 1 tokens back in each of two layers: 8 before itself, no more."""
    network = student()
    observations = torch.randn(20, 1, 9)
    expected = network(observations)[-1]
    torch.testing.assert_close(network(observations[-9:])[-1], expected, atol=1e-5, rtol=1e-5)
    assert (network(observations[-8:])[-1] - expected).abs().max() > 1e-4


@torch.no_grad()
def test_nobody_sees_the_future() -> None:
    network = student()
    observations = torch.randn(10, 1, 9)
    before = network(observations)
    observations[6:] += 1.0
    after = network(observations)
    torch.testing.assert_close(after[:6], before[:6])
    assert (after[6:] - before[6:]).abs().amax((1, 2)).min() > 1e-4


@torch.no_grad()
def test_an_episode_that_ended_is_forgotten_and_others_are_not() -> None:
    network = student()
    observations = torch.randn(8, 2, 9)
    _, memory = network.encode(observations[:4])
    memory = memory.forget(torch.tensor([True, False]))
    mixed = network(observations[4:], memory)
    torch.testing.assert_close(mixed[:, :1], network(observations[4:, :1]), atol=1e-5, rtol=1e-5)
    whole = network(observations)[4:, 1:]
    torch.testing.assert_close(mixed[:, 1:], whole, atol=1e-5, rtol=1e-5)


def test_statistics_in_parts_are_those_of_the_whole() -> None:
    values = torch.randn(90, 4) * torch.tensor([1.0, 5.0, 0.2, 3.0]) + 2.0
    normalizer = RunningNormalizer(4)
    for part in values.split([7, 60, 23]):
        normalizer.update(part[None])
    torch.testing.assert_close(normalizer.mean, values.mean(0))
    torch.testing.assert_close(normalizer.variance, values.var(0, correction=0))


def test_the_gaussian_is_torchs() -> None:
    mean, other = torch.randn(2, 6, 3)
    ours, theirs = (Gaussian(m, torch.tensor([0.5, 1.0, 2.0])) for m in (mean, other))
    wide = Gaussian(other, torch.tensor([1.0, 0.7, 0.3]))
    normal = torch.distributions.Normal(ours.mean, ours.std)
    torch.testing.assert_close(ours.log_probability(other), normal.log_prob(other).sum(-1))
    torch.testing.assert_close(ours.entropy(), normal.entropy().sum(-1))
    expected = torch.distributions.kl_divergence(
        normal, torch.distributions.Normal(wide.mean, wide.std)
    )
    torch.testing.assert_close(ours.divergence(wide), expected.sum(-1))
    assert not ours.sample().equal(theirs.sample())


OBSERVATIONS = TensorDict({"policy": torch.zeros(6, 9), "privileged": torch.zeros(6, 4)}, [6])
GROUPS = {"actor": ["policy"], "critic": ["policy", "privileged"]}
SMALL = {"history": 4, "width": 16, "layers": 2, "heads": 2, "hidden": 16}


def learner(network: str, learning_rate: float = 1e-3, **settings: object) -> PPO:
    torch.manual_seed(1)
    actor = LearnerActor(OBSERVATIONS, GROUPS, "actor", 3, network=network, **settings)
    for parameter in actor.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    critic = LearnerCritic(OBSERVATIONS, GROUPS, "critic", 1, hidden=[16])
    storage = RolloutStorage("rl", 6, 5, OBSERVATIONS, [3])
    return PPO(
        actor,  # type: ignore[arg-type]
        critic,  # type: ignore[arg-type]
        storage,
        num_learning_epochs=1,
        num_mini_batches=1,
        learning_rate=learning_rate,
        schedule="fixed",
    )


def rollout(ppo: PPO) -> None:
    with torch.inference_mode():
        for _ in range(5):
            obs = TensorDict({"policy": torch.randn(6, 9), "privileged": torch.randn(6, 4)}, [6])
            ppo.act(obs)
            ppo.process_env_step(obs, torch.randn(6), torch.rand(6) < 0.2, {})
        ppo.compute_returns(obs)


@pytest.mark.parametrize(
    ("network", "settings"), [("transformer", SMALL), ("mlp", {"hidden": [16, 16]})]
)
def test_ppo_recomputes_what_was_done_in_the_rollout(
    network: str, settings: dict[str, object]
) -> None:
    """Episodes end in mid-rollout and go on over the ends of rollouts; likelihoods are the same."""
    ppo = learner(network, **settings)
    for _ in range(3):
        rollout(ppo)
        storage, actor = ppo.storage, ppo.actor
        generator = (
            storage.recurrent_mini_batch_generator(2, 1)
            if actor.is_recurrent
            else storage.mini_batch_generator(2, 1)
        )
        for batch in generator:
            actor(
                batch.observations,
                masks=batch.masks,
                hidden_state=batch.hidden_states[0],
                stochastic_output=True,
            )
            again: Tensor = actor.get_output_log_prob(batch.actions)
            torch.testing.assert_close(
                again, batch.old_actions_log_prob.squeeze(-1), atol=1e-4, rtol=1e-4
            )
        storage.clear()


@pytest.mark.parametrize("network", ["transformer", "mlp"])
def test_ppo_moves_every_weight(network: str) -> None:
    ppo = learner(network, **(SMALL if network == "transformer" else {}))
    for _ in range(2):
        rollout(ppo)
        before = {k: p.clone() for k, p in ppo.actor.named_parameters()}
        losses = ppo.update()
    assert losses.keys() >= {"surrogate", "value", "entropy"}
    assert all(not p.equal(before[k]) for k, p in ppo.actor.named_parameters())
    assert ppo.actor.network.normalizer.count == 60  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "network",
    [
        TransformerStudent(CONFIG),
        MLPActor(MLPActorConfig(observation_size=9, action_size=3, hidden=(8, 4))),
        Critic(CriticConfig(observation_size=9, hidden=(8,))),
    ],
)
def test_what_is_saved_is_loaded(
    network: TransformerStudent | MLPActor | Critic, tmp_path: Path
) -> None:
    network.normalizer.update(torch.randn(20, 9))
    save_network(network, tmp_path, {"steps": 7})
    again, metadata = load_network(tmp_path)
    assert again.config == network.config
    assert metadata == {"steps": 7}
    values = torch.randn(3, 2, 9)
    torch.testing.assert_close(again(values), network(values))


def test_damage_and_mistakes_are_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no walker\.safetensors"):
        load_network(tmp_path)
    (tmp_path / MODEL).write_bytes(b"nothing of this kind")
    with pytest.raises(CheckpointError, match="cannot be read as a walker"):
        load_network(tmp_path)
    with pytest.raises(PolicyError, match="choose transformer or mlp"):
        LearnerActor(OBSERVATIONS, GROUPS, "actor", 3, network="lstm")
    with pytest.raises(PolicyError, match="breadth"):
        LearnerActor(OBSERVATIONS, GROUPS, "actor", 3, breadth=3)
