"""What is where in an image, as one vector: a linear map of all features at their places.

Attention and means over places give a small thing's place a hundredth of their weight at first, and
with few demonstrations and no pretrained features a policy may never find it: it learns from its
joints alone. A linear map of the whole grid finds it within a hundred steps.
"""

from torch import Tensor, nn

REDUCED = 32
"""Channels that are left of the features."""


class GridSummary(nn.Module):
    """Features of one size to vectors.

    Args:
        channels: Of the features.
        rows, columns: Of the grid.
        width: Numbers in the result.
    """

    def __init__(self, channels: int, rows: int, columns: int, width: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, REDUCED, 1)
        self.out = nn.Linear(REDUCED * rows * columns, width)

    def forward(self, features: Tensor) -> Tensor:
        """Features (b, channels, rows, columns) to (b, width)."""
        result: Tensor = self.out(self.reduce(features).relu().flatten(1))
        return result
