"""Dropout with cheap random numbers on CPUs.

Bernoulli noise takes 15 ns per element there, a tenth of ACT's training step. Here one 64-bit draw
decides four elements, 16 bits each: the rate is exact to 1 / 65536, and kept elements are scaled by
the rate as rounded, so that the mean is exact.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 1 << 16


class Dropout(nn.Module):
    """As `nn.Dropout`.

    Args:
        rate: Share of elements set to zero in training.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, values: Tensor) -> Tensor:
        """Any shape to the same shape."""
        if not self.training or self.rate == 0:
            return values
        if values.device.type != "cpu":
            return functional.dropout(values, self.rate)
        return values * _noise(values, self.rate)


def _noise(like: Tensor, rate: float) -> Tensor:
    """0 with probability `rate`, else the scale that makes the mean 1; from torch's generator."""
    count = like.numel()
    dropped = round(rate * _LEVELS)
    bits = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
    kept = bits.view(torch.int16)[:count] >= dropped - _LEVELS // 2
    noise = torch.empty(count, dtype=like.dtype)
    torch.mul(kept, _LEVELS / max(1, _LEVELS - dropped), out=noise)
    return noise.view(like.shape)
