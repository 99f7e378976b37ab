"""The noise schedule: noising in training and denoising when acting.

DDPM (Ho et al. 2020, arXiv 2006.11239), the squared-cosine schedule (Nichol and Dhariwal 2021,
arXiv 2102.09672, equation 17) and DDIM (Song et al. 2020, arXiv 2010.02502, equation 12, σ = 0).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

LARGEST_BETA = 0.999


class NoiseSchedule:
    """The share of the signal's variance left after each noising step, ᾱ.

    Args:
        steps: Noising steps in training, T.
    """

    def __init__(self, steps: int) -> None:
        def left(step: int) -> float:
            return math.cos((step / steps + 0.008) / 1.008 * math.pi / 2) ** 2

        betas = [min(1 - left(t + 1) / left(t), LARGEST_BETA) for t in range(steps)]
        self.steps = steps
        self.left = torch.cumprod(1 - torch.tensor(betas, dtype=torch.float64), 0).float()

    def add_noise(self, signal: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
        """Noise each signal to its step (equation 4 of DDPM).

        Args:
            signal: (b, k, m).
            noise: (b, k, m), standard normal.
            steps: (b,) in [0, T).
        """
        left = self.left.to(signal.device)[steps, None, None]
        return left.sqrt() * signal + (1 - left).sqrt() * noise

    def denoise(
        self, predict_noise: Callable[[Tensor, Tensor], Tensor], noise: Tensor, count: int
    ) -> Tensor:
        """DDIM from pure noise, in `count` of the T steps.

        The predicted signal is clipped to [-1, 1], the range of actions, at every step.

        Args:
            predict_noise: From a noisy signal (b, k, m) and its step (b,) to its noise.
            noise: (b, k, m), standard normal.
            count: At least 1; T for every step. Steps are spread evenly, starting at T - 1, pure
                noise.
        """
        sample = noise
        steps = torch.linspace(self.steps - 1, 0, count).round().long().tolist()
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            left = self.left[step].item()
            batch = torch.full((len(noise),), step, device=noise.device)
            predicted = predict_noise(sample, batch)
            signal = (sample - math.sqrt(1 - left) * predicted) / math.sqrt(left)
            signal = signal.clamp(-1, 1)
            if following is None:
                return signal
            # The noise consistent with the clipped signal.
            predicted = (sample - math.sqrt(left) * signal) / math.sqrt(1 - left)
            after = self.left[following].item()
            sample = math.sqrt(after) * signal + math.sqrt(1 - after) * predicted
        return sample
