"""Intermediate files of an expert run: its settings, its results and its processes' datasets.

They are in a folder beside the dataset, so that an interrupted run can resume.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robo.data.errors import DatasetFormatError
from robo.data.recovery import LOCK_FILE
from robo.data.storage import Lock, read_json, write_errors
from robo.errors import UserError
from robo.recording.expert_settings import ExpertSettings

RESULTS = "results.jsonl"
SETTINGS = "settings.json"


@dataclass(frozen=True)
class ExpertResult:
    """How one draw went.

    Attributes:
        task: The task, as requested.
        number: Number of the draw.
        success: Whether every skill's rule held.
        failure: Why not, in a few words.
        frames: Number of recorded frames.
        wall_seconds: Elapsed time.
        cpu_seconds: CPU time.
        shard: Name of the dataset that holds it; empty if not kept.
        episode: Its index there.
    """

    task: str
    number: int
    success: bool
    failure: str
    frames: int
    wall_seconds: float
    cpu_seconds: float
    shard: str = ""
    episode: int = -1


@contextmanager
def locked(folder: Path, root: Path) -> Iterator[None]:
    """Keep other recorders out; a folder with nothing but the lock is removed at the end.

    Args:
        folder: Folder of the parts.
        root: The dataset, for the error message.

    Raises:
        DatasetBusyError: Another process is recording.
        DatasetWriteError: The folder cannot be created.
    """
    with write_errors(folder, "nothing was changed"):
        lock = Lock(folder / LOCK_FILE, root)
    try:
        yield
    finally:
        if [path.name for path in folder.glob("*")] == [LOCK_FILE]:
            shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def read_results(folder: Path) -> list[ExpertResult]:
    """Results of an interrupted run; a truncated last line is dropped.

    Raises:
        UserError: A line is damaged.
    """
    path = folder / RESULTS
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        with path.open("r+b") as file:
            file.truncate(len(whole))
    try:
        return [ExpertResult(**json.loads(line)) for line in whole.splitlines()]
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{path} is damaged ({error}); remove the folder to record its episodes anew"
        ) from None


def check_settings(folder: Path, settings: ExpertSettings) -> None:
    """Refuse to resume with other settings.

    Raises:
        UserError: They differ, or cannot be read.
    """
    path = folder / SETTINGS
    if not path.exists():
        return
    try:
        before = read_json(path)
    except DatasetFormatError:
        before = None
    if not isinstance(before, dict):
        raise UserError(f"{path} holds no settings; remove the folder to record its episodes anew")
    now = _as_json(settings)
    if before.keys() != now.keys():
        raise UserError(
            f"{folder} holds episodes of a run that another version of robo began, whose experts "
            "act otherwise; remove the folder to record them anew"
        )
    changed = [key for key in now if before.get(key) != now[key]]
    if changed:
        words = ", ".join(f"{key} {before.get(key)!r} there, {now[key]!r} now" for key in changed)
        raise UserError(
            f"{folder} holds episodes of a run that was cut off, with other settings ({words}); "
            "run that one again, or remove the folder"
        )


def write_settings(folder: Path, settings: ExpertSettings) -> None:
    """Store the settings, for resuming an interrupted run."""
    partial = folder / (SETTINGS + ".partial")
    partial.write_text(json.dumps(_as_json(settings), indent=2), encoding="utf-8")
    partial.replace(folder / SETTINGS)


def _as_json(settings: ExpertSettings) -> dict[str, Any]:
    return {**asdict(settings), "randomization": list(settings.randomization)}
