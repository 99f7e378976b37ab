"""Adapters train, are saved in PEFT's format, and mean the same once merged."""

from pathlib import Path

import torch

from planners.finetune.lora import LoraLinear, add_adapters, load_adapters, save_adapters
from planners.finetune.training import Encoded, Trainer, TrainingConfig
from planners.language_models.adapter import merge_adapter
from planners.language_models.llama import Llama, LlamaConfig

TINY = LlamaConfig(
    vocabulary=64,
    width=32,
    hidden=48,
    layers=2,
    heads=4,
    key_value_heads=2,
    rope_base=10000.0,
    norm_epsilon=1e-5,
    context=64,
)
BATCH = [
    Encoded([5, 9, 3, 7, 20, 21], [2, 3, 4]),
    Encoded([8, 2, 6, 11, 30, 31, 32, 33], [3, 4, 5, 6]),
]


def network() -> Llama:
    torch.manual_seed(0)
    tiny = Llama(TINY).requires_grad_(False)
    for parameter in tiny.parameters():
        if parameter.dim() == 2:
            parameter.normal_(std=0.15)
    return tiny


def config(first_layer: int = 0) -> TrainingConfig:
    return TrainingConfig(rank=4, alpha=8.0, first_layer=first_layer)


def test_the_loss_of_untrained_adapters_is_that_of_the_network() -> None:
    plain = network()
    tokens = torch.tensor([BATCH[1].tokens])
    logits, _ = plain(tokens, torch.arange(8)[None])
    wanted = torch.nn.functional.cross_entropy(logits[0, 3:7], tokens[0, 4:8])
    loss = Trainer(network(), config()).loss(BATCH[1:])
    assert abs(loss.item() - wanted.item()) < 0.03  # bfloat16


def test_padding_changes_nothing() -> None:
    trainer = Trainer(network(), config())
    alone = [trainer.loss([encoded]).item() * len(encoded.rows) for encoded in BATCH]
    assert abs(trainer.loss(BATCH).item() - sum(alone) / 7) < 0.02


def test_training_lowers_the_loss_and_leaves_the_weights_alone() -> None:
    trainer = Trainer(network(), config())
    before = {name: buffer.clone() for name, buffer in trainer.network.named_buffers()}
    losses = [trainer.step(BATCH, 1e-2) for _ in range(40)]
    assert losses[-1] < 0.3 * losses[0]
    assert all(
        torch.equal(before[name], buffer) for name, buffer in trainer.network.named_buffers()
    )


def test_layers_below_the_first_have_no_adapter() -> None:
    trained = add_adapters(network(), 4, 8.0, first_layer=1)
    assert len(trained) == 2 * 7


def test_saved_adapters_merge_to_the_trained_network(tmp_path: Path) -> None:
    trainer = Trainer(network(), config(first_layer=1))
    for _ in range(20):
        trainer.step(BATCH, 1e-2)
    save_adapters(trainer.network, tmp_path, 4, 8.0)
    merged = network()
    merge_adapter(merged, tmp_path)
    tokens = torch.tensor([BATCH[0].tokens])
    logits, _ = merged(tokens, torch.arange(6)[None])
    wanted = torch.nn.functional.cross_entropy(logits[0, 2:5], tokens[0, 3:6]).item()
    assert abs(trainer.loss(BATCH[:1]).item() - wanted) < 0.03


def test_training_goes_on_from_saved_adapters(tmp_path: Path) -> None:
    trainer = Trainer(network(), config())
    for _ in range(10):
        trainer.step(BATCH, 1e-2)
    save_adapters(trainer.network, tmp_path, 4, 8.0)
    again = Trainer(network(), config())
    load_adapters(again.network, tmp_path)
    assert abs(again.loss(BATCH).item() - trainer.loss(BATCH).item()) < 0.02


def test_a_linear_layer_has_the_gradients_of_its_formula() -> None:
    torch.manual_seed(1)
    layer = LoraLinear(torch.nn.Linear(16, 24, bias=False), 4, 8.0, torch.float32)
    with torch.no_grad():
        layer.lora_b.normal_()
    x = torch.randn(3, 16, requires_grad=True)
    layer(x).square().sum().backward()
    exact = x.detach().clone().requires_grad_()
    a = layer.lora_a.detach().clone().requires_grad_()
    b = layer.lora_b.detach().clone().requires_grad_()
    assert isinstance(layer.weight, torch.Tensor)
    y = exact @ layer.weight.float().T + layer.scale * (exact @ a.T @ b.T)
    y.square().sum().backward()
    for ours, theirs in ((x, exact), (layer.lora_a, a), (layer.lora_b, b)):
        assert ours.grad is not None
        assert theirs.grad is not None
        error = (ours.grad - theirs.grad).norm() / theirs.grad.norm()
        assert error < 0.03


def test_training_goes_on_from_its_state() -> None:
    whole, first, second = (Trainer(network(), config()) for _ in range(3))
    losses = [whole.step(BATCH, 1e-2) for _ in range(6)]
    again = [first.step(BATCH, 1e-2) for _ in range(3)]
    second.restore({name: tensor.clone() for name, tensor in first.state().items()})
    assert losses == again + [second.step(BATCH, 1e-2) for _ in range(3)]
