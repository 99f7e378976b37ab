"""EfficientNet-B3 (arXiv 1905.11946) with FiLM after each block, RT-1's image encoder.

Modules under `features` are named as in torchvision's `efficientnet_b3`, so that its ImageNet
weights can be loaded (`load`). Sizes are halved rounding down, so that 300 x 300 becomes 9 x 9 as
in the paper, where the usual padding gives 10 x 10. There is no stochastic depth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self, cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from policies.rt1.film import FiLM
from policies.vision.weights_file import fill, read_weights

B3 = (
    # expansion, kernel, stride, channels, blocks: B0's table, 1.2 times as wide and 1.4 as deep
    (1, 3, 1, 24, 2),
    (6, 3, 2, 32, 3),
    (6, 5, 2, 48, 3),
    (6, 3, 2, 96, 5),
    (6, 5, 1, 136, 5),
    (6, 5, 2, 232, 6),
    (6, 3, 1, 384, 2),
)
STEM, HEAD = 40, 1536


class EfficientNetB3(nn.Module):
    """Images and conditions to feature maps.

    Args:
        condition: Width of the condition.

    Attributes:
        channels: Channels of the feature map, 1536.
    """

    channels = HEAD

    def __init__(self, condition: int) -> None:
        super().__init__()
        stages: list[nn.Module] = [ConvNorm(3, STEM, 3, 2)]
        films = []
        width = STEM
        for expansion, kernel, stride, channels, blocks in B3:
            stage = []
            for number in range(blocks):
                stage.append(MBConv(width, channels, expansion, kernel, 1 if number else stride))
                films.append(FiLM(condition, channels))
                width = channels
            stages.append(nn.Sequential(*stage))
        stages.append(ConvNorm(width, HEAD, 1))
        self.features = nn.Sequential(*stages)
        self.films = nn.ModuleList(films)

    @staticmethod
    def grid(height: int, width: int) -> tuple[int, int]:
        """Size of the feature map for images of this size."""
        return height // 32, width // 32

    def forward(self, images: Tensor, condition: Tensor) -> Tensor:
        """Images [n, 3, h, w] and conditions [n, c] to features [n, 1536, h // 32, w // 32]."""
        stem, *stages, head = self.features
        films = iter(self.films)
        x = stem(_even(images))
        for stage in stages:
            for block in cast(nn.Sequential, stage):
                x = next(films)(block(x), condition)
        return cast(Tensor, head(x))

    def load(self, path: Path) -> None:
        """Load torchvision's ImageNet weights of `efficientnet_b3` from a safetensors file.

        Raises:
            WeightsFileError: The file is missing, damaged or of another network.
        """
        found = {
            name.removeprefix("features."): tensor
            for name, tensor in read_weights(path).items()
            if name.startswith("features.")
        }
        fill(self.features, found, path, "give the state dict of torchvision's efficientnet_b3")


class MBConv(nn.Module):
    """Inverted residual: expand, depthwise convolution, squeeze-and-excitation, project."""

    def __init__(self, channels: int, out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = channels * expansion
        self._halves = stride == 2
        self._adds = stride == 1 and channels == out
        self.block = nn.Sequential(
            *([ConvNorm(channels, wide, 1)] if expansion > 1 else []),
            ConvNorm(wide, wide, kernel, stride, groups=wide),
            SqueezeExcitation(wide, max(1, channels // 4)),
            ConvNorm(wide, out, 1, activation=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x [n, channels, h, w] to [n, out, h / stride, w / stride]."""
        y = cast(Tensor, self.block(_even(x) if self._halves else x))
        return x + y if self._adds else y


class SqueezeExcitation(nn.Module):
    """Scales each channel by a gate computed from the whole image."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x [n, channels, h, w] to the same shape."""
        squeezed = F.silu(self.fc1(F.adaptive_avg_pool2d(x, 1)))
        return x * torch.sigmoid(self.fc2(squeezed))


class ConvNorm(nn.Sequential):
    """A convolution, batch normalisation and, optionally, SiLU."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activation: bool = True,
    ) -> None:
        convolution = nn.Conv2d(
            channels, out, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        nn.init.normal_(convolution.weight, std=(2 * groups / (kernel**2 * out)) ** 0.5)
        rest = [nn.SiLU(inplace=True)] if activation else []
        super().__init__(convolution, nn.BatchNorm2d(out), *rest)

        self._folded: tuple[tuple[int, ...], Tensor, Tensor] | None = None

    def train(self, mode: bool = True) -> Self:
        """As `nn.Module.train`; clears the folded weights."""
        self._folded = None
        return super().train(mode)

    def forward(self, x: Tensor) -> Tensor:
        """x [n, channels, h, w]; in evaluation the normalisation is folded into the convolution."""
        convolution, norm = cast(nn.Conv2d, self[0]), cast(nn.BatchNorm2d, self[1])
        weight: Tensor = convolution.weight
        shift: Tensor | None = None
        if not self.training:
            weight, shift = self._fold()
        if convolution.kernel_size == (1, 1):
            # With channels_last, a matrix product without copies.
            y = F.linear(x.permute(0, 2, 3, 1), weight.flatten(1), shift).permute(0, 3, 1, 2)
        else:
            y = F.conv2d(
                x,
                weight,
                shift,
                convolution.stride,
                convolution.padding,
                (1, 1),
                convolution.groups,
            )
        y = norm(y) if self.training else y
        return cast(Tensor, self[2](y)) if len(self) > 2 else y

    def _fold(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the convolution with its normalisation, cached until they change.

        Caching saves a sixth of the encoder's time for one image.
        """
        norm = cast(nn.BatchNorm2d, self[1])
        weight = cast(nn.Conv2d, self[0]).weight
        mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        parts = (weight, norm.weight, norm.bias, mean, variance)
        key = tuple(number for part in parts for number in (part.data_ptr(), part._version))
        if self._folded is not None and self._folded[0] == key and not torch.is_grad_enabled():
            return self._folded[1:]
        scale = norm.weight * (variance + norm.eps).rsqrt()
        folded = weight * scale[:, None, None, None], norm.bias - mean * scale
        if not torch.is_grad_enabled():
            self._folded = (key, *folded)
        return folded


def _even(x: Tensor) -> Tensor:
    """Crop the last row and column where their number is odd."""
    height, width = x.shape[2:]
    return x[:, :, : height - height % 2, : width - width % 2]
