"""Builders of longer requests: lists, quantities, everything at a place, stories, combinations."""

from typing import Final

from planners.finetune import phrases_fetch as fetch
from planners.finetune import phrases_go as go_words
from planners.finetune import phrases_joints as joints
from planners.finetune import phrases_long as words
from planners.finetune import phrases_place as place_words
from planners.finetune import requests as short
from planners.finetune.categories import CATEGORIES
from planners.finetune.language import Noun, Speaker, fill
from planners.finetune.oracle import Errand, Wish
from planners.finetune.phrases_more import KINDS
from planners.finetune.scenes import DRAWERS, OBJECTS, PLACES, SURFACES, scene_order
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


def a_list(speaker: Speaker) -> Built:
    """Move two to four things to one goal."""
    rng = speaker.rng
    count = rng.choices((2, 3, 4), (6, 3, 1))[0]
    goal = rng.choices((USER, TRASH, *SURFACES, *DRAWERS), (5, 3, 2, 2, 2, 0.7, 0.7))[0]
    pairs = distinct_nouns(speaker, count, 0.25)
    places = short.spots(speaker, count, (goal,))
    draft = Draft(speaker, list(zip((name for _, name in pairs), places, strict=True)))
    if rng.random() < 0.1:
        draft.held = draft.required.pop()[0]
    errands = [draft.move(noun, goal) for noun, _ in pairs]
    definite = rng.random() < 0.5
    listing = speaker.listing(
        [noun.the if definite and len(noun.names) == 1 else noun.a for noun, _ in pairs]
    )
    slots = {"a": listing, "the": listing, "x": listing, "list": listing}
    if goal == USER:
        lines = [s for s in fetch.BRING_IMPERATIVES if "it" not in s.split() and "up" not in s]
        if rng.random() < 0.35:
            plain = [
                s
                for s in fetch.BRING_SENTENCES
                if not {"it", "one", "One", "there", "is", "some", "go?"} & set(s.split())
            ]
            return fill(speaker.pick(plain), **slots), draft, errands
        return speaker.wrap(fill(speaker.pick(lines), **slots)), draft, errands
    if goal == TRASH:
        if rng.random() < 0.4:
            return fill(speaker.pick(words.LEFTOVERS), **slots), draft, errands
        lines = [s for s in place_words.TRASH_IMPERATIVES if "it" not in s.split()]
        return speaker.wrap(fill(speaker.pick(lines), **slots)), draft, errands
    slots |= {"on": speaker.on(goal), "to": speaker.to(goal), "place": speaker.place(goal)}
    lines = [s for s in place_words.MOVE_IMPERATIVES if not {"it", "is"} & set(s.split())]
    return speaker.wrap(fill(speaker.pick(lines), **slots)), draft, errands


def quantity(speaker: Speaker) -> Built:
    """Several of a kind: two apples, both drinks, all the cans on the table."""
    rng = speaker.rng
    goal = rng.choices((USER, TRASH, *SURFACES), (4, 3, 2, 2, 2))[0]
    keys = [key for key, entry in CATEGORIES.items() if entry.plural]
    if rng.random() < 0.45:
        name = rng.choice(OBJECTS)
        noun = speaker.named(name)
        members: tuple[str, ...] = (name,)
    else:
        noun = speaker.category(rng.choice(keys))
        members = noun.names
        noun = Noun(noun.a, noun.the, noun.x, members)
    count = rng.choices((2, 3), (7, 3))[0]
    located = rng.random() < 0.35
    sources = [p for p in SURFACES if p != goal]
    source = rng.choice(sources)
    places = [source if located else rng.choice(sources) for _ in range(count)]
    draft = Draft(speaker, [(rng.choice(members), place) for place in places])
    if not located:
        draft.forbidden = members
    elif rng.random() < 0.4:
        draft.required.append((rng.choice(members), rng.choice(sources)))
    world = draft.world
    ids = [
        i
        for i, thing in enumerate(world.things)
        if thing.name in members and (not located or thing.place == source)
    ]
    everything = len(ids) != count or rng.random() < 0.5
    if not 2 <= len(ids) <= 4 or len({t for t in draft.required if t[0] in members}) == 0:
        raise UnclearError
    if any(draft.required.count(thing) > 3 for thing in draft.required):
        raise UnclearError
    text = speaker.many(noun, count, everything=everything)
    if located:
        text += rng.choice((" ", " that are ", " lying ")) + speaker.at(source)
    ids.sort(key=lambda i: scene_order(world, i))
    errands = [Errand(Wish.MOVE, tuple(ids), goal, told=located) for _ in ids]
    lines = {USER: words.ALL_TO_USER, TRASH: words.ALL_TO_TRASH}.get(goal, words.ALL_TO_PLACE)
    slots = {"all": text, "on": speaker.on(goal), "to": speaker.to(goal)}
    line = speaker.pick(lines)
    clause = fill(line, **slots)
    return (clause if line.startswith("{all}") else speaker.wrap(clause)), draft, errands


def everything_at(speaker: Speaker) -> Built:
    """Move everything at one place to one goal."""
    rng = speaker.rng
    source = rng.choice((*SURFACES, *SURFACES, *DRAWERS))
    count = rng.choices((1, 2, 3), (2, 5, 3))[0]
    names = rng.sample(OBJECTS, count)
    draft = Draft(speaker, [(name, source) for name in names], crowd=rng.choice((0, 1, 2, 3, 4)))
    if source in DRAWERS:
        draft.drawers = {source: rng.random() < 0.4}
    goal = rng.choices((USER, TRASH, *SURFACES), (3, 4, 1, 1, 1))[0]
    if goal == source:
        raise UnclearError
    world = draft.world
    ids = [i for i, thing in enumerate(world.things) if thing.place == source]
    if len(ids) > 4:
        raise UnclearError
    at = speaker.at(source)
    slots = {
        "place": speaker.place(source),
        "at": at,
        "on": speaker.on(goal),
        "to": speaker.to(goal),
    }
    lines = {USER: words.BRING_ALL_FROM, TRASH: words.CLEAR_PLACE}.get(goal, words.MOVE_ALL_FROM)
    errands = [Errand(Wish.MOVE, (i,), goal, told=True) for i in ids]
    return fill(speaker.pick(lines), **slots), draft, errands


def story(speaker: Speaker) -> Built:
    """Throw one thing away and bring another."""
    rng = speaker.rng
    spilled = rng.random() < 0.4
    noun, name = noun_for(speaker, 0.15)
    other, other_name = (
        (speaker.category("cleaner"), "sponge") if spilled else noun_for(speaker, 0.4)
    )
    if {*noun.names, *noun.fringe} & {*other.names, *other.fringe}:
        raise UnclearError
    places = short.spots(speaker, 2, (USER,))
    if rng.random() < 0.2:
        places[0] = USER
    draft = Draft(speaker, [(name, places[0]), (other_name, places[1])])
    if rng.random() < 0.08:
        draft.required.pop(0)
        draft.held = name
    errands = [draft.move(noun, TRASH), draft.move(other, USER)]
    lines = words.SPILLS if spilled else words.REPLACEMENTS
    said = other.a if rng.random() < 0.6 or len(other.names) > 1 else other.the
    first = noun.the if len(noun.names) == 1 or only_one(draft, noun) else noun.a
    return fill(speaker.pick(lines), the=first, a2=said), draft, errands


def wipe(speaker: Speaker) -> Built:
    """Bring a cleaner to a place."""
    goal = speaker.rng.choice(SURFACES)
    noun = speaker.category("cleaner")
    where = short.spots(speaker, 1, (goal,))[0]
    draft = Draft(speaker, [("sponge", where)])
    errand = draft.move(noun, goal)
    return fill(speaker.pick(words.WIPE_PLACE), place=speaker.place(goal)), draft, [errand]


def sort_kinds(speaker: Speaker) -> Built:
    """Move two kinds of things, each to its own goal."""
    rng = speaker.rng
    keys = rng.sample(("drink", "fruit", "chips", "snack", "soda", "can", "cleaner"), 2)
    nouns = [speaker.category(key) for key in keys]
    if set(nouns[0].names) & set(nouns[1].names):
        raise UnclearError
    goals = rng.sample((*SURFACES, *SURFACES, TRASH, USER, *DRAWERS), 2)
    if goals[0] == goals[1]:
        raise UnclearError
    required = []
    for noun in nouns:
        for place in short.spots(speaker, rng.choice((1, 1, 2)), goals):
            required.append((rng.choice(noun.names), place))
    forbidden = (*nouns[0].names, *nouns[1].names)
    draft = Draft(speaker, required, forbidden=forbidden, crowd=rng.choice((0, 1, 2, 4)))
    said_kinds: list[str] = []
    clauses, errands = [], []
    for noun, goal in zip(nouns, goals, strict=True):
        ids = [i for i, thing in enumerate(draft.world.things) if thing.name in noun.names]
        ids.sort(key=lambda i: scene_order(draft.world, i))
        errands += [Errand(Wish.MOVE, (i,), goal) for i in ids]
        every = rng.choice(("the ", "all the ", "all ", "every ")) if len(ids) > 1 else "the "
        said = (
            noun.the
            if len(ids) == 1 and rng.random() < 0.5
            else every + noun.x.removeprefix("the ")
        )
        said = said.replace("every ", "all ")
        lines = {USER: words.ALL_TO_USER, TRASH: words.ALL_TO_TRASH}.get(goal, words.ALL_TO_PLACE)
        said_kinds.append(said)
        clauses.append(
            fill(
                speaker.pick([s for s in lines if not s.startswith(("{all}", "I ", "could"))]),
                all=said,
                on=speaker.on(goal),
                to=speaker.to(goal),
            )
        )
    if USER not in goals and rng.random() < 0.6:
        text = fill(
            speaker.pick(KINDS),
            p=said_kinds[0].replace("all ", ""),
            p2=said_kinds[1].replace("all ", ""),
            on=speaker.on(goals[0]),
            on2=speaker.on(goals[1]),
            to=speaker.to(goals[0]),
            to2=speaker.to(goals[1]),
        )
        return text, draft, errands
    text = speaker.pick(joints.JOINS[:9])
    return speaker.wrap(fill(text, c1=clauses[0], c2=clauses[1])), draft, errands


def swap(speaker: Speaker) -> Built:
    """Swap two things, or put one with the other."""
    rng = speaker.rng
    (noun, name), (other, other_name) = distinct_nouns(speaker, 2, 0.0)
    a, b = rng.sample(SURFACES, 2)
    draft = Draft(speaker, [(name, a), (other_name, b)], forbidden=(name, other_name))
    if rng.random() < 0.3:
        noun, other = speaker.located(noun, a), speaker.located(other, b)
    if rng.random() < 0.6:
        errands = [draft.move(noun, b), draft.move(other, a)]
        line = speaker.pick(words.SWAPS)
    else:
        errands, line = [draft.move(noun, b)], speaker.pick(words.TOGETHER)
    clause = fill(line, the=noun.the, the2=other.the)
    return speaker.wrap(clause), draft, errands


def combination(speaker: Speaker) -> Built:
    """Two or three requests in one."""
    rng = speaker.rng
    count = 3 if rng.random() < 0.25 else 2
    pairs = distinct_nouns(speaker, count, 0.2)
    kinds = [
        rng.choices(
            ("bring", "move", "trash", "drawer", "go", "come", "open", "close", "pick"),
            (5, 5, 4, 2, 1.2, 0.8, 1, 1.2, 0.8),
        )[0]
        for _ in range(count)
    ]
    if any(kind in ("pick", "come") for kind in kinds[:-1]):
        raise UnclearError
    draft = Draft(speaker, [])
    draft.drawers = {drawer: rng.random() < 0.3 for drawer in DRAWERS}
    touched: dict[str, str] = {}
    plans: list[tuple[str, Noun, str]] = []
    for kind, (noun, name) in zip(kinds, pairs, strict=True):
        goal = {"bring": USER, "trash": TRASH, "come": USER}.get(kind, "")
        if kind == "move":
            goal = rng.choice(SURFACES)
        elif kind == "go":
            goal = rng.choice([p for p in PLACES if p != USER])
        elif kind in ("drawer", "open", "close"):
            goal = rng.choice(DRAWERS)
            if touched.setdefault(goal, kind) != kind and kind == "open":
                raise UnclearError
            if kind in ("open", "close") and touched[goal] == kind:
                draft.drawers[goal] = kind == "close"
        plans.append((kind, noun, goal))
        if kind in ("bring", "move", "trash", "drawer", "pick"):
            draft.required.append((name, short.spots(speaker, 1, (goal,))[0]))
    clauses, errands = [], []
    for kind, noun, goal in plans:
        clause, errand = _clause(speaker, draft, kind, noun, goal)
        clauses.append(clause)
        errands.append(errand)
    if count == 3:
        text = fill(speaker.pick(joints.TRIPLE_JOINS), c1=clauses[0], c2=clauses[1], c3=clauses[2])
    else:
        pool = joints.REVERSED_JOINS if rng.random() < 0.15 else joints.JOINS
        text = fill(speaker.pick(pool), c1=clauses[0], c2=clauses[1])
    return (text if text[0].isdigit() else speaker.wrap(text)), draft, errands


def _clause(speaker: Speaker, draft: Draft, kind: str, noun: Noun, goal: str) -> tuple[str, Errand]:
    if kind == "bring":
        line = speaker.pick(fetch.BRING_IMPERATIVES)
        return short.say_noun(draft, noun, line), draft.move(noun, USER)
    if kind == "trash":
        line = speaker.pick(place_words.TRASH_IMPERATIVES)
        return short.say_noun(draft, noun, line), draft.move(noun, TRASH)
    if kind in ("move", "drawer"):
        errand = draft.move(noun, goal)
        slots = {"on": speaker.on(goal), "to": speaker.to(goal), "place": speaker.place(goal)}
        line = speaker.pick(
            place_words.MOVE_IMPERATIVES if kind == "move" else place_words.INTO_DRAWER
        )
        return short.say_noun(draft, noun, line, drawer=slots["place"], **slots), errand
    if kind == "pick":
        line = speaker.pick(fetch.PICK_IMPERATIVES)
        return short.say_noun(draft, noun, line), Errand(Wish.HOLD, draft.candidates(noun))
    if kind == "go":
        line = fill(speaker.pick(go_words.GO_IMPERATIVES), place=speaker.place(goal))
        return line, short.visit(goal)
    if kind == "come":
        return speaker.pick(go_words.COME_SENTENCES), short.visit(USER)
    lines = place_words.OPEN_SENTENCES[:5] if kind == "open" else place_words.CLOSE_SENTENCES[:5]
    wish = Wish.OPEN if kind == "open" else Wish.CLOSE
    return fill(speaker.pick(lines), drawer=speaker.place(goal)), Errand(wish, place=goal)


BUILDERS: Final[dict[Builder, float]] = {
    a_list: 10,
    quantity: 6,
    everything_at: 9,
    story: 5,
    wipe: 1.5,
    sort_kinds: 5,
    swap: 4,
    combination: 10,
}
