"""Synthetic instructions with start states and errands, generated from a seed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from planners.finetune.categories import CATEGORIES
from planners.finetune.language import Noun, Speaker, is_held_out
from planners.finetune.oracle import Deed, Errand, Wish, next_skill
from planners.finetune.scenes import OBJECTS, distance, random_world, scene_order
from planners.skills import DONE, Skill, Verb
from planners.symbolic import SymbolicKitchen
from planners.world import HAND, TRASH, World

MAX_STEPS = 30


@dataclass(frozen=True)
class Example:
    """An instruction, its start state, and what it asks for.

    Attributes:
        kind: Name of the builder that made it.
        instruction: What the person says.
        start: The kitchen at the start.
        errands: What is asked for, in order.
        skeletons: The hand-written phrases it was made from.
    """

    kind: str
    instruction: str
    start: World
    errands: tuple[Errand, ...]
    skeletons: tuple[str, ...]


class UnclearError(Exception):
    """A draw whose instruction is ambiguous in its scene; it is drawn again."""


@dataclass
class Draft:
    """A scene in the making: what must be there before it is filled with other things.

    Attributes:
        speaker: Phrases the instruction.
        required: Objects that must be there, and where.
        held: The object in the hand at the start.
        robot: Where the robot stands; random if None.
        drawers: Which drawers are open; random if not given.
        crowd: At most how many other things there are; random if None.
        forbidden: Objects that must not be among the other things.
        start: The scene, once drawn.
        used: Instances already taken by an errand.
    """

    speaker: Speaker
    required: list[tuple[str, str]]
    held: str | None = None
    robot: str | None = None
    drawers: dict[str, bool] | None = None
    crowd: int | None = None
    forbidden: tuple[str, ...] = ()
    start: World | None = None
    used: tuple[int, ...] = ()

    @property
    def rng(self) -> random.Random:
        """The speaker's random generator."""
        return self.speaker.rng

    @property
    def world(self) -> World:
        """The scene, drawn on first access."""
        if self.start is None:
            self.start = random_world(
                self.rng,
                self.required,
                self.held,
                self.robot,
                self.drawers,
                self.forbidden,
                self.crowd,
            )
        return self.start

    def candidates(
        self, noun: Noun, goal: str | None = None, source: str | None = None
    ) -> tuple[int, ...]:
        """Ids of the instances that a noun may refer to, the preferred one first.

        Raises:
            UnclearError: There is none, or some are at the goal already and others are not.
        """
        world = self.world
        for names in (noun.names, (*noun.names, *noun.fringe)):
            ids = [
                i
                for i, thing in enumerate(world.things)
                if thing.name in names
                and (source is None or thing.place == source)
                and i not in self.used
            ]
            if ids:
                break
        else:
            raise UnclearError
        there = [i for i in ids if world.things[i].place == goal]
        if there and len(there) < len(ids):
            raise UnclearError
        if source is None:
            seen = [i for i in ids if world.is_visible(i) or world.things[i].place == HAND]
            ids = seen or ids
            if goal != TRASH or any(world.things[i].place != TRASH for i in ids):
                ids = [i for i in ids if world.things[i].place != TRASH] or ids
        ids.sort(key=lambda i: (world.things[i].name not in noun.names, *scene_order(world, i)))
        return tuple(ids)

    def move(
        self, noun: Noun, goal: str, source: str | None = None, *, told: bool = False
    ) -> Errand:
        """An errand that moves what a noun refers to, which is then marked as used."""
        things = self.candidates(noun, goal, source)
        self.used = (*self.used, *(things if len(things) < 3 else things[:1]))
        return Errand(Wish.MOVE, things, goal, told or source is not None)


def only_one(draft: Draft, noun: Noun) -> bool:
    """Whether a definite phrase is clear: everything it may refer to is the same object."""
    names = {thing.name for thing in draft.world.things} & set(noun.names)
    return len(names) == 1


def steps_of(example: Example) -> list[Skill]:
    """The oracle's plan without mishaps; ends with `done`."""
    kitchen = SymbolicKitchen(example.start, distance)
    past: list[Deed] = []
    for _ in range(MAX_STEPS):
        skill = next_skill(example.errands, kitchen.world, past, distance)
        past.append(Deed(skill, kitchen.execute(skill).success))
        if skill == DONE:
            return [deed.skill for deed in past]
    raise UnclearError


def examples(seed: int, *, held_out: bool = False) -> Iterator[Example]:
    """Endless examples; each held-out one uses a skeleton that is held out of training."""
    from planners.finetune.builders import BUILDERS

    rng = random.Random(f"{seed} {held_out}")
    builders = list(BUILDERS)
    weights = [BUILDERS[builder] for builder in builders]
    while True:
        builder = rng.choices(builders, weights)[0]
        example = attempt(builder, rng, held_out)
        if example is None or (held_out and not any(map(is_held_out, example.skeletons))):
            continue
        yield example


Builder = Callable[[Speaker], tuple[str, Draft, list[Errand]]]


def attempt(builder: Builder, rng: random.Random, held_out: bool) -> Example | None:
    """One draw of a builder, or None if it makes no sense."""
    speaker = Speaker(rng, held_out=held_out)
    try:
        text, draft, errands = builder(speaker)
        example = Example(
            builder.__name__,
            speaker.finish(" ".join(text.split())),
            draft.world,
            tuple(errands),
            tuple(speaker.said),
        )
        plan = steps_of(example)
    except UnclearError:
        return None
    if any(later.verb is Verb.DONE for later in plan[:-1]):
        return None
    return example


def noun_for(speaker: Speaker, category_share: float = 0.3) -> tuple[Noun, str]:
    """A noun, and one object it refers to."""
    if speaker.rng.random() < category_share:
        noun = speaker.category(speaker.rng.choice(list(CATEGORIES)))
        return noun, speaker.rng.choice(noun.names)
    name = speaker.rng.choice(OBJECTS)
    return speaker.named(name), name


def distinct_nouns(speaker: Speaker, count: int, category_share: float) -> list[tuple[Noun, str]]:
    """Nouns that refer to disjoint sets of objects."""
    found: list[tuple[Noun, str]] = []
    while len(found) < count:
        noun, name = noun_for(speaker, category_share)
        meant = {*noun.names, *noun.fringe}
        if all(not meant & {*other.names, *other.fringe} for other, _ in found):
            found.append((noun, name))
    return found
