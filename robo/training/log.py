"""The log of a run: log.jsonl, and the same in TensorBoard's format.

A line is {"step": 20, "loss": …, "<part>": …, "learning_rate": …, …}, with means since the previous
line, or {"step": 20, "validation/loss": …, "validation/<part>": …}.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robo.data.storage import write_whole
from robo.training.tensorboard import EventFile

LOG = "log.jsonl"
TENSORBOARD = "tensorboard"
VALIDATION = "validation/"
CLOCK = frozenset({"time", "hours", "samples_per_second", "waiting"})
"""Values that depend on the machine and its clock; all others are reproducible."""


class TrainingLog:
    """Appends to the log of a run.

    Args:
        out: The run's folder.
        step: Where the run resumes; later lines from before are removed.
    """

    def __init__(self, out: Path, step: int = 0) -> None:
        kept = [line for line in read_log(out) if line["step"] <= step]
        path = out / LOG
        write_whole(path, "".join(json.dumps(line) + "\n" for line in kept).encode())
        shutil.rmtree(out / TENSORBOARD, ignore_errors=True)
        self._events = EventFile(out / TENSORBOARD)
        for line in kept:
            self._add_event(line)
        self._file = path.open("a", encoding="utf-8")

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write a line.

        Raises:
            OSError: Writing failed.
        """
        line = {"step": step, **values, "time": round(time.time(), 3)}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._add_event(line)

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        self._events.close()

    def _add_event(self, line: Mapping[str, Any]) -> None:
        scalars = {
            key if key.startswith(VALIDATION) else f"training/{key}": float(value)
            for key, value in line.items()
            if key not in ("step", "time")
        }
        self._events.add(int(line["step"]), scalars, line.get("time"))


def read_log(out: Path) -> list[dict[str, Any]]:
    """The lines of a run's log, without an incomplete last one."""
    try:
        text = (out / LOG).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    lines = []
    for line in text.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines
