"""A causal transformer over a robot's observation history.

After Radosavovic et al. 2024 ("Real-world humanoid locomotion with reinforcement learning", Science
Robotics), where a transformer over past observations and actions predicts the next action. Ours
takes one token per time step (the last action is part of an observation).

In every layer, a token attends to itself and the `history` - 1 tokens before it, with positions
encoded by lag alone (a learnt bias per head and lag, Raffel et al. 2020, section 2.1). So keys and
values never change once computed: cached in a `Memory`, they reduce a step to computing one token,
equal to the computation over the whole sequence. A rollout's first memory can be stored and used as
context in training (Dai et al. 2019, Transformer-XL, section 3.2), without recomputing the past.

Time comes first: (t, n, ...) is t steps of n robots.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from policies.walker.parts import Gaussian, GaussianHead, RunningNormalizer


class Memory(NamedTuple):
    """A transformer's cache of the past of n robots.

    Attributes:
        tokens: (2 · layers, h - 1, n, d), keys and values of each layer, the newest last.
        age: (n,) float, how many of the newest belong to the current episode.
    """

    tokens: Tensor
    age: Tensor

    def forget(self, done: Tensor) -> "Memory":
        """Clear the memory where `done` (n,) bool."""
        return Memory(self.tokens.masked_fill(done[:, None], 0.0), self.age.masked_fill(done, 0.0))


@dataclass(frozen=True, kw_only=True)
class TrunkConfig:
    """Configuration of a `CausalTrunk`.

    Attributes:
        history: Tokens that a token attends to in a layer, including itself, h.
        width: Token width, d.
        layers: Layers of attention and feed-forward.
        heads: Attention heads.
        hidden: Hidden width of the feed-forward layers.
    """

    history: int = 16
    width: int = 128
    layers: int = 2
    heads: int = 4
    hidden: int = 512


class CausalTrunk(nn.Module):
    """Tokens to features, each from itself and past tokens."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)

    def empty_memory(self, robots: int, device: torch.device | str = "cpu") -> Memory:
        """The memory of robots at the start of their episodes."""
        config = self.config
        shape = (2 * config.layers, config.history - 1, robots, config.width)
        return Memory(torch.zeros(shape, device=device), torch.zeros(robots, device=device))

    def forward(self, tokens: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """Features of new tokens.

        Args:
            tokens: (t, n, d).
            memory: Memory of earlier tokens; None if there are none.

        Returns:
            (t, n, d), and the memory for the tokens after these.
        """
        steps, robots, _ = tokens.shape
        memory = memory or self.empty_memory(robots, tokens.device)
        lag = self._lags(steps, tokens.device)
        hidden = self._hidden(lag, memory.age)
        kept = []
        for number, block in enumerate(self.blocks):
            past = memory.tokens[2 * number : 2 * number + 2]
            tokens, keys, values = block(tokens, past, lag, hidden)
            kept += [keys[steps:], values[steps:]]
        age = (memory.age + steps).clamp(max=self.config.history - 1)
        features: Tensor = self.norm(tokens)
        return features, Memory(torch.stack(kept), age)

    def _lags(self, steps: int, device: torch.device) -> Tensor:
        """(t, h - 1 + t): how far each key precedes each query; negative is the future."""
        past = self.config.history - 1
        queries = torch.arange(past, past + steps, device=device)
        return queries[:, None] - torch.arange(past + steps, device=device)

    def _hidden(self, lag: Tensor, age: Tensor) -> Tensor:
        """(n, 1, t, h - 1 + t) bool: mask of keys too old, in the future or of another episode."""
        steps, past = len(lag), self.config.history - 1
        outside = (lag < 0) | (lag > past)
        slots = torch.arange(past, -steps, -1, device=lag.device)
        another = slots > age[:, None]
        return (outside | another[:, None])[:, None]


class _Block(nn.Module):
    """Attention and feed-forward, each after a layer norm and with a residual."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.history = config.history
        self.attention_norm = nn.LayerNorm(config.width)
        self.project = nn.Linear(config.width, 3 * config.width)
        self.output = nn.Linear(config.width, config.width)
        self.lag_bias = nn.Parameter(torch.zeros(config.heads, config.history))
        self.feed_forward_norm = nn.LayerNorm(config.width)
        self.expand = nn.Linear(config.width, config.hidden)
        self.contract = nn.Linear(config.hidden, config.width)
        for linear in (self.output, self.contract):
            # Residual branches add up over the layers.
            nn.init.normal_(linear.weight, std=0.02 / math.sqrt(2 * config.layers))
            nn.init.zeros_(linear.bias)

    def forward(
        self, tokens: Tensor, past: Tensor, lag: Tensor, hidden: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New tokens (t, n, d), and keys and values (h - 1 + t, n, d) of past and new tokens."""
        queries, keys, values = self.project(self.attention_norm(tokens)).chunk(3, dim=-1)
        keys, values = torch.cat([past[0], keys]), torch.cat([past[1], values])
        queries = self._split(queries) / math.sqrt(keys.shape[-1] // self.heads)
        scores = queries @ self._split(keys).transpose(-1, -2)
        scores = scores + self.lag_bias[:, lag.clamp(0, self.history - 1)]
        weights = scores.masked_fill(hidden, -torch.inf).softmax(-1)
        mixed = (weights @ self._split(values)).permute(2, 0, 1, 3).flatten(-2)
        tokens = tokens + self.output(mixed)
        wide = functional.gelu(self.expand(self.feed_forward_norm(tokens)), approximate="tanh")
        return tokens + self.contract(wide), keys, values

    def _split(self, tokens: Tensor) -> Tensor:
        """(t, n, d) to (n, heads, t, d / heads)."""
        split: Tensor = tokens.view(*tokens.shape[:2], self.heads, -1).permute(1, 2, 0, 3)
        return split


@dataclass(frozen=True, kw_only=True)
class TransformerStudentConfig:
    """Configuration of a `TransformerStudent`.

    Attributes:
        observation_size: Observation dimensions, p.
        action_size: Action dimensions, m.
        trunk: Configuration of the transformer.
        initial_std: Standard deviation of actions before training.
    """

    observation_size: int
    action_size: int
    trunk: TrunkConfig = TrunkConfig()
    initial_std: float = 1.0


class TransformerStudent(nn.Module):
    """From a robot's observation history to its next action."""

    def __init__(self, config: TransformerStudentConfig) -> None:
        super().__init__()
        self.config = config
        self.normalizer = RunningNormalizer(config.observation_size)
        self.embed = nn.Linear(config.observation_size, config.trunk.width)
        self.trunk = CausalTrunk(config.trunk)
        self.head = GaussianHead(config.trunk.width, config.action_size, config.initial_std)

    def empty_memory(self, robots: int) -> Memory:
        """The memory of robots at the start of their episodes."""
        return self.trunk.empty_memory(robots, self.normalizer.mean.device)

    def encode(self, observations: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """(t, n, p) to features (t, n, d), for the head or a probe, and the memory after them."""
        features, kept = self.trunk(self.embed(self.normalizer(observations)), memory)
        return features, kept

    def forward(self, observations: Tensor, memory: Memory | None = None) -> Tensor:
        """(t, n, p) to the mean actions (t, n, m), each from the present and past only."""
        mean: Tensor = self.head(self.encode(observations, memory)[0])
        return mean

    def step(self, observation: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """One time step: (n, p) to the mean action (n, m), and the memory for the next."""
        features, memory = self.encode(observation[None], memory)
        return self.head(features[0]), memory

    def distribution(self, observations: Tensor, memory: Memory | None = None) -> Gaussian:
        """Distribution of actions (t, n, m)."""
        return Gaussian(self(observations, memory), self.head.std)
