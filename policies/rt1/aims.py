"""Where a motion will have led when the hand next closes or opens, or the episode ends.

A demonstration says it of every one of its images, with nothing but its actions (compare the
keyframes of James & Davison 2022, "Q-attention", and PerAct, Shridhar et al. 2022). It is where the
thing is that the instruction names, whenever the hand gets there: the clearest answer to "where?"
in the data, while single actions also depend on how fast somebody was and what was mended.
"""

import torch
from torch import Tensor

SUDDEN = 0.3
"""Share of its range by which the hand's opening changes in one action when it closes or opens."""


def aims(
    done: Tensor, real: Tensor, numbers: list[int], sudden: Tensor, starts: range, steps: int
) -> Tensor:
    """What is added up from each start to the next change of the hand, [b, t, p].

    Args:
        done: Actions [b, n, m].
        real: Which of them are no padding [b, n]; padding adds nothing.
        numbers: p of the m numbers, which are motions.
        sudden: Where the hand changes: the actions before it belong to one motion [b, n].
        starts: Actions from which t images on is added.
        steps: At most so many actions are added.
    """
    n = done.shape[1]
    moved = done[..., numbers] * real[..., None]
    total = torch.cat([torch.zeros_like(moved[:, :1]), moved.cumsum(1)], 1)
    places = torch.where(sudden & real, torch.arange(n, device=done.device), n)
    # The first change at or after each action.
    after = places.flip(1).cummin(1).values.flip(1)
    first = torch.tensor(list(starts), device=done.device)
    # A change in the very action of an image is of the motion before.
    end = torch.minimum(after[:, (first + 1).clamp_max(n - 1)], (first + steps).clamp_max(n))
    led = total.gather(1, end[..., None].expand(-1, -1, total.shape[-1]))
    return led - total[:, first]


def hand_changes(opening: Tensor, span: Tensor) -> Tensor:
    """Where the hand's opening [b, n] changes by `SUDDEN` of its span from the action before."""
    jump = (opening[:, 1:] - opening[:, :-1]).abs() > SUDDEN * span
    return torch.cat([torch.zeros_like(jump[:, :1]), jump], 1)
