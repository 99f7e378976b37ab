"""Walking as next-token prediction, with the student's transformer.

After Radosavovic et al. 2024 ("Humanoid locomotion as next token prediction"): a causal transformer
over trajectories of observations and actions predicts the next token, trained on several sources
alike. Where a trajectory has no actions, a learnt token takes their place and they are not
predicted.

A time step is two tokens, in this order:

    the previous action ("last action" in its observation), which predicts what is sensed;
    what is sensed (the rest of the observation), which predicts the next action.

A window of `trunk.history` tokens is half as many steps. Only the second prediction is needed for
acting, so a `NextTokenWalker` acts as any `TransformerStudent` does.

Time comes first: (t, n, ...) is t steps of n trajectories.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from policies.walker.transformer import Memory, TransformerStudent, TransformerStudentConfig


@dataclass(frozen=True, kw_only=True)
class NextTokenConfig(TransformerStudentConfig):
    """Configuration of a `NextTokenWalker`.

    Attributes:
        last_action: Index in an observation where the last action begins.
    """

    last_action: int


class Trajectories(NamedTuple):
    """Trajectories to learn from.

    Attributes:
        observations: (t, n, p), including the last action.
        actions: (t, n, m), the target of each step.
        known: (t, n) bool, where actions are known; elsewhere neither `actions` nor the
            observations' last action is read.
        valid: (t, n) bool, false from the trajectory's end.
    """

    observations: Tensor
    actions: Tensor
    known: Tensor
    valid: Tensor


class NextTokenLoss(NamedTuple):
    """Mean squared errors over existing tokens.

    Attributes:
        action: Error of actions, in units of the action scale.
        observation: Error of normalised observations.
    """

    action: Tensor
    observation: Tensor


class NextTokenWalker(TransformerStudent):
    """A transformer that also predicts observations."""

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
        """The losses of all predictions whose target exists."""
        observations, actions, known, valid = trajectories
        features, _ = self.trunk(self._tokens(observations, known))
        asked = known & valid
        actions = actions.where(asked[..., None], 0.0)
        action = (self.head(features[1::2]) - actions).square().mean(-1)
        # The first step's observation is not predicted.
        sensed = self._sensed(observations)[1:]
        predicted = self.observe(features[2::2]).masked_fill(self._done, 0.0)
        observation = (predicted - sensed).square().sum(-1) / (~self._done).sum()
        return NextTokenLoss(_mean(action, asked), _mean(observation, valid[1:]))

    def _tokens(self, observations: Tensor, known: Tensor | None) -> Tensor:
        """(2 t, n, d): of each step, the previous action and what is sensed."""
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
    """Mean over `there`; 0 if there are none."""
    return values.where(there, 0.0).sum() / there.sum().clamp(min=1)


__all__ = ["NextTokenConfig", "NextTokenLoss", "NextTokenWalker", "Trajectories"]
