"""An instruction's token features made into one condition, by attention that is trained.

The embedding of a whole sentence hardly tells "open the drawer" from "close the drawer"; the
features of its tokens do, and a trained projection finds where.

Not `policies.instruction_pool`, which projects tokens before it scores them and norms the result:
both have other weights under other names, and policies are trained with both.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class InstructionPooling(nn.Module):
    """Learnt queries look at the tokens; what they find is joined and projected.

    A few phrases in hundreds of numbers a token are soon known by heart. In training, tokens are
    therefore hidden at random, and some of their numbers: a skill is then told by several words.

    Args:
        width: Numbers in a token's features.
        condition: Numbers in the condition.
        queries: Learnt queries, a divisor of `condition`.
        dropout: Share of the tokens that are hidden in training, and of the others' numbers.
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
        """Token features [n, l, w], of which `is_pad` [n, l] are none, to conditions [n, c]."""
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
        """Which tokens [n, l] are hidden or padding; where none would be left, padding alone."""
        hidden = torch.rand(tokens.shape[:2], device=tokens.device) < self.dropout
        padding = torch.zeros_like(hidden) if is_pad is None else is_pad
        return torch.where((hidden | padding).all(1, keepdim=True), padding, hidden | padding)
