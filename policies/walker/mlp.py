"""An actor without a history, and the critic."""

from dataclasses import dataclass

from torch import Tensor, nn

from policies.walker.parts import Gaussian, GaussianHead, RunningNormalizer, perceptron


@dataclass(frozen=True, kw_only=True)
class MLPActorConfig:
    """Configuration of an `MLPActor`.

    Attributes:
        observation_size: Observation dimensions, p.
        action_size: Action dimensions, m.
        hidden: Widths of the hidden layers.
        initial_std: Standard deviation of actions before training.
    """

    observation_size: int
    action_size: int
    hidden: tuple[int, ...] = (512, 256, 128)
    initial_std: float = 1.0


class MLPActor(nn.Module):
    """From one observation to an action."""

    def __init__(self, config: MLPActorConfig) -> None:
        super().__init__()
        self.config = config
        self.normalizer = RunningNormalizer(config.observation_size)
        self.layers = perceptron(config.observation_size, config.hidden)
        self.head = GaussianHead(config.hidden[-1], config.action_size, config.initial_std)

    def forward(self, observations: Tensor) -> Tensor:
        """(..., p) to the mean action (..., m)."""
        mean: Tensor = self.head(self.encode(observations))
        return mean

    def encode(self, observations: Tensor) -> Tensor:
        """(..., p) to the last hidden layer (..., d), for a probe."""
        features: Tensor = self.layers(self.normalizer(observations))
        return features

    def distribution(self, observations: Tensor) -> Gaussian:
        """Distribution of actions (..., m)."""
        return Gaussian(self(observations), self.head.std)


@dataclass(frozen=True, kw_only=True)
class CriticConfig:
    """Configuration of a `Critic`.

    Attributes:
        observation_size: Observation dimensions, including privileged ones, q.
        hidden: Widths of the hidden layers.
    """

    observation_size: int
    hidden: tuple[int, ...] = (512, 256, 128)


class Critic(nn.Module):
    """From one privileged observation to the expected return."""

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        self.config = config
        self.normalizer = RunningNormalizer(config.observation_size)
        self.layers = perceptron(config.observation_size, config.hidden)
        self.value = nn.Linear(config.hidden[-1], 1)
        nn.init.orthogonal_(self.value.weight, gain=1.0)
        nn.init.zeros_(self.value.bias)

    def forward(self, observations: Tensor) -> Tensor:
        """(..., q) to (..., 1)."""
        value: Tensor = self.value(self.layers(self.normalizer(observations)))
        return value
