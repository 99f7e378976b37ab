"""The decoder-only transformer of RT-1: tokens of some frames in, one output per action token.

Section 5.1 of the paper: 8 layers over the 48 tokens of 6 images, causal in time; no action token
sees another, so all are computed at once (feeding them back was slower and worse). No other token
needs to see an action token, so they are queries only, and the last layer computes only them.

What a frame's tokens attend to decides the cost of training:

- `earlier` (the paper): tokens attend to their own and earlier frames. A frame's features then
  depend on its window, so that each step needs its whole window computed.
- `own`: tokens attend to their own frame, and only action tokens look back, in each layer. A
  frame's features are then the same in every window: training `small` is twice as fast, and a
  robot computes each frame once.

Time is encoded by rotating queries and keys (arXiv 2104.09864), so that only distances matter.

The paper's 19M parameters correspond to 8 heads of 128 at a width of 512 and one matrix per
feed-forward block, which is `ffn_width` 0; other values give the usual two matrices.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal, cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

Sees = Literal["own", "earlier"]
Kept = deque[list[Tensor]]
"""Cache of earlier frames, the oldest first; see `Transformer.step`."""


class Transformer(nn.Module):
    """Frames' tokens to outputs of action tokens.

    Args:
        width: Token width, d.
        layers: Number of layers.
        heads: Attention heads.
        head_width: Width of a head's keys, even.
        ffn_width: Hidden width of the feed-forward blocks; 0 for a single matrix.
        history: Frames that an action token attends to, including its own.
        slots: Tokens in a frame, k.
        queries: Action tokens, m.
        dropout: Dropout rate after attention and feed-forward blocks.
        sees: What a frame's tokens attend to, see the module.
        begun: Whether action tokens start as their query plus their frame's last token. Attention
            over all tokens of all frames would give that one a hundredth of the weight at first,
            and nothing would be learnt for long.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        head_width: int,
        ffn_width: int,
        history: int,
        slots: int,
        queries: int,
        dropout: float,
        sees: Sees,
        begun: bool = False,
    ) -> None:
        super().__init__()
        self._history, self._slots, self._queries, self._sees = history, slots, queries, sees
        self._begun = begun
        self.embed = nn.Linear(width, width)
        self.slot = nn.Parameter(torch.randn(slots, width) * 0.02)
        # As large as the token added to them, or they would be indistinguishable.
        self.query = nn.Parameter(torch.randn(queries, width) * (1.0 if begun else 0.02))
        self.layers = nn.ModuleList(
            Layer(width, heads, head_width, ffn_width, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        """Outputs of the action tokens of every frame.

        Args:
            tokens: [n, t, k, d], the oldest frame first.
            present: [n, t] bool, false for frames outside the episode, hidden from other frames.

        Returns:
            [n, t, m, d]; each row as if its frame were the last of a window of `history`.
        """
        n, t = present.shape
        if self._sees == "own":
            return self._answer(tokens, present, t, [])
        before = self._history - 1
        windows = F.pad(tokens, (0, 0, 0, 0, before, 0)).unfold(1, self._history, 1)
        there = F.pad(present, (before, 0)).unfold(1, self._history, 1)
        windows = windows.movedim(-1, 2).reshape(n * t, self._history, *tokens.shape[2:])
        answer = self._answer(windows, there.flatten(0, 1), 1, [])
        return answer.view(n, t, *answer.shape[2:])

    def step(self, tokens: Tensor, kept: Kept) -> Tensor:
        """Outputs [m, d] for a frame [k, d] that follows those in `kept`, to which it is added.

        Cached are a frame's keys and values in each layer or, where they depend on the window, its
        tokens. The result equals `forward`'s on all frames within rounding.
        """
        made: list[Tensor] = []
        if self._sees == "own":
            past = [torch.stack(frames, 1) for frames in zip(*kept, strict=True)]
            present = torch.ones(1, len(kept) + 1, dtype=torch.bool, device=tokens.device)
            answer = self._answer(tokens[None, None], present, 1, past, made)
        else:
            frames = torch.stack([*(part[0] for part in kept), tokens])
            present = torch.ones(1, len(frames), dtype=torch.bool, device=tokens.device)
            answer, made = self._answer(frames[None], present, 1, []), [tokens]
        if self._history > 1:
            kept.append(made)
            while len(kept) >= self._history:
                kept.popleft()
        return answer[0, 0]

    def _answer(
        self,
        tokens: Tensor,
        present: Tensor,
        answers: int,
        past: list[Tensor],
        made: list[Tensor] | None = None,
    ) -> Tensor:
        """Outputs [n, answers, m, d] of the last frames' action tokens.

        Args:
            tokens: [n, t, k, d], the frames after those in `past`.
            present: [n, past + t].
            answers: Number of last frames to compute outputs for.
            past: Keys and values of earlier frames, [n, past, k, 2, h, e] per layer.
            made: Receives the last frame's keys and values [n, k, 2, h, e] of each layer.
        """
        n, t, slots, _ = tokens.shape
        frames = torch.arange(present.shape[1], device=tokens.device)
        age_seen = (frames[-answers:, None] - frames).repeat_interleave(self._queries, 0)
        near = (age_seen >= 0) & (age_seen < self._history)
        asked_mask = (near & (present[:, None] | (age_seen == 0))).repeat_interleave(slots, -1)
        causal = (frames[:, None] >= frames) & (present[:, None] | (frames[:, None] == frames))
        frame_mask = causal.repeat_interleave(slots, 1).repeat_interleave(slots, 2)

        own = self._sees == "own"
        x = self.embed(tokens) + self.slot
        begin = x[:, -answers:, -1:] if self._begun else x.new_zeros(n, answers, 1, x.shape[-1])
        asked = (self.query + begin).flatten(1, 2)
        asked_time = frames[-answers:].repeat_interleave(self._queries)
        time = frames.repeat_interleave(slots)
        for number, module in enumerate(self.layers):
            layer = cast(Layer, module)
            new = layer.keys_values(x)
            if made is not None:
                made.append(new[:, -1])
            everything = torch.cat([past[number], new], 1) if past else new
            keys, values = everything.flatten(1, 2).unbind(2)
            keys = _rotate(keys, time)
            asked = layer(asked, keys, values, asked_time, asked_mask)
            if number == len(self.layers) - 1:
                break
            if own:
                keys, values = new.flatten(0, 1).unbind(2)
                x = layer(x.flatten(0, 1), keys, values).unflatten(0, (n, t))
            else:
                x = layer(x.flatten(1, 2), keys, values, time, frame_mask).unflatten(1, (t, slots))
        return cast(Tensor, self.norm(asked)).view(n, answers, self._queries, -1)


class Layer(nn.Module):
    """Attention and a feed-forward block, with layer norm before each."""

    def __init__(
        self, width: int, heads: int, head_width: int, ffn_width: int, dropout: float
    ) -> None:
        super().__init__()
        self._heads = heads
        self._dropout = dropout
        inner = heads * head_width
        self.norm_attention = nn.LayerNorm(width)
        self.q = nn.Linear(width, inner)
        self.kv = nn.Linear(width, 2 * inner)
        self.out = nn.Linear(inner, width)
        first = [nn.Linear(width, ffn_width)] if ffn_width else []
        self.norm_ffn = nn.LayerNorm(width)
        self.ffn = nn.Sequential(*first, nn.ReLU(), nn.Linear(ffn_width or width, width))

    def keys_values(self, x: Tensor) -> Tensor:
        """Keys and values [..., 2, h, e] of tokens [..., d]."""
        both = cast(Tensor, self.kv(self.norm_attention(x)))
        return both.view(*x.shape[:-1], 2, self._heads, -1)

    def forward(
        self,
        x: Tensor,
        keys: Tensor,
        values: Tensor,
        time: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Tokens [n, q, d] after attending to keys and values [n, s, h, e] where `mask` [n, q, s].

        `time` [q] is that of the tokens, given if keys were rotated by theirs.
        """
        q = self.q(self.norm_attention(x)).unflatten(-1, (self._heads, -1))
        q = q if time is None else _rotate(q, time)
        q, k, v = (part.transpose(1, 2) for part in (q, keys, values))
        seen = _attention(q, k, v, None if mask is None else mask[:, None])
        x = x + self._drop(self.out(seen.transpose(1, 2).flatten(2)))
        return x + self._drop(self.ffn(self.norm_ffn(x)))

    def _drop(self, x: Tensor) -> Tensor:
        """Dropout with one mask for all tokens of a row: one per token would cost a sixth of the
        transformer's training on a CPU."""
        if not self.training or not self._dropout:
            return x
        keep = torch.rand(len(x), 1, x.shape[-1], device=x.device) >= self._dropout
        return x * (keep / (1 - self._dropout)).to(x.dtype)


def _attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Scaled dot-product attention; float32 on a CPU, where its bfloat16 gradient is far slower."""
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, mask)
    with torch.autocast("cpu", enabled=False):
        return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), mask)


def _rotate(x: Tensor, time: Tensor) -> Tensor:
    """Rotate pairs in x [n, s, h, e] by the time [s], 1/16 to 1 quarter turn per frame."""
    half = x.shape[-1] // 2
    powers = torch.arange(half, device=x.device) / max(half - 1, 1)
    angle = time[:, None] * (math.pi / 2) * 16.0**-powers
    cosine, sine = angle.cos()[:, None].to(x.dtype), angle.sin()[:, None].to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], -1)
