"""What is where in an image, as one vector: a linear layer over the whole feature map.

Attention and pooling give a small thing's position a hundredth of their weight at first, and with
few demonstrations and no pretrained features a policy may never find it: it learns from its joints
alone. A linear layer over the whole feature map finds it within a hundred steps.
"""

from torch import Tensor, nn

REDUCED = 32
"""Channels to which the features are reduced first."""


class GridSummary(nn.Module):
    """Feature maps of a fixed size to vectors.

    Args:
        channels: Channels of the features.
        rows, columns: Size of the feature map.
        width: Size of the result.
    """

    def __init__(self, channels: int, rows: int, columns: int, width: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, REDUCED, 1)
        self.out = nn.Linear(REDUCED * rows * columns, width)

    def forward(self, features: Tensor) -> Tensor:
        """Features (b, channels, rows, columns) to (b, width)."""
        result: Tensor = self.out(self.reduce(features).relu().flatten(1))
        return result
