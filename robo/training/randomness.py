"""Random numbers that depend only on the seed and the position in a run, not on its history.

Every step draws from its own generators. A resumed run therefore draws what an uninterrupted one
would have drawn, and checkpoints need no generator state.
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
    """A generator for one purpose at one position in a run."""
    return np.random.default_rng((seed, _PURPOSES.index(purpose), *place))


def torch_seed(seed: int, purpose: Purpose, *place: int) -> int:
    """A seed for one purpose at one position in a run."""
    return int(numpy_generator(seed, purpose, *place).integers(2**62))


def seed_torch(seed: int, purpose: Purpose, *place: int) -> None:
    """Seed torch's own generators (dropout, noise) for one position in a run."""
    torch.manual_seed(torch_seed(seed, purpose, *place))
