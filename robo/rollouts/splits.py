"""The columns of a rollout table, and what training data must leave out for them to be meaningful.

As in RT-1 (Brohan et al. 2022, section 6.2): `seen` asks for what demonstrations show; `unseen` for
pairs of skill and object, or for words, that they lack (skill and object occur, but not together);
`distractors` adds objects; `backgrounds` changes colours, light and cameras.

    if is_held_out("pick up", "orange"): ...          # leave it out of a training set
    phrasings(dataset.labels)                         # other words to train with

All columns but `unseen` start from the same scenes, so their episodes can be compared one by one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Split:
    """One column.

    Attributes:
        name: Its name.
        what: A description for people.
        held_out: Whether it uses the skill-object pairs, or words, that training leaves out.
        distractors: Minimum and maximum number of objects to add.
        randomization: Terms of `envs.kitchen.randomization` that are drawn in every episode.
    """

    name: str
    what: str
    held_out: bool = False
    distractors: tuple[int, int] = (0, 0)
    randomization: tuple[str, ...] = ()


SEEN = "seen"

_SPLITS: Final = (
    Split(SEEN, "skills, objects and words as in demonstrations"),
    Split("unseen", "pairs of skill and object, or words, that were held out", held_out=True),
    Split("distractors", "6 to 9 things more, half of them where the robot works", False, (6, 9)),
    Split(
        "backgrounds",
        "other colours, textures, light and cameras",
        randomization=("lights", "colours", "textures", "camera pose", "field of view"),
    ),
)

SPLITS: Final[Mapping[str, Split]] = {split.name: split for split in _SPLITS}
"""All columns by name."""

HELD_OUT: Final[Mapping[str, tuple[str, ...]]] = {
    "find": ("sprite can", "banana", "rice chips", "tea"),
    "pick up": ("pepsi can", "orange", "sea salt chips", "lime soda"),
    "put down": ("redbull can", "apple", "multigrain chips", "sponge"),
}
"""Held-out objects by skill: each is demonstrated with the other two skills."""

PHRASINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "find": (
        *("look for the {}", "go and find the {}", "find where the {} is", "where is the {}"),
        *("look around for the {}", "find me the {}", "seek the {}", "spot the {}"),
        *("hunt for the {}", "track down the {}", "see where the {} is", "try to find the {}"),
        *("go looking for the {}", "please find the {}", "go up to the {}", "discover the {}"),
    ),
    "go to": (
        *("move to the {}", "drive to the {}", "go over to the {}", "approach the {}"),
        *("walk to the {}", "come to the {}", "please go to the {}", "roll up to the {}"),
        *("proceed to the {}", "get to the {}", "navigate to the {}", "move over to the {}"),
        *("drive over to the {}", "go and stand at the {}", "step up to the {}"),
    ),
    "pick up": (
        *("grab the {}", "take the {}", "pick the {} up", "seize the {}", "collect the {}"),
        *("take the {} in your hand", "please pick up the {}", "hold the {}"),
        *("grip the {}", "snatch the {}", "gather the {}", "take up the {}"),
        *("clutch the {}", "scoop up the {}", "catch the {}", "raise the {} with your hand"),
    ),
    "put down": (
        *("set down the {}", "put the {} down", "place the {} here", "drop off the {}"),
        *("rest the {} here", "set the {} down there", "please put down the {}"),
        *("deposit the {}", "put the {} here", "release the {}", "drop the {} here"),
        *("put the {} back down", "set the {} aside", "unload the {}", "place the {} down"),
    ),
    "bring it to you": (
        *("bring it to me", "hand it to me", "bring it here", "carry it to me"),
        *("bring it over", "come back with it", "please bring it to me"),
        *("take it to me", "carry it over here", "come to me with it", "bring it back to me"),
        *("hand it over to me", "bring that to me", "i want to have it"),
    ),
    "open": (
        *("pull the {} open", "slide the {} open", "open up the {}", "tug the {} open"),
        *("open the {} for me", "please open the {}", "have the {} open", "pull at the {}"),
        *("yank the {} open", "open the {} wide", "roll the {} open", "open the {} up"),
        *("drag the {} open", "could you open the {}", "i want the {} open", "make the {} open"),
    ),
    "close": (
        *("push the {} closed", "shut the {}", "slide the {} closed", "press the {} shut"),
        *("close the {} for me", "please close the {}", "have the {} shut", "move the {} back in"),
        *("shove the {} shut", "close up the {}", "slam the {} shut", "roll the {} shut"),
        *("close the {} fully", "could you close the {}", "i want the {} closed"),
    ),
}
"""Paraphrases for training, by skill."""

HELD_OUT_PHRASINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "find": ("locate the {}", "search for the {}", "drive up to where the {} is"),
    "go to": ("head over to the {}", "travel to the {}", "make your way to the {}"),
    "pick up": ("lift the {} up", "get hold of the {}", "grasp the {}"),
    "put down": ("lay the {} down", "let go of the {}", "leave the {} here"),
    "bring it to you": ("deliver it to me", "give it to me", "pass it over to me"),
    "open": ("pull out the {}", "get the {} open", "draw the {} out"),
    "close": ("push in the {}", "get the {} closed", "push the {} all the way back"),
}
"""Held-out paraphrases, by skill."""


def is_held_out(skill: str, argument: str) -> bool:
    """Whether training leaves out a skill for an object.

    Args:
        skill: "pick up" or "pick_up", and so on.
        argument: What it acts on; places and drawers are never held out.
    """
    return argument in HELD_OUT.get(skill.replace("_", " "), ())


def phrasings(labels: Iterable[str]) -> dict[str, list[str]]:
    """Paraphrases for training, by skill label, as `robo train --phrasings` reads them.

    Args:
        labels: Skill labels, such as "pick up the apple"; others are skipped.
    """
    found = {}
    for label in labels:
        skill, argument = parts(label)
        if skill in PHRASINGS:
            found[label] = [words.format(argument) for words in PHRASINGS[skill]]
    return found


def parts(label: str) -> tuple[str, str]:
    """A label's skill and argument: "open the top drawer" gives "open" and "top drawer"."""
    skill, _, argument = label.partition(" the ")
    return skill, argument
