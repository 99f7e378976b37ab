"""A stage of a walker's training: a configuration and a folder become checkpoints and a log.

train_stage(Path("runs/teacher"), WalkTrainingConfig(stage="teacher", steps=1_000_000))
"""

import math
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from envs.humanoid import observations
from envs.humanoid.batch import WalkBatch
from envs.humanoid.curriculum import EpisodeCurriculum, RandomizationCurriculum
from envs.humanoid.randomization import TERMS
from envs.humanoid.robots import robot_config
from envs.rendering import RenderingUnavailableError
from policies.walker.weights import save_network
from robo.errors import UserError, user_errors
from robo.results import provenance
from robo.training.checkpoints import read_training
from robo.training.curve import draw_curve
from robo.training.display import duration
from robo.training.log import TrainingLog
from robo.training.randomness import numpy_generator, seed_torch
from robo.training.run_folder import RunFolder, write_errors
from robo.training.stopping import StopSignals
from robo.walking.actor import Walker
from robo.walking.checkpoints import WalkCheckpoints
from robo.walking.config import WalkTrainingConfig
from robo.walking.environment import IMITATED, WalkEnv
from robo.walking.learner import GROUPS, WalkLearner, network_settings
from robo.walking.progress import Tally, WalkDisplay, summary
from robo.walking.snapshot import film_walker
from robo.walking.student import Teacher, WalkStudent, load_teacher

POLICY = "walk"
"""In training.json."""

LOSSES = ("surrogate", "value", "imitation", "mirror")
"""Of an update, in the log."""

VIDEOS = "videos"

PANELS = (
    "return",
    "length",
    *(f"error/{axis}" for axis in ("forward", "sideways", "turning")),
    "falls",
    "loss/imitation",
    "curriculum/randomization",
)
"""Of the log, what curve.png shows."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        steps: Control steps done, in this session and before.
        seconds: Training time of them.
        checkpoint: The newest one.
        stopped: The signal that ended it before its time.
    """

    steps: int
    seconds: float
    checkpoint: Path | None
    stopped: signal.Signals | None


def train_stage(
    out: Path,
    config: WalkTrainingConfig,
    *,
    resume: bool = False,
    console: Console | None = None,
) -> Outcome:
    """Train one stage of a walker.

    What goes on from a checkpoint has its weights, optimiser, statistics, curricula and count, but
    its robots begin new episodes: it is not the uninterrupted run.

    Args:
        out: Where the run goes.
        config: How to train; its stage is one alone.
        resume: Go on with the run in `out`.
        console: Where to show what happens.

    Raises:
        UserError: Something does not fit, before the first step; or the disk is full; or the loss
            became infinite.
    """
    config.check()
    torch.set_num_threads(1)
    folder = RunFolder(out, resume=resume)
    if folder.before:
        if folder.before["policy"] != POLICY:
            raise UserError(f"{out} trains {folder.before['policy']}, not {POLICY}")
        config.check_resumes(folder.before["config"])
    with ExitStack() as stack:
        folder.lock()
        stack.callback(folder.release)
        job = _Job(folder, config, console)
        stack.callback(job.batch.close)
        return job.run()


class _Job:
    """The loop: rollouts and updates, and between them the log, curricula and checkpoints."""

    def __init__(
        self, folder: RunFolder, config: WalkTrainingConfig, console: Console | None
    ) -> None:
        self.folder, self.config = folder, config
        self.checkpoints = WalkCheckpoints(folder.out, config.keep)
        self.display, self.signals = WalkDisplay(console), StopSignals()
        self._filming = config.video
        self.iteration, self.seconds = 0, 0.0
        self.penalties = EpisodeCurriculum()
        self.commands = EpisodeCurriculum(factor=0.3, lowest=0.3)
        latest = self.checkpoints.latest() if folder.before else None
        weights, optimizer, state = read_training(latest) if latest else ({}, {}, {})
        self.iteration = state.get("iteration", 0)
        self.teacher = _teacher(folder, config)
        self.batch = _batch(config, self.iteration)
        self._set_curricula(state or (self.teacher.state if self.teacher else {}))
        self.env = WalkEnv(self.batch)
        seed_torch(config.seed, "weights")
        self.learner = _learner(self.env, config, self.teacher)
        self.tally = Tally(config.copies, self.batch.control_hz, self.batch.steps_per_episode)
        if latest:
            self.seconds = state["seconds"]
            self.tally.shares.extend(state["shares"])
            self.tally.returns.extend(state["returns"])
            try:
                self.learner.go_on(weights, optimizer, state["learning_rate"])
            except (RuntimeError, KeyError) as error:
                reason = " ".join(str(error).split())[:200]
                raise UserError(
                    f"{latest} cannot be gone on with ({reason}); take it away to go on from the "
                    "one before"
                ) from None
        self.description = self._description()
        self.line: dict[str, float] = {}

    @property
    def steps(self) -> int:
        """Control steps done."""
        return self.iteration * self.config.iteration

    @property
    def share(self) -> float:
        """Of the budget that is used up."""
        steps, minutes = self.config.steps, self.config.minutes
        by_steps = self.steps / steps if steps else 0.0
        return max(by_steps, self.seconds / 60 / minutes if minutes else 0.0)

    def run(self) -> Outcome:
        """All of it."""
        with ExitStack() as stack:
            with write_errors(self.folder.out, self.checkpoints):
                self.folder.describe(self._report("running"))
                if self.teacher is not None:
                    self._keep_teacher(self.teacher)
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
        if self.iteration == 0 and self.teacher is None:
            seed_torch(self.config.seed, "step", 0, 0)
            self._roll()
            self.learner.warm()
        while self.share < 1 and self.signals.received is None:
            began = time.perf_counter()
            self._iterate()
            seconds = time.perf_counter() - began
            self.seconds += seconds
            self._write_line(seconds)
            if self.seconds - saved[1] >= 60 * self.config.save_minutes:
                self._save()
                saved = (self.iteration, self.seconds)
        if self.iteration > saved[0]:
            self._save()

    def _iterate(self) -> None:
        """A rollout, an update, and the curricula."""
        seed_torch(self.config.seed, "step", self.iteration)
        self._roll()
        losses = self.learner.update(self.share)
        self._check_finite(losses)
        self.iteration += 1
        self.line = {
            **self.tally.line(),
            **{f"loss/{name}": losses[name] for name in LOSSES if name in losses},
            "entropy": losses["entropy"],
            "learning_rate": self.learner.learning_rate,
        }
        if self.tally.shares:
            for curriculum in (self.penalties, self.commands):
                curriculum.update(self.tally.mean_share)
            self._apply_curricula()

    def _roll(self) -> None:
        """Every copy walks; the learner remembers."""
        learner, env = self.learner, self.env
        with torch.inference_mode():
            for _ in range(self.config.rollout):
                actions = learner.act(env.get_observations())
                obs, rewards, dones, extras = env.step(actions)
                learner.process_env_step(obs, rewards, dones, extras)
                self.tally.add(extras["info"])
            learner.compute_returns(env.get_observations())

    def _set_curricula(self, state: dict[str, Any]) -> None:
        """To where they were in a checkpoint, or in the teacher's."""
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

    def _check_finite(self, losses: dict[str, float]) -> None:
        if not all(math.isfinite(value) for value in losses.values()):
            latest = self.checkpoints.latest()
            raise UserError(
                f"the loss is not a number any more after {self.steps} steps; "
                + (f"{latest.name} is whole; " if latest else "")
                + "lower --learning-rate or --divergence and begin with another --out"
            )

    def _write_line(self, seconds: float) -> None:
        self.line |= {
            "curriculum/penalties": self.penalties.factor,
            "curriculum/commands": self.commands.factor,
            "curriculum/randomization": float(self.batch.factor.mean()),
            "iteration": self.iteration,
            "steps_per_second": self.config.iteration / seconds,
            "hours": self.seconds / 3600,
        }
        with write_errors(self.folder.out, self.checkpoints):
            self.log.add(self.steps, self.line)
        left = self.seconds * (1 / self.share - 1)
        self.display.show(self.steps, self.share, left, self.line)

    def _save(self) -> None:
        learner = self.learner
        state = {
            "iteration": self.iteration,
            "steps": self.steps,
            "seconds": self.seconds,
            "learning_rate": learner.learning_rate,
            "penalties": self.penalties.factor,
            "commands": self.commands.factor,
            "randomization": self.batch.factor.tolist(),
            "shares": list(self.tally.shares),
            "returns": list(self.tally.returns),
        }
        with write_errors(self.folder.out, self.checkpoints):
            self.checkpoints.write_walker(
                self.steps,
                learner.networks["actor"].network,  # type: ignore[arg-type]
                self._metadata(),
                learner.weights(),
                learner.optimizer_state(),
                state,
            )
            self.folder.describe(self._report("running"))
            self._draw()
        said = f"{self.steps} steps, {duration(self.seconds)}: saved; {summary(self.line)}"
        self.display.say(said)

    def _draw(self) -> None:
        """The curve so far, and how it walks."""
        stage = f"{self.config.stage} {self.batch.robot.name}"
        draw_curve(self.folder.out, stage, PANELS)
        if not self._filming:
            return
        network = self.learner.networks["actor"].network
        walker = Walker(
            network,  # type: ignore[arg-type]
            self.batch.robot,
            self.config.physics_hz,
            tuple(GROUPS[self.config.stage]),
            self.folder.out,
        )
        path = self.folder.out / VIDEOS / f"step-{self.steps:08d}.mp4"
        path.parent.mkdir(exist_ok=True)
        try:
            film_walker(path, walker, self.config.terrain, f"{stage}, {self.steps} steps")
        except RenderingUnavailableError as error:
            self._filming = False
            self.display.say(f"no videos: {error}")

    def _keep_teacher(self, teacher: Teacher) -> None:
        """A copy beside the run, so that going on needs nothing else."""
        if not (self.folder.out / IMITATED).is_dir():
            save_network(teacher.network, self.folder.out / IMITATED, teacher.metadata)

    def _metadata(self) -> dict[str, Any]:
        """What a checkpoint says of how it was made."""
        kept = ("command", "config", "seed", "versions", "git_commit", "robot", "observation")
        return {
            "iteration": self.iteration,
            "steps": self.steps,
            "hours": round(self.seconds / 3600, 6),
            **{name: self.description[name] for name in kept},
        }

    def _description(self) -> dict[str, Any]:
        config, batch = self.config, self.batch
        described = provenance(config.to_json(), config.seed)
        packages = {name: version(name) for name in ("rsl-rl-lib", "tensordict")}
        return {
            "policy": POLICY,
            "dataset": None,
            "policy_config": network_settings(config),
            "robot": batch.robot.name,
            "observation": {"groups": GROUPS[config.stage], "version": observations.VERSION},
            "randomization": list(batch.randomizer.names),
            "imitates": _summary(self.teacher),
            "parameters": sum(p.numel() for p in self.learner.networks.parameters()),
            **described,
            "versions": described["versions"] | packages,
            "threads": {"networks": 1, "physics": config.threads},
        }

    def _report(self, status: str) -> dict[str, Any]:
        """What training.json says."""
        return {
            **self.description,
            "status": status,
            "iterations": self.iteration,
            "steps": self.steps,
            "hours": round(self.seconds / 3600, 6),
            "sessions": self.folder.before.get("sessions", 0) + 1,
        }


def _teacher(folder: RunFolder, config: WalkTrainingConfig) -> Teacher | None:
    """Whom the stage imitates; a run that goes on has a copy of its own."""
    kept = folder.out / IMITATED
    if config.stage == "teacher" or config.imitation == 0.0:
        return None
    if folder.before and kept.is_dir():
        return load_teacher(kept, config.robot)
    if config.teacher is not None:
        return load_teacher(config.teacher, config.robot)
    if config.stage == "student":
        raise UserError(
            "a student imitates a teacher: give its folder with --teacher, or --imitation 0 to "
            "learn without one"
        )
    return None


def _summary(teacher: Teacher | None) -> dict[str, Any] | None:
    """Which teacher it was."""
    if teacher is None:
        return None
    return {key: teacher.metadata.get(key) for key in ("steps", "seed", "command", "git_commit")}


def _learner(env: WalkEnv, config: WalkTrainingConfig, teacher: Teacher | None) -> WalkLearner:
    if config.stage == "student" or teacher is not None:
        return WalkStudent(env, config, teacher)
    return WalkLearner(env, config)


def _batch(config: WalkTrainingConfig, iteration: int) -> WalkBatch:
    """The robots; a run that goes on draws other episodes than those that it began with."""
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
            curriculum=RandomizationCurriculum() if config.randomization else None,
        )
