"""Where the named thing is in an image, as a keypoint.

A spatial softmax averages a heat map to one position (Levine et al. 2016, "End-to-End Training of
Deep Visuomotor Policies", section 5.1: feature points). The heat map is trained with the eyes by
`robo train sight`, on as many rooms as time allows; the short step from position to motion can be
learnt from demonstrations in fewer rooms.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from policies.vision.place_labels import PlaceLabels
from policies.vision.spatial_softmax import coordinates

SAID = 4
"""Numbers in the output for an image."""
_HIDDEN = 128


class Pointing(nn.Module):
    """Features to a heat map, and to a keypoint in it.

    Args:
        channels: Channels of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.map = PlaceLabels(channels, 1, _HIDDEN)
        # Of two similar things the likelier should count, not their midpoint.
        self.sharpness = nn.Parameter(torch.tensor(2.0))

    def heat(self, features: Tensor) -> Tensor:
        """Features [n, channels, h, w] to a heat map of logits [n, H, W] on a finer grid."""
        logits: Tensor = self.map(features)[:, 0]
        return logits

    def forward(self, features: Tensor) -> Tensor:
        """Features [n, channels, h, w] to [n, 4].

        Column and row in [-1, 1], their standard deviation in the same unit, and the confidence
        that it is there at all (logits / 4).
        """
        heat = self.heat(features)
        logits, grid = heat.flatten(1).float(), coordinates(heat)
        weights = (self.sharpness * logits).softmax(1)
        place = weights @ grid
        # The variance is not negative, except for rounding.
        spread = weights @ grid.square().sum(1) - place.square().sum(1)
        sure = (weights * logits).sum(1) / 4
        return torch.cat([place, (spread.clamp_min(0) + 1e-6).sqrt()[:, None], sure[:, None]], 1)


__all__ = ["SAID", "Pointing"]
