"""Training by reinforcement: rollouts of many copies, updates and curricula."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from envs.humanoid.batch import WalkBatch
from envs.humanoid.curriculum import EpisodeCurriculum, RandomizationCurriculum
from envs.humanoid.pushes import EVERY, OFTEN
from envs.humanoid.randomization import TERMS, TRAINING
from envs.humanoid.robots import robot_config
from policies.walker.mlp import MLPActor
from policies.walker.transformer import TransformerStudent
from robo.errors import UserError, user_errors
from robo.training.randomness import numpy_generator, seed_torch
from robo.training.run_folder import RunFolder
from robo.walking.checkpoints import read_robots
from robo.walking.config import WalkTrainingConfig
from robo.walking.environment import WalkEnv
from robo.walking.learner import WalkLearner
from robo.walking.progress import Tally
from robo.walking.run import WalkRun
from robo.walking.stepping import begin_stepping
from robo.walking.student import WalkStudent
from robo.walking.teacher import Teacher

LOSSES = ("surrogate", "value", "imitation", "mirror")
"""Losses of an update in the log."""


class Reinforcement(WalkRun):
    """Stages teacher, student and mlp.

    A resumed run equals the uninterrupted one, robots included; from an old checkpoint without
    their state, they begin new episodes.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: WalkTrainingConfig,
        teacher: Teacher | None,
        console: Console | None,
    ) -> None:
        super().__init__(folder, config, teacher, console)
        self.penalties = EpisodeCurriculum(rise=0.001)
        self.commands = EpisodeCurriculum(factor=0.7, lowest=0.7, rise=0.003)
        robots = read_robots(self.latest) if self.latest else {}
        self._check_state(robots)
        # Iteration that seeds the robots' random numbers.
        self.began: int = self.state["began"] if robots else self.iteration
        self.batch = walk_batch(config, self.began, RandomizationCurriculum())
        self._randomization = self.batch.curriculum
        self._set_curricula(self.state or (teacher.state if teacher else {}))
        self.env = WalkEnv(self.batch)
        seed_torch(config.seed, "weights")
        if config.stage == "student" or teacher is not None:
            self.learner: WalkLearner = WalkStudent(self.env, config, teacher)
        else:
            self.learner = WalkLearner(self.env, config)
        self.tally = Tally(config.copies, self.batch.control_hz, self.batch.steps_per_episode)
        if self.latest:
            self.tally.shares.extend(self.state["shares"])
            self.tally.returns.extend(self.state["returns"])
            try:
                self.learner.go_on(self.weights, self.optimizer, self.state["learning_rate"])
                if robots:
                    self.env.restore(robots)
                    self.learner.remember(robots)
            except (RuntimeError, KeyError, ValueError) as error:
                raise UserError(cannot_go_on(self.latest, error)) from None

    def _check_state(self, robots: Mapping[str, Tensor]) -> None:
        needed = {"learning_rate", "shares", "returns"} | ({"began"} if robots else set())
        missing = sorted(needed - self.state.keys())
        if self.latest and missing:
            raise UserError(cannot_go_on(self.latest, f"its state has no {missing[0]}"))

    @property
    def actor(self) -> TransformerStudent | MLPActor:
        """The network that walks."""
        network: TransformerStudent | MLPActor = self.learner.actor.network
        return network

    @property
    def networks(self) -> nn.Module:
        """Actor and critic."""
        return self.learner.networks

    @property
    def iteration_steps(self) -> int:
        """Control steps of a rollout."""
        return self.config.iteration

    def begin(self) -> None:
        """In a new run without a teacher: observation statistics from a rollout, and stepping."""
        if self.iteration == 0 and self.teacher is None:
            seed_torch(self.config.seed, "step", 0, 0)
            self._roll()
            self.learner.warm()
            if self.config.stepping and not self.learner.actor.is_recurrent:
                begin_stepping(self.learner, self.env)

    def iterate(self) -> dict[str, float]:
        """A rollout, an update, and the curricula, which wait during the apprenticeship."""
        seed_torch(self.config.seed, "step", self.iteration)
        apprentice = self.learner.is_apprentice(self.share)
        if self.share >= self.config.calm:
            self.batch.push_every = EVERY
        self.batch.curriculum = None if apprentice else self._randomization
        self._roll()
        losses = self.learner.update(self.share)
        if self.tally.shares and not apprentice:
            for curriculum in (self.penalties, self.commands):
                curriculum.update(self.tally.mean_share)
            self._apply_curricula()
        return {
            **self.tally.line(),
            **{f"loss/{name}": losses[name] for name in LOSSES if name in losses},
            "entropy": losses["entropy"],
            "learning_rate": self.learner.learning_rate,
            "curriculum/penalties": self.penalties.factor,
            "curriculum/commands": self.commands.factor,
            "curriculum/randomization": float(self.batch.factor.mean()),
        }

    def optimizer_state(self) -> Mapping[str, Tensor]:
        """Adam's state."""
        return self.learner.optimizer_state()

    def kept(self) -> dict[str, Any]:
        """Learning rate, curricula and the last episodes."""
        return {
            "learning_rate": self.learner.learning_rate,
            "began": self.began,
            "penalties": self.penalties.factor,
            "commands": self.commands.factor,
            "randomization": self.batch.factor.tolist(),
            "shares": list(self.tally.shares),
            "returns": list(self.tally.returns),
        }

    def robots(self) -> dict[str, Tensor]:
        """State of the robots, and the actor's memories of them."""
        return self.env.state() | self.learner.memories()

    def close(self) -> None:
        """Stop the physics threads."""
        self.batch.close()

    def _roll(self) -> None:
        """Collect a rollout of every copy."""
        learner, env = self.learner, self.env
        with torch.inference_mode():
            for _ in range(self.config.rollout):
                actions = learner.act(env.get_observations())
                obs, rewards, dones, extras = env.step(actions)
                learner.process_env_step(obs, rewards, dones, extras)
                self.tally.add(extras["info"])
            learner.compute_returns(env.get_observations())

    def _set_curricula(self, state: dict[str, Any]) -> None:
        """Set them as in a checkpoint's state, or the teacher's."""
        if state and self.config.randomization:
            factors = state["randomization"]
            same = len(factors) == self.config.copies
            self.batch.factor[:] = factors if same else np.mean(factors)
        self.penalties.factor = state.get("penalties", self.penalties.factor)
        self.commands.factor = state.get("commands", self.commands.factor)
        self._apply_curricula()

    def _apply_curricula(self) -> None:
        self.batch.penalties = self.penalties.factor
        self.batch.command_scale = self.commands.factor


def walk_batch(
    config: WalkTrainingConfig, iteration: int, curriculum: RandomizationCurriculum | None
) -> WalkBatch:
    """The robots, seeded by `iteration`: resumed without their state, they draw new episodes."""
    seed = int(numpy_generator(config.seed, "order", iteration).integers(np.iinfo(np.int64).max))
    with user_errors(ValueError, ModuleNotFoundError):
        return WalkBatch(
            robot_config(config.robot),
            config.copies,
            seed,
            tuple(TERMS) if config.randomization else (),
            config.terrain,
            physics_hz=config.physics_hz,
            threads=config.threads,
            curriculum=curriculum if config.randomization else None,
            terms=TRAINING,
            push_every=OFTEN,
        )


def cannot_go_on(checkpoint: Path, error: Exception | str) -> str:
    """What to do about a checkpoint that cannot be resumed."""
    reason = " ".join(str(error).split())[:200]
    return (
        f"{checkpoint} cannot be gone on with ({reason}); take it away to go on from the one before"
    )


__all__ = ["Reinforcement", "cannot_go_on", "walk_batch"]
