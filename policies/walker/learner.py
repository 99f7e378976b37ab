"""The networks with the model interface of rsl-rl-lib's PPO (5.x).

Name them in its configuration:

    {"actor": {"class_name": "policies.walker.learner:LearnerActor", "network": "transformer"},
     "critic": {"class_name": "policies.walker.learner:LearnerCritic"}, ...}

`PPO.construct_algorithm` then builds them from an example observation. Observations are any mapping
from group names to tensors, such as its TensorDict; rsl-rl-lib itself is not imported here.

To PPO, a transformer is a recurrent model: it is trained on whole rollouts, computing each token's
features once, and its hidden state is the memory (`Memory`) at the start of each.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from policies.errors import PolicyError
from policies.walker.mlp import Critic, CriticConfig, MLPActor, MLPActorConfig
from policies.walker.parts import Gaussian
from policies.walker.transformer import (
    Memory,
    TransformerStudent,
    TransformerStudentConfig,
    TrunkConfig,
)

HiddenState = tuple[Tensor, Tensor]
"""(slots, n, d) and (1, n, 1): a memory's tokens and age, shaped for the rollout storage."""


class _LearnerModel(nn.Module):
    """Base of actor and critic: selects and concatenates their observation groups."""

    is_recurrent = False

    def __init__(self, groups: list[str]) -> None:
        super().__init__()
        self.obs_groups = groups

    def values(self, obs: Mapping[str, Tensor]) -> Tensor:
        """(..., p), the groups concatenated."""
        return torch.cat([obs[group] for group in self.obs_groups], dim=-1)

    def reset(self, dones: Tensor | None = None, hidden_state: Any = None) -> None:
        """Do nothing: there is no hidden state."""

    def get_hidden_state(self) -> HiddenState | None:
        """None: there is no hidden state."""
        return None

    def detach_hidden_state(self, dones: Tensor | None = None) -> None:
        """Do nothing: memories carry no gradients."""


class LearnerActor(_LearnerModel):
    """An actor with PPO's interface: samples, log-likelihoods, entropies, a hidden state.

    Attributes:
        network: A `TransformerStudent` or an `MLPActor`; the weights to save.
    """

    network: TransformerStudent | MLPActor

    def __init__(
        self,
        obs: Mapping[str, Tensor],
        obs_groups: Mapping[str, list[str]],
        obs_set: str,
        output_dim: int,
        network: str = "transformer",
        **settings: Any,
    ) -> None:
        """Build the network.

        Args:
            obs: Example of all groups, each (n, p).
            obs_groups: Groups of each set.
            obs_set: Set of this actor: "actor", "student" or "teacher".
            output_dim: Action dimensions.
            network: "transformer" or "mlp".
            settings: Fields of `TrunkConfig` and `initial_std`, or of `MLPActorConfig`.

        Raises:
            PolicyError: The network or one of its settings is unknown.
        """
        super().__init__(obs_groups[obs_set])
        sizes: dict[str, Any] = {
            "observation_size": self.values(obs).shape[-1],
            "action_size": output_dim,
        }
        try:
            if network == "transformer":
                initial = {k: settings.pop(k) for k in ("initial_std",) if k in settings}
                config = TransformerStudentConfig(**sizes, **initial, trunk=TrunkConfig(**settings))
                self.network = TransformerStudent(config)
            elif network == "mlp":
                self.network = MLPActor(MLPActorConfig(**sizes, **_tuples(settings)))
            else:
                raise PolicyError(f'no network "{network}": choose transformer or mlp')
        except TypeError as error:
            raise PolicyError(f"the {network} has no such setting ({error})") from None
        self.is_recurrent = network == "transformer"
        self._robots = len(self.values(obs))
        self._memory: Memory | None = None
        self._distribution: Gaussian | None = None

    def forward(
        self,
        obs: Mapping[str, Tensor],
        masks: Tensor | None = None,
        hidden_state: HiddenState | None = None,
        stochastic_output: bool = False,
    ) -> Tensor:
        """Actions; when sampled, also sets the distribution for the properties below.

        Args:
            obs: Each group (n, p); with masks (t, episodes, p), padded.
            masks: (t, episodes) bool, false on padding, for rollouts split into episodes.
            hidden_state: At the start of these episodes.
            stochastic_output: Sample instead of returning the mean.

        Returns:
            (n, m); with masks (t, n, m), joined to rollouts again.
        """
        values = self.values(obs)
        mean: Tensor
        if isinstance(self.network, MLPActor):
            mean = self.network(values)
        elif masks is None:
            memory = self._memory or self.network.empty_memory(len(values))
            mean, self._memory = self.network.step(values, _detached(memory))
        else:
            mean = self.network(values, self._unpacked(hidden_state))
        if masks is not None:
            mean = joined(mean, masks)
        if not stochastic_output:
            return mean
        self._distribution = Gaussian(mean, self.network.head.std)
        return self._distribution.sample()

    def reset(self, dones: Tensor | None = None, hidden_state: HiddenState | None = None) -> None:
        """Clear the memory, or that of the robots in `dones` (n,), or restore a hidden state."""
        if dones is None:
            self._memory = self._unpacked(hidden_state)
        elif self._memory is not None and dones.any():
            self._memory = self._memory.forget(dones.bool().flatten())

    def get_hidden_state(self) -> HiddenState | None:
        """The memory before the next observation; None for an MLP."""
        if not isinstance(self.network, TransformerStudent):
            return None
        memory = self._memory or self.network.empty_memory(self._robots)
        return memory.tokens.flatten(0, 1), memory.age[None, :, None]

    def _unpacked(self, state: HiddenState | None) -> Memory | None:
        if state is None or not isinstance(self.network, TransformerStudent):
            return None
        tokens, age = state
        layers = self.network.config.trunk.layers
        return Memory(tokens.view(2 * layers, -1, *tokens.shape[1:]), age[0, :, 0])

    def update_normalization(self, obs: Mapping[str, Tensor]) -> None:
        """Update the statistics with a rollout's observations."""
        self.network.normalizer.update(self.values(obs))

    @property
    def distribution(self) -> Gaussian:
        """The distribution last sampled from."""
        if self._distribution is None:
            raise PolicyError("no actions have been sampled yet")
        return self._distribution

    @property
    def output_mean(self) -> Tensor:
        """(..., m)."""
        return self.distribution.mean

    @property
    def output_std(self) -> Tensor:
        """(..., m)."""
        return self.distribution.std

    @property
    def output_entropy(self) -> Tensor:
        """(...)."""
        return self.distribution.entropy()

    @property
    def output_distribution_params(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation."""
        return self.distribution.mean, self.distribution.std

    def get_output_log_prob(self, outputs: Tensor) -> Tensor:
        """Log-likelihood (...) of actions (..., m)."""
        return self.distribution.log_probability(outputs)

    def get_kl_divergence(
        self, old_params: tuple[Tensor, Tensor], new_params: tuple[Tensor, Tensor]
    ) -> Tensor:
        """KL(old ‖ new), (...)."""
        return Gaussian(*old_params).divergence(Gaussian(*new_params))


class LearnerCritic(_LearnerModel):
    """A critic with PPO's interface.

    Attributes:
        network: The `Critic`.
    """

    def __init__(
        self,
        obs: Mapping[str, Tensor],
        obs_groups: Mapping[str, list[str]],
        obs_set: str,
        output_dim: int,
        **settings: Any,
    ) -> None:
        """As `LearnerActor`; `output_dim` is 1, settings are fields of `CriticConfig`."""
        super().__init__(obs_groups[obs_set])
        if output_dim != 1:
            raise PolicyError(f"a critic gives one number, not {output_dim}")
        config = CriticConfig(observation_size=self.values(obs).shape[-1])
        self.network = Critic(replace(config, **_tuples(settings)))

    def forward(
        self,
        obs: Mapping[str, Tensor],
        masks: Tensor | None = None,
        hidden_state: None = None,
        stochastic_output: bool = False,
    ) -> Tensor:
        """Values (n, 1); with masks (t, n, 1). See `LearnerActor.forward`."""
        values: Tensor = self.network(self.values(obs))
        return values if masks is None else joined(values, masks)

    def update_normalization(self, obs: Mapping[str, Tensor]) -> None:
        """Update the statistics with a rollout's observations."""
        self.network.normalizer.update(self.values(obs))


def joined(padded: Tensor, masks: Tensor) -> Tensor:
    """Join episodes (t, episodes, k), padded at their ends, to their rollouts (t, n, k)."""
    real = padded.transpose(0, 1)[masks.transpose(0, 1)]
    rollouts: Tensor = real.view(-1, len(padded), real.shape[-1]).transpose(0, 1)
    return rollouts


def _detached(memory: Memory) -> Memory:
    return Memory(memory.tokens.detach(), memory.age)


def _tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Convert lists, as in JSON and rsl-rl-lib, to tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
