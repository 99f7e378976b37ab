"""Light image augmentation, so that a policy does not memorise pixels."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from policies.base import IMAGES, Batch
from policies.vision.augmentation import shifted

_MOST_PATCHES: Final = 8
"""Most patches along each side of an image."""


@dataclass(frozen=True)
class Augmentation:
    """Shifts, brightness, tint and mottle; all of a sample's images from one camera change alike.

    Attributes:
        shift: Maximum shift in pixels, each way; the border is repeated.
        brightness: Maximum share by which a sample is brightened or darkened.
        tint: Maximum share by which each colour of a sample is also brightened or darkened.
        mottle: Maximum share by which each colour also varies from patch to patch: floors, fronts
            and walls change colour, and a little so do the objects on them.
    """

    shift: int = 0
    brightness: float = 0.0
    tint: float = 0.0
    mottle: float = 0.0

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """The batch with augmented images [b, t, h, w, 3]; everything else is unchanged."""
        result = dict(batch)
        for key, images in batch.items():
            if key.startswith(IMAGES) and images.dtype == torch.uint8:
                size = len(images)
                shifts = rng.integers(-self.shift, self.shift + 1, (size, 2))
                gains = 1 + rng.uniform(-self.brightness, self.brightness, (size, 1))
                if self.tint:
                    gains = gains * (1 + rng.uniform(-self.tint, self.tint, (size, 3)))
                if self.shift:
                    images = shifted(images, shifts.tolist())
                maps = torch.from_numpy(gains).float().expand(-1, 3)[:, :, None, None]
                if self.mottle:
                    maps = maps * (1 + self.mottle * _patches(size, images.shape[-3:-1], rng))
                if self.brightness or self.tint or self.mottle:
                    images = brightened(images, maps)
                result[key] = images
        return result


def brightened(images: Tensor, gains: Tensor) -> Tensor:
    """Images [b, t, h, w, 3] times `gains` [b, 3, h or 1, w or 1], rounded and clipped."""
    rows = images.flatten(-2)
    # Laid out like the rows: broadcasting over three numbers is ten times slower on a CPU.
    gains = gains.to(images.device).expand(-1, -1, -1, images.shape[-2])
    factors = gains.permute(0, 2, 3, 1).flatten(-2)
    changed = rows.float().mul_(factors[:, None]).round_().clamp_(0, 255)
    return changed.to(torch.uint8).view(images.shape)


def _patches(size: int, shape: torch.Size, rng: np.random.Generator) -> Tensor:
    """Smooth random maps in [-1, 1], [size, 3, h, w], with a patch size for each sample."""
    maps = torch.empty(size, 3, *shape)
    for sample, cells in zip(maps, rng.integers(2, _MOST_PATCHES + 1, size), strict=True):
        amount = rng.uniform()
        coarse = torch.from_numpy(rng.uniform(-amount, amount, (1, 3, cells, cells))).float()
        sample[:] = functional.interpolate(coarse, tuple(shape), mode="bilinear")[0]
    return maps
