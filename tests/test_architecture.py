"""The rule of the house: a leaf imports neither another leaf nor `robo`."""

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parent.parent


def test_leaves_import_neither_each_other_nor_robo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(cache_dir=None) == EXIT_STATUS_SUCCESS


@pytest.mark.parametrize(
    "module",
    ["robo", "envs", "envs.kitchen.vocabulary", "envs.kitchen.layout", "planners", "policies"],
)
def test_names_are_imported_without_anything_heavy(module: str) -> None:
    code = (
        f"import sys, {module}; "
        "print([m for m in ('torch', 'mujoco', 'gymnasium', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_unsafe_is_loaded_or_run() -> None:
    banned = ("import pickle", "torch.load(", " eval(", " exec(", "trust_remote_code=True")
    found = [
        (path.relative_to(ROOT), word)
        for room in ("robo", "envs", "policies", "planners")
        for path in (ROOT / room).rglob("*.py")
        for word in banned
        if word in path.read_text(encoding="utf-8")
    ]
    assert found == []
