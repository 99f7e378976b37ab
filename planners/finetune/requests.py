"""Builders of requests about one thing, and helpers for all builders."""

from collections.abc import Sequence
from typing import Final

from planners.finetune import phrases_fetch as fetch
from planners.finetune import phrases_needs as needs
from planners.finetune import phrases_place as place_words
from planners.finetune.categories import CATEGORIES
from planners.finetune.language import Noun, Speaker, fill
from planners.finetune.oracle import Errand, Wish
from planners.finetune.scenes import DRAWERS, OBJECTS, SURFACES, random_place
from planners.finetune.synthetic import (
    Builder,
    Draft,
    distinct_nouns,
    noun_for,
    only_one,
)
from planners.world import TRASH, USER

Built = tuple[str, Draft, list[Errand]]


def say_noun(draft: Draft, noun: Noun, skeleton: str, **slots: str) -> str:
    """Fill a skeleton with its noun, definite only where that is unambiguous."""
    if "{the}" in skeleton and len(noun.names) > 1 and not only_one(draft, noun):
        noun = Noun(noun.a, noun.a, noun.x, noun.names, noun.fringe)
    return fill(skeleton, a=noun.a, the=noun.the, x=noun.x, **slots)


def set_up(speaker: Speaker, noun: Noun, name: str, goal: str) -> tuple[Draft, Noun, str | None]:
    """A scene with the thing in it, the noun, and the thing's place if the noun says it."""
    rng = speaker.rng
    share = rng.random()
    if share < 0.1:
        return Draft(speaker, [], held=name), noun, None
    where = goal if goal and share < 0.14 else random_place(rng, exclude=(goal, TRASH))
    draft = Draft(speaker, [(name, where)])
    if share > 0.86:
        draft.held = rng.choice([o for o in OBJECTS if o not in (*noun.names, *noun.fringe)])
        if share > 0.96:
            draft.robot = rng.choice((TRASH, *DRAWERS))
    if where in DRAWERS and rng.random() < 0.6:
        draft.drawers = {where: True}
    told = where != goal and rng.random() < (0.5 if where in DRAWERS else 0.2)
    if not told:
        return draft, noun, None
    if rng.random() < 0.4:
        draft.required.append((name, random_place(rng, exclude=(goal, where, TRASH, *DRAWERS))))
    return draft, speaker.located(noun, where), where


def bring(speaker: Speaker) -> Built:
    """Bring one thing to the user."""
    noun, name = noun_for(speaker, 0.45)
    draft, noun, source = set_up(speaker, noun, name, USER)
    errand = draft.move(noun, USER, source)
    if speaker.rng.random() < 0.45:
        text = say_noun(draft, noun, speaker.pick(fetch.BRING_SENTENCES))
    else:
        text = speaker.wrap(say_noun(draft, noun, speaker.pick(fetch.BRING_IMPERATIVES)))
    return text, draft, [errand]


def need(speaker: Speaker) -> Built:
    """A need, such as thirst."""
    keys = speaker.rng.choices(list(needs.NEEDS), [len(lines) for lines in needs.NEEDS.values()])[0]
    text = speaker.pick(needs.NEEDS[keys])
    if speaker.rng.random() < 0.15:
        text = with_ask(speaker, text)
    return text, *to_the_user(speaker, keys)


def spill(speaker: Speaker) -> Built:
    """Something was spilled: a liquid is named, a cleaner is needed."""
    rng = speaker.rng
    text = fill(
        speaker.pick(needs.MISHAPS),
        liquid=rng.choice(needs.LIQUIDS),
        where=rng.choice(needs.SPOTS),
    )
    text = with_ask(speaker, text) if rng.random() < 0.7 else text
    return text, *to_the_user(speaker, ("cleaner",))


def with_ask(speaker: Speaker, text: str) -> str:
    """A need followed by a call for help."""
    joint = speaker.rng.choice((", ", ". ", ", ", " - ", "! "))
    ask = speaker.rng.choice(needs.ASKS)
    return text.rstrip(".?! ") + joint + (ask if joint in (", ", " - ") else ask.capitalize())


def to_the_user(speaker: Speaker, keys: Sequence[str]) -> tuple[Draft, list[Errand]]:
    """One thing of each category, brought to the user."""
    draft = Draft(speaker, [])
    nouns = [speaker.category(key) for key in keys]
    for noun in nouns:
        if noun.fringe and speaker.rng.random() < 0.15:
            name = speaker.rng.choice(noun.fringe)
            draft.forbidden = (*draft.forbidden, *noun.names)
        else:
            name = speaker.rng.choice(noun.names)
        where = random_place(speaker.rng, exclude=(USER, TRASH, *DRAWERS))
        if speaker.rng.random() < 0.05 and len(nouns) == 1:
            where, draft.drawers = speaker.rng.choice(DRAWERS), {}
        draft.required.append((name, where))
    if speaker.rng.random() < 0.12:
        others = [o for o in OBJECTS if all(o not in (*n.names, *n.fringe) for n in nouns)]
        draft.held = speaker.rng.choice(others)
    return draft, [draft.move(noun, USER) for noun in nouns]


def pick(speaker: Speaker) -> Built:
    """Pick one thing up and keep it."""
    noun, name = noun_for(speaker, 0.25)
    draft, noun, source = set_up(speaker, noun, name, "")
    errand = Errand(Wish.HOLD, draft.candidates(noun, None, source), told=source is not None)
    if speaker.rng.random() < 0.25:
        return say_noun(draft, noun, speaker.pick(fetch.PICK_SENTENCES)), draft, [errand]
    return (
        speaker.wrap(say_noun(draft, noun, speaker.pick(fetch.PICK_IMPERATIVES))),
        draft,
        [errand],
    )


def find(speaker: Speaker) -> Built:
    """Find one thing."""
    noun, name = noun_for(speaker, 0.2)
    where = random_place(speaker.rng, exclude=(TRASH, *DRAWERS))
    draft = Draft(speaker, [(name, where)])
    errand = Errand(Wish.FIND, draft.candidates(noun))
    if speaker.rng.random() < 0.4:
        return say_noun(draft, noun, speaker.pick(fetch.FIND_SENTENCES)), draft, [errand]
    return (
        speaker.wrap(say_noun(draft, noun, speaker.pick(fetch.FIND_IMPERATIVES))),
        draft,
        [errand],
    )


def held_thing(speaker: Speaker) -> Built:
    """Put down, hand over, move or throw away the thing in the hand."""
    noun, name = noun_for(speaker, 0.15)
    draft = Draft(speaker, [], held=name)
    kind = speaker.rng.choices(("release", "give", "move", "trash"), (4, 3, 3, 2))[0]
    held = len(draft.world.things) - 1
    if kind == "release":
        draft.start = None
        draft.robot = speaker.rng.choice((*SURFACES, *SURFACES, USER))
        text = speaker.pick(fetch.RELEASE_SENTENCES)
        held = len(draft.world.things) - 1
        errand = Errand(Wish.MOVE, (held,), draft.robot, told=True)
        return fill(text, the=noun.the, x=noun.x), draft, [errand]
    if kind == "give":
        text, goal = speaker.pick(fetch.GIVE_SENTENCES), USER
    elif kind == "move":
        goal = random_place(speaker.rng, exclude=(USER, TRASH))
        text = fill(
            speaker.pick(fetch.HELD_MOVE_SENTENCES), on=speaker.on(goal), to=speaker.to(goal)
        )
    else:
        text, goal = speaker.pick(fetch.HELD_TRASH_SENTENCES), TRASH
    return fill(text, the=noun.the, x=noun.x), draft, [Errand(Wish.MOVE, (held,), goal)]


def negative(speaker: Speaker) -> Built:
    """Something of a kind, but not a certain object."""
    rng = speaker.rng
    key = rng.choice(("drink", "soda", "can", "fruit", "chips", "snack", "caffeine", "food"))
    noun = speaker.category(key)
    bad, good = rng.sample(noun.names, 2)
    noun = Noun(
        noun.a,
        noun.the,
        CATEGORIES[key].indefinite[0].split(" ", 1)[-1],
        tuple(name for name in noun.names if name != bad),
    )
    draft = Draft(speaker, [(good, random_place(rng, exclude=(USER, TRASH, *DRAWERS)))])
    if rng.random() < 0.85:
        draft.required.append((bad, random_place(rng, exclude=(USER, TRASH, *DRAWERS))))
    draft.crowd = rng.choice((0, 0, 1, 2, 3, 4, 6))
    unwanted = speaker.named(bad)
    text = speaker.pick(fetch.NEGATIVE_SENTENCES)
    said = unwanted.x if rng.random() < 0.4 else rng.choice((unwanted.a, unwanted.the))
    errand = draft.move(noun, USER)
    return fill(text, a=noun.a, x=noun.x, **{"not": said}), draft, [errand]


def correction(speaker: Speaker) -> Built:
    """This, not that."""
    rng = speaker.rng
    (noun, name), (other, other_name) = distinct_nouns(speaker, 2, 0.0)
    spots = [random_place(rng, exclude=(USER, TRASH, *DRAWERS)) for _ in range(2)]
    draft = Draft(speaker, [(name, spots[0]), (other_name, spots[1])])
    text = speaker.pick(fetch.CORRECTION_SENTENCES)
    errand = draft.move(noun, USER)
    return (
        fill(text, a=noun.a, the=noun.the, x=noun.x, **{"not": rng.choice((other.the, other.x))}),
        draft,
        [errand],
    )


def goal_place(speaker: Speaker, *, drawers: float = 0.1) -> str:
    """A random place to put something."""
    if speaker.rng.random() < drawers:
        return speaker.rng.choice(DRAWERS)
    return speaker.rng.choice(SURFACES)


def move(speaker: Speaker) -> Built:
    """Move one thing to a place."""
    noun, name = noun_for(speaker, 0.3)
    goal = goal_place(speaker)
    draft, noun, source = set_up(speaker, noun, name, goal)
    errand = draft.move(noun, goal, source)
    slots = {"on": speaker.on(goal), "to": speaker.to(goal), "place": speaker.place(goal)}
    if goal == "close counter" and speaker.rng.random() < 0.15:
        where = {draft.world.things[i].place for i in errand.things}
        if "far counter" not in where and source is None:
            slots = {"on": "on the counter", "to": "to the counter", "place": "the counter"}
    if speaker.rng.random() < 0.3:
        return (
            say_noun(draft, noun, speaker.pick(place_words.MOVE_SENTENCES), **slots),
            draft,
            [errand],
        )
    clause = say_noun(draft, noun, speaker.pick(place_words.MOVE_IMPERATIVES), **slots)
    return speaker.wrap(clause), draft, [errand]


def trash(speaker: Speaker) -> Built:
    """Throw one thing away."""
    noun, name = noun_for(speaker, 0.3)
    draft, noun, source = set_up(speaker, noun, name, TRASH)
    errand = draft.move(noun, TRASH, source)
    if speaker.rng.random() < 0.4:
        return say_noun(draft, noun, speaker.pick(place_words.TRASH_SENTENCES)), draft, [errand]
    clause = say_noun(draft, noun, speaker.pick(place_words.TRASH_IMPERATIVES))
    return speaker.wrap(clause), draft, [errand]


def visit(place: str) -> Errand:
    """The errand of going to a place."""
    return Errand(Wish.VISIT, place=place)


def spots(speaker: Speaker, count: int, goals: Sequence[str]) -> list[str]:
    """Places for `count` things, none of them among `goals`."""
    exclude = (*goals, TRASH, *DRAWERS)
    return [random_place(speaker.rng, exclude=exclude) for _ in range(count)]


BUILDERS: Final[dict[Builder, float]] = {
    bring: 10,
    need: 22,
    spill: 7,
    pick: 3,
    find: 2,
    held_thing: 7,
    negative: 3,
    correction: 2,
    move: 9,
    trash: 5,
}
"""Sampling weight of each builder."""
