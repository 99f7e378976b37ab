"""Augmentation of training images that leaves actions unchanged."""

from collections.abc import Sequence

import torch
from torch import Tensor


def random_shift(images: Tensor, pixels: int, *, repeat_edges: bool = True) -> Tensor:
    """Shift each entry by up to `pixels` up or down and left or right.

    As in DrQ (arXiv 2004.13649, section 3.1); uses torch's global generator.

    Args:
        images: (n, ..., h, w, c); all images of an entry are shifted alike.
        pixels: The largest shift.
        repeat_edges: See `shifted`.
    """
    moves = torch.randint(-pixels, pixels + 1, (len(images), 2)).tolist()
    return shifted(images, moves, repeat_edges=repeat_edges)


def shifted(images: Tensor, moves: Sequence[Sequence[int]], *, repeat_edges: bool = True) -> Tensor:
    """Images (n, ..., h, w, c), each entry shifted by its move (down, right) in pixels.

    Args:
        images: As above.
        moves: n pairs, smaller than the images.
        repeat_edges: Whether uncovered pixels repeat the shifted image's edge; otherwise they stay
            as they were, which takes less time.
    """
    result = images.clone()
    height, width = images.shape[-3:-1]
    # Slices are copied several times faster than pixels are gathered.
    for image, moved, (down, right) in zip(images, result, moves, strict=True):
        top, bottom = max(down, 0), height + min(down, 0)
        left, end = max(right, 0), width + min(right, 0)
        seen = image[..., top - down : bottom - down, left - right : end - right, :]
        moved[..., top:bottom, left:end, :] = seen
        if repeat_edges:
            moved[..., :left, :] = moved[..., left : left + 1, :]
            moved[..., end:, :] = moved[..., end - 1 : end, :]
            moved[..., :top, :, :] = moved[..., top : top + 1, :, :]
            moved[..., bottom:, :, :] = moved[..., bottom - 1 : bottom, :, :]
    return result
