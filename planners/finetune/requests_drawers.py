"""Builders of requests about a drawer or a trip."""

from typing import Final

from planners.finetune import phrases_go as go_words
from planners.finetune import phrases_place as place_words
from planners.finetune import requests as short
from planners.finetune.language import Speaker, fill
from planners.finetune.oracle import Errand, Wish
from planners.finetune.scenes import DRAWERS, OBJECTS, PLACES, SURFACES, random_place
from planners.finetune.synthetic import Builder, Draft, UnclearError, noun_for
from planners.world import TRASH, USER

Built = tuple[str, Draft, list[Errand]]


def which_drawer(draft: Draft, drawer: str, *, is_open: bool | None) -> str:
    """A drawer's name; sometimes "the drawer" where that is unambiguous."""
    rng = draft.rng
    states = draft.world.drawers
    alone = is_open is not None and [d for d in DRAWERS if states[d] == is_open] == [drawer]
    if alone and rng.random() < 0.4:
        state = ("open", "open") if is_open else ("closed", "shut")
        return rng.choice(
            ("the drawer", "the drawer", f"the {state[0]} drawer", f"the drawer that's {state[1]}")
        )
    return draft.speaker.place(drawer)


def into_drawer(speaker: Speaker) -> Built:
    """Put one thing into a drawer, sometimes closing it afterwards."""
    rng = speaker.rng
    noun, name = noun_for(speaker, 0.25)
    goal = rng.choice(DRAWERS)
    held = rng.random() < 0.1
    where = random_place(rng, exclude=(goal, TRASH))
    draft = Draft(speaker, [] if held else [(name, where)], held=name if held else None)
    if where in DRAWERS:
        draft.drawers = {where: True}
    elif rng.random() < 0.3:
        draft.drawers = {goal: True}
    errands = [draft.move(noun, goal)]
    close = rng.random() < 0.4
    lines = place_words.INTO_DRAWER_AND_CLOSE if close else place_words.INTO_DRAWER
    if close:
        errands.append(Errand(Wish.CLOSE, place=goal))
    drawer = which_drawer(draft, goal, is_open=True)
    return (
        speaker.wrap(short.say_noun(draft, noun, speaker.pick(lines), drawer=drawer)),
        draft,
        errands,
    )


def out_of_drawer(speaker: Speaker) -> Built:
    """Take one thing out of a drawer: hold it, bring it or put it somewhere."""
    rng = speaker.rng
    noun, name = noun_for(speaker, 0.3)
    source = rng.choice(DRAWERS)
    draft = Draft(speaker, [(name, source)], drawers={source: rng.random() < 0.25})
    if rng.random() < 0.3:
        draft.required.append((name, rng.choice(SURFACES)))
    drawer = which_drawer(draft, source, is_open=None)
    if sum(thing.place == source for thing in draft.world.things) > 1:
        raise UnclearError
    kind = rng.choices(("hold", "user", "place"), (2, 4, 3))[0]
    goal = rng.choice(SURFACES)
    slots = {"drawer": drawer, "on": speaker.on(goal), "to": speaker.to(goal)}
    if kind == "hold":
        line = speaker.pick(place_words.OUT_OF_DRAWER)
        errand = Errand(Wish.HOLD, draft.candidates(noun, None, source), told=True)
        return speaker.wrap(short.say_noun(draft, noun, line, **slots)), draft, [errand]
    if kind == "user":
        line, goal = speaker.pick(place_words.OUT_OF_DRAWER_TO_USER), USER
    else:
        line = speaker.pick(place_words.OUT_OF_DRAWER_TO_PLACE)
    errands = [Errand(Wish.MOVE, draft.candidates(noun, None, source), goal, told=True)]
    text = fill(line, a=noun.a, the=noun.the, x=noun.x, **slots)
    if rng.random() < 0.3:
        text = text.rstrip(".?") + speaker.pick(place_words.AND_CLOSE)
        errands.append(Errand(Wish.CLOSE, place=source))
    return text, draft, errands


def drawer_state(speaker: Speaker) -> Built:
    """Open or close a drawer, or all of them."""
    rng = speaker.rng
    opens = rng.random() < 0.5
    wish = Wish.OPEN if opens else Wish.CLOSE
    draft = Draft(speaker, [])
    if rng.random() < 0.12:
        draft.held = rng.choice(OBJECTS)
    if rng.random() < 0.18:
        if not opens:
            draft.drawers = rng.choice(
                (dict.fromkeys(DRAWERS, True), {DRAWERS[0]: True}, {DRAWERS[1]: True})
            )
        lines = place_words.OPEN_ALL if opens else place_words.CLOSE_ALL
        return (
            speaker.wrap(speaker.pick(lines)),
            draft,
            [Errand(wish, place=drawer) for drawer in DRAWERS],
        )
    drawer = rng.choice(DRAWERS)
    draft.drawers = {drawer: not opens if rng.random() < 0.93 else opens}
    said = which_drawer(draft, drawer, is_open=not opens)
    if opens and all(not is_open for is_open in draft.world.drawers.values()):
        said = speaker.place(drawer)
        if rng.random() < 0.25:
            drawer, said = DRAWERS[0], rng.choice(("the drawer", "a drawer", "one of the drawers"))
    line = speaker.pick(place_words.OPEN_SENTENCES if opens else place_words.CLOSE_SENTENCES)
    return fill(line, drawer=said), draft, [Errand(wish, place=drawer)]


def go(speaker: Speaker) -> Built:
    """Go to a place, come here, go and come back, visit two places."""
    rng = speaker.rng
    draft = Draft(speaker, [])
    if rng.random() < 0.1:
        draft.held = rng.choice(OBJECTS)
    place, second, third = rng.sample([p for p in PLACES if p != USER], 3)
    said, said2 = speaker.place(place), speaker.place(second)
    kind = rng.choices(("go", "come", "return", "two", "three", "tour"), (4, 2, 3, 2, 1.5, 1.5))[0]
    if kind in ("three", "tour"):
        if len({place, second, third} & set(DRAWERS)) > 1:
            raise UnclearError
        last = USER if kind == "tour" else third
        lines = go_words.TOUR_AND_BACK if kind == "tour" else go_words.GO_THREE
        slots = {"place": said, "place2": said2, "place3": speaker.place(last)}
        if kind == "tour" and {place, second} == {"close counter", "far counter"}:
            slots = {"place": "one counter", "place2": "the other counter", "place3": ""}
            place, second = "close counter", "far counter"
        text = speaker.wrap(fill(speaker.pick(lines), **slots))
        return text, draft, [short.visit(place), short.visit(second), short.visit(last)]
    if kind == "go":
        if rng.random() < 0.3:
            text = fill(speaker.pick(go_words.GO_SENTENCES), place=said)
        else:
            text = speaker.wrap(fill(speaker.pick(go_words.GO_IMPERATIVES), place=said))
        return text, draft, [short.visit(place)]
    if kind == "come":
        return speaker.wrap(speaker.pick(go_words.COME_SENTENCES)), draft, [short.visit(USER)]
    if kind == "return":
        text = speaker.wrap(fill(speaker.pick(go_words.GO_AND_COME_BACK), place=said))
        return text, draft, [short.visit(place), short.visit(USER)]
    text = speaker.wrap(fill(speaker.pick(go_words.GO_TWO), place=said, place2=said2))
    if place in DRAWERS and second in DRAWERS:
        raise UnclearError
    return text, draft, [short.visit(place), short.visit(second)]


BUILDERS: Final[dict[Builder, float]] = {
    into_drawer: 6,
    out_of_drawer: 5,
    drawer_state: 8,
    go: 7,
}
"""Sampling weight of each builder."""
