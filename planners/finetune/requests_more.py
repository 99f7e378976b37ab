"""Builders of requests with conditions, exceptions, elided verbs and small talk."""

from collections.abc import Callable
from typing import Final

from planners.finetune import phrases_more as more
from planners.finetune import requests as short
from planners.finetune.language import Noun, Speaker, fill
from planners.finetune.nouns import PLURALS
from planners.finetune.oracle import Errand, Wish
from planners.finetune.phrases_fetch import BRING_IMPERATIVES
from planners.finetune.phrases_place import MOVE_IMPERATIVES, TRASH_IMPERATIVES
from planners.finetune.requests_drawers import into_drawer
from planners.finetune.scenes import DRAWERS, OBJECTS, SURFACES, random_place, scene_order
from planners.finetune.synthetic import (
    Builder,
    Draft,
    UnclearError,
    distinct_nouns,
    noun_for,
    only_one,
)
from planners.world import TRASH, USER

Built = tuple[str, Draft, list[Errand]]


def two_goals(speaker: Speaker) -> Built:
    """Move two things, each to its own place, usually with one verb."""
    rng = speaker.rng
    (noun, name), (other, other_name) = distinct_nouns(speaker, 2, 0.25)
    goals = rng.sample((*SURFACES, *SURFACES, TRASH, TRASH, *DRAWERS), 2)
    if goals[0] == goals[1]:
        raise UnclearError
    places = [short.spots(speaker, 1, (goal, USER))[0] for goal in goals]
    draft = Draft(speaker, [(name, places[0]), (other_name, places[1])])
    errands = [draft.move(noun, goals[0]), draft.move(other, goals[1])]
    text = fill(
        speaker.pick(more.TWO_GOALS),
        the=clear(draft, noun),
        the2=clear(draft, other),
        on=speaker.on(goals[0]),
        to=speaker.to(goals[0]),
        on2=speaker.on(goals[1]),
        to2=speaker.to(goals[1]),
    )
    return speaker.wrap(text) if not text.startswith(("I", "the")) else text, draft, errands


def clear(draft: Draft, noun: Noun) -> str:
    """The definite phrase where it is unambiguous, else the indefinite one."""
    return noun.the if len(noun.names) == 1 or only_one(draft, noun) else noun.a


def step_by_step(speaker: Speaker) -> Built:
    """Move one thing, spelled out in steps."""
    rng = speaker.rng
    noun, name = noun_for(speaker, 0.25)
    to_user = rng.random() < 0.35
    goal = USER if to_user else rng.choice((*SURFACES, *SURFACES, TRASH, *DRAWERS))
    draft, noun, source = short.set_up(speaker, noun, name, goal)
    errand = draft.move(noun, goal, source)
    lines = more.STEP_BY_STEP_USER if to_user else more.STEP_BY_STEP
    text = short.say_noun(
        draft, noun, speaker.pick(lines), on=speaker.on(goal), to=speaker.to(goal)
    )
    return speaker.wrap(text), draft, [errand]


def carry(speaker: Speaker) -> Built:
    """Take one thing along and keep it in the hand."""
    noun, name = noun_for(speaker, 0.2)
    goal = speaker.rng.choice((*SURFACES, TRASH))
    draft = Draft(speaker, [(name, short.spots(speaker, 1, (goal,))[0])])
    errands = [Errand(Wish.HOLD, draft.candidates(noun)), short.visit(goal)]
    text = fill(
        speaker.pick(more.CARRY),
        the=clear(draft, noun),
        to=f"to {(said := speaker.place(goal))}",
        place=said,
    )
    return speaker.wrap(text), draft, errands


def _clause(speaker: Speaker, draft: Draft, noun: Noun, goal: str) -> str:
    if goal == USER:
        return short.say_noun(draft, noun, speaker.pick(BRING_IMPERATIVES))
    if goal == TRASH:
        return short.say_noun(draft, noun, speaker.pick(TRASH_IMPERATIVES))
    return short.say_noun(
        draft,
        noun,
        speaker.pick(MOVE_IMPERATIVES),
        on=speaker.on(goal),
        to=speaker.to(goal),
        place=speaker.place(goal),
    )


def release_first(speaker: Speaker) -> Built:
    """Put down what is in the hand, then do something else."""
    rng = speaker.rng
    (held, held_name), (noun, name) = distinct_nouns(speaker, 2, 0.15)
    goal = rng.choice((USER, USER, TRASH, *SURFACES))
    draft = Draft(speaker, [(name, short.spots(speaker, 1, (goal,))[0])], held=held_name)
    draft.robot = rng.choice((*SURFACES, USER))
    errands = [
        Errand(Wish.MOVE, (len(draft.world.things) - 1,), draft.robot, told=True),
        draft.move(noun, goal),
    ]
    clause = _clause(speaker, draft, noun, goal)
    return fill(speaker.pick(more.RELEASE_FIRST), the=held.the, c=clause), draft, errands


def alternatives(speaker: Speaker) -> Built:
    """This or that, or that only if there is none of this."""
    rng = speaker.rng
    (noun, name), (other, other_name) = distinct_nouns(speaker, 2, 0.1)
    second = rng.random() < 0.5
    places = short.spots(speaker, 2, (USER,))
    required = [(other_name if second else name, places[0])]
    if not second and rng.random() < 0.6:
        required.append((other_name, places[1]))
    draft = Draft(speaker, required)
    if second:
        draft.forbidden = (*noun.names, *noun.fringe)
    if rng.random() < 0.5:
        wanted = Noun(noun.a, noun.the, noun.x, (*noun.names, *other.names))
        lines = more.EITHER
    else:
        wanted = Noun(noun.a, noun.the, noun.x, noun.names, other.names)
        lines = more.OTHERWISE
    errand = draft.move(wanted, USER)
    return fill(speaker.pick(lines), a=noun.a, a2=other.a), draft, [errand]


def search(speaker: Speaker) -> Built:
    """Bring something from a closed drawer without being told which."""
    noun, name = noun_for(speaker, 0.15)
    where = speaker.rng.choice(DRAWERS)
    draft = Draft(speaker, [(name, where)], drawers={where: False})
    draft.forbidden = (*noun.names, *noun.fringe)
    errand = Errand(Wish.MOVE, draft.candidates(noun), USER)
    text = fill(speaker.pick(more.SEARCH), a=noun.a, the=noun.the)
    return text, draft, [errand]


def all_but(speaker: Speaker) -> Built:
    """Move everything at a place, except one thing."""
    rng = speaker.rng
    source = rng.choice(SURFACES)
    names = rng.sample(OBJECTS, rng.choice((2, 3, 3, 4)))
    draft = Draft(speaker, [(name, source) for name in names], crowd=rng.choice((0, 0, 1, 2)))
    kept = speaker.named(names[0])
    goal = rng.choices((TRASH, *(p for p in SURFACES if p != source)), (2, 1, 1))[0]
    ids = [
        i
        for i, thing in enumerate(draft.world.things)
        if thing.place == source and thing.name != names[0]
    ]
    if not 1 <= len(ids) <= 4:
        raise UnclearError
    text = fill(
        speaker.pick(more.ALL_BUT if goal == TRASH else more.ALL_BUT_MOVE),
        the=kept.the,
        at=speaker.at(source),
        place=speaker.place(source),
        on=speaker.on(goal),
        to=speaker.to(goal),
    )
    return text, draft, [Errand(Wish.MOVE, (i,), goal, told=True) for i in ids]


def keep(speaker: Speaker) -> Built:
    """Move one thing and leave another alone."""
    rng = speaker.rng
    (noun, name), (other, other_name) = distinct_nouns(speaker, 2, 0.1)
    goal = rng.choice((USER, TRASH, *SURFACES))
    where = short.spots(speaker, 1, (goal,))[0]
    other_where = random_place(rng, exclude=(TRASH, *DRAWERS))
    draft = Draft(speaker, [(name, where), (other_name, other_where)])
    errand = draft.move(noun, goal)
    clause = _clause(speaker, draft, noun, goal)
    return fill(speaker.pick(more.KEEP), c=clause, **{"not": other.the}), draft, [errand]


def list_from(speaker: Speaker) -> Built:
    """Move several things from one place to another."""
    rng = speaker.rng
    pairs = distinct_nouns(speaker, rng.choice((2, 2, 3)), 0.1)
    source, goal = rng.sample((*SURFACES, *SURFACES, *DRAWERS), 2)
    if source == goal:
        raise UnclearError
    goal = rng.choice((goal, goal, goal, USER, TRASH))
    draft = Draft(speaker, [(name, source) for _, name in pairs])
    if source in DRAWERS:
        draft.drawers = {source: rng.random() < 0.4}
    errands = [draft.move(noun, goal, source) for noun, _ in pairs]
    listing = speaker.listing([clear(draft, noun) for noun, _ in pairs])
    listing += rng.choice(
        (
            f" from {speaker.place(source)}",
            f" that are {speaker.at(source)}",
            f" {speaker.at(source)}",
        )
    )
    noun = Noun(listing, listing, listing, ("",))
    verbs = {
        USER: ("bring me {the}", "get me {the}", "hand me {the}", "fetch {the} for me"),
        TRASH: ("throw away {the}", "discard {the}", "toss {the}", "bin {the}"),
    }.get(goal, ("move {the} {to}", "take {the} {to}", "put {the} {on}", "carry {the} {to}"))
    text = short.say_noun(
        draft, noun, speaker.pick(verbs), on=speaker.on(goal), to=speaker.to(goal)
    )
    return speaker.wrap(text), draft, errands


def chatty(speaker: Speaker) -> Built:
    """An ordinary request with small talk before or after it."""
    builders: tuple[Callable[[Speaker], Built], ...] = (
        short.bring,
        short.move,
        short.trash,
        short.pick,
        into_drawer,
        step_by_step,
        two_goals,
    )
    text, draft, errands = speaker.rng.choice(builders)(speaker)
    text = text if text[-1] in ".?!" else f"{text}."
    text = text[0].upper() + text[1:]
    if speaker.rng.random() < 0.6:
        return f"{speaker.pick(more.SMALL_TALK)} {text}", draft, errands
    return f"{text} {speaker.pick(more.AFTERTHOUGHTS)}", draft, errands


def pair_and_one(speaker: Speaker) -> Built:
    """Move two of a kind and one other thing to one goal."""
    rng = speaker.rng
    first, second = rng.sample(OBJECTS, 2)
    goal = rng.choice((USER, USER, TRASH, *SURFACES, *DRAWERS))
    places = short.spots(speaker, 3, (goal,))
    required = [(first, places[0]), (first, places[1]), (second, places[2])]
    draft = Draft(speaker, required, forbidden=(first, second))
    ids = [i for i, thing in enumerate(draft.world.things) if thing.name == first]
    ids.sort(key=lambda i: scene_order(draft.world, i))
    noun = speaker.named(second)
    lone = draft.move(noun, goal)
    two = [Errand(Wish.MOVE, tuple(ids), goal) for _ in ids]
    lines = {USER: more.PAIRS_USER, TRASH: more.PAIRS_TRASH}.get(goal, more.PAIRS)
    line = speaker.pick(lines)
    text = fill(
        line,
        p=rng.choice(PLURALS[first]),
        a=noun.a,
        the=noun.the,
        x=noun.x,
        on=speaker.on(goal),
        to=speaker.to(goal),
    )
    after = line.find("{p}") < max(line.find("{a}"), line.find("{the}"), line.find("{x}"))
    return text, draft, [*two, lone] if after else [lone, *two]


def already(speaker: Speaker) -> Built:
    """Something that may already be the case."""
    rng = speaker.rng
    noun, name = noun_for(speaker, 0.1)
    goal = rng.choice(SURFACES)
    where = goal if rng.random() < 0.6 else short.spots(speaker, 1, (goal,))[0]
    draft = Draft(speaker, [(name, where)], forbidden=(*noun.names, *noun.fringe))
    errand = draft.move(noun, goal)
    text = fill(speaker.pick(more.ALREADY), the=clear(draft, noun), on=speaker.on(goal))
    return text, draft, [errand]


BUILDERS: Final[dict[Builder, float]] = {
    two_goals: 4,
    step_by_step: 3,
    carry: 2,
    pair_and_one: 3,
    already: 2,
    release_first: 2,
    alternatives: 3,
    search: 1.5,
    all_but: 1.5,
    keep: 2,
    list_from: 3,
    chatty: 5,
}
