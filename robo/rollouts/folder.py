"""The folder of a run: run.json describes it, results.jsonl grows by one line per episode.

results.jsonl is append-only; of several lines with one episode's key, the first counts.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from robo.data.errors import DatasetBusyError
from robo.data.storage import Lock
from robo.errors import UserError, user_errors
from robo.results import json_object, make_folder, write_json, writing

RESULTS = "results.jsonl"
SUMMARY = "summary.json"
SETTINGS = "run.json"
LOCK = ".lock/lock"

KEY = ("key",)
EPISODE = (*KEY, "split", "success")
"""Fields of every result of `robo rollout`."""

Result = dict[str, Any]


class RunFolder:
    """A run's folder, locked against other writers.

    Args:
        path: The folder.
        settings: The run's settings, plain JSON values.
        needed: Fields that every result has; the first is its key.

    Raises:
        UserError: It cannot be created, another process is writing to it, or it holds results of
            other settings.
    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], needed: Sequence[str] = KEY
    ) -> None:
        self.path = make_folder(path)
        self._settings = dict(settings)
        self._needed = needed
        with user_errors(DatasetBusyError), writing(path):
            self._lock = Lock(path / LOCK)
        try:
            self._check_same()
        except BaseException:
            self.release()
            raise

    def results(self) -> dict[str, Result]:
        """The results so far, by key; an incomplete last line is removed.

        Raises:
            UserError: A line is damaged.
        """
        path = self.path / RESULTS
        if path.exists():
            data = path.read_bytes()
            if not data.endswith(b"\n"):
                with writing(path), path.open("r+b") as file:
                    file.truncate(data.rfind(b"\n") + 1)
        return read_results(self.path, self._needed)

    def add(self, result: Mapping[str, Any]) -> None:
        """Append a line.

        Raises:
            UserError: It cannot be written.
        """
        path = self.path / RESULTS
        with writing(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result, ensure_ascii=False) + "\n")

    def release(self) -> None:
        """Release the folder's lock."""
        self._lock.release()

    def _check_same(self) -> None:
        path = self.path / SETTINGS
        if not read_results(self.path, self._needed):
            write_json(path, self._settings)
            return
        if not path.exists():
            raise UserError(f"{self.path} holds results without {SETTINGS}; choose another --out")
        changed = differences(read_settings(self.path), self._settings)
        if changed:
            raise UserError(
                f"{self.path} holds results of other settings ({', '.join(changed)}); choose "
                "another --out or the same settings"
            )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Settings that differ, such as "seed 0 there, 1 now", including nested ones."""
    found = []
    for key in dict.fromkeys((*before, *now)):
        there, here = before.get(key), now.get(key)
        if isinstance(there, Mapping) and isinstance(here, Mapping):
            found += differences(there, here)
        elif there != here:
            found.append(f"{key} {there!r} there, {here!r} now")
    return found


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of the run in a folder.

    Raises:
        UserError: They are missing or damaged.
    """
    return json_object(_text(path / SETTINGS), str(path / SETTINGS))


def read_results(path: Path, needed: Sequence[str] = KEY) -> dict[str, Result]:
    """Complete lines of the results in a folder, by key.

    Args:
        path: The folder.
        needed: See `RunFolder`.

    Raises:
        UserError: A line is damaged, or another command wrote it.
    """
    file = path / RESULTS
    if not file.exists():
        return {}
    text = _text(file)
    results: dict[str, Result] = {}
    # Not `splitlines`: JSON strings may contain other line separators, such as U+2028.
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        result = json_object(line, f"{file}, line {number}")
        if missing := [name for name in needed if name not in result]:
            raise UserError(
                f'{file}, line {number} has no "{missing[0]}": another command wrote it; '
                "give another folder"
            )
        results.setdefault(str(result[needed[0]]), result)
    return results


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"{path.parent} holds no results of robo rollout: {path.name} is missing"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
