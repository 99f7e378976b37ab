"""Feature-wise linear modulation (arXiv 1709.07871): an instruction scales and shifts channels."""

from __future__ import annotations

from torch import Tensor, nn


class FiLM(nn.Module):
    """x (1 + gamma(c)) + beta(c), initially the identity (gamma and beta zero).

    So FiLM does not harm the features of a pretrained network (RT-1, section 5.1).

    Args:
        condition: Width of the condition.
        channels: Channels of the feature maps.
    """

    def __init__(self, condition: int, channels: int) -> None:
        super().__init__()
        self.scale_shift = nn.Linear(condition, 2 * channels)
        nn.init.zeros_(self.scale_shift.weight)
        nn.init.zeros_(self.scale_shift.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Modulate x [n, channels, h, w] by conditions [n, condition]."""
        scale, shift = self.scale_shift(condition)[:, :, None, None].chunk(2, 1)
        result: Tensor = x * (1 + scale) + shift
        return result
