"""An instruction's token features pooled to one condition, by trained attention.

A sentence embedding hardly distinguishes "open the drawer" from "close the drawer"; token features
do, and a trained projection finds where.

Unlike this, `policies.instruction_pool` projects tokens before scoring them and normalises the
result: the two have different weights under different names, and there are policies with either.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class InstructionPooling(nn.Module):
    """Learnt queries attend to the tokens; their results are concatenated and projected.

    A few phrases of hundreds of features per token are soon memorised. In training, tokens and
    single features are therefore dropped at random, so that several words identify a skill.

    Args:
        width: Width of the token features.
        condition: Width of the condition.
        queries: Number of learnt queries, a divisor of `condition`.
        dropout: Dropout rate, in training, of the tokens and of their features.
    """

    def __init__(self, width: int, condition: int, queries: int = 8, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        # Some channels of a language model's states are hundreds of times larger than the rest.
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, queries)
        self.values = nn.Linear(width, condition)
        self.out = nn.Sequential(nn.ReLU(), nn.Linear(condition, condition))

    def forward(self, tokens: Tensor, is_pad: Tensor | None = None) -> Tensor:
        """Token features [n, l, w], with padding `is_pad` [n, l], to conditions [n, c]."""
        tokens = self.norm(tokens)
        if self.training and self.dropout:
            tokens = F.dropout(tokens, self.dropout)
            is_pad = self._hidden(tokens, is_pad)
        scores = self.scores(tokens).float()
        if is_pad is not None:
            scores = scores.masked_fill(is_pad[:, :, None], -1e9)
        weights = scores.softmax(1).to(tokens.dtype)
        values = self.values(tokens).unflatten(-1, (weights.shape[-1], -1))
        pooled = (weights[..., None] * values).sum(1).flatten(1)
        result: Tensor = self.out(pooled)
        return result

    def _hidden(self, tokens: Tensor, is_pad: Tensor | None) -> Tensor:
        """Mask of hidden and padding tokens [n, l]; where none would be left, of padding alone."""
        hidden = torch.rand(tokens.shape[:2], device=tokens.device) < self.dropout
        padding = torch.zeros_like(hidden) if is_pad is None else is_pad
        return torch.where((hidden | padding).all(1, keepdim=True), padding, hidden | padding)
