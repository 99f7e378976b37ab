"""The run of a stage, whatever its method: budget, log, checkpoints, films and stopping."""

import math
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import Tensor, nn

from envs.humanoid import observations
from envs.humanoid.randomization import TRAINING
from envs.humanoid.robots import robot_config
from envs.rendering import RenderingUnavailableError
from envs.terms import table
from policies.walker.mlp import MLPActor
from policies.walker.transformer import TransformerStudent
from policies.walker.weights import MODEL, save_network
from robo.errors import UserError, user_errors
from robo.results import provenance
from robo.training.checkpoints import read_training
from robo.training.curve import draw_curve
from robo.training.display import duration
from robo.training.log import TrainingLog
from robo.training.run_folder import RunFolder, write_errors
from robo.training.stopping import StopSignals
from robo.walking.actor import Walker
from robo.walking.checkpoints import WalkCheckpoints
from robo.walking.config import WalkTrainingConfig
from robo.walking.learner import GROUPS, network_settings
from robo.walking.progress import WalkDisplay, summary
from robo.walking.snapshot import film_walker
from robo.walking.teacher import Teacher

POLICY = "walk"
"""Policy name in training.json."""

KEPT_TEACHER = "imitated"
"""Subfolder with a copy of the teacher, so that resuming needs nothing else."""

VIDEOS = "videos"

PANELS = (
    "return",
    "length",
    *(f"error/{axis}" for axis in ("forward", "sideways", "turning")),
    "falls",
    "loss/imitation",
    "loss/action",
    "loss/observation",
    "curriculum/randomization",
)
"""Log values plotted in curve.png."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        steps: Control steps done, in this session and before.
        seconds: Their training time.
        checkpoint: The newest one.
        stopped: The signal that ended it early, if any.
    """

    steps: int
    seconds: float
    checkpoint: Path | None
    stopped: signal.Signals | None


class WalkRun(ABC):
    """The training loop: iterations, and between them the log and checkpoints.

    Subclasses define what an iteration is and what state to save.

    Args:
        folder: Folder of the run.
        config: How to train.
        teacher: Teacher to learn from, if any.
        console: Where to show progress.

    Attributes:
        line: Log values of the last iteration.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: WalkTrainingConfig,
        teacher: Teacher | None,
        console: Console | None,
    ) -> None:
        self.folder, self.config, self.teacher = folder, config, teacher
        with user_errors(ValueError, ModuleNotFoundError):
            self.robot = robot_config(config.robot)
        self.checkpoints = WalkCheckpoints(folder.out, config.keep)
        self.display, self.signals = WalkDisplay(console), StopSignals()
        self.latest = self.checkpoints.latest() if folder.before else None
        saved = read_training(self.latest) if self.latest else ({}, {}, {})
        self.weights, self.optimizer, self.state = saved
        self.iteration: int = self.state.get("iteration", 0)
        self.seconds: float = self.state.get("seconds", 0.0)
        self.line: dict[str, float] = {}
        self._filming = config.video

    @property
    @abstractmethod
    def actor(self) -> TransformerStudent | MLPActor:
        """The network that walks."""

    @property
    @abstractmethod
    def networks(self) -> nn.Module:
        """All trained networks."""

    @property
    @abstractmethod
    def iteration_steps(self) -> int:
        """Control steps that an iteration learns from."""

    @abstractmethod
    def begin(self) -> None:
        """Prepare the first iteration of a session; heeds `signals`."""

    @abstractmethod
    def iterate(self) -> dict[str, float]:
        """Run an iteration.

        Returns:
            Values for the log; all must be finite.
        """

    @abstractmethod
    def optimizer_state(self) -> Mapping[str, Tensor]:
        """The optimiser's state."""

    @abstractmethod
    def kept(self) -> dict[str, Any]:
        """Other plain values needed to resume."""

    def robots(self) -> dict[str, Tensor]:
        """State of the robots that walk during training."""
        return {}

    def validation(self) -> dict[str, float]:
        """Values to log with every checkpoint."""
        return {}

    @abstractmethod
    def close(self) -> None:
        """Release resources."""

    @property
    def steps(self) -> int:
        """Control steps done."""
        return self.iteration * self.iteration_steps

    @property
    def share(self) -> float:
        """Share of the budget used up."""
        steps, minutes = self.config.steps, self.config.minutes
        by_steps = self.steps / steps if steps else 0.0
        return max(by_steps, self.seconds / 60 / minutes if minutes else 0.0)

    def run(self) -> Outcome:
        """Run the whole training."""
        self.description = self._description()
        with ExitStack() as stack:
            with write_errors(self.folder.out, self.checkpoints):
                self.folder.describe(self._report("running"))
                self._keep_teacher()
                self.log = TrainingLog(self.folder.out, self.steps)
            stack.callback(self.log.close)
            stack.enter_context(self.signals)
            stack.enter_context(self.display)
            self._learn()
        stopped = self.signals.received if self.share < 1 else None
        with write_errors(self.folder.out, self.checkpoints):
            self.folder.describe(self._report("stopped" if stopped else "finished"))
        return Outcome(self.steps, self.seconds, self.checkpoints.latest(), stopped)

    def _learn(self) -> None:
        saved = (self.iteration, self.seconds)
        with write_errors(self.folder.out, self.checkpoints):
            self.begin()
        while self.share < 1 and self.signals.received is None:
            began = time.perf_counter()
            line = self.iterate()
            self._check_finite(line)
            self.iteration += 1
            seconds = time.perf_counter() - began
            self.seconds += seconds
            self._write_line(line, seconds)
            if self.seconds - saved[1] >= 60 * self.config.save_minutes:
                self._save()
                saved = (self.iteration, self.seconds)
        if self.iteration > saved[0]:
            self._save()

    def _check_finite(self, line: dict[str, float]) -> None:
        if not all(math.isfinite(value) for value in line.values()):
            latest = self.checkpoints.latest()
            raise UserError(
                f"the loss is not a number any more after {self.steps} steps; "
                + (f"{latest.name} is whole; " if latest else "")
                + "lower --learning-rate or --divergence and begin with another --out"
            )

    def _write_line(self, line: dict[str, float], seconds: float) -> None:
        self.line = line | {
            "iteration": self.iteration,
            "steps_per_second": self.iteration_steps / seconds,
            "hours": self.seconds / 3600,
        }
        with write_errors(self.folder.out, self.checkpoints):
            self.log.add(self.steps, self.line)
        left = self.seconds * (1 / self.share - 1)
        self.display.show(self.steps, self.share, left, self.line)

    def _save(self) -> None:
        validation = self.validation()
        state = {"iteration": self.iteration, "steps": self.steps, "seconds": self.seconds}
        with write_errors(self.folder.out, self.checkpoints):
            if validation:
                self.log.add(self.steps, validation)
            self.checkpoints.write_walker(
                self.steps,
                self.actor,
                self._metadata(),
                self.networks.state_dict(),
                self.optimizer_state(),
                state | self.kept(),
                self.robots(),
            )
            self.folder.describe(self._report("running"))
            self._draw()
        said = f"{self.steps} steps, {duration(self.seconds)}: saved; {summary(self.line)}"
        self.display.say(said)

    def _draw(self) -> None:
        """Plot the curve so far, and film the walker."""
        out, config = self.folder.out, self.config
        title = f"{config.stage} {self.robot.name}"
        draw_curve(out, title, PANELS)
        if not self._filming:
            return
        groups = tuple(GROUPS[config.stage])
        walker = Walker(self.actor, self.robot, config.physics_hz, groups, out)
        path = out / VIDEOS / f"step-{self.steps:08d}.mp4"
        path.parent.mkdir(exist_ok=True)
        try:
            film_walker(path, walker, config.terrain, f"{title}, {self.steps} steps")
        except RenderingUnavailableError as error:
            self._filming = False
            self.display.say(f"no videos: {error}")

    def _keep_teacher(self) -> None:
        kept = self.folder.out / KEPT_TEACHER
        if self.teacher is not None and not (kept / MODEL).is_file():
            save_network(self.teacher.network, kept, self.teacher.walker.metadata)

    def _metadata(self) -> dict[str, Any]:
        """Progress and provenance, for a checkpoint."""
        kept = ("command", "config", "seed", "versions", "git_commit", "robot", "observation")
        return {
            "iteration": self.iteration,
            "steps": self.steps,
            "hours": round(self.seconds / 3600, 6),
            **{name: self.description[name] for name in kept},
        }

    def _description(self) -> dict[str, Any]:
        config = self.config
        described = provenance(config.to_json(), config.seed)
        randomization = {name: f"{kind}, {span}" for name, _, kind, span in table(TRAINING)}
        packages = {name: version(name) for name in ("rsl-rl-lib", "tensordict")}
        return {
            "policy": POLICY,
            "dataset": None,
            "policy_config": network_settings(config),
            "robot": self.robot.name,
            "observation": {"groups": GROUPS[config.stage], "version": observations.VERSION},
            "randomization": randomization if config.randomization else {},
            "imitates": None if self.teacher is None else self.teacher.summary,
            "parameters": sum(p.numel() for p in self.networks.parameters()),
            **described,
            "versions": described["versions"] | packages,
            "threads": {"networks": 1, "physics": config.threads},
        }

    def _report(self, status: str) -> dict[str, Any]:
        """Content of training.json."""
        return {
            **self.description,
            "status": status,
            "iterations": self.iteration,
            "steps": self.steps,
            "hours": round(self.seconds / 3600, 6),
            "sessions": self.folder.before.get("sessions", 0) + 1,
        }


__all__ = ["KEPT_TEACHER", "POLICY", "Outcome", "WalkRun"]
