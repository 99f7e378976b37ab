"""The one-dimensional U-Net of Diffusion Policy (arXiv 2303.04137, section III-A and figure 2).

It convolves an action sequence over time. The observation and the noising step condition every
residual block through FiLM (Perez et al. 2018, arXiv 1709.07871): a scale and a shift per channel.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConvolutionBlock(nn.Module):
    """Convolution over time, group norm, Mish."""

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2)
        self.norm = nn.GroupNorm(groups, outputs)

    def forward(self, signal: Tensor) -> Tensor:
        """(b, inputs, k) to (b, outputs, k)."""
        return functional.mish(self.norm(self.convolution(signal)))


class ResidualBlock(nn.Module):
    """Two convolution blocks with FiLM between them."""

    def __init__(self, inputs: int, outputs: int, condition: int, kernel: int, groups: int) -> None:
        super().__init__()
        self.first = ConvolutionBlock(inputs, outputs, kernel, groups)
        self.second = ConvolutionBlock(outputs, outputs, kernel, groups)
        self.film = nn.Linear(condition, 2 * outputs)
        self.shortcut = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, signal: Tensor, condition: Tensor) -> Tensor:
        """(b, inputs, k) and the condition (b, c) to (b, outputs, k)."""
        scale, shift = self.film(functional.mish(condition))[..., None].chunk(2, 1)
        hidden = self.first(signal) * (1 + scale) + shift
        result: Tensor = self.second(hidden) + self.shortcut(signal)
        return result


class UNet(nn.Module):
    """Predicts the noise in a noisy action sequence.

    Args:
        channels: Action dimensions.
        condition: Size of the observation's encoding.
        widths: Channels at each resolution; each further one halves the sequence length.
        step_width: Width of the noising step's encoding.
        kernel: Kernel size of the convolutions.
        groups: Groups of the group norms.
    """

    def __init__(
        self,
        channels: int,
        condition: int,
        widths: tuple[int, ...],
        step_width: int,
        kernel: int,
        groups: int,
    ) -> None:
        super().__init__()
        self.step_width = step_width
        self.step_encoder = nn.Sequential(
            nn.Linear(step_width, 4 * step_width),
            nn.Mish(),
            nn.Linear(4 * step_width, step_width),
        )

        def pair(inputs: int, outputs: int) -> nn.ModuleList:
            rest = (condition + step_width, kernel, groups)
            return nn.ModuleList(
                (ResidualBlock(inputs, outputs, *rest), ResidualBlock(outputs, outputs, *rest))
            )

        down = list(zip((channels, *widths[:-1]), widths, strict=True))
        up = [(2 * wide, narrow) for narrow, wide in reversed(down[1:])]
        self.down = nn.ModuleList(pair(*sizes) for sizes in down)
        self.shorten = nn.ModuleList(
            nn.Conv1d(width, width, 3, stride=2, padding=1) for width in widths[:-1]
        )
        self.middle = pair(widths[-1], widths[-1])
        self.up = nn.ModuleList(pair(*sizes) for sizes in up)
        self.lengthen = nn.ModuleList(
            nn.ConvTranspose1d(width, width, 4, stride=2, padding=1) for _, width in up
        )
        self.last = ConvolutionBlock(widths[0], widths[0], kernel, groups)
        self.output = nn.Conv1d(widths[0], channels, 1)

    def forward(self, actions: Tensor, steps: Tensor, condition: Tensor) -> Tensor:
        """Predict.

        Args:
            actions: (b, k, channels), noisy; k is a multiple of 2 ** (len(widths) - 1).
            steps: (b,) noising steps.
            condition: (b, c).

        Returns:
            The noise, (b, k, channels).
        """
        step = self.step_encoder(step_waves(steps, self.step_width))
        condition = torch.cat((step, condition), -1)
        hidden = actions.mT
        seen = []
        for index, blocks in enumerate(self.down):
            for block in blocks.children():
                hidden = block(hidden, condition)
            seen.append(hidden)
            if index < len(self.shorten):
                hidden = self.shorten[index](hidden)
        for block in self.middle:
            hidden = block(hidden, condition)
        for blocks, lengthen in zip(self.up, self.lengthen, strict=True):
            hidden = torch.cat((hidden, seen.pop()), 1)
            for block in blocks.children():
                hidden = block(hidden, condition)
            hidden = lengthen(hidden)
        result: Tensor = self.output(self.last(hidden))
        return result.mT


def step_waves(steps: Tensor, width: int) -> Tensor:
    """(b,) to (b, width): sinusoidal encoding of the step, sines, then cosines."""
    count = width // 2
    exponents = torch.arange(count, device=steps.device) / (count - 1)
    angles = steps[:, None] * torch.exp(-math.log(10000) * exponents)
    return torch.cat((angles.sin(), angles.cos()), -1)
