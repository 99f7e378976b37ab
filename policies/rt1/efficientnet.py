"""EfficientNet-B3 (arXiv 1905.11946) with FiLM behind each block, RT-1's image encoder.

Modules under `features` are named as torchvision's `efficientnet_b3`, so that a file with its
ImageNet weights fits (`load_imagenet`). Sizes are halved rounding down, which makes 9 x 9 of
300 x 300 as in the paper, where padding as usual makes 10 x 10; without stochastic depth.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from policies.errors import CheckpointError
from policies.rt1.film import FiLM

B3 = (
    # expansion, kernel, stride, channels, blocks: B0's table at a width of 1.2 and a depth of 1.4
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
    """Images to a grid of features, conditioned.

    Args:
        condition: Numbers in the condition.

    Attributes:
        channels: Of the features, 1536.
    """

    channels = HEAD

    def __init__(self, condition: int) -> None:
        super().__init__()
        stages: list[nn.Module] = [_conv(3, STEM, 3, 2)]
        films = []
        width = STEM
        for expansion, kernel, stride, channels, blocks in B3:
            stage = []
            for number in range(blocks):
                stage.append(MBConv(width, channels, expansion, kernel, 1 if number else stride))
                films.append(FiLM(condition, channels))
                width = channels
            stages.append(nn.Sequential(*stage))
        stages.append(_conv(width, HEAD, 1))
        self.features = nn.Sequential(*stages)
        self.films = nn.ModuleList(films)

    @staticmethod
    def grid(height: int, width: int) -> tuple[int, int]:
        """Size of the grid for images of this size."""
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

    def load_imagenet(self, path: Path) -> None:
        """Take torchvision's weights of `efficientnet_b3` from a safetensors file.

        Raises:
            CheckpointError: The file is missing, damaged or of another network.
        """
        try:
            tensors = load_file(path)
            found = {
                name.removeprefix("features."): tensor
                for name, tensor in tensors.items()
                if name.startswith("features.")
            }
            self.features.load_state_dict(found)
        except (OSError, SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise CheckpointError(
                f"{path} holds no weights of torchvision's efficientnet_b3 ({reason}); give its "
                "state dict as a safetensors file"
            ) from None


class MBConv(nn.Module):
    """Inverted residual: widen, filter each channel, squeeze-and-excite, narrow."""

    def __init__(self, channels: int, out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = channels * expansion
        self._halves = stride == 2
        self._adds = stride == 1 and channels == out
        self.block = nn.Sequential(
            *([_conv(channels, wide, 1)] if expansion > 1 else []),
            _conv(wide, wide, kernel, stride, groups=wide),
            SqueezeExcitation(wide, max(1, channels // 4)),
            _conv(wide, out, 1, activation=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x [n, channels, h, w] to [n, out, h / stride, w / stride]."""
        y = cast(Tensor, self.block(_even(x) if self._halves else x))
        return x + y if self._adds else y


class SqueezeExcitation(nn.Module):
    """Scales each channel by what the whole image says."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x [n, channels, h, w] to the same shape."""
        squeezed = nn.functional.silu(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.fc2(squeezed))


def _conv(
    channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, activation: bool = True
) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out")
    rest = [nn.SiLU(inplace=True)] if activation else []
    return nn.Sequential(convolution, nn.BatchNorm2d(out), *rest)


def _even(x: Tensor) -> Tensor:
    """Without the last row and column where there is an odd number."""
    height, width = x.shape[2:]
    return x[:, :, : height - height % 2, : width - width % 2]
