"""Scenarios: an instruction, a start state and a goal."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.kitchen.layout import distance
from envs.kitchen.start import StartState
from envs.kitchen.vocabulary import DRAWERS, OBJECTS, PLACES
from planners.goal import Goal, GoalError
from planners.world import World, start_world
from robo.errors import UserError

__all__ = ["Scenario", "distance", "load_scenarios", "load_scene", "world_of"]


@dataclass(frozen=True)
class Scenario:
    """One line of a scenario file.

    Attributes:
        id: Unique in its file.
        family: The kind of instruction, for tables.
        instruction: What a person asks.
        start: Where everything is at the start.
        goal: What must hold at the end.
    """

    id: str
    family: str
    instruction: str
    start: StartState
    goal: Goal

    @classmethod
    def from_dict(cls, data: object) -> "Scenario":
        """Read one scenario.

        Raises:
            ValueError: It is malformed; the message says where.
        """
        if not isinstance(data, dict):
            raise ValueError(f"a scenario must be a JSON object, not {type(data).__name__}")
        keys = {"id", "family", "instruction", "start", "goal"}
        if missing := keys - set(data):
            raise ValueError(f"{sorted(missing)[0]!r} is missing")
        if unknown := set(data) - keys:
            raise ValueError(
                f"unknown key {sorted(unknown)[0]!r}; known: {', '.join(sorted(keys))}"
            )
        for key in ("id", "family", "instruction"):
            if not isinstance(data[key], str) or not data[key].strip():
                raise ValueError(f"{key!r} must be a text that is not empty")
        return cls(
            id=data["id"],
            family=data["family"],
            instruction=data["instruction"],
            start=StartState.from_dict(data["start"]),
            goal=Goal.from_dict(data["goal"], OBJECTS, PLACES, DRAWERS),
        )


def world_of(start: StartState) -> World:
    """The planner's view of a start state."""
    return start_world(
        objects=start.objects,
        robot=start.robot,
        holding=start.holding,
        positions=start.drawers,
        places=PLACES,
        drawers=DRAWERS,
    )


def load_scenarios(path: Path) -> list[Scenario]:
    """Read a scenario file, one JSON object per line; empty lines are skipped.

    Raises:
        UserError: The file cannot be read, has no scenarios, or a line is invalid; the message
            gives its number.
    """
    scenarios: list[Scenario] = []
    seen: dict[str, int] = {}
    # Not `splitlines`: JSON strings may contain other line separators, such as U+2028.
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            scenario = Scenario.from_dict(json.loads(line))
        except json.JSONDecodeError as error:
            raise UserError(f"{path}, line {number}: not valid JSON ({error.msg})") from None
        except (ValueError, GoalError) as error:
            raise UserError(f"{path}, line {number}: {error}") from None
        if scenario.id in seen:
            raise UserError(
                f"{path}, line {number}: the id {scenario.id!r} is that of line {seen[scenario.id]}"
            )
        seen[scenario.id] = number
        scenarios.append(scenario)
    if not scenarios:
        raise UserError(f"{path} holds no scenarios; write one JSON object a line")
    return scenarios


def load_scene(path: Path) -> StartState:
    """Read a start state from a JSON file; a scenario works too.

    Raises:
        UserError: The file cannot be read or is invalid.
    """
    try:
        data: Any = json.loads(_read(path))
        if isinstance(data, Mapping) and "start" in data:
            data = data["start"]
        return StartState.from_dict(data)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}, line {error.lineno}: not valid JSON ({error.msg}); a scene is one JSON object"
        ) from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
