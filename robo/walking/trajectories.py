"""Trajectories of walkers from several sources, in a file: the data of next-token walking.

Copies walk, each as one source:

    teacher    the teacher's actions
    noisy      the teacher's with noise added; its actions without noise are the targets
    reference  the actions of a model-based controller (`robo.walking.reference`), for robots that
               have one
    observed   the teacher's, of which only observations are kept, as of someone else's robot

trajectories.safetensors: `observations` [t, n, p], `actions` [t, n, m], `known` [n] (whether there
are actions; else they and the observations' last action are zero) and `begins` [t, n] (where an
episode begins).
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
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
from robo.walking.reference import ROBOTS, ReferenceController

FILE: Final = "trajectories.safetensors"
SOURCES: Final = ("teacher", "noisy", "reference", "observed")
NOISE: Final = (0.1, 0.6)
"""Standard deviation of the noise, from the first noisy copy to the last."""

_Moment = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]
"""Observations [n, p], target actions [n, m] and episode starts [n] of n copies."""


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
        """`length` moments of `copies` [k] from `first` [k] on, valid until an episode ends."""
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
    """Index in an observation where the last action begins."""
    before = 0
    for name, size in observations.sizes(robot).items():
        if name == "last action":
            return before
        before += size
    raise AssertionError("observations have a last action")


def source_of(copies: int, robot: RobotConfig) -> list[str]:
    """Source of each copy, in shares as equal as possible."""
    sources = [name for name in SOURCES if name != "reference" or robot.name in ROBOTS]
    return [sources[copy * len(sources) // copies] for copy in range(copies)]


def record(
    batch: WalkBatch,
    reference: WalkBatch | None,
    teacher: Walker,
    steps: int,
    seed: int,
    going_on: Callable[[int], bool],
) -> Recording | None:
    """Record copies as they walk.

    Args:
        batch: Copies that the teacher drives; it is reset.
        reference: Copies that the reference controller drives, as many as `source_of` assigns to it
            among all of them together; it is reset.
        teacher: Walker that acts.
        steps: Steps of every copy.
        seed: Seed of the noise.
        going_on: Called with the steps done; false stops the recording.

    Returns:
        What was recorded; None if it was stopped.
    """
    copies = batch.copies + (reference.copies if reference else 0)
    sources = np.array(source_of(copies, batch.robot))
    taught = sources != "reference"
    noisy = sources[taught] == "noisy"
    spread = np.zeros((batch.copies, 1))
    spread[noisy, 0] = np.linspace(*NOISE, noisy.sum())
    walks = [(torch.from_numpy(taught), _taught(batch, teacher, spread, seed))]
    if reference:
        walks.append((torch.from_numpy(~taught), _referred(reference)))
    known = torch.from_numpy(sources != "observed")
    shape, joints = (steps, copies), len(batch.robot.joints)
    recording = Recording(
        torch.empty(*shape, observations.size(batch.robot)),
        torch.empty(*shape, joints),
        known,
        torch.zeros(shape, dtype=torch.bool),
    )
    for moment in range(steps):
        if not going_on(moment):
            return None
        for columns, walk in walks:
            observed, wanted, begins = next(walk)
            recording.observations[moment, columns] = torch.from_numpy(observed)
            recording.actions[moment, columns] = torch.from_numpy(wanted)
            recording.begins[moment, columns] = torch.from_numpy(begins)
    first = last_action(batch.robot)
    recording.observations[:, ~known, first : first + joints] = 0.0
    recording.actions[:, ~known] = 0.0
    return recording


def _taught(
    batch: WalkBatch, teacher: Walker, spread: NDArray[np.float64], seed: int
) -> Iterator[_Moment]:
    """A teacher's walk, with noise of standard deviations `spread` [n, 1] on its actions."""
    actor, generator = WalkActor(teacher, batch.copies), np.random.default_rng(seed)
    now, begins = batch.reset(), np.ones(batch.copies, dtype=bool)
    while True:
        wanted = actor.act(now)
        yield now[POLICY], wanted, begins
        step = batch.step(wanted + spread * generator.standard_normal(wanted.shape))
        now, begins = step.observation, step.terminated | step.truncated
        actor.reset(begins)


def _referred(batch: WalkBatch) -> Iterator[_Moment]:
    """The reference controller's walk; its first action of an episode is zero."""
    controller = ReferenceController(batch.robot)
    now, begins = batch.reset()[POLICY], np.ones(batch.copies, dtype=bool)
    actions = np.zeros((batch.copies, len(batch.robot.joints)), dtype=np.float32)
    while True:
        yield now, actions, begins
        step = batch.step(actions)
        now, begins = step.observation[POLICY], step.terminated | step.truncated
        actions = controller.act(step.info["state"]).astype(np.float32)
        actions[begins] = 0.0


def save_recording(recording: Recording, path: Path) -> None:
    """Write it, whole or not at all.

    Raises:
        OSError: Writing failed.
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
