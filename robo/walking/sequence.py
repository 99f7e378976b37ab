"""Training by prediction alone: a next-token walker, from recorded trajectories.

After Radosavovic et al. 2024 ("Humanoid locomotion as next token prediction"). No rewards: windows
of recorded trajectories, prediction errors, Adam. See `policies.walker.next_token` and
`robo.walking.trajectories`.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from envs.humanoid import observations
from envs.humanoid.batch import WalkBatch
from policies.walker.next_token import (
    NextTokenConfig,
    NextTokenLoss,
    NextTokenWalker,
    Trajectories,
)
from policies.walker.transformer import TrunkConfig
from robo.errors import UserError
from robo.training.log import VALIDATION
from robo.training.optimizer_state import optimizer_tensors, set_optimizer_tensors
from robo.training.randomness import seed_torch
from robo.training.run_folder import RunFolder
from robo.training.schedule import Schedule
from robo.walking.config import WalkTrainingConfig
from robo.walking.learner import network_settings
from robo.walking.reference import COMMANDS
from robo.walking.reinforcement import cannot_go_on, walk_batch
from robo.walking.run import WalkRun
from robo.walking.teacher import Teacher
from robo.walking.trajectories import (
    FILE,
    Recording,
    last_action,
    load_recording,
    record,
    save_recording,
    source_of,
)

_WINDOWS: Final = 64
"""Windows per batch."""
_BATCHES: Final = 16
"""Batches per iteration."""
_VALIDATION: Final = 8
"""Validation batches; also, one copy in so many is held out for them."""
_OBSERVATION_WEIGHT: Final = 0.1
"""Noise and new commands cannot be predicted; their errors must not drown those of the actions."""
_CLIP: Final = 1.0


class SequenceLearning(WalkRun):
    """Stage next-token."""

    def __init__(
        self,
        folder: RunFolder,
        config: WalkTrainingConfig,
        teacher: Teacher | None,
        console: Console | None,
    ) -> None:
        super().__init__(folder, config, teacher, console)
        assert teacher is not None
        self._walker, self._hard = teacher.walker, teacher.state
        self._path = folder.out / FILE
        self._recording: Recording | None = None
        settings = {k: v for k, v in network_settings(config).items() if k != "network"}
        seed_torch(config.seed, "weights")
        self.network = NextTokenWalker(
            NextTokenConfig(
                observation_size=observations.size(self.robot),
                action_size=len(self.robot.joints),
                last_action=last_action(self.robot),
                trunk=TrunkConfig(**settings),
            )
        )
        self._adam = torch.optim.Adam(self.network.parameters(), lr=config.learning_rate)
        self._schedule = Schedule(config.steps, config.minutes, warmup=0.02)
        copies = torch.arange(config.copies)
        apart = copies % _VALIDATION == 0
        self._apart, self._learnt = copies[apart], copies[~apart]
        if self.latest:
            try:
                self.network.load_state_dict(self.weights)
                set_optimizer_tensors(self._adam, self.network, self.optimizer)
            except (RuntimeError, KeyError) as error:
                raise UserError(cannot_go_on(self.latest, error)) from None

    @property
    def actor(self) -> NextTokenWalker:
        """The network that walks."""
        return self.network

    @property
    def networks(self) -> nn.Module:
        """The same."""
        return self.network

    @property
    def iteration_steps(self) -> int:
        """Time steps of the batches."""
        return _BATCHES * _WINDOWS * self._length

    @property
    def _length(self) -> int:
        """Time steps per window: twice a layer's attention span, if so many were recorded."""
        return min(2 * self.config.history, self.config.recorded // self.config.copies)

    def begin(self) -> None:
        """Record or load the run's trajectories, and set the observation statistics."""
        if self._path.is_file():
            self._recording = load_recording(self._path)
        else:
            self._recording = self._record()
        if self._recording is not None and self.iteration == 0:
            self.network.normalizer.update(self._recording.observations[:, self._learnt])

    def iterate(self) -> dict[str, float]:
        """Learn from `_BATCHES` batches."""
        seed_torch(self.config.seed, "step", self.iteration)
        rate = self.config.learning_rate * self._schedule.factor(self.share)
        for group in self._adam.param_groups:
            group["lr"] = rate
        losses = [self._learn_from(self._windows(self._learnt)) for _ in range(_BATCHES)]
        return _named(losses) | {"learning_rate": rate}

    def validation(self) -> dict[str, float]:
        """Losses on the held-out copies."""
        seed_torch(self.config.seed, "validation")
        with torch.no_grad():
            losses = [self.network.loss(self._windows(self._apart)) for _ in range(_VALIDATION)]
        return {VALIDATION + name: value for name, value in _named(losses).items()}

    def optimizer_state(self) -> Mapping[str, Tensor]:
        """Adam's state."""
        return optimizer_tensors(self._adam, self.network)

    def kept(self) -> dict[str, Any]:
        """Nothing else."""
        return {}

    def close(self) -> None:
        """Nothing to release."""

    def _record(self) -> Recording | None:
        """Record at the teacher's final difficulty; None if it was stopped."""
        config = self.config
        self.display.say(f"recording {config.recorded} steps")
        others = source_of(config.copies, self.robot).count("reference")
        taught = replace(config, copies=config.copies - others)
        with walk_batch(taught, 0, None) as batch, self._easy(others) as reference:
            if config.randomization and "randomization" in self._hard:
                batch.factor[:] = np.mean(self._hard["randomization"])
            batch.command_scale = self._hard.get("commands", 1.0)
            steps = config.recorded // config.copies
            recording = record(
                batch,
                reference,
                self._walker,
                steps,
                config.seed,
                lambda _: self.signals.received is None,
            )
        if recording is not None:
            save_recording(recording, self._path)
        return recording

    def _easy(self, copies: int) -> AbstractContextManager[WalkBatch | None]:
        """For the reference controller: flat, not randomised, commands that it can follow."""
        if not copies:
            return nullcontext()
        easy = replace(self.config, copies=copies, randomization=False, terrain="flat")
        batch = walk_batch(easy, 1, None)
        batch.ranges = COMMANDS
        return batch

    def _windows(self, copies: Tensor) -> Trajectories:
        """A batch of windows, drawn at random."""
        assert self._recording is not None
        last = len(self._recording.observations) - self._length
        first = torch.randint(last + 1, (_WINDOWS,))
        chosen = copies[torch.randint(len(copies), (_WINDOWS,))]
        return self._recording.windows(first, chosen, self._length)

    def _learn_from(self, windows: Trajectories) -> NextTokenLoss:
        loss = self.network.loss(windows)
        self._adam.zero_grad()
        total = loss.action + _OBSERVATION_WEIGHT * loss.observation
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP)
        self._adam.step()
        return loss


def _named(losses: list[NextTokenLoss]) -> dict[str, float]:
    return {
        f"loss/{name}": float(np.mean([getattr(loss, name).item() for loss in losses]))
        for name in NextTokenLoss._fields
    }


__all__ = ["SequenceLearning"]
