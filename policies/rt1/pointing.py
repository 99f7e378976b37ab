"""Where in an image the thing is that the words name, as a few numbers.

A heat map whose softmax over places is averaged to one place (Levine et al. 2016, "End-to-End
Training of Deep Visuomotor Policies", section 4.2: feature points). The map is learnt with the eyes
by `robo train sight`, from as many rooms as there is time for; from a place to a motion it is not
far, which demonstrations of fewer rooms can teach.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from policies.vision.place_labels import PlaceLabels

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
        logits = self.heat(features).float()
        weights = (self.sharpness * logits).flatten(1).softmax(1).view_as(logits)
        rows, columns = (
            torch.linspace(-1, 1, size, device=logits.device) for size in logits.shape[1:]
        )
        across, down = weights.sum(1), weights.sum(2)
        x, y = across @ columns, down @ rows
        # What remains is not negative, but for rounding.
        spread = across @ columns.square() + down @ rows.square() - x.square() - y.square()
        sure = (weights * logits).sum((1, 2)) / 4
        return torch.stack([x, y, (spread.clamp_min(0) + 1e-6).sqrt(), sure], 1)


__all__ = ["SAID", "Pointing"]
