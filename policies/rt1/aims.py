"""Where a motion will have led when the hand next closes or opens, or the episode ends.

A demonstration says it of every one of its images, with nothing but its actions (compare the
keyframes of James & Davison 2022, "Q-attention", and PerAct, Shridhar et al. 2022). It is where the
thing is that the instruction names, whenever the hand gets there: the clearest answer to "where?"
in the data, while single actions also depend on how fast somebody was and what was mended.

Said as numbers that the actions are then decided with (`aim_told`), it also says when: the hand is
to close where nothing is left to go, not when it usually does.
"""

from typing import Final, cast

import torch
from torch import Tensor, nn

SUDDEN = 0.3
"""Share of its range by which the hand's opening changes in one action when it closes or opens."""

SHARP: Final = 0.05
"""Misses below this count squared, in a scale of some 0.2 m for a hand: a centimetre counts."""
MAGNIFIED: Final = (1.0, 8.0, 32.0)
"""Aims are told as they are, and as these many times as much up to where it says no more."""


class Telling(nn.Module):
    """Aims as a token that is added to a frame's; adds nothing at first.

    Args:
        numbers: That are said, p.
        width: Of the token, d.
    """

    def __init__(self, numbers: int, width: int) -> None:
        super().__init__()
        said = len(MAGNIFIED) * numbers
        self.say = nn.Sequential(nn.Linear(said, width), nn.ReLU(), nn.Linear(width, width))
        nn.init.zeros_(cast(nn.Linear, self.say[2]).weight)
        nn.init.zeros_(cast(nn.Linear, self.say[2]).bias)

    def forward(self, said: Tensor) -> Tensor:
        """Aims [n, p] to [n, d]."""
        plain, *magnified = (said * times for times in MAGNIFIED)
        return cast(Tensor, self.say(torch.cat([plain, *(m.tanh() for m in magnified)], -1)))


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
