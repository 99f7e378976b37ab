"""Random starts in which a skill makes sense, and the rule that judges its success.

Besides the skill's own object, a start holds 8 to 12 random objects at random places; drawers are
open or closed, and the robot is where the skill needs it, else at a random place.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from envs.kitchen import rules
from envs.kitchen.layout import SURFACES
from envs.kitchen.start import StartState
from envs.kitchen.state import KitchenState
from envs.kitchen.vocabulary import DRAWERS, MAX_INSTANCES, OBJECTS, PLACES

LEAST_OBJECTS, MOST_OBJECTS = 8, 12


@dataclass(frozen=True)
class SkillStart:
    """A start, and what the skill is about.

    Attributes:
        skill: One of `experts.SKILLS`.
        start: Where everything is.
        thing: Instance to find, pick up, put down or bring; None for other skills.
        place: Where to go or to put it, or the drawer; None for "find" and "pick_up".
    """

    skill: str
    start: StartState
    thing: int | None
    place: str | None


def draw_skill_start(
    skill: str, rng: np.random.Generator, argument: str | None = None, *, half_open: bool = False
) -> SkillStart:
    """A random start that fits a skill.

    Args:
        skill: One of `experts.SKILLS`.
        rng: Source of randomness.
        argument: The object of "find", "pick_up", "put_down" (and "bring"), the place of "go_to",
            the drawer of "open" and "close"; drawn when None.
        half_open: Whether the drawer of "open" and "close" is half open.
    """
    name = str(rng.choice(OBJECTS))
    place = str(rng.choice(PLACES))
    robot_at = str(rng.choice(PLACES))
    drawers = {drawer: str(rng.choice(("open", "closed"))) for drawer in DRAWERS}
    holding, thing, first = None, None, None
    if skill == "go_to":
        holding = name if rng.random() < 0.5 else None
        place = argument or place
    elif skill in ("find", "pick_up"):
        first, thing = (argument or name, place), 0
        robot_at = place if skill == "pick_up" else robot_at
    elif skill in ("put_down", "bring"):
        holding = argument or name
        robot_at = place if skill == "put_down" else robot_at
    else:
        place = str(rng.choice(DRAWERS))
        place = argument or place
        robot_at = place
        drawers[place] = "closed" if skill == "open" else "open"
        if half_open:
            drawers[place] = "half open"
    if place in DRAWERS and skill in ("find", "pick_up", "put_down"):
        drawers[place] = "open"
    objects = _clutter(rng, first, holding)
    if holding is not None and skill != "go_to":
        thing = len(objects)
    goal = {"find": None, "pick_up": None, "bring": "user"}.get(skill, place)
    return SkillStart(skill, StartState(robot_at, holding, objects, drawers), thing, goal)


def _clutter(
    rng: np.random.Generator, first: tuple[str, str] | None, holding: str | None
) -> tuple[tuple[str, str], ...]:
    objects = [] if first is None else [first]
    names = Counter(name for name, _ in objects)
    names.update([holding] if holding else [])
    places = Counter(place for _, place in objects)
    count = len(objects) + int(rng.integers(LEAST_OBJECTS, MOST_OBJECTS + 1))
    while len(objects) < count:
        name, place = str(rng.choice(OBJECTS)), str(rng.choice(PLACES))
        # One spot of every place is left free for what is put down there.
        if names[name] < MAX_INSTANCES and places[place] < SURFACES[place].capacity - 1:
            objects.append((name, place))
            names[name] += 1
            places[place] += 1
    return tuple(objects)


def succeeded(state: KitchenState, task: SkillStart) -> bool:
    """Whether the skill succeeded, by the rules."""
    thing, place = task.thing, task.place
    match task.skill:
        case "find":
            where = state.objects[thing or 0].place
            return where is not None and rules.robot_at(state, where)
        case "go_to":
            kept = task.start.holding is None or state.holding == task.start.holding_id
            return rules.robot_at(state, place or "") and kept
        case "pick_up":
            return rules.held(state, thing or 0)
        case "put_down" | "bring":
            return rules.on(state, thing or 0, place or "") and state.holding is None
        case "open":
            return rules.is_open(state, place or "")
        case _:
            return rules.is_closed(state, place or "")
