"""A training job: from a policy, a dataset and a folder to checkpoints, a log and a curve.

train("act", Path("data/cubes"), Path("runs/act"), TrainingConfig(steps=1000), ["chunk=20"])
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor

from policies.base import Batch
from policies.checkpoint import MODEL
from robo.data.errors import DatasetError
from robo.errors import UserError, user_errors
from robo.instructions import VERSION
from robo.training.batches import WINDOW, loaded
from robo.training.checkpoints import Checkpoints, read_training, reading, step_of
from robo.training.config import TrainingConfig
from robo.training.display import TrainingDisplay, duration
from robo.training.log import VALIDATION, TrainingLog
from robo.training.preparation import Prepared, prepare
from robo.training.processes import Processes, chosen_device, joined
from robo.training.randomness import numpy_generator
from robo.training.reliance import in_words
from robo.training.run_folder import RunFolder, write_errors
from robo.training.stopping import StopSignals
from robo.training.trainer import StepResult, Trainer


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        steps: Steps done, including earlier sessions.
        seconds: Their training time.
        checkpoint: The newest checkpoint.
        stopped: The signal that ended it early, if any.
        best: The smallest validation loss, if any.
    """

    steps: int
    seconds: float
    checkpoint: Path | None
    stopped: signal.Signals | None
    best: float | None


def train(
    policy: str,
    dataset: Path,
    out: Path,
    config: TrainingConfig,
    options: Sequence[str] = (),
    *,
    resume: bool = False,
    console: Console | None = None,
) -> Outcome:
    """Train a policy on a dataset.

    Args:
        policy: Its name, see `policies.registry`.
        dataset: The dataset's folder.
        out: The run's folder.
        config: How to train.
        options: Policy options: a preset's name, key=value pairs.
        resume: Resume the run in `out`.
        console: Where to show progress.

    Raises:
        UserError: Something does not fit (before the first step), the disk is full, or the loss
            became infinite or nan.
    """
    config.check()
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    device = chosen_device(config.device)
    folder = RunFolder(out, resume=resume)
    with joined(device) as processes:
        prepared = prepare(policy, dataset, folder, config, options, device, processes)
        job = _Job(prepared, folder, config, processes, console if processes.first else None)
        return job.run()


class _Job:
    """The training loop: steps, and between them the log, validation and checkpoints."""

    def __init__(
        self,
        prepared: Prepared,
        folder: RunFolder,
        config: TrainingConfig,
        processes: Processes,
        console: Console | None,
    ) -> None:
        self.prepared, self.folder, self.config = prepared, folder, config
        self.processes = processes
        self.display = TrainingDisplay(console)
        self.signals = StopSignals()
        self.trainer = Trainer(prepared.policy, config, processes)
        self.checkpoints = Checkpoints(folder.out, config.keep)
        self.log: TrainingLog | None = None
        self.best = math.inf
        # Since the last log line: sums of values, its step and time, time waiting for batches.
        self.sums: dict[str, float | Tensor] = {}
        self.since = 0
        self.clock = (0, 0.0)
        self.waited = 0.0
        if folder.before:
            self._go_on()

    def run(self) -> Outcome:
        """Run the whole job."""
        with ExitStack() as stack:
            if self.processes.first:
                self.folder.lock()
                stack.callback(self.folder.release)
            stack.enter_context(self.display)
            with user_errors(DatasetError):
                self._decode_images()
            if self.processes.first:
                with write_errors(self.folder.out, self.checkpoints):
                    self.folder.describe(self._report("running"))
                    self.log = TrainingLog(self.folder.out, self.trainer.step)
                stack.callback(self.log.close)
            self.processes.wait()
            stack.enter_context(self.signals)
            for note in self.prepared.notes:
                self.display.say(note)
            stopped = self._learn()
        return self._end(self.signals.received or signal.SIGTERM if stopped else None)

    def _decode_images(self) -> None:
        windows, processes = self.prepared.batches.windows, self.processes
        for done in windows.warm_up(processes.rank, processes.count):
            self.display.waiting(f"decoding images, {done:.0%}")

    def _learn(self) -> bool:
        """Take steps until the budget is used up or a stop is requested; returns if the latter."""
        trainer = self.trainer
        saved = (trainer.step, trainer.seconds)
        stop = False
        # Closing ends the readers at once, whatever happens here.
        with closing(self.prepared.batches.starting_at(trainer.step)) as batches:
            while trainer.share < 1 and not stop:
                began = time.perf_counter()
                batch = self._placed(next(batches))
                self.waited += time.perf_counter() - began
                result = trainer.learn(batch, began, stop=self.signals.received is not None)
                for name, value in result.values.items():
                    self.sums[name] = self.sums.get(name, 0.0) + value
                if trainer.step % self.config.log_steps == 0:
                    self._write_line(result)
                if self._due(saved):
                    self._save()
                    saved = (trainer.step, trainer.seconds)
                alone = self.processes.count == 1
                stop = result.stop or (alone and self.signals.received is not None)
        if trainer.step > saved[0]:
            self._save()
        return stop and trainer.share < 1

    def _placed(self, batch: Batch) -> Batch:
        """The batch on the device, with instructions and augmentation."""
        prepared = self.prepared
        place = (self.trainer.step, self.processes.rank)
        frames = batch.pop(WINDOW).numpy()
        batch = self._on_device(batch)
        if prepared.instructions is not None:
            rng = numpy_generator(self.config.seed, "phrasings", *place)
            batch = prepared.instructions.add_to(batch, frames, rng)
        rng = numpy_generator(self.config.seed, "augmentation", *place)
        return prepared.augmentation(batch, rng)

    def _on_device(self, batch: Batch) -> Batch:
        device = self.prepared.policy.device
        return {key: value.to(device, non_blocking=True) for key, value in batch.items()}

    def _write_line(self, result: StepResult) -> None:
        """Write a log line and update the display."""
        trainer = self.trainer
        steps = trainer.step - self.since
        values = {name: float(value) / steps for name, value in self.sums.items()}
        self._check_finite(values)
        begun, clock = self.clock
        seconds = max(trainer.seconds - clock, 1e-9)
        values |= {
            "learning_rate": self.config.learning_rate * result.learning_rate,
            "samples_per_second": (trainer.step - begun) * self.config.batch_size / seconds,
            "waiting": self.waited / seconds,
            "hours": trainer.seconds / 3600,
        }
        self.sums, self.since, self.waited = {}, trainer.step, 0.0
        self.clock = (trainer.step, trainer.seconds)
        if self.log is not None:
            with write_errors(self.folder.out, self.checkpoints):
                self.log.add(trainer.step, values)
        left = trainer.seconds * (1 / trainer.share - 1)
        self.display.show(trainer.step, trainer.share, left, values)

    def _check_finite(self, values: dict[str, float]) -> None:
        if not math.isfinite(values.get("loss", 0.0)):
            latest = self.checkpoints.latest()
            raise UserError(
                f"the loss is not a number any more at step {self.trainer.step}; "
                + (f"{latest.name} is whole; " if latest else "")
                + "look at the data with robo data validate, or lower --learning-rate"
            )

    def _due(self, saved: tuple[int, float]) -> bool:
        trainer, config = self.trainer, self.config
        if config.save_steps and trainer.step % config.save_steps == 0:
            return True
        minutes = config.save_minutes
        return bool(minutes and trainer.seconds - saved[1] >= 60 * minutes)

    def _save(self) -> None:
        """Validate, write a checkpoint and report it."""
        trainer = self.trainer
        self._check_finite({name: float(value) for name, value in self.sums.items()})
        validation = self._validate()
        loss = validation.get("loss", math.inf)
        best = loss < self.best
        self.best = min(self.best, loss)
        if self.log is None:
            return
        state = {
            "step": trainer.step,
            "seconds": trainer.seconds,
            "best": _number(self.best),
            "since": self.since,
            "sums": {name: float(value) for name, value in self.sums.items()},
        }
        with write_errors(self.folder.out, self.checkpoints):
            if validation:
                self.log.add(trainer.step, {VALIDATION + k: v for k, v in validation.items()})
            self.checkpoints.write(
                trainer.step,
                trainer.average.policy,
                self._metadata(validation),
                trainer.weights(),
                trainer.optimizer_state(),
                state,
                best=best,
            )
            self.folder.describe(self._report("running"))
        words = f", validation {loss:.4g}{' (best)' if best else ''}" if validation else ""
        words += in_words(validation) + (f"; {self.display.pace}" if self.display.pace else "")
        self.display.say(f"step {trainer.step}, {duration(trainer.seconds)}: saved{words}")

    def _validate(self) -> dict[str, float]:
        """Losses of the averaged weights on held-out episodes, always the same samples."""
        windows, instructions = self.prepared.validation, self.prepared.instructions
        if windows is None:
            return {}
        rank, count = self.processes.rank, self.processes.count
        order = numpy_generator(self.config.seed, "validation").permutation(len(windows))
        size = min(len(order), self.config.batch_size // count)
        turns = min(self.config.validation_batches, len(order) // size)
        # All processes take equally many batches; if samples are few, some are used twice.
        turns = math.ceil(turns / count) * count
        chosen = [
            np.take(order, range(turn * size, (turn + 1) * size), mode="wrap")
            for turn in range(rank, turns, count)
        ]

        def batches() -> Iterator[Batch]:
            for batch in loaded(windows, iter(chosen), 0):
                frames = batch.pop(WINDOW).numpy()
                batch = self._on_device(batch)
                yield instructions.add_to(batch, frames) if instructions else batch

        return self.trainer.validate(batches())

    def _metadata(self, validation: dict[str, float]) -> dict[str, Any]:
        """A checkpoint's metadata: how it was made."""
        described = self.prepared.description
        dataset = described["dataset"]
        return {
            "step": self.trainer.step,
            "hours": round(self.trainer.seconds / 3600, 6),
            "samples": self.trainer.step * self.config.batch_size,
            "validation": validation,
            "fps": dataset["fps"],
            "within": described["within"],
            "instruction_features": VERSION if self.prepared.instructions else None,
            "dataset": dataset,
            "dataset_fingerprint": dataset["fingerprint"],
            "success_rule_version": ", ".join(dataset["success_rules"]),
            "seed": self.config.seed,
            "code_version": described["git_commit"],
            "command": described["command"],
            "versions": described["versions"],
            "training": described["config"],
        }

    def _report(self, status: str) -> dict[str, Any]:
        """The content of training.json."""
        trainer = self.trainer
        return {
            **self.prepared.description,
            "status": status,
            "steps": trainer.step,
            "hours": round(trainer.seconds / 3600, 6),
            "samples": trainer.step * self.config.batch_size,
            "best_validation": _number(self.best),
            "sessions": self.folder.before.get("sessions", 0) + 1,
        }

    def _end(self, stopped: signal.Signals | None) -> Outcome:
        trainer = self.trainer
        if self.processes.first:
            from robo.training.curve import draw_curve

            report = self._report("stopped" if stopped else "finished")
            title = f"{report['policy']}, {trainer.step} steps, {duration(trainer.seconds)}"
            with write_errors(self.folder.out, self.checkpoints):
                self.folder.describe(report)
                draw_curve(self.folder.out, title)
        latest = self.checkpoints.latest()
        return Outcome(trainer.step, trainer.seconds, latest, stopped, _number(self.best))

    def _go_on(self) -> None:
        """Restore the newest checkpoint; a run that ended before its first starts over."""
        latest = self.checkpoints.latest()
        if latest is None:
            return
        weights, optimizer, state = read_training(latest)
        with reading(latest):
            average = load_file(latest / MODEL)
            self.best = math.inf if state["best"] is None else float(state["best"])
            self.sums, self.since = dict(state["sums"]), int(state["since"])
            seconds = float(state["seconds"])
        self.trainer.go_on(weights, average, optimizer, step_of(latest), seconds)
        self.clock = (self.trainer.step, self.trainer.seconds)


def _number(value: float) -> float | None:
    return None if math.isinf(value) else value
