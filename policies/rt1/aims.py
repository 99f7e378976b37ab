"""Aims: where the motion will have led when the hand next closes or opens, or the episode ends.

A demonstration labels each of its images with this by its actions alone (compare the keyframes of
James & Davison 2022, "Q-attention", and PerAct, Shridhar et al. 2022). It locates the thing that
the instruction names, whenever the hand gets there: the clearest answer to "where?" in the data,
while single actions also depend on the demonstrator's speed and on corrections.

As an input to the prediction of actions (`aim_told`), it also tells when: the hand should close
when no motion is left, not when it usually does.
"""

from typing import Final, cast

import torch
from torch import Tensor, nn

SUDDEN = 0.3
"""Change of the opening in one action, as a share of its range, that means closing or opening."""

SHARP: Final = 0.05
"""Error below which the smooth L1 loss is quadratic: 1 cm at a hand's scale of some 0.2 m."""
MAGNIFIED: Final = (1.0, 8.0, 32.0)
"""Scales at which aims are encoded: the first linearly, the others through a saturating tanh."""


class Telling(nn.Module):
    """Encodes aims as a token to add to a frame's; zero at initialisation.

    Args:
        numbers: Numbers in the aims, p.
        width: Token width, d.
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
    """Motions summed from each start to the next change of the hand, [b, t, p].

    Args:
        done: Actions [b, n, m].
        real: Which of them are not padding [b, n]; padding adds nothing.
        numbers: The p of m dimensions that are motions.
        sudden: Whether the hand changes [b, n], which ends a motion before that action.
        starts: Action indices of the t images, where the sums start.
        steps: Maximum number of actions to sum.
    """
    n = done.shape[1]
    moved = done[..., numbers] * real[..., None]
    total = torch.cat([torch.zeros_like(moved[:, :1]), moved.cumsum(1)], 1)
    places = torch.where(sudden & real, torch.arange(n, device=done.device), n)
    # The first change at or after each action.
    after = places.flip(1).cummin(1).values.flip(1)
    first = torch.tensor(list(starts), device=done.device)
    # A change at the image's own action belongs to the motion before.
    end = torch.minimum(after[:, (first + 1).clamp_max(n - 1)], (first + steps).clamp_max(n))
    led = total.gather(1, end[..., None].expand(-1, -1, total.shape[-1]))
    return led - total[:, first]


def hand_changes(opening: Tensor, span: Tensor) -> Tensor:
    """Where the hand's opening [b, n] changes by over `SUDDEN` of its span in one action."""
    jump = (opening[:, 1:] - opening[:, :-1]).abs() > SUDDEN * span
    return torch.cat([torch.zeros_like(jump[:, :1]), jump], 1)
