"""ResNet-18: torchvision's names, its arithmetic, and weights by path."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from policies.vision.augmentation import random_shift, shifted
from policies.vision.resnet import ResNet, load_backbone
from policies.vision.spatial_softmax import SpatialSoftmax
from policies.vision.weights_file import WeightsFileError

NORM = ("weight", "bias", "running_mean", "running_var")


def torchvision_names() -> set[str]:
    """Of torchvision's resnet18, without its classifier and the batch norms' counters."""
    names = {"conv1.weight", *(f"bn1.{part}" for part in NORM)}
    for layer in (1, 2, 3, 4):
        for block in (0, 1):
            for index in (1, 2):
                names.add(f"layer{layer}.{block}.conv{index}.weight")
                names.update(f"layer{layer}.{block}.bn{index}.{part}" for part in NORM)
        if layer > 1:
            names.add(f"layer{layer}.0.downsample.0.weight")
            names.update(f"layer{layer}.0.downsample.1.{part}" for part in NORM)
    return names


def randomise_statistics(backbone: ResNet) -> None:
    for name, buffer in backbone.named_buffers():
        if name.endswith(("weight", "running_var")):
            buffer.uniform_(0.5, 1.5)
        else:
            buffer.uniform_(-0.5, 0.5)


def plain_resnet(weights: dict[str, Tensor], image: Tensor) -> Tensor:
    """Stages 1 and 2 as the paper writes them, nothing folded."""

    def norm(x: Tensor, name: str) -> Tensor:
        parts = [weights[f"{name}.{part}"] for part in NORM]
        return functional.batch_norm(x, parts[2], parts[3], parts[0], parts[1])

    x = functional.conv2d(image, weights["conv1.weight"], stride=2, padding=3)
    x = functional.max_pool2d(functional.relu(norm(x, "bn1")), 3, 2, 1)
    for layer in (1, 2):
        for block in (0, 1):
            name, stride = f"layer{layer}.{block}", 2 if layer == 2 and block == 0 else 1
            y = functional.conv2d(x, weights[f"{name}.conv1.weight"], stride=stride, padding=1)
            y = functional.relu(norm(y, f"{name}.bn1"))
            y = norm(
                functional.conv2d(y, weights[f"{name}.conv2.weight"], padding=1), f"{name}.bn2"
            )
            if stride == 2:
                x = functional.conv2d(x, weights[f"{name}.downsample.0.weight"], stride=2)
                x = norm(x, f"{name}.downsample.1")
            x = functional.relu(x + y)
    return x


def test_names_and_size_are_those_of_torchvision() -> None:
    backbone = ResNet()
    assert set(backbone.state_dict()) == torchvision_names()
    affine = sum(buffer.numel() for buffer in backbone.buffers()) // 2
    assert sum(p.numel() for p in backbone.parameters()) + affine == 11_689_512 - 513_000
    assert set(ResNet(norm="group").state_dict()) == {
        name for name in torchvision_names() if "running" not in name
    }


def test_features_equal_the_unfolded_computation() -> None:
    backbone = ResNet((8, 16))
    randomise_statistics(backbone)
    image = torch.randn(2, 3, 33, 50)
    expected = plain_resnet(backbone.state_dict(), image)
    found = backbone(image)
    assert found.shape == (2, 16, 5, 7)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(backbone(image, backbone.folded()), found)


def test_frozen_statistics_leave_the_kernels_trainable() -> None:
    backbone = ResNet((8, 16))
    randomise_statistics(backbone)
    backbone(torch.randn(1, 3, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in backbone.parameters())
    assert len(list(backbone.parameters())) == sum(
        isinstance(module, nn.Conv2d) for module in backbone.modules()
    )


def test_group_norm_keeps_the_scale_of_random_weights() -> None:
    features = ResNet(norm="group")(torch.randn(1, 3, 64, 64))
    assert features.shape == (1, 512, 2, 2)
    assert 0.1 < features.std() < 10


def test_an_imagenet_file_is_loaded_by_path(tmp_path: Path) -> None:
    source, target = ResNet(), ResNet()
    randomise_statistics(source)
    weights = {**source.state_dict(), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.ones(1)}
    weights |= {"bn1.num_batches_tracked": torch.tensor(7)}
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, tmp_path / "r.st")
    load_backbone(target, tmp_path / "r.st")
    image = torch.randn(1, 3, 32, 32)
    assert torch.equal(source(image), target(image))
    with pytest.raises(WeightsFileError, match=r"layer3.*reads torchvision's file"):
        load_backbone(ResNet((64, 128)), tmp_path / "r.st")


@pytest.mark.parametrize("content", [None, b"\x80\x02}q\x00."])
def test_another_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "r.pth").write_bytes(content)
    with pytest.raises(WeightsFileError, match=r"r\.pth.*safetensors\.torch\.save_file"):
        load_backbone(ResNet((8,)), tmp_path / "r.pth")


def test_spatial_softmax_points_at_what_fires() -> None:
    softmax = SpatialSoftmax(1, 1)
    nn.init.constant_(softmax.detectors.weight, 100)
    maps = torch.zeros(1, 1, 5, 9)
    maps[0, 0, 4, 2] = 1
    torch.testing.assert_close(softmax(maps), torch.tensor([[-0.5, 1.0]]))


def test_a_random_shift_moves_each_image_as_a_whole() -> None:
    torch.manual_seed(0)
    ramp = torch.arange(40.0)[:, None] * 100 + torch.arange(30.0)
    images = ramp[None, :, :, None].repeat(64, 1, 1, 3)
    inner = (random_shift(images, 3) - images)[:, 3:-3, 3:-3]
    offsets = inner[:, 0, 0, 0]
    assert torch.equal(inner, offsets[:, None, None, None].expand_as(inner))
    assert {
        value % 100 if value % 100 < 50 else value % 100 - 100 for value in offsets.tolist()
    } == {*range(-3, 4)}


def test_a_shift_moves_all_images_of_a_sample_and_repeats_the_edge_or_leaves_it() -> None:
    images = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 4, 4, 1).repeat(1, 2, 1, 1, 3)
    moved = shifted(images, [(1, -2)])
    assert torch.equal(moved[0, 0], moved[0, 1])
    assert moved[0, 0, :, :, 0].tolist() == [
        [2, 3, 3, 3],
        [2, 3, 3, 3],
        [6, 7, 7, 7],
        [10, 11, 11, 11],
    ]
    kept = shifted(images, [(1, -2)], repeat_edges=False)
    assert kept[0, 1, :, :, 0].tolist() == [
        [0, 1, 2, 3],
        [2, 3, 6, 7],
        [6, 7, 10, 11],
        [10, 11, 14, 15],
    ]
