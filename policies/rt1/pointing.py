"""Where in an image the thing is that the words name, as a few numbers.

A heat map whose softmax over places is averaged to one place (Levine et al. 2016, "End-to-End
Training of Deep Visuomotor Policies", section 5.1: feature points). The map is learnt with the eyes
by `robo train sight`, from as many rooms as there is time for; from a place to a motion it is not
far, which demonstrations of fewer rooms can teach.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from policies.vision.place_labels import PlaceLabels
from policies.vision.spatial_softmax import coordinates

SAID = 4
"""Numbers that are said of an image."""
_HIDDEN = 128


class Pointing(nn.Module):
    """Features to a heat map, and to a place in it.

    Args:
        channels: Of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.map = PlaceLabels(channels, 1, _HIDDEN)
        # Of two like things the likelier should count, not their middle.
        self.sharpness = nn.Parameter(torch.tensor(2.0))

    def heat(self, features: Tensor) -> Tensor:
        """Features [n, channels, h, w] to logits [n, H, W] of a finer grid: is it there?"""
        logits: Tensor = self.map(features)[:, 0]
        return logits

    def forward(self, features: Tensor) -> Tensor:
        """Features [n, channels, h, w] to [n, 4].

        Column and row, from -1 to 1, how far around that it may be as well, in the same unit, and
        how sure it is there at all (logits / 4).
        """
        heat = self.heat(features)
        logits, grid = heat.flatten(1).float(), coordinates(heat)
        weights = (self.sharpness * logits).softmax(1)
        place = weights @ grid
        # What remains is not negative, but for rounding.
        spread = weights @ grid.square().sum(1) - place.square().sum(1)
        sure = (weights * logits).sum(1) / 4
        return torch.cat([place, (spread.clamp_min(0) + 1e-6).sqrt()[:, None], sure[:, None]], 1)


__all__ = ["SAID", "Pointing"]
