"""The command line: instant help, one sentence for a mistake."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from robo import __version__
from robo.cli import BROKEN_PIPE, COMMANDS

HEAVY = ("torch", "mujoco", "gymnasium", "transformers", "matplotlib", "av", "cv2", "pyarrow")


def robo(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "robo", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_printed_without_importing_anything_heavy(command: str) -> None:
    code = (
        "import sys; sys.argv = ['robo', *sys.argv[1:]]\n"
        "from robo.cli import main\n"
        "try:\n    main()\n"
        f"finally:\n    print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    arguments = [command] if command else []
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "usage: robo" in done.stdout
    assert done.stderr.strip() == "[]"


def test_the_version_is_told() -> None:
    done = robo("--version")
    assert (done.returncode, done.stdout) == (0, f"robo {__version__}\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_itself(name: str) -> None:
    kind, summary = COMMANDS[name]
    command = getattr(import_module(f"robo.commands.{name}"), kind)
    assert command.__doc__.splitlines()[0] == summary


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "robo", "data", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == BROKEN_PIPE


def scene(tmp_path: Path, **start: object) -> str:
    path = tmp_path / "scene.json"
    path.write_text(json.dumps(start), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("command", ["run", "plan"])
def test_an_empty_instruction_is_refused(command: str, tmp_path: Path) -> None:
    assert_refused(robo(command, " ", *out(command, tmp_path)), "the instruction is empty")


@pytest.mark.parametrize("command", ["run", "plan"])
def test_an_unknown_object_or_place_is_refused(command: str, tmp_path: Path) -> None:
    kiwi = scene(tmp_path, robot="user", objects=[["kiwi", "table"]])
    assert_refused(robo(command, "eat", "--scene", kiwi, *out(command, tmp_path)), "'kiwi'")
    moon = scene(tmp_path, robot="moon", objects=[])
    assert_refused(robo(command, "eat", "--scene", moon, *out(command, tmp_path)), "'moon'")


@pytest.mark.parametrize("command", ["run", "plan"])
def test_an_unknown_model_or_dead_server_is_refused(command: str, tmp_path: Path) -> None:
    for llm in ("gpt-9", "http://127.0.0.1:9/v1"):
        assert_refused(
            robo(command, "eat", "--llm", llm, *out(command, tmp_path)),
            "127.0.0.1:9" if "/" in llm else "gpt-9",
        )


def test_a_broken_scenario_line_is_refused_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text("\n{nonsense\n", encoding="utf-8")
    assert_refused(robo("scenarios", str(path), "--out", str(tmp_path / "out")), "line 2")


def test_graphics_that_are_not_there_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "moon")
    assert_refused(robo("run", "eat", "--out", str(tmp_path)), "MUJOCO_GL=moon")
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    for display in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(display, raising=False)
    assert_refused(robo("run", "eat", "--out", str(tmp_path)), "'glfw' has no display")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_refused(robo("run", "eat", "--out", str(tmp_path / "file" / "out")), "cannot make")


@pytest.mark.parametrize("command", ["run", "scenarios"])
def test_a_negative_seed_is_refused(command: str, tmp_path: Path) -> None:
    done = robo(command, "eat", "--seed", "-1", "--out", str(tmp_path / "out"))
    assert_refused(done, "--seed is -1")


def test_brackets_in_an_instruction_are_text(tmp_path: Path) -> None:
    apple = scene(tmp_path, robot="user", objects=[["apple", "table"]])
    done = robo("plan", "bring me [/the] apple", "--scene", apple)
    assert "[/the]" in done.stdout
    assert "Traceback" not in done.stderr


def out(command: str, tmp_path: Path) -> list[str]:
    return ["--out", str(tmp_path / "out")] if command == "run" else []


def assert_refused(done: subprocess.CompletedProcess[str], saying: str) -> None:
    assert done.returncode == 2
    assert saying in done.stderr
    assert done.stderr.startswith("robo: ")
    assert len(done.stderr.strip().splitlines()) == 1
