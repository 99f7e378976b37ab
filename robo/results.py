"""The provenance stored in every result file, and how such files are written."""

import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from robo import __version__
from robo.errors import UserError

PACKAGES = ("mujoco", "gymnasium", "mink", "numpy", "torch", "transformers")


def provenance(config: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The command, configuration, seed, versions and commit behind a result."""
    script = Path(sys.argv[0])
    program = ["robo"] if script.name in ("robo", "__main__.py") else ["python", str(script)]
    return {
        "command": shlex.join([*program, *sys.argv[1:]]),
        "config": dict(config),
        "seed": seed,
        "versions": {
            "robo": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
        },
        "git_commit": git_commit(),
    }


def git_commit() -> str | None:
    """The commit of the source tree, with "+changed" if tracked files differ; None if unknown."""
    source = Path(__file__).parent.parent
    try:
        commit = _git(source, "rev-parse", "HEAD")
        return commit + ("+changed" if _git(source, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def json_object(text: str, where: str) -> dict[str, Any]:
    """Parse a JSON object that a command wrote to its --out.

    Args:
        text: The JSON text.
        where: The file, and the line if any, for the error message.

    Raises:
        UserError: It is not a JSON object.
    """
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UserError(f"{where}: damaged; choose another --out, or delete it to begin anew")
    return value


def make_folder(path: Path) -> Path:
    """Create a folder for results.

    Raises:
        UserError: It cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot make the folder {path}: {error.strerror}; choose another --out"
        ) from None
    return path


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failed write into a `UserError`.

    Raises:
        UserError: The disk is full or not writable.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; make room or choose another --out,"
            " what was written before is kept"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file beside `path` that replaces it once written.

    Raises:
        UserError: It cannot be written; the previous file is kept.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with writing(path):
            yield partial
            partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_json(path: Path, data: object) -> None:
    """Write a JSON file atomically.

    Raises:
        UserError: It cannot be written.
    """
    with replacing(path) as partial:
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        partial.write_text(text, encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str:
    process = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return process.stdout.strip()
