"""Trajectories of walkers, of several sources, in a file: what next-token walking learns from.

Copies of one batch walk, each as one source:

    teacher    the teacher's actions
    noisy      the teacher's with noise added; what it would have wanted is what is to be learnt
    observed   the teacher's, of which only what was sensed is kept, as of someone else's robot

trajectories.safetensors: `observations` [t, n, p], `actions` [t, n, m], `known` [n] (whether there
are actions; else they and the observations' last action are zero) and `begins` [t, n] (where an
episode begins).
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from envs.humanoid import observations
from envs.humanoid.batch import WalkBatch
from envs.humanoid.observations import POLICY
from envs.humanoid.robots import RobotConfig
from policies.walker.next_token import Trajectories
from robo.errors import UserError
from robo.walking.actor import WalkActor, Walker

FILE: Final = "trajectories.safetensors"
SOURCES: Final = ("teacher", "noisy", "observed")
NOISE: Final = (0.1, 0.6)
"""Deviation of a noisy copy's actions, from the first to the last."""


class Recording(NamedTuple):
    """See above.

    Attributes:
        observations: [t, n, p].
        actions: [t, n, m].
        known: [n] bool.
        begins: [t, n] bool.
    """

    observations: Tensor
    actions: Tensor
    known: Tensor
    begins: Tensor

    def windows(self, first: Tensor, copies: Tensor, length: int) -> Trajectories:
        """Moments `first` [k] and those after it of `copies` [k], until an episode ends."""
        moments = first + torch.arange(length)[:, None]
        anew = self.begins[moments, copies]
        anew[0] = False
        return Trajectories(
            self.observations[moments, copies],
            self.actions[moments, copies],
            self.known[copies].expand(length, -1),
            anew.cumsum(0) == 0,
        )


def last_action(robot: RobotConfig) -> int:
    """Where in an observation the last action begins."""
    before = 0
    for name, size in observations.sizes(robot).items():
        if name == "last action":
            return before
        before += size
    raise AssertionError("observations have a last action")


def source_of(copies: int) -> list[str]:
    """Of each copy, as even as can be."""
    return [SOURCES[copy * len(SOURCES) // copies] for copy in range(copies)]


def record(
    batch: WalkBatch, teacher: Walker, steps: int, seed: int, going_on: Callable[[int], bool]
) -> Recording | None:
    """Let a batch walk.

    Args:
        batch: It is reset.
        teacher: Who walks.
        steps: Of every copy.
        seed: Of the noise.
        going_on: Told how many steps are done; false stops the recording.

    Returns:
        What was recorded; None if it was stopped.
    """
    sources = np.array(source_of(batch.copies))
    spread = np.zeros((batch.copies, 1))
    noisy = np.flatnonzero(sources == "noisy")
    spread[noisy, 0] = np.linspace(*NOISE, len(noisy))
    known = torch.from_numpy(sources != "observed")
    actor, generator = WalkActor(teacher, batch.copies), np.random.default_rng(seed)
    now = batch.reset()
    shape = (steps, batch.copies)
    recording = Recording(
        torch.empty(*shape, now[POLICY].shape[1]),
        torch.empty(*shape, len(batch.robot.joints)),
        known,
        torch.zeros(shape, dtype=torch.bool),
    )
    recording.begins[0] = True
    for moment in range(steps):
        if not going_on(moment):
            return None
        wanted = actor.act(now)
        recording.observations[moment] = torch.from_numpy(now[POLICY])
        recording.actions[moment] = torch.from_numpy(wanted)
        step = batch.step(wanted + spread * generator.standard_normal(wanted.shape))
        now, ended = step.observation, step.terminated | step.truncated
        actor.reset(ended)
        if moment + 1 < steps:
            recording.begins[moment + 1] = torch.from_numpy(ended)
    first = last_action(batch.robot)
    recording.observations[:, ~known, first : first + len(batch.robot.joints)] = 0.0
    recording.actions[:, ~known] = 0.0
    return recording


def save_recording(recording: Recording, path: Path) -> None:
    """Write it, whole or not at all.

    Raises:
        OSError: The disk refused.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(recording._asdict(), new)
        new.replace(path)
    except SafetensorError as error:
        raise OSError(str(error)) from error
    finally:
        new.unlink(missing_ok=True)


def load_recording(path: Path) -> Recording:
    """What `save_recording` wrote.

    Raises:
        UserError: It is damaged.
    """
    try:
        return Recording(**load_file(path))
    except (SafetensorError, TypeError, OSError) as error:
        raise UserError(
            f"{path} cannot be read ({error}); take it away to record trajectories again"
        ) from None


__all__ = [
    "FILE",
    "SOURCES",
    "Recording",
    "last_action",
    "load_recording",
    "record",
    "save_recording",
    "source_of",
]
