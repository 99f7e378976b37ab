"""Learning to see before learning to act: pretraining the image encoder.

RT-1 starts from an encoder pretrained on ImageNet (section 5.1). Ours, which is small, starts from
one pretrained on the kitchen: views of random objects at random places, with dense labels that the
simulator gives for free. A demonstration takes a second to record and shows one arrangement; in
that time 45 views of others are rendered. Each view is conditioned on words, as in RT-1: which of
these objects is named? Without that a policy learns to take objects, but any of them.

    robo train sight --minutes 20 --out runs/sight
    robo train rt1 --dataset data/kitchen --config small \
        --encoder runs/sight/checkpoints/last/encoder.safetensors …
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional

from envs.kitchen.pictures import SHOWN
from envs.rendering import RenderingUnavailableError
from policies import storage
from policies.base import IMAGES
from policies.checkpoint import load
from policies.errors import PolicyError
from policies.registry import find_checkpoint
from policies.rt1.config import RT1Config
from policies.rt1.eyes import eyes_of, give_eyes
from policies.rt1.instruction import InstructionPooling
from policies.rt1.pointing import Pointing
from policies.rt1.rt1 import image_encoder
from policies.vision.place_labels import PlaceLabels
from robo.errors import UserError, user_errors
from robo.instructions import WIDTH
from robo.results import provenance
from robo.training.augmentation import Augmentation
from robo.training.checkpoints import Checkpoints, read_training, reading, step_of
from robo.training.config import refuse_changes
from robo.training.curve import draw_curve
from robo.training.display import TrainingDisplay, duration
from robo.training.job import Outcome
from robo.training.log import VALIDATION, TrainingLog
from robo.training.optimizer_state import optimizer_tensors, set_optimizer_tensors
from robo.training.processes import chosen_device
from robo.training.randomness import numpy_generator, seed_torch
from robo.training.run_folder import RunFolder, write_errors
from robo.training.schedule import Schedule
from robo.training.sight_config import FREE, SightConfig
from robo.training.sight_exam import Exam
from robo.training.sight_questions import Questions
from robo.training.sight_rooms import CAMERAS, NewestRooms, Room, Rooms
from robo.training.stopping import StopSignals

ENCODER, SHEET = "encoder.safetensors", "sight.png"
HELD_OUT_ROOMS: Final = 6
LOG_STEPS: Final = 20
_KEEP: Final = 2
_CLIP: Final = 1.0
_OTHERWISE: Final = Augmentation(brightness=0.3, tint=0.2, mottle=0.4)
"""Objects stay the same when their colours change, even from patch to patch."""
_COMMON: Final = {"other": 0.1, "robot": 0.1}
"""Loss weights of labels other than objects and drawers: these are fifty times as common."""


def train_sight(
    out: Path, config: SightConfig, *, resume: bool = False, console: Console | None = None
) -> Outcome:
    """Pretrain an encoder; writes its weights, a log, a curve and a picture of what it sees.

    Args:
        out: The run's folder.
        config: How to train.
        resume: Resume the run in `out`.
        console: Where to show progress.

    Raises:
        UserError: An option is invalid, the folder does not fit, nothing can be rendered here, the
            loss became infinite or nan, or writing failed.
    """
    config.check()
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    folder = RunFolder(out, resume=resume)
    if folder.before:
        if folder.before["policy"] != "sight":
            raise UserError(f"{out} trains {folder.before['policy']}, not sight")
        refuse_changes(folder.before["config"], config.to_json(), FREE)
    return _Lessons(folder, config, TrainingDisplay(console)).run()


class Sight(nn.Module):
    """RT-1's eyes, with heads for what is where and for what is named.

    Args:
        config: RT-1's configuration.
    """

    def __init__(self, config: RT1Config) -> None:
        super().__init__()
        self.encoder = image_encoder(config)
        self.instruction = InstructionPooling(
            config.instruction_width, config.condition, dropout=config.words_dropout
        )
        self.camera = nn.Parameter(torch.randn(len(CAMERAS), config.condition) * 0.02)
        self.labels = PlaceLabels(self.encoder.channels, len(SHOWN))
        self.points = Pointing(self.encoder.channels)
        # Normalisation of the images' colours by camera, as in policies.
        self.register_buffer("mean", torch.zeros(len(CAMERAS), 3))
        self.register_buffer("std", torch.ones(len(CAMERAS), 3))

    def forward(self, images: Tensor, camera: Tensor, words: Tensor, is_pad: Tensor) -> Tensor:
        """Logits [n, labels + 1, h, w]; the last channel is for what is named.

        Args:
            images: [n, H, W, 3] uint8.
            camera: Camera index of each image [n].
            words: Token features of the instructions [n, l, w].
            is_pad: Which tokens are padding [n, l].
        """
        mean, std = (cast(Tensor, b)[camera][:, None, None] for b in (self.mean, self.std))
        x = ((images - mean) / std).permute(0, 3, 1, 2)
        condition = self.instruction(words, is_pad) + self.camera[camera]
        grid = self.encoder(x, condition)
        return torch.cat([self.labels(grid), self.points.heat(grid)[:, None]], 1)


class _Lessons:
    """The training loop."""

    def __init__(self, folder: RunFolder, config: SightConfig, display: TrainingDisplay) -> None:
        self.folder, self.config, self.display = folder, config, display
        self.checkpoints = Checkpoints(folder.out, _KEEP)
        self.device = chosen_device(config.device)
        size = RT1Config.presets["small"]["image_size"]
        inputs = {f"observation.images.{name}": (*size, 3) for name in CAMERAS}
        self._policy = RT1Config.for_dataset(
            inputs,
            1,
            "small",
            use_state=False,
            instruction_width=WIDTH,
            words_dropout=RT1Config.presets["kitchen"]["words_dropout"],
        )
        seed_torch(config.seed, "weights")
        self.sight = Sight(self._policy).to(self.device)
        self.questions = Questions()
        grid = self.sight.encoder.grid(*size)
        self._held_out = Rooms(config.seed, size[0], grid, held_out=True)
        rooms = Rooms(config.seed, size[0], grid, held_out=False)
        self._newest = NewestRooms(rooms, config.rooms, config.workers)
        self.optimizer = torch.optim.AdamW(
            self.sight.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.schedule = Schedule(config.steps, config.minutes, config.warmup)
        self._weights = torch.tensor([_COMMON.get(name, 1.0) for name in SHOWN]).to(self.device)
        self._of_named = torch.tensor([_COMMON["other"], 1.0]).to(self.device)
        self.step, self.seconds = 0, 0.0
        # Since the last log line: the sum of losses, its step and time.
        self._sum = torch.zeros((), device=self.device)
        self._since = (0, 0.0)
        latest = self.checkpoints.latest() if folder.before else None
        if latest is not None:
            self._go_on(latest)
        elif config.start is not None:
            self._begin_with(config.start)

    @property
    def share(self) -> float:
        """The share of the budget used."""
        return self.schedule.share(self.step, self.seconds)

    def run(self) -> Outcome:
        """Run the whole job."""
        signals = StopSignals()
        if self.share < 1:
            with ExitStack() as stack:
                stack.callback(self.folder.release)
                self.folder.lock()
                with user_errors(RenderingUnavailableError):
                    held_out = [self._held_out[number] for number in range(HELD_OUT_ROOMS)]
                with self._writing():
                    self.folder.describe(self._report("running"))
                    log = TrainingLog(self.folder.out, self.step)
                stack.callback(log.close)
                stack.enter_context(signals)
                stack.enter_context(self.display)
                self._learn(log, held_out, signals)
                with self._writing():
                    self.folder.describe(self._report("finished" if self.share >= 1 else "stopped"))
        stopped = signals.received if self.share < 1 else None
        return Outcome(self.step, self.seconds, self.checkpoints.latest(), stopped, None)

    def _learn(self, log: TrainingLog, held_out: list[Room], signals: StopSignals) -> None:
        """Take steps until the budget is used up or a stop is requested."""
        config, saved = self.config, self.seconds
        with closing(self._drawn()) as drawn:
            for number in drawn:
                if signals.received:
                    return
                if number + 1 >= config.rooms:
                    break
                self.display.waiting(f"drawing room {number + 1} of {config.rooms}")
            if not self.step and self.config.start is None:
                mean, std = self._newest.colours()
                cast(Tensor, self.sight.mean).copy_(mean)
                cast(Tensor, self.sight.std).copy_(std)
            while self.share < 1 and not signals.received:
                began = time.perf_counter()
                if self.step and self.step % config.renewed == 0:
                    next(drawn)
                self._sum += self._lesson()
                self.seconds += time.perf_counter() - began
                if self.step % LOG_STEPS == 0:
                    self._write_line(log)
                if self.seconds - saved > 60 * config.save_minutes:
                    saved = self.seconds
                    self._save(log, held_out)
            if self.seconds > saved:
                self._save(log, held_out)

    def _drawn(self) -> Generator[int]:
        """Draw rooms; yields their number from the first that the current step still uses."""
        renewals = max(0, self.step - 1) // self.config.renewed
        for number in self._newest.drawn(renewals):
            yield number - renewals

    def _lesson(self) -> Tensor:
        """Take one step; returns its loss."""
        config, newest = self.config, self._newest
        rng = numpy_generator(config.seed, "step", self.step)
        seed_torch(config.seed, "step", self.step)
        number = torch.from_numpy(rng.integers(0, len(newest.images), config.batch_size))
        camera = torch.from_numpy(rng.integers(0, len(CAMERAS), config.batch_size))
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * self.schedule.factor(self.share)
        shown = newest.labels[number, camera]
        asked, words = self.questions.ask(shown.numpy(), rng)
        images = newest.images[number, camera][:, None]
        images = _OTHERWISE({IMAGES + "seen": images}, rng)[IMAGES + "seen"][:, 0]
        logits = self._logits(images, camera, words)
        wanted = shown.to(self.device).long()
        named = wanted == torch.from_numpy(asked).to(self.device)[:, None, None]
        loss = functional.cross_entropy(logits[:, :-1], wanted, weight=self._weights)
        # Two classes, the other of which has logit zero.
        loss = loss + functional.cross_entropy(
            functional.pad(logits[:, -1:], (0, 0, 0, 0, 1, 0)), named.long(), weight=self._of_named
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.sight.parameters(), _CLIP)
        self.optimizer.step()
        self.step += 1
        return loss.detach()

    def _logits(self, images: Tensor, camera: Tensor, words: NDArray[np.int64]) -> Tensor:
        """Float32 logits [n, labels + 1, h, w] of images [n, H, W, 3], cameras [n], phrases [n]."""
        features, is_pad = (table[words].to(self.device) for table in self.questions.features)
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"
        ):
            images, camera = images.to(self.device), camera.to(self.device)
            logits: Tensor = self.sight(images, camera, features, is_pad)
        return logits.float()

    @torch.no_grad()
    def _said(
        self, images: NDArray[np.uint8], camera: int, asked: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Likeliest labels, and logits of what is named, both [n, h, w].

        Args:
            images: [n, H, W, 3].
            camera: Their camera's index.
            asked: Label of what is named for each [n].
        """
        self.sight.eval()
        words = np.array([self.questions.phrases[label][0] for label in asked])
        logits = self._logits(torch.from_numpy(images), torch.full((len(images),), camera), words)
        self.sight.train()
        said, named = logits[:, :-1].argmax(1), logits[:, -1]
        return np.asarray(said.cpu().numpy()), np.asarray(named.cpu().numpy())

    def _write_line(self, log: TrainingLog) -> None:
        steps, seconds = self.step - self._since[0], self.seconds - self._since[1]
        line = {
            "loss": float(self._sum) / steps,
            "samples_per_second": steps * self.config.batch_size / max(seconds, 1e-9),
            "hours": self.seconds / 3600,
        }
        self._check_finite(line["loss"])
        with self._writing():
            log.add(self.step, line)
        self._sum.zero_()
        self._since = (self.step, self.seconds)
        left = self.seconds * (1 / max(self.share, 1e-9) - 1)
        self.display.show(self.step, self.share, left, line)

    def _check_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            latest = self.checkpoints.latest()
            raise UserError(
                f"the loss is not a number any more after {self.step} steps; "
                + (f"{latest.name} is whole; " if latest else "")
                + "lower --learning-rate and begin with another --out"
            )

    def _save(self, log: TrainingLog, held_out: list[Room]) -> None:
        self._check_finite(float(self._sum))
        exam = Exam(held_out, self.questions, self._said)
        found = exam.results()
        state = {"seconds": self.seconds, "sum": float(self._sum), "since": list(self._since)}
        with self._writing():
            log.add(self.step, {VALIDATION + name: value for name, value in found.items()})
            self.checkpoints.write_with(
                self.step,
                lambda folder: self._write_encoder(folder, found),
                self.sight.state_dict(),
                optimizer_tensors(self.optimizer, self.sight),
                state,
                best=False,
            )
            exam.draw(self.folder.out / SHEET)
            draw_curve(self.folder.out, f"sight, {self.step} steps, {duration(self.seconds)}")
        words = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
        self.display.say(f"{self.step} steps, {duration(self.seconds)}: saved; {words}")

    def _write_encoder(self, folder: Path, found: dict[str, float]) -> None:
        report = {**self._report("running"), **found}
        storage.write(folder / ENCODER, folder / "encoder.json", eyes_of(self.sight), report)

    def _report(self, status: str) -> dict[str, Any]:
        """The content of training.json, and of the encoder's metadata."""
        return {
            "policy": "sight",
            "dataset": {"environments": ["robo/Kitchen-v1"]},
            "policy_config": self._policy.to_json(),
            "shown": list(SHOWN),
            "status": status,
            "steps": self.step,
            "hours": round(self.seconds / 3600, 6),
            **provenance(self.config.to_json(), self.config.seed),
        }

    def _writing(self) -> AbstractContextManager[None]:
        return write_errors(self.folder.out, self.checkpoints)

    def _begin_with(self, start: str) -> None:
        """Take over a policy's eyes and its colour normalisation."""
        keys = [f"observation.images.{name}" for name in CAMERAS]
        with user_errors(PolicyError):
            policy = load(find_checkpoint(start))
            give_eyes(self.sight, eyes_of(policy), start)
            for name, buffer in (("mean", self.sight.mean), ("std", self.sight.std)):
                values = [255 * policy.normalizer.buffer(key, name) for key in keys]
                cast(Tensor, buffer).copy_(torch.stack(values))

    def _go_on(self, latest: Path) -> None:
        weights, optimizer, state = read_training(latest)
        try:
            self.sight.load_state_dict(weights)
            set_optimizer_tensors(self.optimizer, self.sight, optimizer)
        except (RuntimeError, KeyError) as error:
            raise UserError(
                f"the checkpoint is that of another version ({error}); train anew with another "
                "--out"
            ) from error
        self.step = step_of(latest)
        with reading(latest):
            self.seconds = float(state["seconds"])
            self._sum.fill_(state["sum"])
            self._since = (state["since"][0], state["since"][1])
