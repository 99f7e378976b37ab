"""What makes ACT's step cheaper on CPUs changes no result."""

import pytest
import torch
from torch.nn import functional

from policies import dropout
from policies.act.transformer import Attention, DecoderLayer
from policies.dropout import Dropout
from policies.normalization import IMAGENET_MEAN, IMAGENET_STD, Normalizer
from policies.vision import winograd
from policies.vision.resnet import ResNet


@pytest.mark.parametrize("size", [(16, 16), (17, 23)])
def test_convolutions_and_their_gradients_equal_the_direct_ones(size: tuple[int, int]) -> None:
    image = torch.randn(2, 5, *size, requires_grad=True)
    weight = torch.randn(7, 5, 3, 3, requires_grad=True)
    bias = torch.randn(7)
    expected = functional.conv2d(image, weight, bias, padding=1)
    found = winograd.convolve(image, weight, bias)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        mapped = winograd.with_mapped(image, winograd.mapped_kernel(weight), bias)
    torch.testing.assert_close(mapped, found)
    gradient = torch.randn_like(expected)
    for mine, direct in zip(
        torch.autograd.grad(found, (image, weight), gradient),
        torch.autograd.grad(expected, (image, weight), gradient),
        strict=True,
    ):
        torch.testing.assert_close(mine, direct, rtol=1e-4, atol=1e-3)


def test_a_wide_backbone_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = ResNet((8, winograd.MIN_CHANNELS))
    for name, buffer in backbone.named_buffers():
        if name.endswith("bias"):
            buffer.uniform_(-0.5, 0.5)
    images = torch.randn(2, 3, 136, 144)
    calls = []
    convolve = winograd.convolve
    monkeypatch.setattr(winograd, "convolve", lambda *args: calls.append(1) or convolve(*args))

    def learnt() -> list[torch.Tensor]:
        features = backbone(images)
        gradients = torch.autograd.grad(features.square().mean(), list(backbone.parameters()))
        with torch.no_grad():
            return [features.detach(), backbone(images, backbone.folded()), *gradients]

    found = learnt()
    assert len(calls) == 3
    monkeypatch.setattr(winograd, "MIN_CHANNELS", 1000)
    for mine, direct in zip(found, learnt(), strict=True):
        assert (mine - direct).norm() < 1e-4 * direct.norm()
    assert len(calls) == 3


@pytest.mark.parametrize("pre_norm", [False, True])
def test_queries_of_zeros_need_no_self_attention(pre_norm: bool) -> None:
    layer = DecoderLayer(8, 2, 16, 0.0, pre_norm)
    layer.self_attention_norm.bias.data.uniform_(-1, 1)
    positions, memory, keys = torch.randn(5, 8), torch.randn(3, 4, 8), torch.randn(3, 4, 8)
    general = layer(torch.zeros(3, 5, 8), positions, memory, keys)
    torch.testing.assert_close(layer(None, positions, memory, keys), general)


def test_dropout_keeps_the_mean_and_its_gradient_is_its_noise() -> None:
    torch.manual_seed(0)
    layer, values = Dropout(0.3), torch.ones(301, 997, requires_grad=True)
    result = layer(values)
    (gradient,) = torch.autograd.grad(result.sum(), values)
    assert torch.equal(result, gradient)
    assert abs(float((result == 0).float().mean()) - 0.3) < 5e-3
    assert abs(float(result.detach().mean()) - 1) < 5e-3
    assert len(result.detach().unique()) == 2
    torch.manual_seed(0)
    assert torch.equal(layer(values), result)
    assert not torch.equal(layer(values), result)
    assert layer.eval()(values) is values


def test_attention_in_training_is_that_of_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    attention = Attention(32, 4, 0.1)
    queries, keys, values = torch.randn(2, 6, 32), torch.randn(2, 9, 32), torch.randn(2, 9, 32)
    ignored = torch.zeros(2, 9, dtype=torch.bool)
    ignored[1, 4:] = True
    expected = attention.eval()(queries, keys, values, ignored)
    attention.train()
    assert not torch.allclose(attention(queries, keys, values, ignored), expected)
    monkeypatch.setattr(dropout, "_noise", lambda like, rate: torch.ones_like(like))
    torch.testing.assert_close(attention(queries, keys, values, ignored), expected)


def test_images_are_normalised_as_the_formula_says() -> None:
    images = torch.randint(0, 256, (2, 1, 5, 7, 3), dtype=torch.uint8)
    found = Normalizer({"image": (5, 7, 3)}).normalize("image", images)
    expected = images.float() / 255 - torch.tensor(IMAGENET_MEAN)
    assert torch.equal(found, expected / torch.tensor(IMAGENET_STD))
