"""Reinforcement and imitation together: PPO whose loss also holds the distance to a teacher.

    loss = PPO + weight · mean of (student's mean action - teacher's mean action)²

in units of the action scale, with a weight that falls over the training (Radosavovic et al. 2024,
"Real-world humanoid locomotion with reinforcement learning"). The student acts, and both are asked
in the states that it gets into (Ross et al. 2011, "A reduction of imitation learning to no-regret
online learning"). The teacher is asked once per observation of a rollout; its actions are stored.

At first there is imitation alone, with a learning rate of its own: PPO's trust region is there to
keep the policy near the one that collected the rollout, but a beginner should get away from it.

Mirror images: an MLP also learns from every mirrored sample. A transformer would need memories of
mirrored pasts, which do not exist; so some sequences are mirrored, and read without their past, and
the actions should be the mirror image of the original ones (a mirror loss, Mittal et al. 2024).
"""

from typing import Final

import torch
from rsl_rl.extensions import Symmetry
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch import Tensor, nn

from envs.humanoid.observations import POLICY
from policies.walker.learner import LearnerActor, joined
from policies.walker.parts import RunningNormalizer
from robo.walking.config import WalkTrainingConfig
from robo.walking.environment import IMITATED, Mirror, WalkEnv
from robo.walking.learner import WalkLearner
from robo.walking.teacher import Teacher

_MIRRORED: Final = 4
"""One sequence in so many is mirrored; the others cost nothing."""

_MIRROR_WEIGHT: Final = 0.5


class WalkStudent(WalkLearner):
    """PPO with a teacher, or for a transformer without one.

    What the teacher knows already is taken over: the deviation of its actions, its statistics of
    what a robot senses, and its critic where the shapes are the same.

    Args:
        env: As for `WalkLearner`.
        config: The same.
        teacher: To imitate; None: reinforcement alone.
    """

    def __init__(
        self, env: WalkEnv, config: WalkTrainingConfig, teacher: Teacher | None = None
    ) -> None:
        self._teacher = teacher
        super().__init__(env, config, self._with_teacher(env.get_observations()))
        alone = config.apprenticeship if teacher else 0.0
        self.guidance = _Guidance(env, config, alone)
        self._apprentice_rate = config.learning_rate
        self.symmetry = self.guidance
        if teacher is not None:
            self._take_over(teacher)

    def act(self, obs: TensorDict) -> Tensor:
        """As PPO, and what the teacher would do is stored."""
        actions: Tensor = super().act(obs)
        self.transition.observations = self._with_teacher(obs)
        return actions

    def is_apprentice(self, share: float) -> bool:
        """Whether there is imitation alone after `share` of the training."""
        return share < self.guidance.until

    def update(self, share: float = 0.0) -> dict[str, float]:
        """As PPO, with less imitation the greater the `share` of the training that is over.

        Returns:
            Mean losses; "imitation" is the mean square distance to the teacher's actions, "mirror"
            that between mirrored actions and actions in the mirror.
        """
        guidance = self.guidance
        guidance.begin(share)
        losses = self._imitate() if guidance.alone else super().update(share)
        losses.pop("symmetry", None)
        return losses | guidance.means()

    def _imitate(self) -> dict[str, float]:
        """An update of the actor by imitation alone, and of the critic as ever."""
        storage, actor = self.storage, self.actor
        batches = (
            storage.recurrent_mini_batch_generator
            if actor.is_recurrent
            else storage.mini_batch_generator
        )
        self.learning_rate = self._apprentice_rate
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate
        value_losses = []
        for batch in batches(self.num_mini_batches, self.num_learning_epochs):
            self.guidance.augment_batch(batch, len(batch.observations))
            seen, masks = batch.observations, batch.masks
            past = batch.hidden_states[0]
            actor(seen, masks=masks, hidden_state=past, stochastic_output=True)
            value_loss = (self.critic(seen, masks=masks) - batch.returns).square().mean()
            loss = self.guidance.compute_loss(actor, batch, len(seen)) + value_loss
            self.optimizer.zero_grad()
            loss.backward()
            for network in (actor, self.critic):
                nn.utils.clip_grad_norm_(network.parameters(), self.max_grad_norm)
            self.optimizer.step()
            value_losses.append(value_loss.item())
        self.warm()
        entropy = actor.output_entropy.mean().item()
        return {"value": sum(value_losses) / len(value_losses), "entropy": entropy}

    def _with_teacher(self, obs: TensorDict) -> TensorDict:
        if self._teacher is None:
            return obs
        return TensorDict({**obs, IMITATED: self._teacher.act(obs)}, obs.batch_size)

    def _take_over(self, teacher: Teacher) -> None:
        network = self.actor.network
        network.head.log_std.data.copy_(teacher.network.head.log_std)
        _take_statistics(network.normalizer, teacher.network.normalizer)
        own = self.critic.state_dict()
        if own.keys() == teacher.critic.keys() and all(
            value.shape == teacher.critic[name].shape for name, value in own.items()
        ):
            self.critic.load_state_dict(teacher.critic)


class _Guidance(Symmetry):  # type: ignore[misc]
    """Where PPO adds a loss for symmetry, this adds the distances to teacher and mirror image.

    Attributes:
        until: Share of the training with imitation alone.
        left: Share of the training after which there is no imitation.
        alone: Whether there is imitation alone now.
        weight: Current weight of the distance to the teacher.
    """

    def __init__(self, env: WalkEnv, config: WalkTrainingConfig, alone: float) -> None:
        self._mirror = Mirror(env.batch.robot)
        super().__init__(env, self._mirror, use_mirror_loss=True, mirror_loss_coeff=1.0)
        self._weight, self._symmetry = config.imitation, config.symmetry
        self.until, self.left = alone, config.leave
        self.begin(0.0)

    def begin(self, share: float) -> None:
        """Begin an update, after `share` of the training."""
        self.alone = share < self.until
        left = max(0.0, self.left - share) / max(self.left - self.until, 1e-9)
        self.weight = 1.0 if self.alone else self._weight * left**2
        self._distances: dict[str, list[float]] = {}

    def means(self) -> dict[str, float]:
        """Mean distances since `begin`."""
        return {name: sum(each) / len(each) for name, each in self._distances.items()}

    def augment_batch(self, batch: RolloutStorage.Batch, original_batch_size: int) -> None:
        """Mirror the samples of an MLP."""
        self.use_data_augmentation = self._symmetry and batch.masks is None
        super().augment_batch(batch, original_batch_size)

    def compute_loss(self, actor: LearnerActor, batch: RolloutStorage.Batch, _: int) -> Tensor:
        """Loss of the actions that `actor` has just given for the batch."""
        mean, loss = actor.output_mean, torch.zeros(())
        if IMITATED in batch.observations.keys():  # noqa: SIM118 (a TensorDict)
            wanted = batch.observations[IMITATED]
            wanted = wanted if batch.masks is None else joined(wanted, batch.masks)
            loss = loss + self.weight * self._distance("imitation", mean, wanted)
        if self._symmetry and batch.masks is not None:
            loss = loss + _MIRROR_WEIGHT * self._mirrored(actor, batch, mean)
        return loss

    def _mirrored(self, actor: LearnerActor, batch: RolloutStorage.Batch, mean: Tensor) -> Tensor:
        """Distance of the mirrored mean actions [t, n, m] to the actions on mirrored sequences."""
        steps, robots = mean.shape[:2]
        lengths = batch.masks.sum(dim=0)
        whole = (lengths == steps).nonzero().flatten()
        chosen = whole[torch.randperm(len(whole))[: max(1, robots // _MIRRORED)]]
        if not len(chosen):
            return torch.zeros(())
        # Episodes lie robot by robot, each robot's filling the rollout.
        robot = (lengths.cumsum(0) - lengths)[chosen] // steps
        wanted = self._mirror.image(IMITATED, mean[:, robot]).detach()
        seen = self._mirror.image(POLICY, batch.observations[POLICY][:, chosen])
        return self._distance("mirror", actor.network(seen), wanted)

    def _distance(self, name: str, actions: Tensor, wanted: Tensor) -> Tensor:
        distance = (actions - wanted).square().mean()
        self._distances.setdefault(name, []).append(distance.item())
        return distance


def _take_statistics(own: RunningNormalizer, theirs: RunningNormalizer) -> None:
    """Copy the other's statistics of the first inputs, as many as it has itself."""
    count = len(own.mean)
    own.mean.copy_(theirs.mean[:count])
    own.variance.copy_(theirs.variance[:count])
    own.count.copy_(theirs.count)


__all__ = ["WalkStudent"]
