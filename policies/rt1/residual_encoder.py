"""Three residual blocks with FiLM: the image encoder that trains on two CPU cores.

Dense convolutions in few, wide layers keep a CPU's matrix units busy, unlike an EfficientNet's many
thin ones: at 96 x 96 this trains on twice as many frames per second. Group normalisation needs no
running averages, so training and inference are the same computation.
"""

from __future__ import annotations

from torch import Tensor, nn

from policies.rt1.film import FiLM

GROUP = 16
"""Channels per group of the normalisation."""


class ResidualEncoder(nn.Module):
    """Images and conditions to feature maps.

    Args:
        condition: Width of the condition.
        widths: Channels after the stem and after each block, multiples of 16.
        strides: Strides of the blocks; the stem's is 4.

    Attributes:
        channels: Channels of the feature map.
    """

    def __init__(self, condition: int, widths: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = widths[-1]
        self._strides = strides
        self.stem = nn.Conv2d(3, widths[0], 8, 4, 2, bias=False)
        self.norm = nn.GroupNorm(widths[0] // GROUP, widths[0])
        self.blocks = nn.ModuleList(
            FiLMBlock(condition, channels, out, stride)
            for channels, out, stride in zip(widths, widths[1:], strides, strict=False)
        )

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Size of the feature map for images of this size."""
        height, width = height // 4, width // 4
        for stride in self._strides:
            height, width = -(-height // stride), -(-width // stride)
        return height, width

    def forward(self, images: Tensor, condition: Tensor) -> Tensor:
        """Images [n, 3, h, w] and conditions [n, c] to features [n, channels, *grid]."""
        x = nn.functional.relu(self.norm(self.stem(images)))
        for block in self.blocks:
            x = block(x, condition)
        return x


class FiLMBlock(nn.Module):
    """Two convolutions and FiLM, with a residual connection."""

    def __init__(self, condition: int, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.norm1 = nn.GroupNorm(out // GROUP, out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norm2 = nn.GroupNorm(out // GROUP, out)
        self.film = FiLM(condition, out)
        self.skip = (
            nn.Identity()
            if stride == 1 and channels == out
            else nn.Conv2d(channels, out, 1, stride, bias=False)
        )

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x [n, channels, h, w] to [n, out, h / stride, w / stride]."""
        y = nn.functional.relu(self.norm1(self.conv1(x)))
        y = self.film(self.norm2(self.conv2(y)), condition)
        return nn.functional.relu(y + self.skip(x))
