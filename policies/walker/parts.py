"""Shared parts of the walker's networks: observation normaliser, Gaussian actions, an MLP."""

import math
from typing import Final, Self

import torch
from torch import Tensor, nn

_STD_RANGE: Final = (0.02, 2.0)


class RunningNormalizer(nn.Module):
    """Running mean and standard deviation of all observations, kept with the weights.

    Batches are merged by Chan, Golub and LeVeque's update of mean and variance.
    """

    bound: Final = 10.0
    """Normalised values are clipped here: a broken sensor must not drown out the others."""

    least: Final = 0.1
    """Smallest standard deviation. Otherwise values that have hardly varied yet, such as a load
    before there was any, would become huge when they first do; observations are of order one."""

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def forward(self, values: Tensor) -> Tensor:
        """(..., p) to (..., p), about zero mean and unit variance, within ±`bound`."""
        return ((values - self.mean) / self.deviation()).clamp(-self.bound, self.bound)

    def deviation(self) -> Tensor:
        """Standard deviation that values are divided by, (p,), at least `least`."""
        return torch.sqrt(self.variance).clamp(min=self.least)

    @torch.no_grad()
    def update(self, values: Tensor) -> None:
        """Add observations (..., p) to the statistics."""
        values = values.flatten(0, -2)
        share = len(values) / (self.count + len(values))
        variance, mean = torch.var_mean(values, dim=0, correction=0)
        step = mean - self.mean
        self.mean += (step * share).to(self.mean)
        spread = variance - self.variance + step.square() * (1.0 - share)
        self.variance += (spread * share).to(self.variance)
        self.count += len(values)


class Gaussian:
    """Independent normal distributions of an action's dimensions.

    Attributes:
        mean: (..., m).
        std: (m,) or (..., m).
    """

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        self.mean = mean
        self.std = std.expand_as(mean)

    def sample(self) -> Tensor:
        """(..., m), without gradients."""
        with torch.no_grad():
            return torch.normal(self.mean, self.std)

    def log_probability(self, actions: Tensor) -> Tensor:
        """Log-likelihood (...) of actions (..., m)."""
        scaled = ((actions - self.mean) / self.std).square()
        each: Tensor = -0.5 * scaled - self.std.log() - 0.5 * math.log(2.0 * math.pi)
        return each.sum(-1)

    def entropy(self) -> Tensor:
        """(...), in nats."""
        return (self.std.log() + 0.5 * math.log(2.0 * math.pi * math.e)).sum(-1)

    def divergence(self, other: Self) -> Tensor:
        """KL(self ‖ other), (...)."""
        ratio = (self.std / other.std).square()
        shift = ((self.mean - other.mean) / other.std).square()
        return 0.5 * (ratio + shift - 1.0 - ratio.log()).sum(-1)


class GaussianHead(nn.Module):
    """A linear layer to the mean, and a learnt, input-independent standard deviation."""

    def __init__(self, width: int, action_size: int, initial_std: float) -> None:
        super().__init__()
        self.linear = nn.Linear(width, action_size)
        # An untrained actor holds the default pose.
        nn.init.orthogonal_(self.linear.weight, gain=0.01)
        nn.init.zeros_(self.linear.bias)
        self.log_std = nn.Parameter(torch.full((action_size,), math.log(initial_std)))

    def forward(self, features: Tensor) -> Tensor:
        """(..., d) to the mean (..., m)."""
        mean: Tensor = self.linear(features)
        return mean

    @property
    def std(self) -> Tensor:
        """(m,)."""
        low, high = _STD_RANGE
        return self.log_std.clamp(math.log(low), math.log(high)).exp()


def perceptron(size: int, hidden: tuple[int, ...]) -> nn.Sequential:
    """Linear layers, each followed by an ELU, from `size` to the last of `hidden`."""
    layers: list[nn.Module] = []
    for width in hidden:
        linear = nn.Linear(size, width)
        nn.init.orthogonal_(linear.weight, gain=math.sqrt(2.0))
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ELU()]
        size = width
    return nn.Sequential(*layers)
