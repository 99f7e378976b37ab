"""rsl-rl-lib's PPO with what walking needs: values at time-outs, symmetry, a state to keep."""

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
"""What the actor of each stage sees; the critic always sees all."""

_MEMORY = ("memory/tokens", "memory/age")

_SLOWEST = 0.02
"""What is left of the largest learning rate at the end of a training."""

HEADS = 4
"""Of the transformer's attention."""


def network_settings(config: WalkTrainingConfig) -> dict[str, Any]:
    """What a stage's actor is built from, by `LearnerActor` where it learns by reinforcement."""
    if config.stage not in ("student", "next-token"):
        return {"network": "mlp", "hidden": list(config.hidden)}
    sizes = {"width": config.width, "layers": config.layers, "hidden": 4 * config.width}
    if config.stage == "student":
        return {"network": "transformer", "history": config.history, "heads": HEADS, **sizes}
    # A moment is two tokens.
    return {"network": "next-token", "history": 2 * config.history, "heads": HEADS, **sizes}


class WalkLearner(PPO):  # type: ignore[misc]
    """PPO on a walking environment.

    Args:
        env: Whose sizes count, and whose observations are the example.
        config: How to train.
        example: Of observations to store, if they have more groups than the environment's.
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
        """Of Adam; rsl-rl-lib moves it, not beyond the limit of this stage of the training."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = min(value, self._limit)

    def warm(self) -> None:
        """Take the rollout into the statistics of observations, and forget it.

        Without, the first update would be one of networks whose inputs then change.
        """
        observations = self.storage.observations.flatten(0, 1)
        self.actor.update_normalization(observations)
        self.critic.update_normalization(observations)
        self.storage.clear()

    def is_apprentice(self, share: float) -> bool:
        """Whether imitation is all when `share` of the training is over."""
        return False

    def update(self, share: float = 0.0) -> dict[str, float]:
        """Learn from the rollout when `share` of the training is over; mean losses.

        The limit of the learning rate falls by the same factor in every part of the training. A
        rollout is small and its gradient mostly noise once the robot walks: at 1e-3 walks get worse
        again, at a tenth of that they go on getting better.
        """
        self._limit = self._fastest * _SLOWEST ** min(1.0, share)
        self.learning_rate = self.learning_rate
        losses: dict[str, float] = super().update()
        return losses

    def process_env_step(
        self, obs: TensorDict, rewards: Tensor, dones: Tensor, extras: dict[str, Any]
    ) -> None:
        """Take a step, adding to rewards what time-outs cut off.

        That is the value of the observation that the copy ended with. rsl-rl-lib itself takes the
        value of the one before, because its environments forget the last one.
        """
        late = extras["timed_out"]
        if len(late):
            rewards = rewards.clone()
            rewards[late] += self.gamma * self.critic(extras["final_observation"]).squeeze(-1)
        super().process_env_step(obs, rewards, dones, {})

    def weights(self) -> dict[str, Tensor]:
        """Weights and statistics of observations of actor and critic."""
        return dict(self.networks.state_dict())

    def optimizer_state(self) -> dict[str, Tensor]:
        """What Adam remembers."""
        return optimizer_tensors(self.optimizer, self.networks)

    def memories(self) -> dict[str, Tensor]:
        """What the actor remembers of the robots; nothing without a history."""
        state = self.actor.get_hidden_state()
        return {} if state is None else dict(zip(_MEMORY, state, strict=True))

    def remember(self, memories: Mapping[str, Tensor]) -> None:
        """Take back what `memories` gave.

        Raises:
            KeyError: It is missing.
        """
        if self.actor.is_recurrent:
            tokens, age = (memories[name] for name in _MEMORY)
            self.actor.reset(hidden_state=(tokens, age))

    def go_on(
        self, weights: Mapping[str, Tensor], optimizer: Mapping[str, Tensor], learning_rate: float
    ) -> None:
        """Take back what `weights` and `optimizer_state` gave.

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
    """Keeps memories where they are read: where rollouts and episodes begin, these with empty ones.

    Those of a rollout's beginning are kept; zeros elsewhere are empty memories.
    """

    def _save_hidden_states(self, hidden_states: tuple[Any, Any]) -> None:
        if self.step == 0:
            super()._save_hidden_states(hidden_states)


class Augmentation(Symmetry):  # type: ignore[misc]
    """Mirrored samples in every minibatch, without the actor's second run for the log alone."""

    def __init__(self, env: WalkEnv, mirror: Mirror) -> None:
        super().__init__(env, mirror, use_data_augmentation=True)

    def compute_loss(self, *_: Any) -> Tensor:
        """There is none."""
        return torch.zeros(())
