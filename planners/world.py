"""A planner's symbolic model of a kitchen: which thing is where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

HAND: Final = "hand"
"""The place of a thing that is in the gripper."""
FLOOR: Final = "floor"
"""The place of a thing at none of the named places."""
USER: Final = "user"
TRASH: Final = "trash"

_OPEN: Final[Mapping[str, bool | None]] = {"open": True, "half open": None, "closed": False}


@dataclass(frozen=True)
class Thing:
    """One instance of an object.

    Attributes:
        name: The object's name, such as "coke can".
        place: The name of a place, `HAND` or `FLOOR`.
    """

    name: str
    place: str


@dataclass(frozen=True)
class World:
    """A kitchen at one moment, as symbols.

    Attributes:
        things: Every instance; its index is its id for the whole episode.
        robot_at: The place where the robot stands, or None between places.
        drawers: For every drawer, whether it is open; None if it is neither open nor closed.
            All drawers are in one cabinet.
        visited: Places where the robot has stood at the end of a skill, in order.
        handled: Ids of the things that the robot has put down or handed over in this episode.
        places: All places, in the order of a scene's description.
    """

    things: tuple[Thing, ...]
    robot_at: str | None
    drawers: Mapping[str, bool | None]
    places: tuple[str, ...]
    visited: tuple[str, ...] = ()
    handled: frozenset[int] = field(default_factory=frozenset)

    @property
    def holding(self) -> int | None:
        """Id of the thing in the gripper."""
        return next((i for i, thing in enumerate(self.things) if thing.place == HAND), None)

    def is_at(self, place: str) -> bool:
        """Whether the robot stands at `place`; being at one drawer counts for all."""
        return self.robot_at == place or (place in self.drawers and self.robot_at in self.drawers)

    def is_visible(self, thing: int) -> bool:
        """Whether a thing can be seen: neither in the hand nor in a drawer that is not open."""
        place = self.things[thing].place
        return place != HAND and bool(self.drawers.get(place, True))

    def instances(self, name: str) -> list[int]:
        """Ids of all instances of an object."""
        return [i for i, thing in enumerate(self.things) if thing.name == name]

    def moved(self, thing: int, place: str) -> "World":
        """The same world with one thing elsewhere."""
        things = list(self.things)
        things[thing] = replace(things[thing], place=place)
        return replace(self, things=tuple(things))

    def with_robot_at(self, place: str) -> "World":
        """The same world with the robot at `place`, which is then visited."""
        return replace(self, robot_at=place, visited=(*self.visited, place))


def start_world(
    objects: Sequence[tuple[str, str]],
    robot: str,
    holding: str | None,
    positions: Mapping[str, str],
    places: Sequence[str],
    drawers: Sequence[str],
) -> World:
    """The world at the start of an episode.

    Args:
        objects: Name and place of each thing.
        robot: Where the robot is.
        holding: What it holds, which gets the last id.
        positions: "open", "half open" or "closed" by drawer; omitted drawers are closed.
        places: All places.
        drawers: Those of them that are drawers.
    """
    things = [Thing(name, place) for name, place in objects]
    if holding is not None:
        things.append(Thing(holding, HAND))
    return World(
        things=tuple(things),
        robot_at=robot,
        drawers={drawer: _OPEN[positions.get(drawer, "closed")] for drawer in drawers},
        places=tuple(places),
    )


def describe_scene(world: World) -> str:
    """One line of what the robot sees: things by place, drawers, itself.

    What is in a drawer that is not open is not mentioned.
    """
    parts = []
    for place in world.places:
        if not world.drawers.get(place, True):
            parts.append(f"{place}: {'half open' if world.drawers[place] is None else 'closed'}")
            continue
        names = [thing.name for thing in world.things if thing.place == place]
        if place in world.drawers:
            parts.append(f"{place}: open, {', '.join(names) if names else 'empty'}")
        elif names:
            parts.append(f"{place}: {', '.join(names)}")
    fallen = [thing.name for thing in world.things if thing.place == FLOOR]
    if fallen:
        parts.append(f"{FLOOR}: {', '.join(fallen)}")
    held = world.holding
    hand = "hand empty" if held is None else f"holding the {world.things[held].name}"
    where = f"at the {world.robot_at}" if world.robot_at else "between places"
    return f"{'; '.join(parts)}. Robot: {where}, {hand}."
