"""Spatial softmax (Levine et al. 2016, arXiv 1504.00702, section 5.1)."""

import torch
from torch import Tensor, nn


class SpatialSoftmax(nn.Module):
    """Feature maps to keypoints: where, on average, each learnt detector fires.

    Args:
        channels: Channels of the feature maps.
        points: Number of detectors, a 1x1 convolution of the maps.
    """

    def __init__(self, channels: int, points: int) -> None:
        super().__init__()
        self.detectors = nn.Conv2d(channels, points, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """(n, channels, h, w) to (n, 2 · points): x and y of each keypoint, in [-1, 1]."""
        heat = torch.softmax(self.detectors(maps).flatten(2).float(), -1)
        return (heat @ coordinates(maps)).flatten(1)


def coordinates(maps: Tensor) -> Tensor:
    """x and y of each position in maps (..., h, w), row by row, in [-1, 1]: (h · w, 2)."""
    height, width = maps.shape[-2:]
    y, x = (torch.linspace(-1, 1, size, device=maps.device) for size in (height, width))
    return torch.stack((x.repeat(height), y.repeat_interleave(width)), -1)
