"""Kitchens to test planners in."""

from collections.abc import Sequence

from planners.skills import all_skills
from planners.world import World, start_world

OBJECTS = ("coke can", "apple", "sponge")
DRAWERS = ("top drawer", "bottom drawer")
PLACES = ("table", "close counter", "trash", *DRAWERS, "user")
SKILLS = all_skills(OBJECTS, PLACES, DRAWERS)


def distance(a: str, b: str) -> float:
    return float(abs(PLACES.index(a) - PLACES.index(b)))


def kitchen(
    *objects: tuple[str, str],
    robot: str = "user",
    holding: str | None = None,
    open_drawers: Sequence[str] = (),
) -> World:
    return start_world(
        objects, robot, holding, dict.fromkeys(open_drawers, "open"), PLACES, DRAWERS
    )
