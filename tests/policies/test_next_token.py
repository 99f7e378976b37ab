"""Walking as next-token prediction: what is missing teaches nothing, steps equal sequences."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from policies.walker.next_token import NextTokenConfig, NextTokenWalker, Trajectories
from policies.walker.transformer import TrunkConfig
from policies.walker.weights import load_network, save_network

CONFIG = NextTokenConfig(
    observation_size=9,
    action_size=3,
    last_action=5,
    trunk=TrunkConfig(history=8, width=32, layers=2, heads=2, hidden=48),
)
DONE = slice(5, 8)


def walker() -> NextTokenWalker:
    torch.manual_seed(0)
    network = NextTokenWalker(CONFIG)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    network.normalizer.update(torch.randn(50, 9) * 3.0 + 1.0)
    return network


def trajectories(steps: int = 6, count: int = 4) -> Trajectories:
    generator = torch.Generator().manual_seed(1)
    everywhere = torch.ones(steps, count, dtype=torch.bool)
    return Trajectories(
        torch.randn(steps, count, 9, generator=generator),
        torch.randn(steps, count, 3, generator=generator),
        everywhere,
        everywhere,
    )


def gradients(network: NextTokenWalker, loss: Tensor) -> dict[str, Tensor]:
    network.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in network.named_parameters()
    }


def test_actions_that_are_missing_give_no_loss_and_no_gradient() -> None:
    network, there = walker(), trajectories()
    missing = there._replace(known=torch.zeros_like(there.known))
    loss = network.loss(missing)
    assert loss.action == 0.0
    assert all(not g.any() for g in gradients(network, loss.action).values())
    learnt = gradients(network, network.loss(missing).observation)
    assert learnt["unknown"].any()
    assert learnt["embed.weight"].any()
    for name in ("head.linear.weight", "head.linear.bias", "embed_action.weight"):
        assert not learnt[name].any(), name


def test_nothing_is_read_of_what_is_missing() -> None:
    """Half of the trajectories have no actions; what stands there instead changes nothing."""
    network, there = walker(), trajectories()
    known = there.known.clone()
    known[:, :2] = False
    observations, actions = there.observations.clone(), there.actions.clone()
    observations[:, :2, DONE] = torch.nan
    actions[:, :2] = torch.nan
    results = []
    for batch in (
        there._replace(known=known),
        Trajectories(observations, actions, known, there.valid),
    ):
        loss = network.loss(batch)
        results.append((loss, gradients(network, loss.action + loss.observation)))
    (one, before), (other, after) = results
    assert torch.isfinite(other.action + other.observation)
    torch.testing.assert_close(other, one)
    torch.testing.assert_close(after, before)


def test_nothing_is_learnt_behind_the_end() -> None:
    network, there = walker(), trajectories()
    valid = there.valid.clone()
    valid[4:] = False
    observations, actions = there.observations.clone(), there.actions.clone()
    observations[4:] += 7.0
    actions[4:] += 7.0
    torch.testing.assert_close(
        network.loss(Trajectories(observations, actions, there.known, valid)),
        network.loss(Trajectories(*(part[:4] for part in there))),
    )


@torch.no_grad()
def test_an_action_is_predicted_from_what_came_before_it() -> None:
    """It knows what was sensed and done until then, and nothing of itself or later."""
    network, there = walker(), trajectories()
    before = network(there.observations)
    changed = there.observations.clone()
    changed[3, :, DONE] += 1.0
    after = network(changed)
    torch.testing.assert_close(after[:3], before[:3])
    assert (after[3:] - before[3:]).abs().amax((1, 2)).min() > 1e-5


@torch.no_grad()
def test_steps_with_a_memory_equal_the_whole_sequence() -> None:
    network = walker()
    observations = trajectories(12).observations
    whole = network(observations)
    memory = network.empty_memory(4)
    for moment, observation in enumerate(observations):
        mean, memory = network.step(observation, memory)
        torch.testing.assert_close(mean, whole[moment], atol=1e-5, rtol=1e-5)


def test_it_learns_from_trajectories_with_and_without_actions() -> None:
    """Actions that follow from what is sensed are learnt also from those that have them."""
    torch.manual_seed(0)
    network = NextTokenWalker(replace(CONFIG, trunk=replace(CONFIG.trunk, layers=1)))
    there = trajectories(8, 16)
    wanted = there.observations[..., :3] * 0.5
    batch = there._replace(actions=wanted, known=there.known & (torch.arange(16) < 8))
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        loss = network.loss(batch)
        optimizer.zero_grad()
        total = loss.action + 0.1 * loss.observation
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.action.item())
    assert losses[-1] < 0.2 * losses[0]


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    network = walker()
    save_network(network, tmp_path, {"steps": 7})
    again, metadata = load_network(tmp_path)
    assert isinstance(again, NextTokenWalker)
    assert again.config == network.config
    assert metadata == {"steps": 7}
    observations = trajectories().observations
    torch.testing.assert_close(again(observations), network(observations))


@pytest.mark.parametrize("part", ["action", "observation"])
def test_every_prediction_teaches_the_trunk(part: str) -> None:
    network = walker()
    learnt = gradients(network, getattr(network.loss(trajectories()), part))
    assert all(g.any() for name, g in learnt.items() if name.startswith("trunk"))
