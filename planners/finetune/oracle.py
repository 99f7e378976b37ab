"""The oracle: the next skill for an instruction, from any state of a symbolic kitchen.

An instruction is a list of errands. The oracle looks at the world and at what was done, never at a
plan of its own, so it can also label states after failures and those that a model got itself into
(DAgger, arXiv 1011.0686).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

from planners.skills import DONE, Distance, Skill, Verb, choose_instance
from planners.world import FLOOR, HAND, TRASH, USER, World

ASIDE = "close counter"
"""Where a held thing that is in the way goes if it cannot be put down right here."""


class Wish(Enum):
    """What an errand asks for."""

    MOVE = auto()
    HOLD = auto()
    FIND = auto()
    VISIT = auto()
    OPEN = auto()
    CLOSE = auto()


@dataclass(frozen=True)
class Errand:
    """One thing that an instruction asks for.

    Attributes:
        wish: What it asks for.
        things: Ids of the instances that will do, the preferred one first. For MOVE, HOLD, FIND.
        place: Where a thing must go, the place to visit, or the drawer to open or close.
        told: Whether the instruction says which drawer the thing is in; for a thing in the hand,
            whether to put it down rather than bring it.
    """

    wish: Wish
    things: tuple[int, ...] = ()
    place: str = ""
    told: bool = False


@dataclass(frozen=True)
class Deed:
    """An attempted skill, whether it succeeded, and its feedback."""

    skill: Skill
    success: bool
    feedback: str = ""


def next_skill(
    errands: Sequence[Errand], world: World, past: Sequence[Deed], distance: Distance
) -> Skill:
    """The skill to execute now; `done` when every errand is done."""
    chosen = assign(errands, world, past)
    pending = [
        i for i, errand in enumerate(errands) if not _satisfied(errands, i, chosen, world, past)
    ]
    if not pending:
        return DONE
    held = world.holding
    if held is not None:
        for i in pending:
            if errands[i].wish is Wish.MOVE and chosen[i] == held:
                return _deliver(errands[i], held, world)
        if errands[pending[0]].wish is not Wish.VISIT:
            return _put_aside(held, world)
    errand, thing = errands[pending[0]], chosen[pending[0]]
    match errand.wish:
        case Wish.VISIT:
            return Skill(Verb.GO_TO, errand.place)
        case Wish.OPEN | Wish.CLOSE:
            return _work_drawer(errand.place, errand.wish is Wish.OPEN, world)
        case _:
            assert thing is not None
            if errand.wish is Wish.MOVE and not world.drawers.get(errand.place, True):
                return _work_drawer(errand.place, True, world)
            return _acquire(errand, thing, world, past, distance)


def finished(errands: Sequence[Errand], world: World, past: Sequence[Deed]) -> bool:
    """Whether every errand is done."""
    chosen = assign(errands, world, past)
    return all(_satisfied(errands, i, chosen, world, past) for i in range(len(errands)))


def assign(errands: Sequence[Errand], world: World, past: Sequence[Deed]) -> list[int | None]:
    """The instance that serves each errand; FIND aside, no instance serves two."""
    used: set[int] = set()
    chosen: list[int | None] = []
    name = _last_found(past)

    def order(errand: Errand, thing: int) -> tuple[bool, bool, bool, bool, int]:
        where = world.things[thing].place
        found = world.things[thing].name == name and world.robot_at == where
        return (
            errand.wish is not Wish.MOVE or where != errand.place,
            where != HAND,
            not found,
            not world.is_visible(thing) and where != HAND,
            errand.things.index(thing),
        )

    for errand in errands:
        free = [t for t in errand.things if t not in used and world.things[t].place != FLOOR]
        best = min(free, key=partial(order, errand), default=None)
        if best is not None and errand.wish is not Wish.FIND:
            used.add(best)
        chosen.append(best)
    return chosen


def _satisfied(
    errands: Sequence[Errand],
    i: int,
    chosen: Sequence[int | None],
    world: World,
    past: Sequence[Deed],
) -> bool:
    errand, thing = errands[i], chosen[i]
    if errand.wish is Wish.VISIT:
        return _visits_done(errands, world) > sum(e.wish is Wish.VISIT for e in errands[:i]) and (
            i < len(errands) - 1 or world.is_at(errand.place)
        )
    if errand.wish in (Wish.OPEN, Wish.CLOSE):
        return world.drawers[errand.place] == (errand.wish is Wish.OPEN)
    if thing is None:
        return True
    where = world.things[thing].place
    match errand.wish:
        case Wish.MOVE:
            return where == errand.place
        case Wish.HOLD:
            return where == HAND
        case _:
            return where == HAND or (
                world.robot_at == where and _last_found(past) == world.things[thing].name
            )


def _visits_done(errands: Sequence[Errand], world: World) -> int:
    """How many of the VISIT errands have been made, in order."""
    wanted = [errand.place for errand in errands if errand.wish is Wish.VISIT]
    done = 0
    for place in world.visited:
        same = done < len(wanted) and (
            place == wanted[done] or (place in world.drawers and wanted[done] in world.drawers)
        )
        done += same
    return done


def _last_found(past: Sequence[Deed]) -> str | None:
    """The object of the last successful `find`, unless the robot has driven elsewhere since."""
    for deed in reversed(past):
        if deed.skill.verb is Verb.FIND and deed.success:
            return deed.skill.argument
        if deed.success and deed.skill.verb in (Verb.GO_TO, Verb.BRING):
            return None
    return None


def _deliver(errand: Errand, held: int, world: World) -> Skill:
    if errand.place == USER and not (errand.told and world.robot_at == USER):
        return Skill(Verb.BRING)
    if not world.drawers.get(errand.place, True):
        return _put_aside(held, world)
    if world.robot_at != errand.place:
        return Skill(Verb.GO_TO, errand.place)
    return Skill(Verb.PUT_DOWN, world.things[held].name)


def _put_aside(held: int, world: World) -> Skill:
    here = world.robot_at
    if here is None or here == TRASH or here in world.drawers:
        return Skill(Verb.GO_TO, ASIDE)
    return Skill(Verb.PUT_DOWN, world.things[held].name)


def _work_drawer(drawer: str, is_open: bool, world: World) -> Skill:
    if not world.is_at(drawer):
        return Skill(Verb.GO_TO, drawer)
    return Skill(Verb.OPEN if is_open else Verb.CLOSE, drawer)


def _acquire(
    errand: Errand, thing: int, world: World, past: Sequence[Deed], distance: Distance
) -> Skill:
    name, place = world.things[thing].name, world.things[thing].place
    if not world.drawers.get(place, True):
        closed = [drawer for drawer, is_open in world.drawers.items() if not is_open]
        return _work_drawer(place if errand.told else closed[0], True, world)
    pick_up = Skill(Verb.PICK_UP, name)
    rivals = [
        other
        for other in world.instances(name)
        if other not in errand.things
        and world.is_visible(other)
        and other not in world.handled
        and world.things[other].place != place
    ]
    if rivals or (choose_instance(world, name, distance) not in errand.things):
        # `find` could lead to the wrong instance, unless the robot stands at the right one.
        if world.robot_at != place:
            return Skill(Verb.GO_TO, place)
        arrived = bool(past) and any(deed.success for deed in past)
        return pick_up if arrived and errand.wish is not Wish.FIND else Skill(Verb.FIND, name)
    if errand.wish is Wish.FIND or (past and past[-1].skill == pick_up and _lost(past[-1])):
        return Skill(Verb.FIND, name)
    found = _last_found(past) == name and world.is_at(place)
    return pick_up if found else Skill(Verb.FIND, name)


def _lost(deed: Deed) -> bool:
    """Whether a failed `pick up` calls for another look rather than another try."""
    return not deed.success and ("reach" in deed.feedback or "view" in deed.feedback)
