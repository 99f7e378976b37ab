"""The baseline that a language model has to beat: reuse the most similar known request.

Measured with `python -m planners.finetune.nearest_neighbour scenarios/kitchen_dev.jsonl`.

Names of things and places are found with the generator's own lexicon and replaced by slots, so that
"bring me a coke" matches "bring me an apple"; the neighbour's errands are then filled with this
request's things and places, and the oracle executes them.
"""

import argparse
import itertools
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from planners.finetune.categories import CATEGORIES
from planners.finetune.language import Noun
from planners.finetune.nouns import NAMES, PLACE_NAMES, PLURALS, bare
from planners.finetune.oracle import Deed, Errand, Wish, next_skill
from planners.finetune.rollout import MAX_STEPS, Rollout, load_trials, table
from planners.finetune.scenes import distance, scene_order
from planners.finetune.synthetic import Example, examples
from planners.skills import DONE
from planners.symbolic import SymbolicKitchen
from planners.world import HAND, World


def _lexicon() -> list[tuple[str, str, str]]:
    """Phrases with their kind and meaning, the longest first."""
    entries: dict[str, tuple[str, str]] = {}
    for key, category in CATEGORIES.items():
        for phrase in (*category.indefinite, *category.definite, *category.plural):
            entries[bare(phrase).lower()] = ("category", key)
    for name, phrases in NAMES.items():
        for phrase in (*phrases, *PLURALS[name]):
            entries[bare(phrase).lower()] = ("name", name)
    for place, phrases in PLACE_NAMES.items():
        for phrase in phrases:
            if place != "user":
                entries[bare(phrase).lower()] = ("place", place)
    return sorted(
        ((phrase, *meaning) for phrase, meaning in entries.items()), key=lambda e: -len(e[0])
    )


LEXICON: Final = _lexicon()


@dataclass(frozen=True)
class Parsed:
    """A request with slots in place of names.

    Attributes:
        words: Counts of words and bigrams, with THING and PLACE as slots.
        things: Meanings of the THING slots.
        places: Meanings of the PLACE slots.
    """

    words: Counter[str]
    things: tuple[Noun, ...]
    places: tuple[str, ...]


def parse(instruction: str) -> Parsed:
    """Replace names of things and places by slots, and count words and bigrams."""
    text = instruction.lower()
    things: list[tuple[int, Noun]] = []
    places: list[tuple[int, str]] = []
    for phrase, kind, meaning in LEXICON:
        for match in re.finditer(rf"\b{re.escape(phrase)}\b", text):
            if kind == "place":
                places.append((match.start(), meaning))
            else:
                names = (meaning,) if kind == "name" else CATEGORIES[meaning].members
                fringe = () if kind == "name" else CATEGORIES[meaning].fringe
                things.append((match.start(), Noun(phrase, phrase, phrase, names, fringe)))
            slot = "P" if kind == "place" else "T"
            text = text[: match.start()] + slot * len(phrase) + text[match.end() :]
    tokens = re.findall(r"[a-z']+|[TP]+", text)
    tokens = [{"T": "THING", "P": "PLACE"}.get(token[0], token) for token in tokens]
    words = Counter([*tokens, *(" ".join(pair) for pair in itertools.pairwise(tokens))])
    return Parsed(
        words,
        tuple(noun for _, noun in sorted(things, key=lambda item: item[0])),
        tuple(place for _, place in sorted(places, key=lambda item: item[0])),
    )


class NearestNeighbour:
    """Nearest neighbour among synthetic requests, by TF-IDF over words and bigrams."""

    def __init__(self, seed: int, count: int) -> None:
        self.known = list(itertools.islice(examples(seed), count))
        self.parsed = [parse(example.instruction) for example in self.known]
        frequency = Counter(word for parsed in self.parsed for word in parsed.words)
        self.weight = {word: math.log(1 + count / n) for word, n in frequency.items()}
        self.index: dict[str, list[tuple[int, float]]] = {}
        for i, parsed in enumerate(self.parsed):
            for word, value in self._vector(parsed).items():
                self.index.setdefault(word, []).append((i, value))

    def _vector(self, parsed: Parsed) -> dict[str, float]:
        values = {
            word: n * self.weight[word] for word, n in parsed.words.items() if word in self.weight
        }
        norm = math.sqrt(sum(value * value for value in values.values())) or 1.0
        return {word: value / norm for word, value in values.items()}

    def nearest(self, parsed: Parsed) -> int:
        """Index of the most similar request, preferring those with as many things and places."""
        scores: defaultdict[int, float] = defaultdict(float)
        for word, value in self._vector(parsed).items():
            for i, other in self.index[word]:
                scores[i] += value * other
        shape = (len(parsed.things), len(parsed.places))

        def rank(i: int) -> tuple[bool, float]:
            other = self.parsed[i]
            return ((len(other.things), len(other.places)) == shape, scores[i])

        return max(scores, key=rank, default=0)

    def roll_out(self, instruction: str, start: World) -> Rollout:
        """Execute the neighbour's errands with this request's things and places."""
        parsed = parse(instruction)
        i = self.nearest(parsed)
        errands = transfer(self.known[i], self.parsed[i], parsed, start)
        kitchen = SymbolicKitchen(start, distance)
        past: list[Deed] = []
        while len(past) < MAX_STEPS and not (past and past[-1].skill == DONE):
            skill = next_skill(errands, kitchen.world, past, distance)
            outcome = kitchen.execute(skill)
            past.append(Deed(skill, outcome.success, outcome.feedback))
        return Rollout(tuple(past), kitchen.world)


def transfer(known: Example, theirs: Parsed, ours: Parsed, start: World) -> list[Errand]:
    """The known request's errands, with its things and places replaced by ours, in order."""
    errands: list[Errand] = []
    used: set[int] = set()
    for errand in known.errands:
        place = errand.place
        if place in theirs.places and len(ours.places) == len(theirs.places):
            place = ours.places[theirs.places.index(place)]
        elif place and not theirs.places and ours.places and place != "user":
            place = ours.places[-1]
        if not errand.things:
            if errand.wish is Wish.VISIT or place in start.drawers:
                errands.append(replace(errand, place=place))
            continue
        names = {known.start.things[i].name for i in errand.things}
        slot = next(
            (
                k
                for k, noun in enumerate(theirs.things)
                if names <= {*noun.names, *noun.fringe} and k < len(ours.things)
            ),
            None,
        )
        wanted = ours.things[slot].names if slot is not None else tuple(names)
        spare = ours.things[slot].fringe if slot is not None else ()
        ids: Sequence[int] = ()
        for group in (wanted, spare):
            ids = [i for i, t in enumerate(start.things) if t.name in group and i not in used]
            if ids:
                break
        held = known.start.holding
        if slot is None and held in errand.things and start.holding is not None:
            ids = [start.holding]
        ids = sorted(ids, key=lambda i: scene_order(start, i))
        if ids:
            used.update(ids[:1])
            places_of_ids = {start.things[i].place for i in ids}
            errands.append(
                replace(errand, things=tuple(ids), place=place, told=HAND not in places_of_ids)
            )
    return errands


def main() -> None:
    """Parse arguments, run a file of scenarios, print a table."""
    parser = argparse.ArgumentParser(prog="python -m planners.finetune.nearest_neighbour")
    parser.add_argument("scenarios", type=Path, help="file of scenarios")
    parser.add_argument("--known", type=int, default=5000, help="how many requests it knows")
    parser.add_argument("--seed", type=int, default=0, help="of these requests")
    given = parser.parse_args()
    neighbour = NearestNeighbour(given.seed, given.known)
    results = []
    for trial in load_trials(given.scenarios):
        rollout = neighbour.roll_out(trial.instruction, trial.start)
        success = rollout.done and trial.goal.reached(trial.start, rollout.end)
        results.append((trial.family, success))
    sys.stdout.write(f"{table(results)}\n")


if __name__ == "__main__":
    main()
