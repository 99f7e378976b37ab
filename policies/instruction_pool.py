"""Pooling of an instruction's token features to one vector, trained with the policy."""

import torch
from torch import Tensor, nn


class InstructionPool(nn.Module):
    """A two-layer projection of each token, then attention with one learnt query per head.

    Whatever the features, what matters to the policy ("open" versus "close") may be a small part of
    them; projecting every token before pooling can amplify it, averaging cannot.

    Args:
        inputs: Width of the token features.
        width: Size of the result.
        heads: Parts of the result with attention weights of their own.
    """

    def __init__(self, inputs: int, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Sequential(
            nn.LayerNorm(inputs), nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, width)
        )
        self.score = nn.Linear(width, heads)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor, ignored: Tensor | None = None) -> Tensor:
        """Pool.

        Args:
            features: (b, l, inputs).
            ignored: (b, l) bool, padding.

        Returns:
            (b, width).
        """
        tokens = self.project(features)
        scores = self.score(tokens)
        if ignored is not None:
            scores = scores.masked_fill(ignored[..., None], float("-inf"))
        weights = torch.softmax(scores, 1)
        pooled = torch.einsum("blh,blhw->bhw", weights, tokens.unflatten(-1, (self.heads, -1)))
        result: Tensor = self.norm(pooled.flatten(1))
        return result
