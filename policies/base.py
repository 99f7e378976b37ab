"""The policy interface: a configuration, a loss on batches, and actions from observations.

A policy is built in three lines and then trained or used:

    config = RT1Config.for_dataset(inputs, action_size=11, preset="small", instruction_width=576)
    policy = policy_class("rt1")(config)
    policy.normalizer.set_stats(stats)            # the dataset's stats.json

    loss, parts = policy.loss(batch)              # training: tensors, see `Batch`
    policy.reset()                                # inference: numpy, one robot
    actions = policy.act(observation)             # (j, m), executed before the next call

Keys are LeRobot's: `observation.state`, `observation.images.<camera>`, `action`; the instruction
is `instruction`, token features computed by the caller, so that a policy needs no language model.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path
from typing import Any, ClassVar, Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from policies.errors import PolicyError
from policies.normalization import Normalizer

Batch = dict[str, Tensor]
"""A training batch of t input frames and k action frames, as requested by `Policy.windows`:

- `observation.state` [b, t, n] float32, or any other vector;
- `observation.images.<camera>` [b, t, h, w, 3] uint8;
- `action` [b, k, m] float32;
- `<key>_is_pad` [b, t or k] bool for each of these: true where the window leaves the episode;
- `instruction` [b, l, w] float32 and `instruction_is_pad` [b, l] bool, if
  `config.instruction_width` is not 0.
"""
Observation = Mapping[str, NDArray[Any]]
"""One time step of one robot: vectors [n], images [h, w, 3] uint8, `instruction` [l, w]."""

STATE = "observation.state"
IMAGES = "observation.images."
ACTION = "action"
INSTRUCTION = "instruction"
PAD = "_is_pad"
"""Suffix of a padding mask's key."""


@dataclass(frozen=True, kw_only=True)
class PolicyConfig:
    """Configuration of a policy; subclasses add each policy's own values.

    Values are numbers, strings, booleans, None and tuples of these, so that JSON can hold them.

    Attributes:
        inputs: Shape of one frame of each input: (n,) for a vector, (h, w, 3) for a camera.
        action_size: Action dimensions, m.
        instruction_width: Width of an instruction's token features; 0 for no instruction.
    """

    inputs: dict[str, tuple[int, ...]]
    action_size: int
    instruction_width: int = 0

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Values that differ from the defaults, by name; "image_size": (h, w) scales all cameras."""

    @classmethod
    def for_dataset(
        cls,
        inputs: Mapping[str, tuple[int, ...]],
        action_size: int,
        preset: str | None = None,
        **overrides: Any,
    ) -> Self:
        """A configuration for data of these shapes.

        Args:
            inputs: As `PolicyConfig.inputs`, in the data's shapes.
            action_size: Action dimensions.
            preset: A name in `presets`; None for the defaults.
            overrides: Values that override the preset's; `image_size` (h, w) is the size that
                images are scaled to.

        Raises:
            PolicyError: A name or a value is invalid, or the policy cannot use such inputs.
        """
        if preset is not None and preset not in cls.presets:
            raise PolicyError(
                f'{cls.__name__} has no preset "{preset}"; it has {", ".join(cls.presets)}'
            )
        values = {**(cls.presets[preset] if preset else {}), **overrides}
        size = values.pop("image_size", None)
        shapes = {
            key: (*size, 3) if size and is_image(shape) else tuple(shape)
            for key, shape in inputs.items()
        }
        return cls._checked({"inputs": shapes, "action_size": action_size, **values})

    @property
    def cameras(self) -> tuple[str, ...]:
        """Keys of the images, in order."""
        return tuple(key for key, shape in self.inputs.items() if is_image(shape))

    @property
    def shortest_side(self) -> float:
        """Shortest side of all images, in pixels; infinite without cameras."""
        return min((size for key in self.cameras for size in self.inputs[key][:2]), default=inf)

    def check_numbers(self, ranges: Mapping[str, tuple[float, float]]) -> None:
        """Check that fields, numbers or tuples of them, are in range; None is skipped.

        Args:
            ranges: For each field, the least value and an exclusive upper bound.

        Raises:
            PolicyError: A field is out of range or empty; names the first.
        """
        for name, (least, end) in ranges.items():
            value = getattr(self, name)
            numbers = value if isinstance(value, tuple) else (value,)
            if not numbers or any(n is not None and not least <= n < end for n in numbers):
                below = "" if end == inf else f" and below {end}"
                raise PolicyError(f"{name} is {value}; it must be {least} or more{below}")

    @property
    def needs(self) -> dict[str, tuple[int, ...]]:
        """Features that a dataset must have, with their shapes; images may have any size."""
        return {**self.inputs, ACTION: (self.action_size,)}

    def to_json(self) -> dict[str, Any]:
        """The values as plain JSON types."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain: dict[str, Any] = json.loads(json.dumps(values))
        return plain

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`.

        Raises:
            PolicyError: A name or a value is invalid.
        """
        inputs = {key: tuple(shape) for key, shape in values.get("inputs", {}).items()}
        rest = {key: _as_tuple(v) for key, v in values.items() if key != "inputs"}
        return cls._checked({"inputs": inputs, **rest})

    @classmethod
    def _checked(cls, values: dict[str, Any]) -> Self:
        known = {field.name for field in fields(cls)}
        unknown = sorted(values.keys() - known)
        if unknown:
            raise PolicyError(
                f'{cls.__name__} has no "{unknown[0]}"; it has {", ".join(sorted(known))}'
            )
        return cls(**values)


class Policy(nn.Module, ABC):
    """From observations to actions.

    A subclass sets `name` and `config_class`, calls `super().__init__(config)` first, and
    implements the abstract methods. Everything needed for inference is in `config`, parameters or
    buffers: a checkpoint holds nothing else.

    Attributes:
        config: The policy's configuration.
        normalizer: Statistics of all inputs and of `action`; identity until `set_stats`.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[PolicyConfig]]
    config: PolicyConfig

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config = config
        self.normalizer = Normalizer({**config.inputs, ACTION: (config.action_size,)})

    @abstractmethod
    def windows(self) -> dict[str, range]:
        """For each input and `action`, the frames of a training sample relative to its own.

        {"observation.state": range(-1, 1), "action": range(0, 100)} is the current and previous
        state and the next hundred actions. Frames outside the episode repeat its first or last
        one and are marked in `<key>_is_pad`.
        """

    @abstractmethod
    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The scalar to minimise, and its parts for the log (detached scalars).

        Padding contributes nothing. Called in training mode to train, in evaluation mode to
        validate, with or without autocast.
        """

    @abstractmethod
    def reset(self, seed: int = 0) -> None:
        """Start an episode: clear the state of the last one.

        Args:
            seed: Seed of the policy's sampling while acting; most do not sample.
        """

    @abstractmethod
    def act(self, observation: Observation) -> NDArray[np.float32]:
        """The actions (j, m) to execute before the next call, which gets a new observation.

        Called in evaluation mode; computes no gradients.

        Raises:
            PolicyError: The observation does not fit (`tensors` checks it).
        """

    def load_encoder(self, path: Path) -> None:
        """Load weights of the image encoder from a safetensors file.

        Raises:
            PolicyError: The policy has no pretrainable encoder, or the file does not fit.
        """
        raise PolicyError(f"{self.name} takes no weights of an image encoder")

    def optimizer_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Parameter groups for the optimiser; a single one unless a policy overrides this."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        return [{"params": parameters, "lr": learning_rate}]

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.normalizer.device

    def tensors(self, observation: Observation) -> dict[str, Tensor]:
        """An observation's inputs and instruction, validated and on the policy's device.

        Vectors become [n] float32, images [h, w, 3] uint8 in the size of `config.inputs` (scaled
        by area, as the training data were), the instruction [l, w] float32. No batch dimension.

        Raises:
            PolicyError: An input is missing, has the wrong shape, or is an image but not uint8.
        """
        wanted = dict(self.config.inputs)
        if self.config.instruction_width:
            wanted[INSTRUCTION] = (-1, self.config.instruction_width)
        result = {}
        for key, shape in wanted.items():
            if key not in observation:
                raise PolicyError(
                    f'the policy "{self.name}" needs "{key}", the observation has '
                    f"{', '.join(sorted(observation)) or 'nothing'}"
                )
            value = np.asarray(observation[key])
            if is_image(shape) and value.ndim == 3 and value.shape[:2] != shape[:2]:
                value = cv2.resize(value, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
            fits = value.ndim == len(shape) and all(
                there == size or (size == -1 and there > 0)
                for there, size in zip(value.shape, shape, strict=True)
            )
            if not fits:
                raise PolicyError(
                    f'"{key}" has shape {value.shape}, the policy "{self.name}" was trained on '
                    f"{tuple('any' if size == -1 else size for size in shape)}"
                )
            kind = np.uint8 if is_image(shape) else np.float32
            if is_image(shape) and value.dtype != kind:
                raise PolicyError(f'"{key}" is {value.dtype}; images are uint8, from 0 to 255')
            tensor = torch.from_numpy(np.require(value, kind, ("C", "W")))
            result[key] = tensor.to(self.device)
        return result


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether an input of this shape is an image."""
    return len(shape) == 3


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(part) for part in value) if isinstance(value, list) else value
