"""What is asked while learning to see: which of the things in a picture do these words name?"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from envs.kitchen.pictures import SHOWN
from envs.kitchen.vocabulary import DRAWERS, OBJECTS
from robo.instructions import instruction_features, stacked
from robo.rollouts.splits import is_held_out, phrasings

ABSENT: Final = 0.15
"""Share of the questions about any thing, be it in the picture or not; the others are."""


class Questions:
    """Instructions that name things, in the words that a policy may train with.

    What `robo.rollouts.splits` holds out is not said here either.

    Attributes:
        texts: The phrases.
        phrases: By label in `SHOWN`, indices of the phrases that name it, the plainest first.
        features: Features of the phrases' tokens [phrases, l, w], and which are padding.
    """

    def __init__(self) -> None:
        by_name = {
            **dict.fromkeys(OBJECTS, ("pick up", "find", "put down")),
            **dict.fromkeys(DRAWERS, ("open", "close")),
        }
        self.texts: list[str] = []
        self.phrases: dict[int, list[int]] = {}
        for name, skills in by_name.items():
            labels = [f"{skill} the {name}" for skill in skills if not is_held_out(skill, name)]
            others = phrasings(labels)
            texts = [text for label in labels for text in (label, *others[label])]
            begin = len(self.texts)
            self.texts += texts
            self.phrases[SHOWN.index(name)] = list(range(begin, len(self.texts)))
        table, is_pad = stacked([instruction_features(text) for text in self.texts])
        self.features = torch.from_numpy(table), torch.from_numpy(is_pad)
        self._labels = np.array(sorted(self.phrases))

    def ask(
        self, shown: NDArray[np.uint8], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """A question for each picture.

        Args:
            shown: Labels [n, h, w].
            rng: Source of what is asked.

        Returns:
            Labels that are named, and indices of the phrases [n].
        """
        asked, words = np.zeros((2, len(shown)), np.int64)
        for row, labels in enumerate(shown):
            there = np.intersect1d(labels, self._labels)
            any_of = self._labels if rng.random() < ABSENT or not there.size else there
            asked[row] = rng.choice(any_of)
            words[row] = rng.choice(self.phrases[int(asked[row])])
        return asked, words

    def all_of(self, shown: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every question with an answer in a picture [n, h, w]: indices of pictures, labels."""
        pairs = [
            (picture, label)
            for picture, labels in enumerate(shown)
            for label in np.intersect1d(labels, self._labels)
        ]
        pictures, asked = np.array(pairs, np.int64).reshape(-1, 2).T
        return pictures, asked


__all__ = ["ABSENT", "Questions"]
