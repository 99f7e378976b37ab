"""Random numbers that depend on the seed and on where a run is, and on nothing before.

Every step draws from generators of its own. A run that goes on from a checkpoint therefore draws
what the uninterrupted one would have drawn, and a checkpoint needs no generator's state.
"""

from typing import Literal

import numpy as np
import torch

Purpose = Literal[
    "weights", "split", "order", "step", "augmentation", "phrasings", "validation", "views"
]
_PURPOSES: tuple[Purpose, ...] = (
    "weights",
    "split",
    "order",
    "step",
    "augmentation",
    "phrasings",
    "validation",
    "views",
)


def numpy_generator(seed: int, purpose: Purpose, *place: int) -> np.random.Generator:
    """A generator for one purpose at one place of a run."""
    return np.random.default_rng((seed, _PURPOSES.index(purpose), *place))


def torch_seed(seed: int, purpose: Purpose, *place: int) -> int:
    """A seed for one purpose at one place of a run."""
    return int(numpy_generator(seed, purpose, *place).integers(2**62))


def seed_torch(seed: int, purpose: Purpose, *place: int) -> None:
    """Seed torch's own generators (dropout, noise) for one place of a run."""
    torch.manual_seed(torch_seed(seed, purpose, *place))
