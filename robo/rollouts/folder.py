"""The folder of a run: run.json says what it is, results.jsonl grows by a line an episode.

results.jsonl is only ever added to; an episode has one line, by its key, and the first one counts.
"""

import json
from collections.abc import Mapping
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

Result = dict[str, Any]


class RunFolder:
    """A run's folder, which nobody else writes to meanwhile.

    Args:
        path: The folder.
        settings: Of the run, plain JSON values.

    Raises:
        UserError: It cannot be made, another process is writing to it, or it holds results of
            other settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = make_folder(path)
        self._settings = dict(settings)
        with user_errors(DatasetBusyError), writing(path):
            self._lock = Lock(path / LOCK)
        try:
            self._check_same()
        except BaseException:
            self.release()
            raise

    def results(self) -> dict[str, Result]:
        """What is there, by key; a line that was cut off at the end is taken away.

        Raises:
            UserError: A line is damaged.
        """
        path = self.path / RESULTS
        if path.exists():
            data = path.read_bytes()
            if not data.endswith(b"\n"):
                with writing(path), path.open("r+b") as file:
                    file.truncate(data.rfind(b"\n") + 1)
        return read_results(self.path)

    def add(self, result: Mapping[str, Any]) -> None:
        """Add a line.

        Raises:
            UserError: The disk does not take it.
        """
        path = self.path / RESULTS
        with writing(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result, ensure_ascii=False) + "\n")

    def release(self) -> None:
        """Let others in."""
        self._lock.release()

    def _check_same(self) -> None:
        path = self.path / SETTINGS
        if not path.exists():
            if (self.path / RESULTS).exists():
                raise UserError(
                    f"{self.path} holds results without {SETTINGS}; choose another --out"
                )
            write_json(path, self._settings)
            return
        changed = differences(read_settings(self.path), self._settings)
        if changed:
            raise UserError(
                f"{self.path} holds results of other settings ({', '.join(changed)}); choose "
                "another --out or the same settings"
            )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Settings that differ, such as "seed 0 there, 1 now"."""
    keys = dict.fromkeys((*before, *now))
    return [
        f"{key} {before.get(key)!r} there, {now.get(key)!r} now"
        for key in keys
        if before.get(key) != now.get(key)
    ]


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of the run in a folder.

    Raises:
        UserError: There is none.
    """
    return json_object(_text(path / SETTINGS), str(path / SETTINGS))


def read_results(path: Path) -> dict[str, Result]:
    """Whole lines of the results in a folder, by key.

    Raises:
        UserError: A line is damaged.
    """
    file = path / RESULTS
    if not file.exists():
        return {}
    text = _text(file)
    results: dict[str, Result] = {}
    for number, line in enumerate(text[: text.rfind("\n") + 1].splitlines(), start=1):
        result = json_object(line, f"{file}, line {number}")
        results.setdefault(str(result.get("key")), result)
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
