"""Walking as next-token prediction, with the student's transformer.

After Radosavovic et al. 2024 ("Humanoid locomotion as next token prediction"): a causal transformer
over a trajectory of sensed and done predicts what comes next, trained on trajectories of several
sources alike. Where a trajectory has no actions, a learnt token stands in their place and nothing
is asked about them.

A moment is two tokens, in this order:

    the action before it ("last action" in its observation), which predicts what is sensed;
    what is sensed (the rest of the observation), which predicts the action after it.

A window of `trunk.history` tokens is half as many moments. To act, only the second prediction
counts, so a `NextTokenWalker` acts as any `TransformerStudent` does.

Sequences come first: (t, n, ...) is t moments of n trajectories.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from policies.walker.transformer import Memory, TransformerStudent, TransformerStudentConfig


@dataclass(frozen=True, kw_only=True)
class NextTokenConfig(TransformerStudentConfig):
    """What a `NextTokenWalker` is built from.

    Attributes:
        last_action: Where in an observation the last action begins.
    """

    last_action: int


class Trajectories(NamedTuple):
    """Moments to learn from.

    Attributes:
        observations: (t, n, p), the last action among them.
        actions: (t, n, m), what was wanted at each moment.
        known: (t, n) bool, where actions are there; elsewhere nothing is read of `actions`, nor of
            the observations' last action.
        valid: (t, n) bool, where the trajectory goes on; false from its end.
    """

    observations: Tensor
    actions: Tensor
    known: Tensor
    valid: Tensor


class NextTokenLoss(NamedTuple):
    """Mean square errors over the tokens that are there.

    Attributes:
        action: In units of the action scale.
        observation: Of normalised values.
    """

    action: Tensor
    observation: Tensor


class NextTokenWalker(TransformerStudent):
    """A transformer that predicts observations too."""

    config: NextTokenConfig

    _done: Tensor

    def __init__(self, config: NextTokenConfig) -> None:
        super().__init__(config)
        width = config.trunk.width
        self.embed_action = nn.Linear(config.action_size, width)
        self.unknown = nn.Parameter(torch.randn(width) / width**0.5)
        self.observe = nn.Linear(width, config.observation_size)
        done = torch.zeros(config.observation_size, dtype=torch.bool)
        done[config.last_action : config.last_action + config.action_size] = True
        self.register_buffer("_done", done, persistent=False)

    def encode(self, observations: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """(t, n, p) to features (t, n, d), for the head or a probe, and the memory after them."""
        features, memory = self.trunk(self._tokens(observations, None), memory)
        return features[1::2], memory

    def loss(self, trajectories: Trajectories) -> NextTokenLoss:
        """Of every prediction whose token is there."""
        observations, actions, known, valid = trajectories
        features, _ = self.trunk(self._tokens(observations, known))
        asked = known & valid
        actions = actions.where(asked[..., None], 0.0)
        action = (self.head(features[1::2]) - actions).square().mean(-1)
        # What the first moment senses comes from nowhere.
        sensed = self._sensed(observations)[1:]
        predicted = self.observe(features[2::2]).masked_fill(self._done, 0.0)
        observation = (predicted - sensed).square().sum(-1) / (~self._done).sum()
        return NextTokenLoss(_mean(action, asked), _mean(observation, valid[1:]))

    def _tokens(self, observations: Tensor, known: Tensor | None) -> Tensor:
        """(2 t, n, d): of each moment the action before it and what is sensed."""
        before = observations[..., self._done]
        if known is None:
            done = self.embed_action(before)
        else:
            there = known[..., None]
            done = self.embed_action(before.where(there, 0.0)).where(there, self.unknown)
        return torch.stack((done, self.embed(self._sensed(observations))), dim=1).flatten(0, 1)

    def _sensed(self, observations: Tensor) -> Tensor:
        """(..., p), normalised, without the last action."""
        values: Tensor = self.normalizer(observations)
        return values.masked_fill(self._done, 0.0)


def _mean(values: Tensor, there: Tensor) -> Tensor:
    """Of those that are there; 0 of none."""
    return values.where(there, 0.0).sum() / there.sum().clamp(min=1)


__all__ = ["NextTokenConfig", "NextTokenLoss", "NextTokenWalker", "Trajectories"]
