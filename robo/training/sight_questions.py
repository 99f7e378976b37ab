"""Questions asked in encoder pretraining: which of the objects in an image do these words name?"""

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
"""Share of questions about any object, visible or not; the others are about visible ones."""


class Questions:
    """Instructions that name objects and drawers, in words that a policy may train with.

    What `robo.rollouts.splits` holds out is not used here either.

    Attributes:
        texts: The phrases.
        phrases: Indices of the phrases that name each label in `SHOWN`, the plainest first.
        features: Token features of the phrases [phrases, l, w], and which tokens are padding.
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
        """Draw a question for each image.

        Args:
            shown: Labels [n, h, w].
            rng: Random generator.

        Returns:
            Labels that are named, and indices of the phrases, both [n].
        """
        asked, words = np.zeros((2, len(shown)), np.int64)
        for row, labels in enumerate(shown):
            there = np.intersect1d(labels, self._labels)
            any_of = self._labels if rng.random() < ABSENT or not there.size else there
            asked[row] = rng.choice(any_of)
            words[row] = rng.choice(self.phrases[int(asked[row])])
        return asked, words

    def all_of(self, shown: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every question with an answer in labels [n, h, w]: indices of images, labels named."""
        pairs = [
            (picture, label)
            for picture, labels in enumerate(shown)
            for label in np.intersect1d(labels, self._labels)
        ]
        pictures, asked = np.array(pairs, np.int64).reshape(-1, 2).T
        return pictures, asked


__all__ = ["ABSENT", "Questions"]
