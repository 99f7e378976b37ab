"""Diffusion Policy: the noise, masks, learning, acting, saving."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from policies import checkpoint
from policies.base import Batch
from policies.diffusion.diffusion import DiffusionConfig, DiffusionPolicy, repeat_edges
from policies.diffusion.schedule import NoiseSchedule
from policies.errors import PolicyError

STATE, TOP = "observation.state", "observation.images.top"
TINY: dict[str, Any] = {
    "horizon": 8,
    "executed": 4,
    "unet": (32, 64),
    "groups": 4,
    "step_width": 16,
    "backbone": (8, 16),
    "points": 8,
}


def tiny(cameras: int = 1, state: int = 2, **overrides: Any) -> DiffusionPolicy:
    torch.manual_seed(0)
    inputs: dict[str, tuple[int, ...]] = {STATE: (state,)} if state else {}
    inputs |= {f"{TOP}{index}": (32, 40, 3) for index in range(cameras)}
    config = DiffusionConfig.for_dataset(inputs, 2, **{**TINY, **overrides})
    return DiffusionPolicy(config)


def batch_for(policy: DiffusionPolicy, size: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(1)
    config = policy.config
    batch: Batch = {}
    for key, shape in config.inputs.items():
        shape = (size, config.observation_horizon, *shape)
        if len(shape) == 5:
            batch[key] = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
        else:
            batch[key] = torch.rand(shape, generator=generator) * 2 - 1
    batch["action"] = torch.rand(size, config.horizon, 2, generator=generator) * 2 - 1
    batch["action_is_pad"] = torch.arange(config.horizon) >= torch.arange(size)[:, None] + 2
    if config.instruction_width:
        batch["instruction"] = torch.randn(size, 5, config.instruction_width, generator=generator)
        batch["instruction_is_pad"] = torch.arange(5).expand(size, -1) >= 3
    return batch


def observations_of(policy: DiffusionPolicy, count: int) -> list[dict[str, np.ndarray]]:
    generator = np.random.default_rng(2)
    found: list[dict[str, np.ndarray]] = []
    for _ in range(count):
        one: dict[str, np.ndarray] = {}
        for key, shape in policy.config.inputs.items():
            if len(shape) == 3:
                one[key] = generator.integers(0, 256, shape, dtype=np.uint8)
            else:
                one[key] = generator.uniform(-1, 1, shape).astype(np.float32)
        if policy.config.instruction_width:
            one["instruction"] = np.ones((3, policy.config.instruction_width), np.float32)
        found.append(one)
    return found


def test_the_schedule_is_a_squared_cosine() -> None:
    schedule = NoiseSchedule(100)
    steps = (np.arange(1, 100) / 100 + 0.008) / 1.008
    expected = (np.cos(steps * np.pi / 2) / np.cos(0.008 / 1.008 * np.pi / 2)) ** 2
    np.testing.assert_allclose(schedule.left[:99], expected, rtol=1e-4)
    assert 0 < schedule.left[99] < 1e-3


def test_noise_is_added_with_the_variance_kept() -> None:
    schedule = NoiseSchedule(100)
    torch.manual_seed(0)
    signal, noise = torch.randn(100, 200, 5), torch.randn(100, 200, 5)
    noisy = schedule.add_noise(signal, noise, torch.arange(100))
    torch.testing.assert_close(noisy.std((1, 2)), torch.ones(100), rtol=0, atol=0.1)
    torch.testing.assert_close(noisy[0], signal[0], rtol=0, atol=0.2)
    torch.testing.assert_close(noisy[99], noise[99], rtol=0, atol=0.2)


@pytest.mark.parametrize("count", [1, 3, 10, 100])
def test_denoising_with_a_perfect_prediction_gives_the_signal(count: int) -> None:
    schedule = NoiseSchedule(100)
    signal = torch.rand(2, 8, 3) * 2 - 1
    calls: list[int] = []

    def perfect(sample: Tensor, steps: Tensor) -> Tensor:
        calls.append(int(steps[0]))
        left = schedule.left[steps][:, None, None]
        return (sample - left.sqrt() * signal) / (1 - left).sqrt()

    found = schedule.denoise(perfect, torch.randn(2, 8, 3), count)
    torch.testing.assert_close(found, signal, rtol=0, atol=5e-3)
    assert len(calls) == count
    assert calls[0] == 99
    assert calls == sorted(set(calls), reverse=True)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cameras": 2},
        {"cameras": 0},
        {"state": 0},
        {"instruction_width": 7},
        {"observation_horizon": 1, "executed": 8},
        {"image_shift": 2, "inference_steps": 3},
    ],
)
def test_every_variant_trains_and_acts(options: dict[str, Any]) -> None:
    policy = tiny(**options)
    loss, parts = policy.train().loss(batch_for(policy))
    loss.backward()
    assert torch.equal(parts["noise_error"], loss.detach())
    assert [name for name, p in policy.named_parameters() if p.grad is None] == []
    policy.eval().reset()
    action = policy.act(observations_of(policy, 1)[0])
    assert action.shape == (1, 2)
    assert action.dtype == np.float32
    assert np.abs(action).max() <= 1


def test_windows_are_the_papers_horizons() -> None:
    config = DiffusionConfig.for_dataset({STATE: (2,)}, 2, unet=(8, 16, 32))
    assert DiffusionPolicy(config).windows() == {STATE: range(-1, 1), "action": range(-1, 15)}


def test_padded_actions_have_no_influence() -> None:
    policy = tiny().train()
    batch = batch_for(policy)
    other = dict(batch)
    other["action"] = torch.where(batch["action_is_pad"][..., None], 50.0, batch["action"])
    results = []
    for data in (batch, other):
        policy.zero_grad()
        torch.manual_seed(3)
        loss, _ = policy.loss(data)
        loss.backward()
        results.append((loss, policy.unet.output.weight.grad.clone()))
    for before, after in zip(*results, strict=True):
        assert torch.equal(before, after)


def test_padding_is_replaced_by_the_nearest_real_value() -> None:
    values = torch.arange(10.0).view(2, 5, 1)
    padded = torch.tensor([[True, True, False, False, True], [False] * 5])
    assert repeat_edges(values, padded)[..., 0].tolist() == [[2, 2, 2, 3, 3], [5, 6, 7, 8, 9]]


def test_a_plan_is_carried_out_before_the_next_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tiny().eval()
    # One step, so that actions of random weights do not all end at the limits.
    monkeypatch.setattr(
        policy.schedule,
        "denoise",
        lambda predict, noise, count: predict(noise, torch.zeros(1, dtype=torch.long)).tanh(),
    )
    observations = observations_of(policy, 9)
    policy.reset()
    first = [policy.act(observation) for observation in observations]
    policy.reset()
    again = [policy.act(observation) for observation in observations]
    np.testing.assert_array_equal(first, again)
    policy.reset(seed=1)
    assert not np.array_equal(policy.act(observations[0]), first[0])

    def actions(changed: int) -> np.ndarray:
        seen = [dict(observation) for observation in observations]
        seen[changed][STATE] = -seen[changed][STATE]
        policy.reset()
        return np.array([policy.act(observation) for observation in seen])

    same = np.array(first)
    # The second plan is made at 4 from what was seen at 3 and 4.
    np.testing.assert_array_equal(actions(2)[:8], same[:8])
    for seen in (3, 4):
        np.testing.assert_array_equal(actions(seen)[:4], same[:4])
        assert not np.array_equal(actions(seen)[4:8], same[4:8])


def test_validation_is_the_same_at_every_call_and_training_is_not() -> None:
    policy = tiny()
    batch = batch_for(policy)
    assert policy.eval().loss(batch)[0] == policy.loss(batch)[0]
    assert policy.train().loss(batch)[0] != policy.loss(batch)[0]


def test_it_learns_both_ways_and_takes_one_of_them() -> None:
    """Two demonstrations of one situation, left and right: their mean is what nobody did."""
    policy = tiny(cameras=0, unet=(32,), kernel=3, training_steps=20, inference_steps=10).train()
    optimizer = torch.optim.AdamW(policy.optimizer_groups(6e-3))
    steps = 160
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 6e-3 * (1 - step / steps)
        state = torch.rand(64, 1, 2).expand(-1, 2, -1) * 2 - 1
        way = torch.randint(0, 2, (64, 1, 1)) * 2.0 - 1
        action = torch.cat((way.expand(-1, 8, -1) * 0.8, state[:, :1, 1:].expand(-1, 8, -1)), -1)
        optimizer.zero_grad()
        policy.loss({STATE: state, "action": action})[0].backward()
        optimizer.step()
    policy.eval()
    for goal in (-0.5, 0.5):
        actions = []
        for seed in range(12):
            policy.reset(seed)
            actions.append(policy.act({STATE: np.array([0.3, goal], np.float32)})[0])
        ways, heights = np.array(actions).T
        assert 2 <= (ways > 0).sum() <= 10
        assert np.median(abs(abs(ways) - 0.8)) < 0.3  # 0.8 for the mean
        assert np.median(abs(heights - goal)) < 0.3


def test_saving_and_loading_changes_nothing(tmp_path: Path) -> None:
    policy = tiny(instruction_width=7).eval()
    policy.normalizer.set_stats(
        {
            key: {"mean": [2.0] * 2, "std": [3.0] * 2, "min": [0.0] * 2, "max": [9.0] * 2}
            for key in (STATE, "action")
        }
    )
    checkpoint.save(policy, tmp_path / "diffusion", {"seed": 3})
    loaded = checkpoint.load(tmp_path / "diffusion")
    assert loaded.config == policy.config
    for each in (policy, loaded):
        each.reset()
    for observation in observations_of(policy, 6):
        assert np.array_equal(policy.act(observation), loaded.act(observation))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"executed": 8}, "executed is 8; it must be from 1 to .*, 7"),
        ({"horizon": 7, "executed": 1}, "horizon is 7; it must be a multiple of 2"),
        ({"inference_steps": 101}, "inference_steps is 101"),
        ({"cameras": 0, "state": 0}, "needs a state or a camera"),
        ({"observation_horizon": 0}, "observation_horizon is 0"),
        ({"unet": ()}, r"unet is \(\)"),
        ({"unet": (8, 12), "groups": 8}, "give multiples of groups, 8"),
        ({"kernel": 4}, "kernel must be odd"),
        ({"step_width": 2}, "step_width is 2; it must be 4 or more"),
        ({"image_shift": 1000}, "image_shift is 1000"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        tiny(**options)
