"""The checkpoints of a run.

    checkpoints/step-00001000/     a policy (policies.checkpoint): averaged weights, configuration,
                                   normalisation, metadata
        training/                  needed only to resume: weights.safetensors,
                                   optimizer.safetensors, state.json
    checkpoints/last, best         links to the newest and to the best by validation

A checkpoint is written under a temporary name, synced to disk and then renamed, so whatever is
named step-… is complete.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from policies.base import Policy
from policies.checkpoint import save
from robo.data.errors import DatasetFormatError
from robo.data.storage import FULL, read_json, sync_folder, write_json
from robo.errors import UserError

FOLDER = "checkpoints"
TRAINING = "training"
WEIGHTS = "weights.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
LAST, BEST = "last", "best"
_PREFIX = "step-"


class Checkpoints:
    """A run's checkpoints.

    Args:
        out: The run's folder.
        keep: How many of the newest to keep, besides the best.
    """

    def __init__(self, out: Path, keep: int) -> None:
        self.folder = out / FOLDER
        self._keep = keep

    def all(self) -> list[Path]:
        """Complete checkpoints from oldest to newest."""
        found = [p for p in self.folder.glob(f"{_PREFIX}*") if p.is_dir() and not p.is_symlink()]
        return sorted((p for p in found if _number_of(p).isdecimal()), key=step_of)

    def latest(self) -> Path | None:
        """The newest checkpoint, if any."""
        found = self.all()
        return found[-1] if found else None

    def write(
        self,
        step: int,
        policy: Policy,
        metadata: Mapping[str, Any],
        weights: Mapping[str, Tensor],
        optimizer: Mapping[str, Tensor],
        state: Mapping[str, Any],
        *,
        best: bool,
    ) -> Path:
        """Write the checkpoint of a step and delete those that need not be kept.

        Args:
            step: Steps done.
            policy: The averaged policy.
            metadata: Metadata for `policies.checkpoint`.
            weights: Weights of the policy in training.
            optimizer: See `optimizer_state`.
            state: Plain values needed to resume.
            best: Whether it is the best so far by validation.

        Raises:
            OSError: Writing failed; earlier checkpoints are intact.
        """
        return self.write_with(
            step,
            lambda folder: save(policy, folder, metadata),
            weights,
            optimizer,
            state,
            best=best,
        )

    def write_with(
        self,
        step: int,
        save_policy: Callable[[Path], None],
        weights: Mapping[str, Tensor],
        optimizer: Mapping[str, Tensor],
        state: Mapping[str, Any],
        *,
        best: bool,
    ) -> Path:
        """Like `write`, but `save_policy` writes the policy's files into the folder."""
        target = self.folder / f"{_PREFIX}{step:08d}"
        partial = self.folder / f".{target.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            training = partial / TRAINING
            training.mkdir(parents=True)
            save_policy(partial)
            save_file(
                {k: v.detach().cpu().contiguous() for k, v in weights.items()}, training / WEIGHTS
            )
            save_file(dict(optimizer), training / OPTIMIZER)
            write_json(training / STATE, dict(state))
            for path in partial.rglob("*"):
                _sync(path)
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
        except SafetensorError as error:
            # The system's error is only in its text: "… Os { code: 28, kind: StorageFull, …".
            number = next((n for n in (*FULL, errno.EFBIG) if f"code: {n}," in str(error)), 0)
            shutil.rmtree(partial, ignore_errors=True)
            raise OSError(number, os.strerror(number) if number else str(error)) from error
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self._link(LAST, target)
        if best:
            self._link(BEST, target)
        self._prune()
        sync_folder(self.folder)
        return target

    def _link(self, name: str, target: Path) -> None:
        new = self.folder / f".{name}"
        new.unlink(missing_ok=True)
        new.symlink_to(target.name)
        new.replace(self.folder / name)

    def _prune(self) -> None:
        best = (self.folder / BEST).resolve()
        for path in self.all()[: -self._keep]:
            if path.resolve() != best:
                shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob(f".{_PREFIX}*.partial"):
            shutil.rmtree(path, ignore_errors=True)


def step_of(path: Path) -> int:
    """The step of a checkpoint folder."""
    return int(_number_of(path))


def _number_of(path: Path) -> str:
    return path.name.removeprefix(_PREFIX)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turn errors from reading a checkpoint into a `UserError`.

    Raises:
        UserError: The checkpoint is damaged.
    """
    wrong = (SafetensorError, OSError, DatasetFormatError, LookupError, TypeError, ValueError)
    try:
        yield
    except wrong as error:
        raise UserError(
            f"{folder} cannot be gone on with ({error!r}); take it away to go on from the one "
            "before"
        ) from error


def read_training(
    folder: Path,
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    """The unaveraged weights, the optimiser's state and the plain values of a checkpoint.

    Raises:
        UserError: It is damaged.
    """
    training = folder / TRAINING
    with reading(folder):
        state = read_json(training / STATE)
        if not isinstance(state, dict):
            raise TypeError(f"{STATE} holds no object")
        return load_file(training / WEIGHTS), load_file(training / OPTIMIZER), state


def _sync(path: Path) -> None:
    with suppress(OSError):  # not every file system syncs folders
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
