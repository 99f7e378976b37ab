"""Learning to see before learning to act: an image encoder is taught what each pixel shows.

RT-1 begins with an encoder that knows ImageNet (section 5.1). Ours, which is small, begins with one
that knows the kitchen: views of random things at random places, and the label of every pixel, which
the simulator tells for nothing. A demonstration takes a second to record and shows one arrangement;
in that time 45 other views are drawn, and every pixel of theirs is a lesson.

    robo train sight --minutes 20 --out runs/sight
    robo train rt1 --dataset data/kitchen --config small --encoder runs/sight/encoder.safetensors …
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from envs.kitchen.pictures import SHOWN, views
from envs.kitchen.vocabulary import OBJECTS
from policies import storage
from policies.rt1.config import RT1Config
from policies.rt1.rt1 import image_encoder
from policies.vision.pixel_labels import FINER, PixelLabels
from robo.data.storage import FULL
from robo.errors import UserError
from robo.results import provenance
from robo.training.config import refuse_changes
from robo.training.curve import draw_curve
from robo.training.display import TrainingDisplay
from robo.training.job import Outcome
from robo.training.log import VALIDATION, TrainingLog
from robo.training.optimizer_state import optimizer_tensors, set_optimizer_tensors
from robo.training.randomness import numpy_generator, seed_torch
from robo.training.run_folder import RunFolder
from robo.training.schedule import Schedule
from robo.training.sight_config import FREE, SightConfig
from robo.training.stopping import StopSignals

ENCODER, STATE, SHEET = "encoder.safetensors", "state.safetensors", "sight.png"
HELD_OUT_SCENES: Final = 6
LOG_STEPS: Final = 20
_CLIP: Final = 1.0
Room = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Views of a room: images [views, cameras, H, W, 3] and labels [views, cameras, h, w]."""

_COMMON: Final = 0.1
"""Weight of pixels that show nothing that could be taken: there are fifty times as many."""


def train_sight(
    out: Path, config: SightConfig, *, resume: bool = False, console: Console | None = None
) -> Outcome:
    """Teach an encoder; writes its weights, a log, a curve and a picture of what it sees.

    Args:
        out: The run's folder.
        config: How.
        resume: Go on with the run in `out`.
        console: Where to show what happens.

    Raises:
        UserError: An option makes no sense, the folder does not fit, or the disk refused.
    """
    config.check()
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    folder = RunFolder(out, resume=resume)
    if folder.before:
        if folder.before["policy"] != "sight":
            raise UserError(f"{out} trains {folder.before['policy']}, not sight")
        refuse_changes(folder.before["config"], config.to_json(), FREE)
    folder.lock()
    try:
        return _Lessons(folder, config, TrainingDisplay(console)).run()
    except OSError as error:
        reason = FULL.get(error.errno or 0) or error.strerror or str(error)
        raise UserError(
            f"cannot write to {out}: {reason}; put that right, then give the same command with "
            "--resume"
        ) from error
    finally:
        folder.release()


class Sight(nn.Module):
    """An image encoder and what says of its features what they show.

    Args:
        config: RT-1's, of which the encoder is.
    """

    def __init__(self, config: RT1Config) -> None:
        super().__init__()
        self.encoder = image_encoder(config)
        self.labels = PixelLabels(self.encoder.channels, len(SHOWN))
        condition = torch.zeros(1, config.condition)
        self.register_buffer("condition", condition, persistent=False)
        # Of the images' colours, by camera, as policies normalise them.
        self.register_buffer("mean", torch.zeros(len(config.cameras), 3))
        self.register_buffer("std", torch.ones(len(config.cameras), 3))

    def forward(self, images: Tensor, camera: Tensor) -> Tensor:
        """Logits [n, labels, h, w] of images [n, H, W, 3] uint8 of cameras [n]."""
        mean, std = (cast(Tensor, b)[camera][:, None, None] for b in (self.mean, self.std))
        x = ((images - mean) / std).permute(0, 3, 1, 2)
        condition = cast(Tensor, self.condition).expand(len(images), -1)
        result: Tensor = self.labels(self.encoder(x, condition))
        return result


class _Scenes(Dataset[Room]):
    """Rooms by number."""

    def __init__(self, seed: int, size: int, grid: tuple[int, int], *, held_out: bool) -> None:
        self._seed, self._size, self._held_out = seed, size, held_out
        places = [(np.arange(n * FINER) + 0.5) * size / (n * FINER) for n in grid]
        self._rows, self._columns = (place.astype(int) for place in places)

    def __getitem__(self, number: int) -> Room:
        purpose = ("views", number, 1) if self._held_out else ("views", number)
        seen = list(views(numpy_generator(self._seed, *purpose), self._size))
        labels = np.stack([view.labels for view in seen])
        return (
            np.stack([view.images for view in seen]),
            np.ascontiguousarray(labels[..., self._rows[:, None], self._columns]),
        )


class _Lessons:
    """The loop."""

    def __init__(self, folder: RunFolder, config: SightConfig, display: TrainingDisplay) -> None:
        self.folder, self.config, self.display = folder, config, display
        shape = RT1Config.presets[config.config]["image_size"]
        inputs = {f"observation.images.{name}": (*shape, 3) for name in ("head", "wrist")}
        policy = RT1Config.for_dataset(inputs, 1, config.config, use_state=False)
        seed_torch(config.seed, "weights")
        self.sight = Sight(policy)
        grid = self.sight.encoder.grid(*shape)
        self._scenes = _Scenes(config.seed, shape[0], grid, held_out=False)
        self._held_out = _Scenes(config.seed, shape[0], grid, held_out=True)
        self.optimizer = torch.optim.AdamW(
            self.sight.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.schedule = Schedule(config.steps, config.minutes, config.warmup)
        self.step, self.seconds = 0, 0.0
        weights = [_COMMON if name in ("other", "robot") else 1.0 for name in SHOWN]
        self._weights = torch.tensor(weights)
        self._description: dict[str, Any] = {
            "policy": "sight",
            "dataset": {"environments": ["robo/Kitchen-v1"]},
            "policy_config": policy.to_json(),
            "shown": list(SHOWN),
            **provenance(config.to_json(), config.seed),
        }
        if folder.before and (folder.out / STATE).is_file():
            self._go_on()

    def run(self) -> Outcome:
        """All of it."""
        out, display = self.folder.out, self.display
        self.folder.describe(self._description)
        log = TrainingLog(out, self.step)
        losses: list[Tensor] = []
        with StopSignals() as signals, display:
            display.say("drawing the first rooms" if not self.step else "drawing its rooms again")
            pool = self._pool()
            images, labels = next(pool)
            if not self.step:
                self._normalise(images)
            held = [self._held_out[n] for n in range(HELD_OUT_SCENES)]
            saved, logged = self.seconds, (self.step, self.seconds)
            while (share := self.schedule.share(self.step, self.seconds)) < 1:
                began = time.perf_counter()
                if self.step % self.config.renewed == 0 and self.step:
                    images, labels = next(pool)
                losses.append(self._learn(images, labels, share))
                self.seconds += time.perf_counter() - began
                if self.step % LOG_STEPS == 0:
                    pace = (self.step - logged[0]) / max(self.seconds - logged[1], 1e-9)
                    logged = (self.step, self.seconds)
                    line = {
                        "loss": float(torch.stack(losses).mean()),
                        "samples_per_second": pace * self.config.batch_size,
                        "hours": self.seconds / 3600,
                    }
                    losses.clear()
                    log.add(self.step, line)
                    left = self.seconds * (1 / max(share, 1e-9) - 1)
                    display.show(self.step, share, left, line)
                if self.seconds - saved > 60 * self.config.save_minutes or signals.received:
                    saved = self.seconds
                    self._save(log, held)
                if signals.received:
                    break
            else:
                self._save(log, held)
        log.close()
        stopped = signals.received if self.schedule.share(self.step, self.seconds) < 1 else None
        stopped = None if stopped is None else signal.Signals(stopped)
        return Outcome(self.step, self.seconds, out / ENCODER, stopped, None)

    def _pool(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Images [n, cameras, H, W, 3] and labels [n, cameras, h, w] of the newest rooms.

        First those of this step, then with one room exchanged each time.
        """
        first, size = self.step // self.config.renewed, self.config.scenes
        if self.step and self.step % self.config.renewed == 0:
            first -= 1
        loader: DataLoader[Any] = DataLoader(
            self._scenes,
            batch_size=None,
            sampler=_Counting(first),
            num_workers=self.config.workers,
            prefetch_factor=2 if self.config.workers else None,
        )
        rooms: deque[tuple[Tensor, Tensor]] = deque(maxlen=size)
        for room in loader:
            rooms.append(room)
            if len(rooms) == size:
                images, labels = zip(*rooms, strict=True)
                yield torch.cat(images), torch.cat(labels)

    def _normalise(self, images: Tensor) -> None:
        pixels = images.float()
        cast(Tensor, self.sight.mean).copy_(pixels.mean((0, 2, 3)))
        cast(Tensor, self.sight.std).copy_(pixels.std((0, 2, 3)))

    def _learn(self, images: Tensor, labels: Tensor, share: float) -> Tensor:
        rng = numpy_generator(self.config.seed, "step", self.step)
        number = torch.from_numpy(rng.integers(0, len(images), self.config.batch_size))
        camera = torch.from_numpy(rng.integers(0, images.shape[1], self.config.batch_size))
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * self.schedule.factor(share)
        said = self._say(images[number, camera], camera)
        wanted = labels[number, camera].long()
        loss = functional.cross_entropy(said, wanted, weight=self._weights)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.sight.parameters(), _CLIP)
        self.optimizer.step()
        self.step += 1
        return loss.detach()

    def _say(self, images: Tensor, camera: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            said: Tensor = self.sight(images, camera)
        return said.float()

    @torch.no_grad()
    def _validate(self, held: list[Room]) -> dict[str, float]:
        """Mean over things of the intersection over union of said and true places, by camera."""
        self.sight.eval()
        inside = np.zeros((2, len(SHOWN)))
        either = np.zeros((2, len(SHOWN)))
        for images, labels in held:
            for camera in range(images.shape[1]):
                said = self._said(images, camera)
                for label in range(len(SHOWN)):
                    yes, true = said == label, labels[:, camera] == label
                    inside[camera, label] += (yes & true).sum()
                    either[camera, label] += (yes | true).sum()
        self.sight.train()
        things = [SHOWN.index(name) for name in OBJECTS]
        overlap = (inside / np.maximum(either, 1))[:, things].mean(1)
        return {"overlap head": float(overlap[0]), "overlap wrist": float(overlap[1])}

    def _said(self, images: NDArray[np.uint8], camera: int) -> NDArray[np.int64]:
        """The likeliest labels [n, h, w] of images of one camera."""
        numbers = torch.full((len(images),), camera)
        said = self._say(torch.from_numpy(images[:, camera]), numbers)
        return np.asarray(said.argmax(1).numpy())

    def _save(self, log: TrainingLog, held: list[Room]) -> None:
        out = self.folder.out
        found = self._validate(held)
        log.add(self.step, {VALIDATION + name: value for name, value in found.items()})
        words = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
        self.display.say(f"{self.step} steps, {self.seconds / 60:.0f} min: saved; {words}")
        how_far = {"step": self.step, "seconds": self.seconds}
        optimizer = optimizer_tensors(self.optimizer, self.sight)
        state = {f"optimizer/{name}": value for name, value in optimizer.items()}
        state |= {f"model/{name}": value for name, value in self.sight.state_dict().items()}
        storage.write(out / STATE, out / "state.json", state, how_far)
        report = {**self._description, **how_far, **found}
        weights = self.sight.encoder.state_dict()
        storage.write(out / ENCODER, out / "encoder.json", weights, report)
        self._draw(held)
        draw_curve(out, "sight")

    def _draw(self, held: list[Room]) -> None:
        """A sheet for people: what cameras saw, what was there, what was said."""
        palette = np.random.default_rng(4).integers(60, 255, (len(SHOWN), 3)).astype(np.uint8)
        palette[SHOWN.index("other")] = 0
        rows = []
        for camera in (0, 1):
            images = np.stack([images[-1 - k] for images, _ in held for k in (0, 4)])
            true = np.stack([labels[-1 - k, camera] for _, labels in held for k in (0, 4)])
            said = self._said(images, camera)
            side = images.shape[2]
            for row in (images[:, camera], palette[true], palette[said]):
                tiles = [cv2.resize(t, (side, side), interpolation=cv2.INTER_NEAREST) for t in row]
                rows.append(np.concatenate(tiles, 1))
        cv2.imwrite(str(self.folder.out / SHEET), np.concatenate(rows)[..., ::-1])

    def _go_on(self) -> None:
        try:
            saved = load_file(self.folder.out / STATE)
            how_far = storage.read_description(self.folder.out / STATE)
            parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}}
            for name, value in saved.items():
                part, key = name.split("/", 1)
                parts[part][key] = value
            self.sight.load_state_dict(parts["model"])
            set_optimizer_tensors(self.optimizer, self.sight, parts["optimizer"])
        except (ValueError, KeyError, RuntimeError) as error:
            raise UserError(
                f"{self.folder.out / STATE} cannot be gone on with ({error}); begin anew with "
                "another --out"
            ) from error
        self.step, self.seconds = how_far["step"], how_far["seconds"]


class _Counting:
    """Numbers from `first` on, without end."""

    def __init__(self, first: int) -> None:
        self._next = first

    def __iter__(self) -> Iterator[int]:
        while True:
            yield self._next
            self._next += 1
