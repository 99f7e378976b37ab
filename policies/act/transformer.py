"""The transformer of DETR (Carion et al. 2020, arXiv 2005.12872, appendix A.3), as ACT uses it.

Positions are added to queries and keys in every attention layer, never to values; layer norm comes
after each residual or, with `pre_norm`, before each branch, which trains at higher rates (Xiong et
al. 2020, arXiv 2002.04745). All tensors are (batch, tokens, width).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from policies.dropout import Dropout


class Attention(nn.Module):
    """Multi-head attention with biases, as `nn.MultiheadAttention` without returning weights."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = Dropout(dropout)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        for linear in (self.query, self.key, self.value, self.output):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, ignored: Tensor | None = None
    ) -> Tensor:
        """Attend.

        Args:
            queries: (b, q, d).
            keys: (b, t, d).
            values: (b, t, d).
            ignored: (b, t) bool, true for masked keys.
        """
        parts = (self.query(queries), self.key(keys), self.value(values))
        query, key, value = (self._split(part) for part in parts)
        if self.training and self.dropout.rate and query.device.type == "cpu":
            # On CPUs the fused kernel has no dropout, and the unfused one makes five more passes
            # over all scores to handle fully masked rows, which do not occur.
            scores = (query * query.shape[-1] ** -0.5) @ key.mT
            if ignored is not None:
                scores = scores.masked_fill(ignored[:, None, None], -math.inf)
            mixed = self.dropout(scores.softmax(-1)) @ value
        else:
            mixed = functional.scaled_dot_product_attention(
                query,
                key,
                value,
                attn_mask=None if ignored is None else ~ignored[:, None, None],
                dropout_p=self.dropout.rate if self.training else 0.0,
            )
        result: Tensor = self.output(mixed.transpose(1, 2).flatten(-2))
        return result

    def _split(self, tokens: Tensor) -> Tensor:
        """(b, t, d) to (b, heads, t, d / heads)."""
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)

    def of_equal_values(self, value: Tensor) -> Tensor:
        """The attention output where all values are equal, for any queries and keys.

        Args:
            value: (..., d).
        """
        result: Tensor = self.output(self.value(value))
        return result


class FeedForward(nn.Module):
    """Two linear layers with a ReLU between them."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.dropout = Dropout(dropout)
        for linear in (self.expand, self.contract):
            nn.init.xavier_uniform_(linear.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., d) to (..., d)."""
        result: Tensor = self.contract(self.dropout(functional.relu(self.expand(tokens), True)))
        return result


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each with a residual and a layer norm."""

    def __init__(
        self, width: int, heads: int, hidden: int, dropout: float, pre_norm: bool = False
    ) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.attention = Attention(width, heads, dropout)
        self.feed_forward = FeedForward(width, hidden, dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        tokens: Tensor,
        positions: Tensor,
        ignored: Tensor | None = None,
        needed: int | None = None,
    ) -> Tensor:
        """(b, t, d) to (b, needed, d), the first `needed` tokens; all if None."""
        seen = self.attention_norm(tokens) if self.pre_norm else tokens
        placed = seen + positions
        attended = self.attention(placed[:, :needed], placed, seen, ignored)
        tokens = tokens[:, :needed] + self.dropout(attended)
        if not self.pre_norm:
            tokens = self.attention_norm(tokens)
        return _fed_forward(self, tokens)


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention to the encoder's output, and feed-forward."""

    def __init__(
        self, width: int, heads: int, hidden: int, dropout: float, pre_norm: bool = False
    ) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.self_attention = Attention(width, heads, dropout)
        self.cross_attention = Attention(width, heads, dropout)
        self.feed_forward = FeedForward(width, hidden, dropout)
        self.self_attention_norm = nn.LayerNorm(width)
        self.cross_attention_norm = nn.LayerNorm(width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        tokens: Tensor | None,
        positions: Tensor,
        memory: Tensor,
        memory_keys: Tensor,
        ignored: Tensor | None = None,
    ) -> Tensor:
        """Update the queries.

        Args:
            tokens: (b, k, d), or None for the first layer, whose tokens are zeros: with equal
                values, self-attention gives every query the same constant, so it is skipped.
            positions: (k, d) of the queries.
            memory: (b, t, d), the encoder's output.
            memory_keys: (b, t, d), the same plus positions.
            ignored: (b, t) bool, true for masked memory tokens.
        """
        if tokens is None:
            zero = memory.new_zeros(1, 1, memory.shape[-1])
            seen = self.self_attention_norm(zero) if self.pre_norm else zero
            attended = self.self_attention.of_equal_values(seen)
            tokens = self.dropout(attended.expand(len(memory), len(positions), -1))
        else:
            seen = self.self_attention_norm(tokens) if self.pre_norm else tokens
            placed = seen + positions
            tokens = tokens + self.dropout(self.self_attention(placed, placed, seen))
        if not self.pre_norm:
            tokens = self.self_attention_norm(tokens)
        seen = self.cross_attention_norm(tokens) if self.pre_norm else tokens
        attended = self.cross_attention(seen + positions, memory_keys, memory, ignored)
        tokens = tokens + self.dropout(attended)
        if not self.pre_norm:
            tokens = self.cross_attention_norm(tokens)
        return _fed_forward(self, tokens)


def _fed_forward(layer: EncoderLayer | DecoderLayer, tokens: Tensor) -> Tensor:
    """Apply the feed-forward block that ends both kinds of layer."""
    norm = layer.feed_forward_norm
    seen = norm(tokens) if layer.pre_norm else tokens
    tokens = tokens + layer.dropout(layer.feed_forward(seen))
    result: Tensor = tokens if layer.pre_norm else norm(tokens)
    return result


def sine_positions(count: int, width: int) -> Tensor:
    """(count, width): sines and cosines of the index, interleaved (arXiv 1706.03762, 3.5)."""
    return _waves(torch.arange(count, dtype=torch.float32), width)


def sine_positions_2d(height: int, width: int, channels: int) -> Tensor:
    """(height · width, channels), row by row: half of the channels for y, half for x.

    As in DETR: indices start at 1 and are scaled so that the last is 2π for any image size.
    """
    rows, columns = (
        _waves(torch.arange(1, size + 1) / size * 2 * math.pi, channels // 2)
        for size in (height, width)
    )
    grid = (
        rows[:, None].expand(height, width, -1),
        columns[None].expand(height, width, -1),
    )
    return torch.cat(grid, -1).flatten(0, 1)


class GridPositions:
    """`sine_positions_2d` of feature maps, cached per size and device.

    Args:
        channels: Size of a position encoding.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._made: dict[tuple[int, int, torch.device], Tensor] = {}

    def of(self, features: Tensor) -> Tensor:
        """(h · w, channels), for features (b, any, h, w)."""
        height, width = features.shape[-2:]
        key = (height, width, features.device)
        if key not in self._made:
            self._made[key] = sine_positions_2d(height, width, self._channels).to(features.device)
        return self._made[key]


def _waves(values: Tensor, width: int) -> Tensor:
    """(n,) to (n, width): sine and cosine at wavelengths from 2π to 10000 · 2π."""
    frequencies = 10000 ** (-torch.arange(0, width, 2) / width)
    angles = values[:, None] * frequencies
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(-2)
