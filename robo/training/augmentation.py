"""Light changes of images, so that a policy does not learn pixels by heart."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from policies.base import IMAGES, Batch
from policies.vision.augmentation import shifted


@dataclass(frozen=True)
class Augmentation:
    """Shifts, brightness and tint; all images that a sample has of a camera change alike.

    Attributes:
        shift: Largest shift in pixels, each way; the border is repeated.
        brightness: Largest share by which a sample is brightened or darkened.
        tint: Largest share by which each colour of a sample is brightened or darkened, besides.
    """

    shift: int = 0
    brightness: float = 0.0
    tint: float = 0.0

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """The batch with other images [b, t, h, w, 3]; everything else stays."""
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
                if self.brightness or self.tint:
                    images = brightened(images, torch.from_numpy(gains))
                result[key] = images
        return result


def brightened(images: Tensor, gains: Tensor) -> Tensor:
    """Images [b, t, h, w, 3] times `gains` [b, 1 or 3], rounded and cut at white."""
    rows = images.flatten(-2)
    # Tiled, as broadcasting over three numbers is ten times slower on a CPU.
    factors = gains.to(images.device, torch.float32).expand(-1, 3).tile(1, images.shape[-2])
    changed = rows.float().mul_(factors[:, None, None]).round_().clamp_(0, 255)
    return changed.to(torch.uint8).view(images.shape)
