"""ResNet (He et al. 2016, arXiv 1512.03385, table 1) with torchvision's parameter names.

Two kinds of normalisation:

- `frozen_batch`: batch norm whose statistics and scale never change, as DETR and ACT use with
  ImageNet weights. It is a fixed affine map, so it is folded into the preceding convolution, in
  training too, which saves a pass over the features. On CPUs, wide 3x3 convolutions then use
  `policies.vision.winograd`.
- `group`: group norm, 16 channels per group, as in Diffusion Policy and for any training from
  random weights, where frozen statistics would normalise nothing.
"""

from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from policies.errors import PolicyError
from policies.vision import winograd
from policies.vision.weights_file import fill, read_weights

Norm = Literal["frozen_batch", "group"]

RESNET18_WIDTHS: Final = (64, 128, 256, 512)
GROUP_CHANNELS: Final = 16
NORM_EPSILON: Final = 1e-5


class FrozenBatchNorm(nn.Module):
    """Batch norm with fixed statistics and a fixed affine map; all four are buffers."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """The scale and shift, each (channels,), of the same map as `x * scale + shift`."""
        scale = self.weight * torch.rsqrt(self.running_var + NORM_EPSILON)
        return scale, self.bias - self.running_mean * scale


def _norm(kind: Norm, channels: int) -> nn.Module:
    if kind == "frozen_batch":
        return FrozenBatchNorm(channels)
    return nn.GroupNorm(max(1, channels // GROUP_CHANNELS), channels, eps=NORM_EPSILON)


def check_widths(widths: tuple[int, ...], norm: Norm) -> None:
    """Check that the norm can divide each stage's channels into groups.

    Raises:
        PolicyError: It cannot.
    """
    if norm == "group" and any(n % max(1, n // GROUP_CHANNELS) for n in widths):
        raise PolicyError(f"backbone is {widths}; give multiples of {GROUP_CHANNELS}")


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


class Kernel(NamedTuple):
    """A convolution with the batch norm after it folded in."""

    weight: Tensor
    bias: Tensor
    mapped: Tensor | None = None
    """`winograd.mapped_kernel` of the weight, where it may be of use."""


Kernels = dict[nn.Conv2d, Kernel]


def _fold(convolution: nn.Conv2d, norm: FrozenBatchNorm) -> Kernel:
    scale, shift = norm.scale_and_shift()
    return Kernel(convolution.weight * scale[:, None, None, None], shift)


def _normalised(
    image: Tensor, convolution: nn.Conv2d, norm: nn.Module, kernels: Kernels | None
) -> Tensor:
    """`norm(convolution(image))`."""
    if not isinstance(norm, FrozenBatchNorm):
        result: Tensor = norm(convolution(image))
        return result
    weight, bias, mapped = kernels[convolution] if kernels else _fold(convolution, norm)
    if _is_plain(convolution) and winograd.pays(image, weight):
        if mapped is not None:
            return winograd.with_mapped(image, mapped, bias)
        return winograd.convolve(image, weight, bias)
    return functional.conv2d(image, weight, bias, convolution.stride, convolution.padding)


def _is_plain(convolution: nn.Conv2d) -> bool:
    """Whether `winograd` supports it: 3x3 with stride 1."""
    return convolution.kernel_size == (3, 3) and convolution.stride == (1, 1)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, outputs, 3, stride)
        self.bn1 = _norm(norm, outputs)
        self.conv2 = _convolution(outputs, outputs, 3, 1)
        self.bn2 = _norm(norm, outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                _convolution(inputs, outputs, 1, stride), _norm(norm, outputs)
            )

    def pairs(self) -> list[tuple[nn.Conv2d, nn.Module]]:
        """Each convolution and the norm after it; the shortcut's last, if there is one."""
        pairs = [(self.conv1, self.bn1), (self.conv2, self.bn2)]
        if self.downsample is not None:
            convolution, norm = self.downsample
            pairs.append((cast(nn.Conv2d, convolution), norm))
        return pairs

    def forward(self, image: Tensor, kernels: Kernels | None = None) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        first, second, *shortcut = self.pairs()
        beside = _normalised(image, *shortcut[0], kernels) if shortcut else image
        hidden = _normalised(image, *first, kernels).relu_()
        return _normalised(hidden, *second, kernels).add_(beside).relu_()


class ResNet(nn.Module):
    """A ResNet of basic blocks, two per stage, without its classifier.

    Args:
        widths: Channels of each stage. `RESNET18_WIDTHS` is ResNet-18; each stage after the first
            halves the resolution, so (32, 64, 128) has a stride of 16.
        norm: See the module.
    """

    def __init__(
        self, widths: tuple[int, ...] = RESNET18_WIDTHS, norm: Norm = "frozen_batch"
    ) -> None:
        super().__init__()
        self.channels = widths[-1]
        self.stride = 2 ** (len(widths) + 1)
        self.conv1 = _convolution(3, widths[0], 7, 2)
        self.bn1 = _norm(norm, widths[0])
        self.stages = len(widths)
        inputs = widths[0]
        for index, width in enumerate(widths):
            stride = 1 if index == 0 else 2
            self.add_module(
                f"layer{index + 1}",
                nn.Sequential(
                    BasicBlock(inputs, width, stride, norm), BasicBlock(width, width, 1, norm)
                ),
            )
            inputs = width
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                module.weight.data = module.weight.data.contiguous(
                    memory_format=torch.channels_last
                )

    def blocks(self) -> list[BasicBlock]:
        """The blocks of all stages, in order."""
        stages = [self.get_submodule(f"layer{index + 1}") for index in range(self.stages)]
        return [cast(BasicBlock, block) for stage in stages for block in stage.children()]

    def forward(self, images: Tensor, kernels: Kernels | None = None) -> Tensor:
        """Encode.

        Args:
            images: (n, 3, h, w), normalised.
            kernels: From `folded`, to save folding at every call.

        Returns:
            (n, channels, h / stride, w / stride), rounded up.
        """
        images = images.contiguous(memory_format=torch.channels_last)
        hidden = _normalised(images, self.conv1, self.bn1, kernels)
        # ReLU commutes with the maximum, and after pooling it has a quarter of the values.
        hidden = functional.max_pool2d(hidden, 3, 2, 1).relu_()
        for block in self.blocks():
            hidden = block(hidden, kernels)
        return hidden

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the feature map for images of this size."""
        return -(-height // self.stride), -(-width // self.stride)

    @torch.no_grad()
    def folded(self) -> Kernels | None:
        """Kernels with the frozen norms folded in, valid until the weights change."""
        pairs = [(self.conv1, self.bn1), *(pair for b in self.blocks() for pair in b.pairs())]
        kernels = {
            convolution: _fold(convolution, norm)
            for convolution, norm in pairs
            if isinstance(norm, FrozenBatchNorm)
        }
        for convolution, kernel in kernels.items():
            if _is_plain(convolution) and winograd.has_channels(kernel.weight):
                mapped = winograd.mapped_kernel(kernel.weight)
                kernels[convolution] = kernel._replace(mapped=mapped)
        return kernels or None


def load_backbone(backbone: ResNet, path: Path) -> None:
    """Load weights with torchvision's names, such as ImageNet's ResNet-18, into a backbone.

    The classifier (`fc.*`) and the batch norms' `num_batches_tracked` are ignored. Only
    safetensors files are read: a `.pth` file is a pickle, which this project never loads. An
    ImageNet ResNet-18 with these names exists as safetensors (timm's `resnet18.tv_in1k`);
    torchvision's own file, if you trust it, is converted once with
    `safetensors.torch.save_file(torchvision.models.resnet18(weights="DEFAULT").state_dict(), …)`.

    Raises:
        WeightsFileError: It is not a safetensors file, or not of this backbone.
    """
    found = {
        name: tensor
        for name, tensor in read_weights(path).items()
        if not name.startswith("fc.") and not name.endswith("num_batches_tracked")
    }
    if isinstance(backbone.bn1, nn.GroupNorm):
        found = {name: tensor for name, tensor in found.items() if "running_" not in name}
    fill(
        backbone,
        found,
        path,
        "a ResNet-18 of widths (64, 128, 256, 512) reads torchvision's file",
    )
