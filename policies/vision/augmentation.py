"""Changes to training images that actions do not follow."""

import torch
from torch import Tensor


def random_shift(images: Tensor, pixels: int) -> Tensor:
    """Shift each image by up to `pixels` up or down and left or right, repeating its edge.

    As DrQ does (arXiv 2004.13649, section 3.1); randomness is torch's.

    Args:
        images: (b, h, w, c).
        pixels: The largest shift.
    """
    count, height, width, _ = images.shape
    shift = torch.randint(-pixels, pixels + 1, (2, count, 1), device=images.device)
    rows = (torch.arange(height, device=images.device) + shift[0]).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device) + shift[1]).clamp(0, width - 1)
    each = torch.arange(count, device=images.device)[:, None, None]
    return images[each, rows[:, :, None], columns[:, None, :]]
