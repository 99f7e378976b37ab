"""ACT: sizes, masks, the latent, learning, acting, saving."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from policies import checkpoint
from policies.act.act import ACT, ACTConfig
from policies.act.transformer import Attention, sine_positions, sine_positions_2d
from policies.base import Batch
from policies.errors import PolicyError

STATE, TOP, WRIST = "observation.state", "observation.images.top", "observation.images.wrist"
TINY: dict[str, Any] = {
    "chunk": 6,
    "width": 32,
    "heads": 4,
    "feedforward": 64,
    "encoder_layers": 1,
    "vae_layers": 2,
    "latent": 4,
    "dropout": 0.0,
    "backbone": (8, 16),
    "backbone_norm": "group",
}


def tiny(cameras: int = 1, state: int = 3, **overrides: Any) -> ACT:
    torch.manual_seed(0)
    inputs: dict[str, tuple[int, ...]] = {STATE: (state,)} if state else {}
    inputs |= dict.fromkeys((TOP, WRIST)[:cameras], (32, 40, 3))
    return ACT(ACTConfig.for_dataset(inputs, 2, **{**TINY, **overrides}))


def batch_for(policy: ACT, size: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(1)
    batch: Batch = {}
    for key, shape in policy.config.inputs.items():
        shape = (size, 1, *shape)
        if len(shape) == 5:
            batch[key] = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
        else:
            batch[key] = torch.randn(shape, generator=generator)
    chunk = policy.config.chunk
    batch["action"] = torch.randn(size, chunk, policy.config.action_size, generator=generator)
    real = torch.arange(size)[:, None] % chunk + 1
    batch["action_is_pad"] = torch.arange(chunk) >= real
    if policy.config.instruction_width:
        width = policy.config.instruction_width
        batch["instruction"] = torch.randn(size, 5, width, generator=generator)
        batch["instruction_is_pad"] = torch.arange(5).expand(size, -1) >= 3
    return batch


def observation_of(batch: Batch, index: int = 0) -> dict[str, np.ndarray]:
    found = {key: batch[key][index, -1].numpy() for key in batch if key.startswith("observation")}
    if "instruction" in batch:
        found["instruction"] = batch["instruction"][index, :3].numpy()
    return found


def parameters(policy: ACT) -> int:
    return sum(p.numel() for p in policy.parameters())


def test_one_camera_has_the_51_6_million_parameters_of_public_implementations() -> None:
    with torch.device("meta"):
        one = ACTConfig.for_dataset({STATE: (14,), TOP: (480, 640, 3)}, 14, "full")
        cameras = {f"observation.images.{index}": (480, 640, 3) for index in range(4)}
        four = ACTConfig.for_dataset({STATE: (14,), **cameras}, 14, "full", decoder_layers=7)
        assert parameters(ACT(one)) == 51_613_582
        assert parameters(ACT(four)) // 10**6 == 83


def test_windows_ask_for_now_and_the_chunk() -> None:
    assert tiny().windows() == {STATE: range(1), TOP: range(1), "action": range(6)}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cameras": 2, "decoder_layers": 2},
        {"cameras": 0},
        {"state": 0},
        {"chunk": 1},
        {"vae": False},
        {"instruction_width": 7},
        {"backbone_norm": "frozen_batch", "dropout": 0.1, "image_shift": 2},
        {"pre_norm": True, "decoder_layers": 2},
        {"summary": True, "positions": "tokens", "pre_norm": True, "cameras": 2},
    ],
)
def test_every_variant_trains_and_acts(options: dict[str, Any]) -> None:
    policy = tiny(**options)
    batch = batch_for(policy)
    loss, parts = policy.train().loss(batch)
    loss.backward()
    assert loss.shape == ()
    assert all(not value.requires_grad for value in parts.values())
    idle = {name for name, p in policy.named_parameters() if p.grad is None}
    # The first decoder layer's queries are zeros, see `DecoderLayer`.
    assert idle <= {f"decoder.0.self_attention{part}" for part in UNREAD}
    policy.eval().reset()
    action = policy.act(observation_of(batch))
    assert action.shape == (1, 2)
    assert action.dtype == np.float32


UNREAD = (
    *(".query.weight", ".query.bias", ".key.weight", ".key.bias"),
    *("_norm.weight", "_norm.bias"),
)


def test_cameras_of_different_sizes_work_together() -> None:
    inputs = {STATE: (3,), TOP: (32, 40, 3), WRIST: (48, 32, 3)}
    policy = ACT(ACTConfig.for_dataset(inputs, 2, **TINY))
    loss, _ = policy.loss(batch_for(policy))
    assert torch.isfinite(loss)


def test_without_ensembling_the_first_actions_of_a_chunk_are_carried_out() -> None:
    policy = tiny(ensemble_decay=None, executed=4).eval()
    observation = observation_of(batch_for(policy))
    policy.reset()
    assert policy.act(observation).shape == (4, 2)
    whole = tiny(ensemble_decay=None).eval()
    assert whole.act(observation).shape == (6, 2)
    np.testing.assert_array_equal(whole.act(observation)[:4], policy.act(observation))


def test_padded_actions_have_no_influence() -> None:
    policy = tiny().train()
    batch = batch_for(policy)
    other = dict(batch)
    other["action"] = torch.where(
        batch["action_is_pad"][..., None], torch.full((), 1e3), batch["action"]
    )
    results = []
    for data in (batch, other):
        policy.zero_grad()
        torch.manual_seed(3)
        loss, parts = policy.loss(data)
        loss.backward()
        results.append((loss, parts["kl"], policy.vae_action_input.weight.grad.clone()))
    for before, after in zip(*results, strict=True):
        torch.testing.assert_close(before, after, rtol=0, atol=0)
    other["action"] = batch["action"] + 1e3
    assert policy.loss(other)[0] > loss + 1


def test_padded_tokens_of_an_instruction_have_no_influence() -> None:
    policy = tiny(instruction_width=7).eval()
    batch = batch_for(policy)
    loss, _ = policy.loss(batch)
    batch["instruction"] = batch["instruction"].clone()
    batch["instruction"][batch["instruction_is_pad"]] = 9
    assert torch.equal(policy.loss(batch)[0], loss)
    batch["instruction"][:, 0] = 9
    assert not torch.equal(policy.loss(batch)[0], loss)


def test_real_actions_weigh_the_same_in_every_batch() -> None:
    policy = tiny(vae=False).eval()
    batch = batch_for(policy)
    whole, _ = policy.loss(batch)
    halves = [policy.loss({k: v[part] for k, v in batch.items()})[0] for part in HALVES]
    torch.testing.assert_close((halves[0] + halves[1]) / 2, whole)


HALVES = (slice(0, 2), slice(2, 4))


def test_the_kl_is_that_of_the_posterior_to_a_standard_normal() -> None:
    policy = tiny().eval()
    batch = batch_for(policy)
    mean, log_variance = policy.posterior(
        batch[STATE][:, 0], batch["action"], batch["action_is_pad"]
    ).chunk(2, -1)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(posterior, prior).sum(-1).mean()
    total, parts = policy.loss(batch)
    torch.testing.assert_close(parts["kl"], expected)
    torch.testing.assert_close(total, parts["l1"] + 10 * parts["kl"])


def test_acting_uses_the_latent_zero_and_is_deterministic() -> None:
    policy = tiny(ensemble_decay=None).eval()
    batch = batch_for(policy)
    policy.reset()
    first = policy.act(observation_of(batch))
    assert np.array_equal(first, policy.act(observation_of(batch)))
    state = batch[STATE][:1, 0]
    tokens, positions = policy.observe({key: v[:1] for key, v in batch.items()}, state)
    expected = policy.decode(torch.zeros(1, 4), tokens, positions)[0]
    np.testing.assert_allclose(first, expected.detach().numpy(), rtol=1e-4, atol=1e-5)
    other = policy.decode(torch.ones(1, 4), tokens, positions)[0]
    assert not torch.allclose(expected, other)
    torch.nn.init.normal_(policy.vae_output.weight)
    policy.reset()
    assert np.array_equal(first, policy.act(observation_of(batch)))


def test_training_samples_the_latent_and_validation_does_not() -> None:
    policy = tiny()
    batch = batch_for(policy)
    assert policy.train().loss(batch)[0] != policy.loss(batch)[0]
    assert policy.eval().loss(batch)[0] == policy.loss(batch)[0]
    assert "l1_acting" in policy.loss(batch)[1]


def test_the_first_decoder_layer_equals_full_self_attention() -> None:
    policy = tiny(ensemble_decay=None).eval()
    layer = policy.decoder[0]
    for linear in (layer.self_attention.value, layer.self_attention.output):
        torch.nn.init.normal_(linear.bias)
    queries, memory = policy.queries.weight, torch.randn(2, 9, 32)
    short = layer(None, queries, memory, memory)
    long = layer(torch.zeros(2, 6, 32), queries, memory, memory)
    torch.testing.assert_close(short, long)


def test_attention_equals_the_written_out_formula() -> None:
    attention = Attention(8, 2, 0.0)
    x, y = torch.randn(3, 4, 8), torch.randn(3, 5, 8)
    ignored = torch.tensor([False, False, True, False, True]).expand(3, -1)
    q, k, v = (
        linear(t).view(3, -1, 2, 4).transpose(1, 2)
        for linear, t in ((attention.query, x), (attention.key, y), (attention.value, y))
    )
    scores = (q @ k.mT / 2).masked_fill(ignored[:, None, None], float("-inf"))
    expected = attention.output((scores.softmax(-1) @ v).transpose(1, 2).reshape(3, 4, 8))
    torch.testing.assert_close(attention(x, y, y, ignored), expected)


def test_positions_tell_every_place_apart() -> None:
    for positions in (sine_positions(100, 32), sine_positions_2d(15, 20, 32)):
        assert torch.pdist(positions).min() > 0.1
        assert positions.abs().max() <= 1


def task_batch(size: int, generator: np.random.Generator) -> Batch:
    """A bright square is on the left or the right; the arm moves there from where it is."""
    side = generator.integers(0, 2, size)
    images = generator.integers(0, 60, (size, 1, 32, 40, 3), dtype=np.uint8)
    for image, where in zip(images[:, 0], side, strict=True):
        column = 4 + 20 * where
        image[10:22, column : column + 12] = 230
    state = generator.uniform(-1, 1, (size, 1, 2))
    goal = np.stack((2.0 * side - 1, np.zeros(size)), -1)[:, None]
    share = (np.arange(1, 7) / 6)[:, None]
    return {
        STATE: torch.from_numpy(state).float(),
        TOP: torch.from_numpy(images),
        "action": torch.from_numpy(state + (goal - state) * share).float(),
        "action_is_pad": torch.zeros(size, 6, dtype=torch.bool),
    }


def test_it_learns_a_small_task_and_then_acts_right() -> None:
    policy = tiny(state=2, kl_weight=1.0).train()
    generator = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(policy.optimizer_groups(2e-3))
    for step in range(120):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 10) * (1 - step / 120)
        optimizer.zero_grad()
        policy.loss(task_batch(24, generator))[0].backward()
        optimizer.step()
    policy.eval()
    test = task_batch(16, generator)
    errors = []
    for index in range(16):
        policy.reset()
        action = policy.act(observation_of(test, index))[0]
        errors.append(np.abs(action - test["action"][index, 0].numpy()).max())
    assert max(errors) < 0.25
    _, parts = policy.loss(test)
    assert parts["l1_acting"] < 0.15


def test_saving_and_loading_changes_nothing(tmp_path: Path) -> None:
    policy = tiny(backbone_norm="frozen_batch", instruction_width=7).eval()
    policy.normalizer.set_stats(
        {
            key: {"mean": [2.0] * n, "std": [3.0] * n, "min": [0.0] * n, "max": [9.0] * n}
            for key, n in ((STATE, 3), ("action", 2))
        }
    )
    observation = observation_of(batch_for(policy))
    checkpoint.save(policy, tmp_path / "act", {"seed": 3})
    loaded = checkpoint.load(tmp_path / "act")
    assert loaded.config == policy.config
    for each in (policy, loaded):
        each.reset()
    for _ in range(3):
        assert np.array_equal(policy.act(observation), loaded.act(observation))


def test_new_weights_act_from_the_next_episode_on() -> None:
    policy = tiny(backbone_norm="frozen_batch", ensemble_decay=None).eval()
    observation = observation_of(batch_for(policy))
    policy.reset()
    before = policy.act(observation)
    with torch.no_grad():
        for parameter in policy.backbone.parameters():
            parameter.mul_(0.5)
    policy.reset()
    after = policy.act(observation)
    assert not np.allclose(before, after)
    assert np.array_equal(after, policy.act(observation))


def test_the_backbone_has_a_learning_rate_of_its_own() -> None:
    policy = tiny(backbone_rate=0.1)
    rest, backbone = policy.optimizer_groups(1e-4)
    assert (rest["lr"], backbone["lr"]) == (1e-4, pytest.approx(1e-5))
    assert len(rest["params"]) + len(backbone["params"]) == len(list(policy.parameters()))
    assert {id(p) for p in backbone["params"]} == {id(p) for p in policy.backbone.parameters()}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"executed": 7}, "executed is 7; it must be from 1 to the chunk, 6"),
        ({"width": 20}, "width is 20; it must be a multiple of"),
        ({"dropout": 1.0}, "dropout is 1.0; it must be 0 or more and below 1"),
        ({"cameras": 0, "state": 0}, "needs a state or a camera"),
        ({"chunk": -1}, "chunk is -1; it must be 1 or more"),
        ({"heads": 0}, "heads is 0"),
        ({"width": -16}, "width is -16"),
        ({"kl_weight": float("inf")}, "kl_weight is inf"),
        ({"backbone": ()}, r"backbone is \(\)"),
        (
            {"backbone": (50,), "backbone_norm": "group"},
            r"backbone is \(50,\); give multiples of 16",
        ),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        tiny(**options)


def test_a_small_preset_is_small() -> None:
    config = ACTConfig.for_dataset({STATE: (14,), TOP: (480, 640, 3)}, 14, "small")
    assert config.inputs[TOP] == (96, 128, 3)
    assert 1e6 < parameters(ACT(config)) < 6e6
    assert ACTConfig.from_json(config.to_json()) == config
