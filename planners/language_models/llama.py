"""A Llama decoder for scoring: arbitrary masks and positions, logits only where needed.

Why not Hugging Face's: importing it costs 6 CPU seconds, most of what `robo plan` would take; this
one costs nothing beyond torch. Parameter names are theirs, so that adapters in PEFT format and
exported weights fit both.

Architecture: Llama 2 (arXiv 2307.09288): RMSNorm, rotary embeddings (arXiv 2104.09864), grouped
query attention (arXiv 2305.13245), SwiGLU (arXiv 2002.05202).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

KeyValues = tuple[tuple[Tensor, Tensor], ...]
"""Per layer, keys and values [batch, key-value heads, tokens, head size]; never written to."""


@dataclass(frozen=True)
class LlamaConfig:
    """Sizes of a Llama decoder with tied embeddings."""

    vocabulary: int
    width: int
    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    rope_base: float
    norm_epsilon: float
    context: int

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


class _Linear(nn.Linear):
    """A linear layer without random initialisation, as weights are loaded anyway."""

    def reset_parameters(self) -> None:
        """Leave the weights as they are."""


class _Embedding(nn.Embedding):
    """An embedding without random initialisation."""

    def reset_parameters(self) -> None:
        """Leave the weights as they are."""


class _Attention(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        narrow = config.key_value_heads * config.head_size
        self.q_proj = _Linear(config.width, config.width, bias=False)
        self.k_proj = _Linear(config.width, narrow, bias=False)
        self.v_proj = _Linear(config.width, narrow, bias=False)
        self.o_proj = _Linear(config.width, config.width, bias=False)

    def forward(
        self,
        x: Tensor,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor | None,
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        batch, length, _ = x.shape
        size = self.config.head_size
        q = self.q_proj(x).view(batch, length, -1, size).transpose(1, 2)
        k = self.k_proj(x).view(batch, length, -1, size).transpose(1, 2)
        v = self.v_proj(x).view(batch, length, -1, size).transpose(1, 2)
        q, k = _rotate(q, *rotation), _rotate(k, *rotation)
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        repeats = self.config.heads // self.config.key_value_heads
        attended = functional.scaled_dot_product_attention(
            q,
            k.repeat_interleave(repeats, dim=1),
            v.repeat_interleave(repeats, dim=1),
            attn_mask=mask,
            is_causal=mask is None and length > 1,
        )
        return self.o_proj(attended.transpose(1, 2).reshape(batch, length, -1)), (k, v)


class _FeedForward(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate_proj = _Linear(config.width, config.hidden, bias=False)
        self.up_proj = _Linear(config.width, config.hidden, bias=False)
        self.down_proj = _Linear(config.hidden, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gated: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return gated


class _Layer(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.self_attn = _Attention(config)
        self.post_attention_layernorm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.mlp = _FeedForward(config)

    def forward(
        self,
        x: Tensor,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor | None,
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        attended, present = self.self_attn(self.input_layernorm(x), rotation, mask, past)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x)), present


class _Decoder(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.embed_tokens = _Embedding(config.vocabulary, config.width)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)


class Llama(nn.Module):
    """A Llama decoder with tied embeddings; its weights are uninitialised until loaded."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.model = _Decoder(config)

    @property
    def context(self) -> int:
        """Longest sequence, in tokens."""
        return self.config.context

    def forward(
        self,
        tokens: Tensor,
        positions: Tensor,
        mask: Tensor | None = None,
        past: KeyValues | None = None,
        rows: Tensor | None = None,
        keep: bool = True,
    ) -> tuple[Tensor, KeyValues]:
        """One forward pass; see `causal.Network.__call__`."""
        x = self.model.embed_tokens(tokens)
        rotation = self._rotation(positions)
        if mask is None and past is not None:
            ahead = past[0][0].shape[2] + tokens.shape[1]
            mask = torch.ones(tokens.shape[1], ahead, dtype=torch.bool)
            mask = mask.tril(ahead - tokens.shape[1])[None, None]
        present = []
        for at, layer in enumerate(self.model.layers):
            x, keys_values = layer(x, rotation, mask, None if past is None else past[at])
            if keep:
                present.append(keys_values)
        if rows is not None:
            x = x[:, rows]
        logits = functional.linear(self.model.norm(x), self.model.embed_tokens.weight)
        return logits, tuple(present)

    def _rotation(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines [batch, 1, tokens, head size] of angle position * base^(-2i/size)."""
        size = self.config.head_size
        exponents = torch.arange(0, size, 2, dtype=torch.float32) / size
        frequencies = 1.0 / self.config.rope_base**exponents
        angles = positions[:, None, :, None].float() * frequencies
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary embedding in the half-split layout: (a, b) -> (a cos - b sin, b cos + a sin)."""
    a, b = x.chunk(2, dim=-1)
    return x * cosine + torch.cat((-b, a), dim=-1) * sine
