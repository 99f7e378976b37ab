"""One training step, and validation: what happens to the weights, and nothing else.

A step: loss under autocast, gradient, mean over processes, clipping, AdamW (arXiv 1711.05101) with
the scheduled rate, moving average. Its randomness depends only on the seed, its number and rank.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from policies.base import ACTION, Batch, Policy
from robo.errors import UserError
from robo.training.config import TrainingConfig
from robo.training.moving_average import MovingAverage
from robo.training.optimizer_state import optimizer_tensors, set_optimizer_tensors
from robo.training.processes import Processes
from robo.training.randomness import seed_torch
from robo.training.reliance import BATCHES, RELIANCE, exchanged, groups
from robo.training.schedule import Schedule


@dataclass(frozen=True)
class StepResult:
    """The result of a step.

    Attributes:
        values: "loss", the loss's parts and "gradient_norm" before clipping, on the policy's
            device; means over the processes.
        learning_rate: Learning rate as a share of its peak.
        stop: Whether any process was asked to stop.
    """

    values: dict[str, Tensor]
    learning_rate: float
    stop: bool


class Trainer:
    """A policy and what training needs besides it.

    Args:
        policy: The policy on its device; its weights are changed.
        config: How to train.
        processes: The processes that train together.

    Attributes:
        step: Steps done.
        seconds: Training time so far; the same in all processes.
        average: The moving average, which is the policy to use.
    """

    def __init__(self, policy: Policy, config: TrainingConfig, processes: Processes) -> None:
        processes.share(policy)
        self.policy = policy.train()
        self.config = config
        self.processes = processes
        self.schedule = Schedule(config.steps, config.minutes, config.warmup)
        self.average = MovingAverage(policy, config.ema)
        self.step = 0
        self.seconds = 0.0
        groups = policy.optimizer_groups(config.learning_rate)
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self._rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self._parameters = [p for group in self.optimizer.param_groups for p in group["params"]]

    @property
    def share(self) -> float:
        """The share of the budget used."""
        return self.schedule.share(self.step, self.seconds)

    def learn(self, batch: Batch, began: float, *, stop: bool = False) -> StepResult:
        """Take one step.

        Args:
            batch: This process's part of the batch, on the policy's device.
            began: When the step began by `time.perf_counter`, including reading the batch.
            stop: Whether this process was asked to stop; this is shared with all.
        """
        factor = self.schedule.factor(self.share)
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        seed_torch(self.config.seed, "step", self.step, self.processes.rank)
        self.optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            loss, parts = self.policy.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        self.processes.average_gradients(self._parameters)
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self.config.clip)
        self.optimizer.step()
        self.step += 1
        self.average.update(self.step)
        return self._result({"loss": loss, **parts, "gradient_norm": norm}, began, factor, stop)

    @torch.no_grad()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Mean loss and its parts for the averaged policy; each process gives its own batches.

        Returns:
            Means over all batches of all processes, by name; and, for the first batches, the
            relative rise of the loss with inputs of other samples, see `reliance`, which is left
            out if a batch is one sample.
        """
        policy = self.average.policy
        policy.eval()
        sums: dict[str, Tensor] = {}
        others = {RELIANCE + name: keys for name, keys in groups(policy.config).items()}
        rises: dict[str, Tensor] = {}
        count = 0
        for number, batch in enumerate(batches):
            seed_torch(self.config.seed, "validation", number, self.processes.rank)
            with self._autocast():
                loss, parts = policy.loss(batch)
            for name, value in {"loss": loss, **parts}.items():
                sums[name] = sums.get(name, torch.zeros(())) + value.detach().double().cpu()
            count += 1
            # A single sample has no other to take inputs from.
            looked_at = number < BATCHES and len(batch[ACTION]) > 1
            for name, keys in others.items() if looked_at else ():
                seed_torch(self.config.seed, "validation", number, self.processes.rank)
                with self._autocast():
                    worse, _ = policy.loss(exchanged(batch, keys))
                rise = (worse / loss - 1).double().cpu()
                rises[name] = rises.get(name, torch.zeros(())) + rise
        self.policy.train()
        means = [value / count for value in sums.values()]
        means += [value / min(count, BATCHES) for value in rises.values()]
        joint = torch.stack(means).to(policy.device, torch.float32)
        return dict(zip([*sums, *rises], self.processes.mean(joint).tolist(), strict=True))

    def weights(self) -> dict[str, Tensor]:
        """The trained weights, not the average."""
        return self.policy.state_dict()

    def optimizer_state(self) -> dict[str, Tensor]:
        """See `optimizer_state`."""
        return optimizer_tensors(self.optimizer, self.policy)

    def go_on(
        self,
        weights: Mapping[str, Tensor],
        average: Mapping[str, Tensor],
        optimizer: Mapping[str, Tensor],
        step: int,
        seconds: float,
    ) -> None:
        """Restore the state after a step.

        Raises:
            UserError: It is that of another policy.
        """
        try:
            self.policy.load_state_dict(weights)
            self.average.policy.load_state_dict(average if self.config.ema else weights)
            set_optimizer_tensors(self.optimizer, self.policy, optimizer)
        except (RuntimeError, KeyError) as error:
            raise UserError(
                f"the checkpoint is that of another version of the policy ({error}); "
                "train anew with another --out"
            ) from error
        self.step, self.seconds = step, seconds

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.policy.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"
        )

    def _result(
        self, values: dict[str, Tensor], began: float, factor: float, stop: bool
    ) -> StepResult:
        elapsed = time.perf_counter() - began
        values = {name: value.detach().double().reshape(()) for name, value in values.items()}
        if self.processes.count > 1:
            clock = torch.tensor([stop, elapsed], dtype=torch.float64, device=self.policy.device)
            joint = self.processes.mean(torch.cat([torch.stack(list(values.values())), clock]))
            values = dict(zip(values, joint[:-2], strict=True))
            stop, elapsed = bool(joint[-2] > 0), float(joint[-1])
        self.seconds += elapsed
        return StepResult(values, factor, stop)
