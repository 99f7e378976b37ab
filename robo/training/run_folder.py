"""The folder of a run, described by training.json; refuses to mix two runs."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from robo.data.errors import DatasetBusyError, DatasetFormatError
from robo.data.storage import FULL, Lock, read_json, write_json
from robo.errors import UserError, user_errors
from robo.training.checkpoints import FOLDER, Checkpoints, step_of

DESCRIPTION = "training.json"
LOCK = ".lock"
KNOWN = frozenset({"policy", "dataset", "policy_config", "config"})


class RunFolder:
    """A run's folder, which can be locked against other writers.

    Args:
        out: The folder.
        resume: Whether to resume the run in it.

    Attributes:
        before: Previous content of training.json; empty for a new run.

    Raises:
        UserError: It holds a run but `resume` is not set, or the other way round; or it holds
            something else.
    """

    def __init__(self, out: Path, *, resume: bool) -> None:
        self.out = out
        self.before: dict[str, Any] = {}
        there = (out / DESCRIPTION).is_file()
        if resume and not there:
            raise UserError(f"{out} holds no run to go on with; leave out --resume to begin one")
        if there and not resume:
            raise UserError(
                f"{out} already holds a run{_how_far(out)}; add --resume to go on with it, or "
                "choose another --out"
            )
        if not there and out.exists() and _has_files(out):
            raise UserError(f"{out} holds other files; choose another --out")
        if there:
            with user_errors(DatasetFormatError):
                self.before = read_json(out / DESCRIPTION)
            if not _is_description(self.before):
                raise UserError(f"{out / DESCRIPTION} is not one that robo train wrote")
        self._lock: Lock | None = None

    def lock(self) -> None:
        """Create the folder and lock it.

        Raises:
            UserError: It cannot be created, or another process trains in it.
        """
        try:
            with user_errors(DatasetBusyError):
                self._lock = Lock(self.out / FOLDER / LOCK)
        except OSError as error:
            raise UserError(
                f"cannot make the folder {self.out}: {error.strerror}; choose another --out"
            ) from None

    def release(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.release()

    def describe(self, description: dict[str, Any]) -> None:
        """Write training.json."""
        write_json(self.out / DESCRIPTION, description)

    def check_same(self, policy: str, dataset: dict[str, Any], config: dict[str, Any]) -> None:
        """Refuse to resume with another policy, configuration or dataset.

        Raises:
            UserError: Something differs.
        """
        before, data = self.before, self.before["dataset"] or {}
        if before["policy"] != policy:
            raise UserError(f"{self.out} trains {before['policy']}, not {policy}")
        for key, what in (("fps", "frames a second"), ("fingerprint", "as its fingerprint")):
            if data.get(key) != dataset[key]:
                raise UserError(
                    f"{dataset['path']} has {dataset[key]} {what}, the run began on a dataset with "
                    f"{data.get(key)}; give --resume the same dataset, or begin with another "
                    "--out (--start takes over the weights)"
                )
        begun = before["policy_config"]
        for key in (*config, *begun):
            if begun.get(key) != config.get(key):
                raise UserError(
                    f"the run began with {key} {begun.get(key)}, not {config.get(key)}; give the "
                    "same --config with --resume, or another --out"
                )


@contextmanager
def write_errors(out: Path, checkpoints: Checkpoints) -> Iterator[None]:
    """Turn a failed write into a `UserError` that says what is safe."""
    try:
        yield
    except OSError as error:
        latest = checkpoints.latest()
        kept = f"{latest.name} is whole" if latest else "no checkpoint was written yet"
        reason = FULL.get(error.errno or 0) or error.strerror or str(error)
        advice = "make room" if error.errno in (*FULL, errno.EFBIG) else "put that right"
        raise UserError(
            f"cannot write to {out}: {reason}; {kept}: {advice}, then give the same command with "
            "--resume"
        ) from error


def _is_description(value: object) -> bool:
    """Whether a value is what `describe` writes."""
    return (
        isinstance(value, dict)
        and value.keys() >= KNOWN
        and all(isinstance(value[name], dict) for name in ("policy_config", "config"))
        and isinstance(value["dataset"], dict | None)  # a walker has none
    )


def _has_files(out: Path) -> bool:
    """Whether it is a file, or a folder with files other than the lock of a run never begun."""
    return not out.is_dir() or any(p.is_file() and p.name != LOCK for p in out.rglob("*"))


def _how_far(out: Path) -> str:
    latest = Checkpoints(out, 1).latest()
    return f" ({step_of(latest)} steps done)" if latest else ""
