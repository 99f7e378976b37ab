"""Light changes of images, so that a policy does not learn pixels by heart."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from policies.base import IMAGES, Batch


@dataclass(frozen=True)
class Augmentation:
    """Shifts and brightness; all images that a sample has of a camera change alike.

    Attributes:
        shift: Largest shift in pixels, each way; the border is repeated.
        brightness: Largest share by which a sample is brightened or darkened.
    """

    shift: int = 0
    brightness: float = 0.0

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """The batch with other images [b, t, h, w, 3]; everything else stays."""
        result = dict(batch)
        for key, images in batch.items():
            if key.startswith(IMAGES) and images.dtype == torch.uint8:
                size = len(images)
                shifts = rng.integers(-self.shift, self.shift + 1, (size, 2))
                gains = 1 + rng.uniform(-self.brightness, self.brightness, size)
                if self.shift:
                    images = shifted(images, shifts)
                if self.brightness:
                    images = brightened(images, torch.from_numpy(gains))
                result[key] = images
        return result


def shifted(images: Tensor, shifts: np.ndarray) -> Tensor:
    """Images [b, t, h, w, 3] moved down and right by `shifts` [b, 2] pixels."""
    height, width = images.shape[2:4]
    device = images.device
    result = torch.empty_like(images)
    for place, (down, right) in enumerate(shifts.tolist()):
        rows = (torch.arange(height, device=device) - down).clamp_(0, height - 1)
        columns = (torch.arange(width, device=device) - right).clamp_(0, width - 1)
        result[place] = images[place].index_select(1, rows).index_select(2, columns)
    return result


def brightened(images: Tensor, gains: Tensor) -> Tensor:
    """Images [b, t, h, w, 3] times `gains` [b], rounded and cut at white."""
    factors = gains.to(images.device, torch.float32)[:, None, None, None, None]
    return (images * factors).round_().clamp_(0, 255).to(torch.uint8)
