"""Normalisation statistics stored with the weights, so a checkpoint cannot be used without them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from policies.errors import PolicyError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
STD_FLOOR = 0.05
"""Least std, as a share of the range (max - min): rarely moving values stay within ±20."""


class Normalizer(nn.Module):
    """Statistics of each feature, and the maps that they define.

    A vector (n,) has mean, std, min and max per dimension, initially the identity (0, 1, -1, 1). A
    camera (h, w, 3) has mean and std per colour in [0, 1], initially ImageNet's.

    Args:
        shapes: Shape of one frame of each feature.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self._features = nn.ModuleDict()
        for key, shape in shapes.items():
            feature = nn.Module()
            if len(shape) == 3:
                values = {"mean": torch.tensor(IMAGENET_MEAN), "std": torch.tensor(IMAGENET_STD)}
            else:
                one = torch.ones(shape)
                values = {"mean": 0 * one, "std": one, "min": -one, "max": one.clone()}
            for name, value in values.items():
                feature.register_buffer(name, value)
            if _module_name(key) in self._features:
                raise PolicyError(f'two features are called "{key}" but for their punctuation')
            self._features[_module_name(key)] = feature
        self._shapes = dict(shapes)

    def set_stats(self, stats: Mapping[str, Mapping[str, Any]]) -> None:
        """Set the statistics of a dataset, in the layout of LeRobot's stats.json.

        Args:
            stats: By feature: mean, std, min, max, (n,) for a vector and (3, 1, 1) for a camera.
                A missing camera keeps its statistics; a vector's std below `STD_FLOOR` of the range
                is raised to it, or to 1 for a constant dimension.

        Raises:
            PolicyError: A vector is missing, or statistics have the wrong length or are not finite.
        """
        for key, shape in self._shapes.items():
            image = len(shape) == 3
            if key not in stats:
                if image:
                    continue
                raise PolicyError(f'the dataset\'s statistics have no "{key}"; compute them anew')
            size = 3 if image else shape[0]
            found = {}
            for name in ("mean", "std") if image else ("mean", "std", "min", "max"):
                found[name] = np.asarray(stats[key].get(name, ()), np.float64).reshape(-1)
                if len(found[name]) != size or not np.isfinite(found[name]).all():
                    raise PolicyError(
                        f'the statistics of "{key}" have {len(found[name])} numbers as {name} '
                        f"or none that are finite, the policy needs {size}; compute them anew"
                    )
            if not image:
                spread = found["max"] - found["min"]
                std = np.maximum(found["std"], STD_FLOOR * spread)
                found["std"] = np.where(spread > 1e-6, std, 1.0)
            found["std"] = np.maximum(found["std"], 1e-6)
            for name, value in found.items():
                self.buffer(key, name).copy_(torch.from_numpy(value))

    @property
    def device(self) -> torch.device:
        """Device of the statistics."""
        return next(self.buffers()).device

    def buffer(self, key: str, name: str) -> Tensor:
        """One of `key`'s "mean", "std", "min", "max"."""
        return cast(Tensor, getattr(self._features[_module_name(key)], name))

    def normalize(self, key: str, value: Tensor) -> Tensor:
        """(x - mean) / std of a vector [..., n] or of an image [..., h, w, 3] uint8, in float32."""
        mean, std = self.buffer(key, "mean"), self.buffer(key, "std")
        if len(self._shapes[key]) != 3:
            return (value.float() - mean) / std
        # Row by row: three channels are too few for an inner loop.
        width = value.shape[-2]
        rows = value.flatten(-2) / 255
        rows.sub_(mean.repeat(width)).div_(std.repeat(width))
        return rows.view(value.shape)

    def unnormalize(self, key: str, value: Tensor) -> Tensor:
        """The inverse of `normalize` for a vector [..., n]."""
        return value * self.buffer(key, "std") + self.buffer(key, "mean")

    def to_unit(self, key: str, value: Tensor) -> Tensor:
        """A vector [..., n] from [min, max] to [-1, 1]; constant dimensions become 0."""
        low, high = self.buffer(key, "min"), self.buffer(key, "max")
        half = (high - low) / 2
        centred = value.float() - (high + low) / 2
        return torch.where(half > 1e-6, centred / half.clamp_min(1e-6), torch.zeros_like(centred))

    def from_unit(self, key: str, value: Tensor) -> Tensor:
        """The inverse of `to_unit`."""
        low, high = self.buffer(key, "min"), self.buffer(key, "max")
        return value * (high - low) / 2 + (high + low) / 2


def _module_name(key: str) -> str:
    return key.replace(".", "_")
