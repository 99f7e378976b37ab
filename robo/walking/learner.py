"""rsl-rl-lib's PPO with what walking needs: values at time-outs, symmetry, a resumable state."""

from collections.abc import Mapping
from typing import Any

import torch
from rsl_rl.algorithms import PPO
from rsl_rl.extensions import Symmetry
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch import Tensor, nn

from envs.humanoid.observations import POLICY, PRIVILEGED
from policies.walker.learner import LearnerActor, LearnerCritic
from robo.training.optimizer_state import optimizer_tensors, set_optimizer_tensors
from robo.walking.config import WalkTrainingConfig
from robo.walking.environment import Mirror, WalkEnv

GROUPS = {
    "teacher": [POLICY, PRIVILEGED],
    "student": [POLICY],
    "mlp": [POLICY],
    "next-token": [POLICY],
}
"""Observation groups of each stage's actor; the critic always sees all."""

_MEMORY = ("memory/tokens", "memory/age")

_SLOWEST = 0.02
"""Share of the largest learning rate that is left at the end of training."""

HEADS = 4
"""Attention heads of the transformer."""


def network_settings(config: WalkTrainingConfig) -> dict[str, Any]:
    """Settings of a stage's actor, for `LearnerActor` if it learns by reinforcement."""
    if config.stage not in ("student", "next-token"):
        return {"network": "mlp", "hidden": list(config.hidden)}
    sizes = {"width": config.width, "layers": config.layers, "hidden": 4 * config.width}
    if config.stage == "student":
        return {"network": "transformer", "history": config.history, "heads": HEADS, **sizes}
    # A time step is two tokens.
    return {"network": "next-token", "history": 2 * config.history, "heads": HEADS, **sizes}


class WalkLearner(PPO):  # type: ignore[misc]
    """PPO on a walking environment.

    Args:
        env: Environment, which gives sizes and example observations.
        config: How to train.
        example: Example of the observations to store, if they have extra groups.
    """

    def __init__(
        self, env: WalkEnv, config: WalkTrainingConfig, example: TensorDict | None = None
    ) -> None:
        obs = env.get_observations()
        groups = {"actor": GROUPS[config.stage], "critic": [POLICY, PRIVILEGED]}
        actor = LearnerActor(
            obs,
            groups,
            "actor",
            env.num_actions,
            initial_std=config.initial_std,
            **network_settings(config),
        )
        critic = LearnerCritic(obs, groups, "critic", 1, hidden=list(config.hidden))
        stored = obs if example is None else example
        self._fastest = self._limit = config.fastest
        super().__init__(
            actor,
            critic,
            _Storage("rl", env.num_envs, config.rollout, stored, [env.num_actions]),
            num_learning_epochs=config.student_epochs if actor.is_recurrent else config.epochs,
            num_mini_batches=config.minibatches,
            gamma=config.discount,
            lam=config.trace,
            entropy_coef=config.entropy,
            learning_rate=config.learning_rate,
            desired_kl=config.divergence,
        )
        if config.symmetry and not actor.is_recurrent:
            self.symmetry = Augmentation(env, Mirror(env.batch.robot))
        self.networks = nn.ModuleDict({"actor": actor, "critic": critic})

    @property
    def learning_rate(self) -> float:
        """Adam's learning rate; rsl-rl-lib adapts it, up to the current limit."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = min(value, self._limit)

    def warm(self) -> None:
        """Update the observation statistics from the rollout, and discard it.

        Otherwise the networks' inputs would change right after the first update.
        """
        observations = self.storage.observations.flatten(0, 1)
        self.actor.update_normalization(observations)
        self.critic.update_normalization(observations)
        self.storage.clear()

    def is_apprentice(self, share: float) -> bool:
        """Whether there is imitation alone after `share` of the training."""
        return False

    def update(self, share: float = 0.0) -> dict[str, float]:
        """Learn from the rollout after `share` of the training; mean losses.

        The limit of the learning rate decays exponentially. A rollout is small and its gradient
        mostly noise once the robot walks: at 1e-3 its gait gets worse again, at a tenth of that it
        keeps improving.
        """
        self._limit = self._fastest * _SLOWEST ** min(1.0, share)
        self.learning_rate = self.learning_rate
        losses: dict[str, float] = super().update()
        return losses

    def process_env_step(
        self, obs: TensorDict, rewards: Tensor, dones: Tensor, extras: dict[str, Any]
    ) -> None:
        """Store a step, bootstrapping rewards at time-outs.

        They get the value of the copy's final observation. rsl-rl-lib itself takes the value of the
        one before, because its environments discard the last one.
        """
        late = extras["timed_out"]
        if len(late):
            rewards = rewards.clone()
            rewards[late] += self.gamma * self.critic(extras["final_observation"]).squeeze(-1)
        super().process_env_step(obs, rewards, dones, {})

    def weights(self) -> dict[str, Tensor]:
        """Weights and observation statistics of actor and critic."""
        return dict(self.networks.state_dict())

    def optimizer_state(self) -> dict[str, Tensor]:
        """Adam's state."""
        return optimizer_tensors(self.optimizer, self.networks)

    def memories(self) -> dict[str, Tensor]:
        """The actor's memories of the robots; empty without a history."""
        state = self.actor.get_hidden_state()
        return {} if state is None else dict(zip(_MEMORY, state, strict=True))

    def remember(self, memories: Mapping[str, Tensor]) -> None:
        """Restore what `memories` gave.

        Raises:
            KeyError: It is missing.
        """
        if self.actor.is_recurrent:
            tokens, age = (memories[name] for name in _MEMORY)
            self.actor.reset(hidden_state=(tokens, age))

    def go_on(
        self, weights: Mapping[str, Tensor], optimizer: Mapping[str, Tensor], learning_rate: float
    ) -> None:
        """Restore what `weights` and `optimizer_state` gave.

        Raises:
            RuntimeError: The weights are of other networks.
            KeyError: The optimiser's state is.
        """
        self.networks.load_state_dict(weights)
        set_optimizer_tensors(self.optimizer, self.networks, optimizer)
        self.learning_rate = learning_rate
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate


class _Storage(RolloutStorage):  # type: ignore[misc]
    """Stores memories only where they are read: where rollouts and episodes begin.

    Those at the start of a rollout are saved; the zeros elsewhere are empty memories.
    """

    def _save_hidden_states(self, hidden_states: tuple[Any, Any]) -> None:
        if self.step == 0:
            super()._save_hidden_states(hidden_states)


class Augmentation(Symmetry):  # type: ignore[misc]
    """Mirrored samples in every minibatch, without the actor's extra pass for the log alone."""

    def __init__(self, env: WalkEnv, mirror: Mirror) -> None:
        super().__init__(env, mirror, use_data_augmentation=True)

    def compute_loss(self, *_: Any) -> Tensor:
        """No mirror loss."""
        return torch.zeros(())
