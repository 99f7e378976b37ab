"""An exponential moving average of a policy's weights, which acts better than the last ones.

The decay grows as 1 - (1 + n)^(-3/4) over n steps up to its largest value, as Diffusion Policy
does (arXiv 2303.04137, section IV-C and its code), so that early weights are forgotten early.
"""

import copy

import torch
from torch import Tensor

from policies.base import Policy

POWER = 0.75


class MovingAverage:
    """The average, as a policy of its own.

    Args:
        policy: Whose weights are averaged.
        largest: Largest decay, in [0, 1); 0 makes the average the policy itself.
    """

    def __init__(self, policy: Policy, largest: float) -> None:
        self._policy = policy
        self._largest = largest
        self.policy = policy if largest == 0 else copy.deepcopy(policy).requires_grad_(False)

    def decay(self, step: int) -> float:
        """What is kept of the average after step number `step`, which counts from 1."""
        return float(min(self._largest, 1 - (1 + step) ** -POWER))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step number `step`; buffers are copied."""
        if self.policy is self._policy:
            return
        average: list[Tensor] = [*self.policy.parameters()]
        weights: list[Tensor] = [*self._policy.parameters()]
        torch._foreach_lerp_(average, weights, 1 - self.decay(step))
        for kept, buffer in zip(self.policy.buffers(), self._policy.buffers(), strict=True):
            kept.copy_(buffer)
