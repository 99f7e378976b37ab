"""Scenario goals, checked on a `World`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planners.world import HAND, USER, World

Located = tuple[str, str]
"""An object and a place."""


class GoalError(ValueError):
    """A malformed goal; the message says why."""


@dataclass(frozen=True)
class Alternative:
    """One way to reach a goal; all its conditions must hold.

    Attributes:
        on: Objects and where they must be; each entry needs its own instance.
        held: An object that must be in the hand.
        robot_at: Where the robot must stand.
        drawers: For each drawer named, whether it must be open.
        visited: Places that the robot must have visited, in any order.
    """

    on: tuple[Located, ...] = ()
    held: str | None = None
    robot_at: str | None = None
    drawers: Mapping[str, bool] = field(default_factory=dict)
    visited: tuple[str, ...] = ()

    def holds(self, world: World) -> bool:
        """Whether the world satisfies this alternative."""
        held = world.holding
        return (
            all(count_on(world, *entry) >= n for entry, n in Counter(self.on).items())
            and (self.held is None or (held is not None and world.things[held].name == self.held))
            and (self.robot_at is None or world.is_at(self.robot_at))
            and all(world.drawers[drawer] == is_open for drawer, is_open in self.drawers.items())
            and all(_visited(world, place) for place in self.visited)
        )


@dataclass(frozen=True)
class Goal:
    """What a scenario asks for.

    Attributes:
        any_of: Alternatives, one of which must hold.
        keep: Objects and places where an instance that started there must still be.
    """

    any_of: tuple[Alternative, ...]
    keep: tuple[Located, ...] = ()

    def reached(self, start: World, end: World) -> bool:
        """Whether `end` fulfils the goal of an episode that started in `start`."""
        return any(alternative.holds(end) for alternative in self.any_of) and all(
            _kept(start, end, *entry) >= n for entry, n in Counter(self.keep).items()
        )

    @classmethod
    def from_dict(
        cls,
        data: object,
        objects: Sequence[str],
        places: Sequence[str],
        drawers: Sequence[str],
    ) -> "Goal":
        """Read the `goal` of a scenario.

        Raises:
            GoalError: It is malformed or names something that the kitchen does not have.
        """
        reader = _Reader(objects, places, drawers)
        goal = reader.mapping(data, "goal", {"any", "keep"})
        if not isinstance(goal.get("any"), list) or not goal["any"]:
            raise GoalError('"goal" needs "any", a list with at least one alternative')
        return cls(
            any_of=tuple(reader.alternative(item) for item in goal["any"]),
            keep=reader.located(goal.get("keep", []), '"keep"'),
        )


def count_on(world: World, name: str, place: str) -> int:
    """How many instances of an object are at a place.

    What the gripper holds counts as with the user while the robot stands there.
    """
    return sum(
        thing.name == name
        and (
            thing.place == place
            or (place == USER and thing.place == HAND and world.robot_at == USER)
        )
        for thing in world.things
    )


def _kept(start: World, end: World, name: str, place: str) -> int:
    return sum(
        before.name == name and before.place == place and after.place == place
        for before, after in zip(start.things, end.things, strict=True)
    )


def _visited(world: World, place: str) -> bool:
    return place in world.visited or (
        place in world.drawers and any(drawer in world.visited for drawer in world.drawers)
    )


@dataclass(frozen=True)
class _Reader:
    objects: Sequence[str]
    places: Sequence[str]
    drawers: Sequence[str]

    def mapping(self, data: object, what: str, keys: set[str]) -> Mapping[str, Any]:
        if not isinstance(data, dict):
            raise GoalError(f"{what} must be an object, not {type(data).__name__}")
        if unknown := set(data) - keys:
            known = ", ".join(sorted(keys))
            raise GoalError(f"{what} has an unknown key {sorted(unknown)[0]!r}; known: {known}")
        return data

    def name(self, value: object, known: Sequence[str], kind: str) -> str:
        if not isinstance(value, str) or value not in known:
            raise GoalError(f"unknown {kind} {value!r}; known: {', '.join(known)}")
        return value

    def located(self, data: object, what: str) -> tuple[Located, ...]:
        if not isinstance(data, list) or any(
            not isinstance(item, list) or len(item) != 2 for item in data
        ):
            raise GoalError(f"{what} must be a list of [object, place] pairs")
        return tuple(
            (self.name(item[0], self.objects, "object"), self.name(item[1], self.places, "place"))
            for item in data
        )

    def alternative(self, data: object) -> Alternative:
        keys = {"on", "held", "robot_at", "drawers", "visited"}
        item = self.mapping(data, "an alternative of the goal", keys)
        if not item:
            raise GoalError("an alternative of the goal is empty")
        drawers = item.get("drawers", {})
        visited = item.get("visited", [])
        if not isinstance(drawers, dict) or any(
            value not in ("open", "closed") for value in drawers.values()
        ):
            raise GoalError('"drawers" must map each drawer to "open" or "closed"')
        if not isinstance(visited, list):
            raise GoalError('"visited" must be a list of places')
        held, robot_at = item.get("held"), item.get("robot_at")
        return Alternative(
            on=self.located(item.get("on", []), '"on"'),
            held=None if held is None else self.name(held, self.objects, "object"),
            robot_at=None if robot_at is None else self.name(robot_at, self.places, "place"),
            drawers={
                self.name(drawer, self.drawers, "drawer"): value == "open"
                for drawer, value in drawers.items()
            },
            visited=tuple(self.name(place, self.places, "place") for place in visited),
        )
