"""Diffusion Policy (Chi et al. 2023, arXiv 2303.04137), its convolutional variant.

How the paper's parts map to this file:

- Denoising an action sequence given observations (section II-C): `DiffusionPolicy.loss` is
  equation 5, `act` the reverse process, `schedule.py` the noise schedule.
- Observation, prediction and action horizons 2, 16, 8 (figure 2): `windows`, `act`.
- The FiLM-conditioned U-Net (section III-A): `unet.py`.
- The visual encoder, a randomly initialised ResNet-18 with group norm and spatial softmax, one per
  camera, encoding each frame separately (section III-B): `ImageEncoder`.
- The squared-cosine schedule, and DDIM with fewer steps when acting (sections III-C, III-D).
- Actions and states scaled to [-1, 1] (appendix A.1).
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from policies.base import ACTION, INSTRUCTION, PAD, Batch, Observation, Policy, PolicyConfig
from policies.diffusion.schedule import NoiseSchedule
from policies.diffusion.unet import UNet
from policies.errors import PolicyError
from policies.instruction_pool import InstructionPool
from policies.vision.augmentation import random_shift
from policies.vision.resnet import RESNET18_WIDTHS, ResNet, check_widths
from policies.vision.spatial_softmax import SpatialSoftmax

VALIDATION_SEED = 0


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig(PolicyConfig):
    """Sizes of Diffusion Policy; the defaults are the paper's.

    Attributes:
        observation_horizon: Observations seen, including the current one.
        horizon: Actions predicted; the first belongs to the oldest observation.
        executed: Actions executed of these, starting with the current step's.
        training_steps: Noising steps in training.
        inference_steps: Denoising steps when acting; 10 on the paper's real robots (III-D).
        unet: Channels at each resolution of the U-Net.
        kernel: Kernel size of its convolutions.
        groups: Groups of its group norms.
        step_width: Width of the noising step's encoding.
        backbone: Channels of the ResNet's stages; the default is ResNet-18.
        points: Keypoints of the spatial softmax.
        instruction_features: Size of the instruction's encoding.
        image_shift: Largest random image shift in training, in pixels. Replaces the paper's random
            crop and keeps the whole image in view.
    """

    observation_horizon: int = 2
    horizon: int = 16
    executed: int = 8
    training_steps: int = 100
    inference_steps: int = 10
    unet: tuple[int, ...] = (512, 1024, 2048)
    kernel: int = 5
    groups: int = 8
    step_width: int = 128
    backbone: tuple[int, ...] = RESNET18_WIDTHS
    points: int = 32
    instruction_features: int = 64
    image_shift: int = 0

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "full": {"image_size": (240, 320), "image_shift": 12},
        "small": {
            "image_size": (96, 128),
            "unet": (64, 128, 256),
            "backbone": (32, 64, 128),
            "image_shift": 4,
        },
    }

    def __post_init__(self) -> None:
        if not self.inputs:
            raise PolicyError("Diffusion Policy needs a state or a camera; the data has neither")
        names = ("observation_horizon", "horizon", "unet", "kernel", "groups", "backbone", "points")
        self.check_numbers(
            {
                **dict.fromkeys((*names, "instruction_features"), (1, inf)),
                "step_width": (4, inf),
                "image_shift": (0, self.shortest_side),
            }
        )
        check_widths(self.backbone, "group")
        if self.kernel % 2 == 0 or self.step_width % 2:
            raise PolicyError("kernel must be odd and step_width even")
        if any(width % self.groups for width in self.unet):
            raise PolicyError(f"unet is {self.unet}; give multiples of groups, {self.groups}")
        first = self.observation_horizon - 1
        if not 1 <= self.executed <= self.horizon - first:
            raise PolicyError(
                f"executed is {self.executed}; it must be from 1 to horizon - observation_horizon "
                f"+ 1, {self.horizon - first}"
            )
        multiple = 2 ** (len(self.unet) - 1)
        if self.horizon % multiple:
            raise PolicyError(
                f"horizon is {self.horizon}; it must be a multiple of {multiple}, the U-Net halves "
                f"time {len(self.unet) - 1} times"
            )
        if not 1 <= self.inference_steps <= self.training_steps:
            raise PolicyError(
                f"inference_steps is {self.inference_steps}; it must be from 1 to training_steps, "
                f"{self.training_steps}"
            )

    @property
    def vectors(self) -> tuple[str, ...]:
        """Keys of the inputs that make up the state."""
        return tuple(key for key, shape in self.inputs.items() if len(shape) == 1)


class ImageEncoder(nn.Module):
    """One camera's images to keypoints, then a linear layer (section III-B)."""

    def __init__(self, widths: tuple[int, ...], points: int) -> None:
        super().__init__()
        self.backbone = ResNet(widths, "group")
        self.softmax = SpatialSoftmax(self.backbone.channels, points)
        self.output = nn.Linear(2 * points, 2 * points)

    def forward(self, images: Tensor) -> Tensor:
        """(n, h, w, 3) normalised to (n, 2 · points)."""
        points = self.softmax(self.backbone(images.permute(0, 3, 1, 2)))
        return functional.relu(self.output(points))


class DiffusionPolicy(Policy):
    """Recent observations to a sequence of actions, by denoising."""

    name = "diffusion"
    config_class = DiffusionConfig
    config: DiffusionConfig

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__(config)
        self.schedule = NoiseSchedule(config.training_steps)
        self.cameras = nn.ModuleList(
            ImageEncoder(config.backbone, config.points) for _ in config.cameras
        )
        self.instruction_input: InstructionPool | None = None
        frame = sum(config.inputs[key][0] for key in config.vectors)
        frame += 2 * config.points * len(config.cameras)
        condition = frame * config.observation_horizon
        if config.instruction_width:
            size = config.instruction_features
            self.instruction_input = InstructionPool(config.instruction_width, size)
            condition += size
        self.unet = UNet(
            config.action_size,
            condition,
            config.unet,
            config.step_width,
            config.kernel,
            config.groups,
        )
        self._generator = torch.Generator()
        self._seen: deque[dict[str, Tensor]] = deque(maxlen=config.observation_horizon)
        self._plan: deque[NDArray[np.float32]] = deque()

    def windows(self) -> dict[str, range]:
        """The last observations, and actions from the oldest of them onwards."""
        first = 1 - self.config.observation_horizon
        seen = {key: range(first, 1) for key in self.config.inputs}
        return {**seen, ACTION: range(first, first + self.config.horizon)}

    def condition(self, batch: Batch) -> Tensor:
        """The observation encoding that conditions the U-Net, (b, c).

        Args:
            batch: Inputs with t = `observation_horizon` frames, and instructions.
        """
        config = self.config
        frames = [self.normalizer.to_unit(key, batch[key]) for key in config.vectors]
        for key, encoder in zip(config.cameras, self.cameras, strict=True):
            images = self.normalizer.normalize(key, batch[key].flatten(0, 1))
            if self.training and config.image_shift:
                images = random_shift(images, config.image_shift)
            seen = encoder(images)
            frames.append(seen.view(-1, config.observation_horizon, seen.shape[-1]))
        condition = torch.cat(frames, -1).flatten(1)
        if self.instruction_input is not None:
            said = self.instruction_input(batch[INSTRUCTION], batch.get(INSTRUCTION + PAD))
            condition = torch.cat((condition, said), -1)
        return condition

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean squared error of the predicted noise at random steps (equation 5).

        Padded actions count as zero in the mean, and the U-Net sees the nearest real action in
        their place. In evaluation mode noise and steps are the same at every call.
        """
        actions = self.normalizer.to_unit(ACTION, batch[ACTION])
        padded = batch.get(ACTION + PAD)
        if padded is None:
            padded = torch.zeros(actions.shape[:2], dtype=torch.bool, device=actions.device)
        actions = repeat_edges(actions, padded)
        generator = None if self.training else torch.Generator().manual_seed(VALIDATION_SEED)
        noise = torch.randn(actions.shape, generator=generator).to(actions)
        steps = torch.randint(self.config.training_steps, (len(actions),), generator=generator)
        steps = steps.to(actions.device)
        noisy = self.schedule.add_noise(actions, noise, steps)
        predicted = self.unet(noisy, steps, self.condition(batch)).float()
        error = (predicted - noise).square().masked_fill(padded[..., None], 0).mean()
        return error, {"noise_error": error.detach()}

    def reset(self, seed: int = 0) -> None:
        """Start an episode; the same seed and observations give the same actions."""
        self._generator.manual_seed(seed)
        self._seen.clear()
        self._plan.clear()

    @torch.inference_mode()
    def act(self, observation: Observation) -> NDArray[np.float32]:
        """The next action (1, m); a sequence is planned every `executed` calls.

        Call it with every observation, for the next plan's history.
        """
        self._seen.append(self.tensors(observation))
        while len(self._seen) < self.config.observation_horizon:
            self._seen.append(self._seen[-1])
        if not self._plan:
            self._plan.extend(self._next_plan())
        return self._plan.popleft()[None]

    def _next_plan(self) -> NDArray[np.float32]:
        config = self.config
        batch = {
            key: torch.stack([seen[key] for seen in self._seen])[None] for key in config.inputs
        }
        if config.instruction_width:
            batch[INSTRUCTION] = self._seen[-1][INSTRUCTION][None]
        condition = self.condition(batch)
        noise = torch.randn(1, config.horizon, config.action_size, generator=self._generator)
        actions = self.schedule.denoise(
            lambda sample, steps: self.unet(sample, steps, condition).float(),
            noise.to(self.device),
            config.inference_steps,
        )
        first = config.observation_horizon - 1
        chosen = actions[0, first : first + config.executed]
        plan: NDArray[np.float32] = self.normalizer.from_unit(ACTION, chosen).cpu().numpy()
        return plan


def repeat_edges(values: Tensor, padded: Tensor) -> Tensor:
    """Replace values before the first and after the last real one by that one.

    Args:
        values: (b, k, m).
        padded: (b, k) bool; real values are contiguous.
    """
    count = padded.shape[1]
    real = (~padded).int()
    first = real.argmax(1, keepdim=True)
    last = count - 1 - real.flip(1).argmax(1, keepdim=True)
    index = torch.arange(count, device=padded.device).expand_as(padded)
    index = torch.minimum(torch.maximum(index, first), last)
    return values.gather(1, index[..., None].expand_as(values))
