"""Actions as tokens: each dimension in one of 256 bins between its bounds (RT-1, section 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ActionTokenizer:
    """Actions to bins and back.

    Bins are evenly spaced with the first at the lower and the last at the upper bound, so that
    both are reached exactly. A categorical dimension (a mode) has one token per integer from its
    lower bound instead.

    Args:
        low: Lower bounds [m].
        high: Upper bounds [m].
        categorical: [m] bool.
        bins: Bins per dimension.
    """

    low: Tensor
    high: Tensor
    categorical: Tensor
    bins: int

    def encode(self, actions: Tensor) -> Tensor:
        """Actions [..., m] to tokens [..., m] int64, clipped to the bounds."""
        inside = actions.clamp(self.low, self.high)
        return ((inside - self.low) / self._steps()).round().long().clamp(0, self.bins - 1)

    def decode(self, tokens: Tensor) -> Tensor:
        """Tokens [..., m] to actions [..., m], within the bounds."""
        return (self.low + tokens * self._steps()).clamp(self.low, self.high)

    def expectation(self, logits: Tensor, medians: Sequence[int] = ()) -> Tensor:
        """Actions [..., m]: the mean over bins, or the likeliest bin of a categorical dimension.

        Args:
            logits: [..., m, bins].
            medians: Dimensions that take the median instead of the mean.
        """
        places = torch.arange(self.bins, device=logits.device, dtype=torch.float32)
        chances = logits.float().softmax(-1)
        mean = chances @ places
        if medians:
            half = chances[..., list(medians), :].cumsum(-1) < 0.5
            mean[..., list(medians)] = half.sum(-1).float().clamp_max(self.bins - 1)
        return self.decode(torch.where(self.categorical, logits.argmax(-1).float(), mean))

    def to_unit(self, actions: Tensor) -> Tensor:
        """Actions [..., m] scaled from their bounds to [-1, 1], as regression targets."""
        span = (self.high - self.low).clamp_min(1e-6)
        return ((actions - self.low) / span * 2 - 1).clamp(-1, 1)

    def from_unit(self, numbers: Tensor) -> Tensor:
        """Numbers [..., m] from [-1, 1] to actions [..., m], categorical ones rounded."""
        actions = (numbers.clamp(-1, 1) + 1) / 2 * (self.high - self.low) + self.low
        return torch.where(self.categorical, actions.round(), actions)

    def outside(self, actions: Tensor) -> Tensor:
        """Mask of actions [..., m] out of bounds by more than rounding error."""
        slack = 1e-4 * (self.high - self.low) + 1e-6
        return (actions < self.low - slack) | (actions > self.high + slack)

    def _steps(self) -> Tensor:
        """Distance between adjacent bins [m]; 1 for constant and categorical dimensions."""
        step = (self.high - self.low) / (self.bins - 1)
        step = torch.where(step > 0, step, torch.ones_like(step))
        return torch.where(self.categorical, torch.ones_like(step), step)
