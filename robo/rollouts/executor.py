"""Executing a policy in an environment: keys, image size, instruction, chunks, termination.

executor = PolicyExecutor(load_policy("rt1"))
executor.begin(env, Assignment("pick up the apple", "pick up the apple"))
action = executor.act(observation)
"""

import time
from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envs.kitchen.control import TERMINATE
from envs.kitchen.env import KitchenEnv
from envs.kitchen.robot import HEAD_CAMERA, WRIST_CAMERA
from policies import checkpoint
from policies.base import INSTRUCTION, Policy, is_image
from policies.errors import PolicyError
from policies.registry import find_checkpoint
from robo.data.features import dataset_key
from robo.errors import UserError, user_errors
from robo.instructions import VERSION, instruction_features
from robo.recording.environments import IMAGE_SIZE
from robo.recording.recorder import Observation, rate_of
from robo.rollouts.actors import Assignment, Counts, box_of
from robo.rollouts.stage import observed_size

KITCHEN_HZ = 10
"""Actions per second in the kitchen if the checkpoint does not say."""

EDGE = 1e-4
"""Exceeding the action space by up to this share of its width is rounding and not counted."""


@dataclass(frozen=True)
class LoadedPolicy:
    """A policy and what its checkpoint says.

    Attributes:
        policy: The policy, in evaluation mode.
        metadata: The checkpoint's metadata, written by the trainer.
        folder: The checkpoint's folder.
    """

    policy: Policy
    metadata: dict[str, Any]
    folder: Path

    @property
    def fps(self) -> int | None:
        """Actions per second that it was trained with, if the checkpoint says so."""
        rate = self.metadata.get("fps")
        return None if rate is None else round(float(rate))

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width of its largest camera; None without cameras."""
        shapes = [shape[:2] for shape in self.policy.config.inputs.values() if is_image(shape)]
        return max(shapes, default=None)  # type: ignore[return-value]


def load_policy(name_or_path: str, device: str = "auto") -> LoadedPolicy:
    """Load a policy by the short name of shipped weights or by its checkpoint folder.

    Args:
        name_or_path: As on the command line.
        device: "cpu", "cuda", or "auto": a GPU if there is one.

    Raises:
        UserError: There is none, it is damaged, its instruction features are of another version,
            or there is no GPU.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("there is no GPU that torch can use; leave out --device")
    with user_errors(PolicyError):
        folder = find_checkpoint(name_or_path)
        metadata = checkpoint.describe(folder).metadata
        policy = checkpoint.load(folder, device)
    version = metadata.get("instruction_features")
    if policy.config.instruction_width and version not in (None, VERSION):
        raise UserError(
            f'the policy in {folder} was trained on other features of words ("{version}", here '
            f'"{VERSION}"); train it again or use the version that wrote it'
        )
    return LoadedPolicy(policy, metadata, folder)


def weights_hash(folder: Path) -> str:
    """The SHA-256 of a checkpoint's weights."""
    with (folder / checkpoint.MODEL).open("rb") as file:
        digest = sha256()
        while block := file.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()


class PolicyExecutor:
    """Carries out assignments with a policy; see `robo.rollouts.actors.Actor`.

    Wall time is measured around the policy's `act` alone: instruction features are computed
    beforehand, and rendering belongs to the simulator. The very first call is made twice, because
    it initialises libraries; the second one counts.
    """

    failure: str | None = None

    def __init__(self, loaded: LoadedPolicy) -> None:
        self.loaded = loaded
        self.counts = Counts()
        self.finished = False
        self._policy = loaded.policy
        self._waiting: deque[NDArray[np.float32]] = deque()
        self._is_warm = False

    def begin(self, env: "gymnasium.Env[Any, Any]", assignment: Assignment) -> None:
        """See `Actor`.

        Raises:
            UserError: The policy was made for other actions or another rate.
        """
        self.counts = Counts()
        self.finished = False
        self._waiting.clear()
        self._space = box_of(env)
        self._margin = EDGE * (self._space.high - self._space.low)
        self._ends_itself = isinstance(env.unwrapped, KitchenEnv)
        self._seed = assignment.seed
        self.check(env)
        self._instruction: NDArray[np.float32] | None = None
        if self._policy.config.instruction_width:
            self._instruction = instruction_features(assignment.instruction)
        self._reset()

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """See `Actor`.

        Raises:
            UserError: The observation does not match the policy.
        """
        if not self._waiting:
            self._waiting.extend(self._decide(observation))
        action = self._waiting.popleft()
        if not np.isfinite(action).all():
            return action
        low, high = self._space.low, self._space.high
        if (action < low - self._margin).any() or (action > high + self._margin).any():
            self.counts.clipped += 1
        action = np.clip(action, low, high).astype(np.float32)
        self.finished = self._ends_itself and round(float(action[-1])) == TERMINATE
        return action

    def _decide(self, observation: Observation) -> NDArray[np.float32]:
        """The next action chunk (j, m)."""
        seen = {dataset_key(key): value for key, value in observation.items()}
        if self._instruction is not None:
            seen[INSTRUCTION] = self._instruction
        with user_errors(PolicyError):
            if not self._is_warm:
                self._policy.act(seen)
                self._reset()
                self._is_warm = True
            began = time.perf_counter()
            actions = self._policy.act(seen)
            self.counts.seconds.append(time.perf_counter() - began)
        return actions

    def _reset(self) -> None:
        import torch

        torch.manual_seed(self._seed)
        self._policy.reset(self._seed)

    def check(self, env: "gymnasium.Env[Any, Any]") -> None:
        """Refuse an environment with other actions or another rate than the policy's.

        Raises:
            UserError: They differ.
        """
        space = box_of(env)
        name, size = self._policy.name, self._policy.config.action_size
        if space.shape != (size,):
            raise UserError(
                f'the policy "{name}" gives actions of {size} numbers, '
                f"{type(env.unwrapped).__name__} takes {space.shape[0]}; it was trained "
                "for another environment"
            )
        rate = rate_of(env)
        if self.loaded.fps not in (None, rate):
            raise UserError(
                f'the policy "{name}" was trained at {self.loaded.fps} actions a second, '
                f"{type(env.unwrapped).__name__} takes {rate}"
            )


def policy_in_kitchen(name_or_path: str, device: str = "auto") -> tuple[KitchenEnv, PolicyExecutor]:
    """A kitchen with the observations that a policy needs, and an executor of that policy.

    In that kitchen "terminate" ends a skill, not the episode.

    Args:
        name_or_path: See `load_policy`.
        device: See `load_policy`.

    Raises:
        UserError: There is no such policy, or it is not for the kitchen.
    """
    loaded = load_policy(name_or_path, device)
    wanted = [key.rpartition(".")[2] for key in loaded.policy.config.cameras]
    cameras = [name for name in (HEAD_CAMERA, WRIST_CAMERA) if name in wanted]
    size = loaded.image_size
    with user_errors(ValueError):
        env = KitchenEnv(
            image_size=observed_size(IMAGE_SIZE, size) if size and cameras else None,
            cameras=cameras,
            control_hz=loaded.fps or KITCHEN_HZ,
            terminate_ends_episode=False,
        )
    executor = PolicyExecutor(loaded)
    executor.check(env)
    return env, executor
