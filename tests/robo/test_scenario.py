"""Scenario files: read whole or refused with the line's number."""

import json
from pathlib import Path
from typing import Any

import pytest

from planners.world import HAND
from robo.errors import UserError
from robo.scenario import load_scenarios, load_scene, world_of

LINE: dict[str, Any] = {
    "id": "t1",
    "family": "structured",
    "instruction": "Pick up the apple and move it to the trash",
    "start": {
        "robot": "user",
        "holding": "tea",
        "objects": [["apple", "close counter"], ["coke can", "table"]],
        "drawers": {"top drawer": "open"},
    },
    "goal": {"any": [{"on": [["apple", "trash"]]}], "keep": [["coke can", "table"]]},
}


def write(path: Path, *lines: object) -> Path:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def test_a_scenario_is_read_and_its_world_is_the_start(tmp_path: Path) -> None:
    (scenario,) = load_scenarios(write(tmp_path / "set.jsonl", LINE, ""))
    world = world_of(scenario.start)
    assert [(thing.name, thing.place) for thing in world.things] == [
        ("apple", "close counter"),
        ("coke can", "table"),
        ("tea", HAND),
    ]
    assert world.drawers == {"top drawer": True, "bottom drawer": False}
    assert not scenario.goal.reached(world, world)
    assert scenario.goal.reached(world, world.moved(0, "trash"))
    assert not scenario.goal.reached(world, world.moved(0, "trash").moved(1, "user"))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("{", "line 2: not valid JSON"),
        ([], "line 2: a scenario must be a JSON object"),
        ({**LINE, "id": "t1"}, "line 2: the id 't1' is that of line 1"),
        ({**LINE, "id": "t2", "instruction": " "}, "line 2: 'instruction' must be a text"),
        ({**LINE, "id": "t2", "start": {"robot": "moon"}}, "line 2: .*'moon'"),
        (
            {**LINE, "id": "t2", "goal": {"any": [{"held": "kiwi"}]}},
            "line 2: unknown object 'kiwi'",
        ),
        ({**LINE, "id": "t2", "extra": 1}, "line 2: unknown key 'extra'"),
        ({"id": "t2"}, "line 2: 'family' is missing"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(
    tmp_path: Path, broken: object, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        load_scenarios(write(tmp_path / "set.jsonl", LINE, broken))


def test_other_ends_of_lines_within_a_text_end_no_line(tmp_path: Path) -> None:
    said = "Throw\u2028the apple\u0085away."
    line = json.dumps({**LINE, "instruction": said}, ensure_ascii=False)
    (scenario,) = load_scenarios(write(tmp_path / "set.jsonl", line))
    assert scenario.instruction == said


def test_a_file_that_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        load_scenarios(tmp_path / "none.jsonl")
    with pytest.raises(UserError, match="holds no scenarios"):
        load_scenarios(write(tmp_path / "empty.jsonl"))


def test_a_scene_is_a_start_state_or_a_scenario(tmp_path: Path) -> None:
    start = write(tmp_path / "start.json", LINE["start"])
    assert load_scene(start) == load_scene(write(tmp_path / "scenario.json", LINE))
    with pytest.raises(UserError, match="broken.json, line 2: not valid JSON"):
        load_scene(write(tmp_path / "broken.json", "{"))


@pytest.mark.parametrize("half", ["dev", "test"])
def test_the_shipped_sets_have_every_family_and_no_goal_that_asks_too_much(half: str) -> None:
    scenarios = load_scenarios(Path(__file__).parents[2] / "scenarios" / f"kitchen_{half}.jsonl")
    families = {scenario.family for scenario in scenarios}
    assert len(scenarios) >= 70
    assert len(families) == 7
    for scenario in scenarios:
        names = [thing.name for thing in world_of(scenario.start).things]
        for alternative in scenario.goal.any_of:
            asked = [name for name, _ in alternative.on]
            assert all(asked.count(name) <= names.count(name) for name in asked), scenario.id
