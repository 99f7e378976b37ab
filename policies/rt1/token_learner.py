"""TokenLearner (arXiv 2106.11297): a few tokens from a feature map, each a learnt weighted mean."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


class TokenLearner(nn.Module):
    """Weights of an MLP at each position, softmax over positions (the paper's version 1.1).

    Args:
        width: Token width.
        tokens: Number of output tokens; 8 in RT-1.
        hidden: Hidden width of the MLP.
    """

    def __init__(self, width: int, tokens: int, hidden: int = 64) -> None:
        super().__init__()
        self.weights = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, tokens)
        )

    def forward(self, grid: Tensor) -> Tensor:
        """Positions [n, p, d] to tokens [n, k, d]."""
        weights = cast(Tensor, self.weights(grid)).softmax(1)
        return weights.transpose(1, 2) @ grid
