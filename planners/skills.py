"""Skills as a planner sees them: labels, preconditions, effects and feedback."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from planners.world import FLOOR, HAND, TRASH, USER, World

Distance = Callable[[str, str], float]
"""Distance between two places, in metres."""


class Verb(StrEnum):
    """What a skill does."""

    FIND = "find"
    PICK_UP = "pick up"
    PUT_DOWN = "put down"
    GO_TO = "go to"
    BRING = "bring it to you"
    OPEN = "open"
    CLOSE = "close"
    DONE = "done"


@dataclass(frozen=True)
class Skill:
    """A skill: a verb and its argument.

    Attributes:
        verb: What it does.
        argument: An object, a place or a drawer; empty for `BRING` and `DONE`.
    """

    verb: Verb
    argument: str = ""

    @property
    def label(self) -> str:
        """The text that the language model scores, such as "pick up the apple"."""
        return f"{self.verb.value} the {self.argument}" if self.argument else self.verb.value


DONE = Skill(Verb.DONE)


def all_skills(
    objects: Sequence[str], places: Sequence[str], drawers: Sequence[str]
) -> tuple[Skill, ...]:
    """Every skill of a kitchen, `done` last."""
    about_objects = [
        Skill(verb, name) for verb in (Verb.FIND, Verb.PICK_UP, Verb.PUT_DOWN) for name in objects
    ]
    about_places = [Skill(Verb.GO_TO, place) for place in places]
    about_drawers = [Skill(verb, drawer) for verb in (Verb.OPEN, Verb.CLOSE) for drawer in drawers]
    return (*about_objects, *about_places, Skill(Verb.BRING), *about_drawers, DONE)


def choose_instance(world: World, name: str, distance: Distance) -> int | None:
    """The instance that `find` and `pick up` refer to.

    It must be visible; preferred is one that the robot has not put down itself, then one at the
    robot's own place, then the nearest, then the first listed.

    Returns:
        The thing's id, or None when no instance is visible.
    """

    def order(thing: int) -> tuple[bool, bool, float, int]:
        place = world.things[thing].place
        far = 0.0 if world.robot_at is None or place == FLOOR else distance(world.robot_at, place)
        return (thing in world.handled, not world.is_at(place), far, thing)

    visible = [thing for thing in world.instances(name) if world.is_visible(thing)]
    return min(visible, key=order, default=None)


def obstacle(world: World, skill: Skill, distance: Distance) -> str | None:
    """Why a skill cannot succeed now, in a few words, or None when it can."""
    held = world.holding
    match skill.verb:
        case Verb.FIND:
            thing = choose_instance(world, skill.argument, distance)
            if thing is None:
                return "not in view"
            return "out of reach" if world.things[thing].place == FLOOR else None
        case Verb.PICK_UP:
            if held is not None:
                return "the hand is full"
            thing = choose_instance(world, skill.argument, distance)
            if thing is None:
                return "not in view"
            return None if world.is_at(world.things[thing].place) else "out of reach"
        case Verb.PUT_DOWN:
            if held is None or world.things[held].name != skill.argument:
                return "not in the hand"
            if world.robot_at is None:
                return "no place to put it"
            return None if world.drawers.get(world.robot_at, True) else "the drawer is closed"
        case Verb.BRING:
            return None if held is not None else "the hand is empty"
        case Verb.OPEN | Verb.CLOSE:
            if not world.is_at(skill.argument):
                return "out of reach"
            if held is not None:
                return "the hand is full"
            if world.drawers[skill.argument] == (skill.verb is Verb.OPEN):
                return f"already {'open' if skill.verb is Verb.OPEN else 'closed'}"
            return None
        case _:
            return None


def apply_skill(world: World, skill: Skill, distance: Distance) -> World:
    """The world after a successful skill; `obstacle` must have returned None."""
    match skill.verb:
        case Verb.FIND:
            thing = choose_instance(world, skill.argument, distance)
            assert thing is not None
            return world.with_robot_at(world.things[thing].place)
        case Verb.PICK_UP:
            thing = choose_instance(world, skill.argument, distance)
            assert thing is not None
            return _stay(world.moved(thing, HAND))
        case Verb.PUT_DOWN:
            return _stay(_put(world, world.robot_at))
        case Verb.BRING:
            return _put(world, USER).with_robot_at(USER)
        case Verb.GO_TO:
            return world.with_robot_at(skill.argument)
        case Verb.OPEN | Verb.CLOSE:
            drawers = {**world.drawers, skill.argument: skill.verb is Verb.OPEN}
            return replace(world, drawers=drawers).with_robot_at(skill.argument)
        case _:
            return world


def _put(world: World, place: str | None) -> World:
    held = world.holding
    assert held is not None
    assert place is not None
    return replace(world.moved(held, place), handled=world.handled | {held})


def _stay(world: World) -> World:
    return world if world.robot_at is None else world.with_robot_at(world.robot_at)


def success_text(skill: Skill, before: World, after: World) -> str:
    """Feedback for a skill that succeeded, such as "coke can: picked up"."""
    match skill.verb:
        case Verb.FIND:
            return f"{skill.argument}: found {_at(after.robot_at)}"
        case Verb.PICK_UP:
            return f"{skill.argument}: picked up"
        case Verb.PUT_DOWN:
            return f"{skill.argument}: put down {_at(after.robot_at)}"
        case Verb.BRING:
            held = before.holding
            return f"{'it' if held is None else before.things[held].name}: brought to you"
        case Verb.GO_TO:
            return f"at the {skill.argument}"
        case Verb.OPEN:
            inside = [thing.name for thing in after.things if thing.place == skill.argument]
            return f"{skill.argument}: open, {', '.join(inside) if inside else 'empty'}"
        case Verb.CLOSE:
            return f"{skill.argument}: closed"
        case _:
            return "done"


def failure_text(reason: str) -> str:
    """Feedback for a skill that failed."""
    return f"failed: {reason}"


def _at(place: str | None) -> str:
    if place is None:
        return "on the way"
    if place == TRASH or place.endswith("drawer"):
        return f"in the {place}"
    return "with the user" if place == USER else f"on the {place}"
