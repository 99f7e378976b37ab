"""An exponential moving average of a policy's weights, which acts better than the latest weights.

The decay grows as 1 - (1 + n)^(-3/4) over n steps up to its maximum, as in Diffusion Policy
(arXiv 2303.04137, section IV-C and its code), so that early weights are forgotten early.
"""

import copy

import torch
from torch import Tensor

from policies.base import Policy

POWER = 0.75


class MovingAverage:
    """The average, as a separate policy.

    Args:
        policy: The policy whose weights are averaged.
        largest: Maximum decay, in [0, 1); 0 makes the average the policy itself.
    """

    def __init__(self, policy: Policy, largest: float) -> None:
        self._policy = policy
        self._largest = largest
        self.policy = policy if largest == 0 else copy.deepcopy(policy).requires_grad_(False)

    def decay(self, step: int) -> float:
        """The decay after step `step`, counted from 1: how much of the average is kept."""
        return float(min(self._largest, 1 - (1 + step) ** -POWER))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update the average after step `step`; buffers are copied."""
        if self.policy is self._policy:
            return
        average: list[Tensor] = [*self.policy.parameters()]
        weights: list[Tensor] = [*self._policy.parameters()]
        torch._foreach_lerp_(average, weights, 1 - self.decay(step))
        for kept, buffer in zip(self.policy.buffers(), self._policy.buffers(), strict=True):
            kept.copy_(buffer)
