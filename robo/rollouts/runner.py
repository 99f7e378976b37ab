"""Running rollouts in one process: an episode in, its result out."""

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envs.kitchen import rules
from envs.kitchen.control import TERMINATE
from envs.kitchen.env import KitchenEnv
from envs.kitchen.start import StartState
from planners.skills import Skill
from robo.closing import Closing
from robo.errors import UserError
from robo.kitchen_body import BROKEN, SETTLE_SECONDS
from robo.kitchen_world import skill_target, world_of_state
from robo.recording.environments import import_environment
from robo.recording.kitchen import skills_of
from robo.recording.recorder import rate_of
from robo.rollouts.actors import Actor, Assignment, RandomActor, make_expert_actor
from robo.rollouts.settings import (
    EXPERT,
    MAX_SECONDS,
    RANDOM,
    PlannedEpisode,
    RolloutSettings,
)
from robo.rollouts.stage import Camera, Stage, camera_for
from robo.rollouts.starts import Asked, draw

NOT_A_NUMBER = "the action was not a number"
OUT_OF_TIME = "out of time"
RULE_SAYS_NO = "the rule says no"
ENVIRONMENT_ENDED = "the environment ended the episode"


class EpisodeRunner(Closing):
    """Runs episodes of a run, one at a time.

    Args:
        settings: The run's settings.
        folder: Folder for videos and recorded episodes.
        films: Keys of the episodes to film.
        device: The policy's device: "auto", "cpu" or "cuda".

    Raises:
        UserError: The policy or the environment is not available.
    """

    def __init__(
        self, settings: RolloutSettings, folder: Path, films: frozenset[str], device: str = "auto"
    ) -> None:
        import_environment(settings.environment)
        self.settings = settings
        self._folder = folder
        self._films = films
        self._shard = uuid4().hex
        self._stages: dict[str, Stage] = {}
        self._cameras: tuple[str, ...] | None = ()
        self._image_size: tuple[int, int] | None = None
        self._fps: int | None = None
        self.actor = self._make_actor(device)

    def run(self, planned: PlannedEpisode) -> dict[str, Any]:
        """Run an episode; returns its result as plain values.

        Raises:
            UserError: The policy does not fit the environment, or that does not report success.
        """
        began = time.perf_counter()
        asked = draw(self.settings, planned)
        stage = self._stage(planned.split)
        info = stage.reset(asked.task, asked.start)
        with ExitStack() as files:
            camera = None
            if planned.key in self._films:
                path = self._folder / "videos" / f"{planned.key.replace('/', '-')}.mp4"
                path.parent.mkdir(exist_ok=True)
                camera = camera_for(stage, path, asked.instruction, files)
            trial = _Trial(stage, self.actor, asked, self._limit(stage), camera)
            trial.run()
        counts = self.actor.counts
        recorded = stage.keep(self.settings.policy)
        version = info.get("success_rule_version") or asked.task.rule_version
        return {
            **_identity(planned, asked),
            "success": trial.success,
            "failure": None if trial.success else trial.failure,
            "ended": trial.ended,
            "steps": trial.steps,
            "simulated_seconds": round(trial.steps / trial.rate, 3),
            "reward": round(trial.reward, 4),
            "highest_reward": round(trial.highest_reward, 4),
            "decisions": len(counts.seconds),
            "missed_deadlines": sum(seconds > 1.0 / trial.rate for seconds in counts.seconds),
            "clipped_actions": counts.clipped,
            "rate": trial.rate,
            "success_rule_version": version,
            "wall_seconds": round(time.perf_counter() - began, 2),
            "shard": "" if recorded is None else f"{planned.split}-{self._shard}",
            "shard_episode": recorded,
            "latency_ms": [round(1e3 * seconds, 1) for seconds in counts.seconds],
        }

    def close(self) -> None:
        """Close the environments and the datasets."""
        for stage in self._stages.values():
            stage.close()
        self._stages.clear()

    def _limit(self, stage: Stage) -> int:
        """The maximum number of steps per episode."""
        seconds = self.settings.max_seconds
        steps = gymnasium.spec(self.settings.id).max_episode_steps
        if seconds is None and steps is not None:
            return steps
        return max(1, round((seconds or MAX_SECONDS) * rate_of(stage.env)))

    def _make_actor(self, device: str) -> Actor:
        settings = self.settings
        if settings.policy == EXPERT:
            return make_expert_actor(settings.id)
        if settings.policy == RANDOM:
            return RandomActor()
        from robo.rollouts.executor import PolicyExecutor, load_policy

        loaded = load_policy(settings.policy, device)
        self._cameras = loaded.policy.config.cameras
        self._image_size, self._fps = loaded.image_size, loaded.fps
        return PolicyExecutor(loaded)

    def _stage(self, split: str) -> Stage:
        if split not in self._stages:
            shard = self._folder / "recording" / f"{split}-{self._shard}"
            self._stages[split] = Stage(
                self.settings,
                split,
                cameras=self._cameras,
                image_size=self._image_size,
                fps=self._fps,
                recording=shard if self.settings.recorded else None,
                filmed=bool(self._films),
            )
        return self._stages[split]


class _Trial:
    """The one attempt at an episode that counts."""

    def __init__(
        self, stage: Stage, actor: Actor, asked: Asked, limit: int, camera: Camera | None
    ) -> None:
        self._stage = stage
        self._actor = actor
        self._label = asked.start.task
        self._asked = asked
        self._camera = camera
        self.rate = rate_of(stage.env)
        self._limit = limit
        self.steps = 0
        self.reward = 0.0
        self.highest_reward = -np.inf
        self.success = False
        self.ended = ""
        self.failure: str | None = None

    def run(self) -> None:
        kitchen = self._stage.env.unwrapped
        self._actor.begin(self._stage.env, _assignment(self._asked, kitchen))
        action = np.zeros(0, np.float32)
        while not self.ended and self.steps < self._limit:
            action = self._actor.act(self._stage.observation)
            if not np.isfinite(action).all():
                self.ended, self.failure = "not a number", NOT_A_NUMBER
                return
            self._step(action)
            if not self.ended and self._actor.finished:
                self.ended = "terminate"
        self.ended = self.ended or "time"
        if isinstance(kitchen, KitchenEnv):
            if self.ended in ("terminate", "time"):
                self._settle(kitchen, action)
            self.success = self.ended != "unstable" and bool(self._stage.success)
        self.failure = self.failure or self._why_not()

    def _why_not(self) -> str:
        if self._actor.failure:
            return self._actor.failure
        return OUT_OF_TIME if self.ended == "time" else RULE_SAYS_NO

    def _step(self, action: NDArray[np.float32]) -> None:
        reward, over, info = self._stage.step(action, self._label)
        self.steps += 1
        self.reward += reward
        self.highest_reward = max(self.highest_reward, reward)
        if self._camera is not None:
            self._camera.shoot(self._stage.env.unwrapped)
        if info.get("unstable"):
            self.ended, self.failure = "unstable", BROKEN
        elif not isinstance(self._stage.env.unwrapped, KitchenEnv):
            self._look(over)

    def _look(self, over: bool) -> None:
        """Outside the kitchen, end the episode at the first success."""
        if self._stage.success is None:
            raise UserError(
                f"{type(self._stage.env.unwrapped).__name__} does not say in its info whether the "
                'task is done ("success" or "is_success"), so nothing can be counted'
            )
        if self._stage.success:
            self.ended, self.success = "success", True
        elif over:
            self.ended, self.failure = "environment", ENVIRONMENT_ENDED

    def _settle(self, kitchen: KitchenEnv, action: NDArray[np.float32]) -> None:
        """Hold still until nothing rolls or swings any more, for at most `SETTLE_SECONDS`."""
        hold = np.zeros_like(action)
        hold[6], hold[10] = action[6], TERMINATE
        for _ in range(round(SETTLE_SECONDS * self.rate)):
            state = kitchen.kitchen_state
            still = all(
                thing.speed < rules.REST_SPEED or thing.id == state.holding
                for thing in state.objects
            )
            if still or self.ended == "unstable":
                return
            self._step(hold)


def _assignment(asked: Asked, env: Any) -> Assignment:
    """The assignment; in the kitchen, with the thing and place for the expert."""
    assignment = Assignment(asked.instruction, asked.start.task, asked.start.seed)
    if not isinstance(env, KitchenEnv):
        return assignment
    skill: Skill = skills_of(asked.start.task)[0]
    robot_at = StartState.from_dict(asked.start.options["start"]).robot
    thing, place = skill_target(world_of_state(env.kitchen_state, robot_at), skill)
    return replace(assignment, thing=thing, place=place)


def hire(
    settings: RolloutSettings, folder: Path, films: frozenset[str], device: str
) -> EpisodeRunner:
    """An `EpisodeRunner` for its own process, with one torch thread, the fastest setting."""
    if settings.weights:
        import torch

        torch.set_num_threads(1)
    return EpisodeRunner(settings, folder, films, device)


def result_of_death(
    settings: RolloutSettings, planned: PlannedEpisode, deaths: int
) -> dict[str, Any]:
    """The result of an episode that killed its processes."""
    return {
        **_identity(planned, draw(settings, planned)),
        "success": False,
        "failure": f"{deaths} processes died of it",
        "ended": "died",
        "steps": 0,
        "simulated_seconds": 0.0,
        "decisions": 0,
        "missed_deadlines": 0,
        "clipped_actions": 0,
        "shard": "",
        "latency_ms": [],
    }


def _identity(planned: PlannedEpisode, asked: Asked) -> dict[str, Any]:
    """The fields that identify a result's episode."""
    return {
        "key": planned.key,
        "split": planned.split,
        "task": planned.task,
        "number": planned.number,
        "label": asked.start.task,
        "instruction": asked.instruction,
        "held_out": asked.held_out,
        "seed": asked.start.seed,
    }
