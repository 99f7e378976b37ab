"""Noun phrases for things and places, and sentences the way people type them."""

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from planners.finetune.categories import CATEGORIES
from planners.finetune.nouns import (
    NAMES,
    ON,
    PLACE_NAMES,
    PLURALS,
    QUANTITIES,
    bare,
    definite,
)
from planners.finetune.phrases_joints import CLOSERS, LISTS, OPENERS, WRAPPERS
from planners.world import TRASH, USER

_HOLD_OUT_ONE_IN = 12


def is_held_out(skeleton: str) -> bool:
    """Whether a skeleton is held out of training, to measure transfer to new wording."""
    return zlib.crc32(skeleton.encode()) % _HOLD_OUT_ONE_IN == 0


@dataclass(frozen=True)
class Noun:
    """One way to refer to what is wanted.

    Attributes:
        a: Indefinite, "a coke".
        the: Definite, "the coke".
        x: Bare, "coke".
        names: Objects it refers to.
        fringe: Objects that will do if none of `names` is there.
    """

    a: str
    the: str
    x: str
    names: tuple[str, ...]
    fringe: tuple[str, ...] = ()


class Speaker:
    """Phrases requests from a subset of the hand-written skeletons.

    Attributes:
        rng: Random generator.
        held_out: Whether it uses the skeletons held out of training, rather than the others.
        said: Skeletons used so far.
    """

    def __init__(self, rng: random.Random, *, held_out: bool = False) -> None:
        self.rng = rng
        self.held_out = held_out
        self.said: list[str] = []

    def pick(self, skeletons: Sequence[str]) -> str:
        """A random skeleton of those that this speaker may use."""
        own = [s for s in skeletons if is_held_out(s) == self.held_out] or list(skeletons)
        skeleton = self.rng.choice(own)
        self.said.append(skeleton)
        return skeleton

    def named(self, name: str) -> Noun:
        """An object by one of its names."""
        phrases = NAMES[name]
        phrase = phrases[0] if self.rng.random() < 0.4 else self.rng.choice(phrases)
        return Noun(phrase, definite(phrase), bare(phrase), (name,))

    def category(self, key: str) -> Noun:
        """A category, by one of its phrases."""
        entry = CATEGORIES[key]
        indefinite = self.rng.choice(entry.indefinite)
        the = self.rng.choice(entry.definite) if entry.definite else indefinite
        x = self.rng.choice(entry.plural) if entry.plural else bare(indefinite)
        return Noun(indefinite, the, x, entry.members, entry.fringe)

    def place(self, place: str) -> str:
        """A place as a noun phrase."""
        names = PLACE_NAMES[place]
        return names[0] if self.rng.random() < 0.35 else self.rng.choice(names)

    def on(self, place: str) -> str:
        """A destination: "on the table"."""
        if place == USER:
            return self.rng.choice(("next to me", "beside me", "on my tray"))
        inside = place == TRASH or place.endswith("drawer")
        return f"{self.rng.choice(ON['inside' if inside else 'surface'])} {self.place(place)}"

    def at(self, place: str) -> str:
        """A location: "on the table"."""
        if place == USER:
            return self.rng.choice(("next to me", "beside me", "on my tray"))
        inside = place == TRASH or place.endswith("drawer")
        return f"{'in' if inside else 'on'} {self.place(place)}"

    def to(self, place: str) -> str:
        """A direction: "to the table"."""
        return f"{self.rng.choice(('to', 'to', 'to', 'over to'))} {self.place(place)}"

    def located(self, noun: Noun, place: str) -> Noun:
        """The same noun with its location: "the coke on the table"."""
        form = self.rng.choice(
            (" {at}", " {at}", " that is {at}", " lying {at}", " {at}", " which is {at}", " {from}")
        )
        tail = form.replace("{at}", self.at(place)).replace("{from}", f"from {self.place(place)}")
        return Noun(noun.a + tail, noun.the + tail, noun.x + tail, noun.names, noun.fringe)

    def many(self, noun: Noun, count: int, *, everything: bool) -> str:
        """Several of a kind: "both apples", "all the drinks"."""
        if len(noun.names) == 1 and not is_category(noun):
            plural = self.rng.choice(PLURALS[noun.names[0]])
        else:
            plural = self.rng.choice(("drinks",)) if not noun.x else noun.x
        plural = bare(plural)
        if everything:
            words = ["all the", "all", "all of the", "every last one of the", "the"]
            return f"{self.rng.choice(words)} {plural}"
        return f"{self.rng.choice(QUANTITIES[count])} {plural}"

    def listing(self, phrases: Sequence[str]) -> str:
        """Several noun phrases as one list."""
        return self.rng.choice(LISTS[len(phrases)]).format(*phrases)

    def wrap(self, clause: str) -> str:
        """An imperative, as it is or phrased as a request."""
        if self.rng.random() < 0.4:
            return clause
        return self.pick(WRAPPERS).replace("{c}", clause)

    def finish(self, text: str) -> str:
        """The text as typed: with greetings, thanks, casing, punctuation and typos."""
        rng = self.rng
        if rng.random() < 0.06:
            text = rng.choice(OPENERS) + text
        if rng.random() < 0.07:
            text = text.rstrip(".") + ("" if text[-1] in "?!." else ".") + rng.choice(CLOSERS)
        style = rng.random()
        if style < 0.25:
            text = text.lower()
            if rng.random() < 0.6:
                text = text.rstrip(".?!").replace("'", "" if rng.random() < 0.3 else "'")
        elif style < 0.85:
            text = text[0].upper() + text[1:]
            if text[-1] not in ".?!":
                text += rng.choice((".", ".", "", "!"))
        if rng.random() < 0.05:
            text = text.replace("please", "pls").replace("you ", "u ")
        return _slip(text, rng) if rng.random() < 0.07 else text


def is_category(noun: Noun) -> bool:
    """Whether a noun's bare form is the plural of some category."""
    return any(noun.x in entry.plural for entry in CATEGORIES.values())


def fill(skeleton: str, **slots: str) -> str:
    """The skeleton with its slots filled."""
    for slot, text in slots.items():
        skeleton = skeleton.replace("{" + slot + "}", text)
    return skeleton


def _slip(text: str, rng: random.Random) -> str:
    """Add a typo: a letter lost, doubled or swapped with its neighbour."""
    letters = [i for i in range(1, len(text) - 1) if text[i].isalpha() and text[i + 1].isalpha()]
    if not letters:
        return text
    i = rng.choice(letters)
    return rng.choice(
        (
            text[:i] + text[i + 1 :],
            text[:i] + text[i] + text[i:],
            text[:i] + text[i + 1] + text[i] + text[i + 2 :],
        )
    )
