"""Poor recordings are found, and what a robot does rightly is not taken for one."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robo.data.elements import Kind, elements_of
from robo.data.features import ACTION, STATE, vector
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter, create_dataset
from robo.data.quality import screen_set
from robo.data.validate import validate
from tests.robo import demonstrations as demo


def freeze(values: dict[str, np.ndarray], k: int) -> dict[str, np.ndarray]:
    return {**values, demo.CAMERA: demo.image(1, min(k, 8))}


def darken(values: dict[str, np.ndarray], k: int) -> dict[str, np.ndarray]:
    return {**values, demo.CAMERA: np.zeros_like(values[demo.CAMERA])}


def jump(values: dict[str, np.ndarray], k: int) -> dict[str, np.ndarray]:
    return {**values, STATE: values[STATE] + np.float32([0, 4 * (k == 12), 0])}


def clip(values: dict[str, np.ndarray], k: int) -> dict[str, np.ndarray]:
    return {**values, ACTION: np.float32([9.0 if k % 2 else values[ACTION][0], 0.3 * (k % 20)])}


def idle(values: dict[str, np.ndarray], k: int) -> dict[str, np.ndarray]:
    if k < 3:
        return values
    still = demo.frame_of(1, 3)
    return {**still, demo.CAMERA: values[demo.CAMERA]}


@pytest.mark.parametrize(
    ("check", "arguments", "message"),
    [
        ("frozen camera", {"change": freeze}, "stands still for"),
        ("dark camera", {"change": darken}, "all images are black"),
        ("jump", {"change": jump}, "element 1 jumps by .* after frame 11"),
        ("clipped action", {"change": clip}, r"element 0 \(x\) is at the end of its range in 50%"),
        ("idle", {"change": idle}, "nothing happens for .* from frame 3 on"),
        ("success", {"success": False}, "marked a failure, the success rule says a success"),
        ("duplicate", {"number": 0}, "the same states and actions as episode 0"),
        ("missed deadlines", {"late": [5, 9]}, r"2 frames late \(4.1%\), the worst 3.0 periods"),
    ],
)
def test_a_poor_recording_is_found(
    check: str, arguments: dict[str, object], message: str, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    demo.make(root)
    with DatasetWriter(root) as writer:
        demo.add_episode(writer, 50)
        demo.add_episode(writer, 50, **arguments)  # type: ignore[arg-type]
        demo.add_episode(writer, 60)
    report = validate(root)
    assert report.errors == 0
    found = [f for f in report.findings if f.check == check]
    assert [f.episode for f in found] == [1]

    assert re.search(message, found[0].message)
    scores = [episode.score for episode in report.episodes]
    assert scores[0] == scores[2] == 1.0
    assert scores[1] < 1.0


# --------------------------------------------------------------------- what a robot does rightly
FPS = 20
LENGTH = 400
TIME = np.arange(LENGTH) / FPS
WAVE = np.sin(0.9 * TIME) + 0.3 * np.sin(2.3 * TIME + 1)
YAW = np.angle(np.exp(1.3j * TIME))
DRIVE = np.where(TIME % 4 < 1.5, 0.06, 0.0) * np.where(TIME % 8 < 4, 1, -1)
"""A held key: full speed at once, then nothing."""
GRIP = np.clip(np.where(TIME % 6 < 3, 1.0, 0.0) + 0.004 * WAVE, 0, 1)
MODE = np.floor(TIME / 3) % 3
KINDS = {
    "joint1_position": (WAVE, Kind.PLACE),
    "base_yaw": (YAW, Kind.ANGLE),
    "heading": (np.degrees(YAW) % 360, Kind.ANGLE),
    "joint1_velocity": (np.gradient(WAVE, 1 / FPS), Kind.RATE),
    "gripper_opening": (GRIP, Kind.GRIPPER),
    "gripper_x": (0.5 + 0.1 * WAVE, Kind.PLACE),
    "base_dx": (DRIVE, Kind.SWITCH),
    "base_dyaw": (DRIVE * (1 + 0.2 * WAVE), Kind.RATE),
    "mode": (MODE, Kind.SWITCH),
}
MEASURED = 6
"""So many of them are of what is measured, the others of commands."""


def kinds(table: np.ndarray, names: list[str] | None, *, command: bool) -> list[Kind]:
    feature = vector(ACTION if command else STATE, table.shape[1], names)
    return [element.kind for element in elements_of(feature, table, command=command)]


def test_names_and_values_say_what_a_number_is() -> None:
    table = np.stack([values for values, _ in KINDS.values()], axis=1)
    wanted = [kind for _, kind in KINDS.values()]
    assert kinds(table, list(KINDS), command=False) == wanted
    assert kinds(table[:, [0, 1, 2, 4, 5]], None, command=False) == [
        wanted[k] for k in (0, 1, 2, 4, 5)
    ]
    assert kinds(table[:, 5:], None, command=True) == wanted[5:]


def findings(root: Path, change: Callable[[np.ndarray], None], *, named: bool) -> list[str]:
    """What is found in the second of two episodes after a change of its table: the columns of
    `KINDS` are the action, and those of them that can be measured the state."""
    names = list(KINDS)
    state = vector(STATE, MEASURED, names[:MEASURED] if named else None)
    create_dataset(root, FPS, [state, vector(ACTION, len(KINDS), names if named else None)])
    table = np.stack([values for values, _ in KINDS.values()], axis=1)
    changed = table[::-1].copy()
    change(changed)
    with DatasetWriter(root) as writer:
        for rows in (table, changed):
            writer.begin_episode("drive")
            for k, row in enumerate(rows.astype(np.float32)):
                values = {STATE: row[:MEASURED], ACTION: row}
                writer.add_frame(values, success=True, capture_time=k / FPS)
            writer.finish_episode()
    found = list(screen_set(Dataset(root), images=False))
    assert {finding.episode for finding in found} <= {1}, found
    return [f"{finding.check}: {finding.message}" for finding in found]


@pytest.mark.parametrize("named", [True, False])
def test_turns_grippers_modes_and_held_keys_are_no_jumps(tmp_path: Path, named: bool) -> None:
    assert findings(tmp_path / "set", lambda table: None, named=named) == []


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("element", "to", "frames"),
    [
        (0, 4.0, slice(100, 101)),  # a joint elsewhere for a frame
        (0, 4.0, slice(100, 200)),  # and from then on
        (1, 3.6, slice(100, 101)),  # half a turn away for a frame
        (4, 0.5, slice(310, 311)),  # an open gripper half closed for one frame
        (7, 0.5, slice(100, 101)),  # a command far beyond any other
    ],
)
def test_a_jump_is_found_whatever_it_is_in(
    element: int, to: float, frames: slice, named: bool, tmp_path: Path
) -> None:
    def change(table: np.ndarray) -> None:
        table[frames, element] = to

    found = findings(tmp_path / "set", change, named=named)
    label = f"element {element}" + (f" ({list(KINDS)[element]})" if named else "")
    assert any(text.startswith(f"jump: {label} jumps by") for text in found), found


def test_a_place_pressed_against_its_end_is_found(tmp_path: Path) -> None:
    def change(table: np.ndarray) -> None:
        table[50:250, 0] = WAVE.min()

    found = findings(tmp_path / "set", change, named=True)
    assert any(text.startswith("clipped action: element 0 (joint1_position)") for text in found)


def test_a_command_that_is_stuck_at_full_speed_is_found(tmp_path: Path) -> None:
    def change(table: np.ndarray) -> None:
        table[:, 7] = DRIVE.max() * 1.5

    found = findings(tmp_path / "set", change, named=True)
    assert any(text.startswith("clipped action: element 7 (base_dyaw)") for text in found)
