"""A policy in a folder: `model.safetensors` and, for people, `policy.json`.

The header of `model.safetensors` holds the same JSON and is authoritative (see `storage.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from policies import storage
from policies.base import Policy
from policies.errors import CheckpointError, PolicyError
from policies.registry import policy_class

MODEL = "model.safetensors"
DESCRIPTION = "policy.json"


@dataclass(frozen=True)
class Description:
    """Description of saved weights.

    Attributes:
        policy: Name of the policy.
        config: Its configuration as JSON.
        metadata: The trainer's notes, such as the dataset's fingerprint, the success rule's
            version, seed, code version and command.
    """

    policy: str
    config: dict[str, Any]
    metadata: dict[str, Any]


def save(
    policy: Policy,
    folder: Path,
    metadata: Mapping[str, Any],
    weights: Mapping[str, Tensor] | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a policy, replacing an existing one.

    Args:
        policy: Policy to write.
        folder: Created if missing.
        metadata: See `Description`; JSON values.
        weights: Tensors by name to write instead of the policy's own, such as averaged ones.
        dtype: Type to store parameters in (torch.float16 halves the size); buffers, such as
            statistics, keep theirs. Loading restores the policy's own type.

    Raises:
        OSError: Writing failed; no file is left half written.
    """
    parameters = {name for name, _ in policy.named_parameters()}
    tensors = {
        name: tensor.to("cpu", dtype if name in parameters else None)
        for name, tensor in {**policy.state_dict(), **(weights or {})}.items()
    }
    description = {
        "policy": policy.name,
        "config": policy.config.to_json(),
        "metadata": dict(metadata),
    }
    storage.write(folder / MODEL, folder / DESCRIPTION, tensors, description)


def describe(folder: Path) -> Description:
    """Read the description of the weights in `folder`, without the weights.

    Raises:
        CheckpointError: There are none, or they are damaged.
    """
    path = folder / MODEL
    if not path.is_file():
        raise CheckpointError(f"{folder} has no {MODEL}; give a folder that robo train wrote")
    try:
        values = storage.read_description(path)
        description = Description(**{key: values[key] for key in ("policy", "config", "metadata")})
        for key in ("config", "metadata"):
            if not isinstance(getattr(description, key), dict):
                raise TypeError(f"{key} is no object")
        return description
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise CheckpointError(
            f"{path} cannot be read as a policy ({error!r}); copy or train it again"
        ) from None


def load(folder: Path, device: torch.device | str = "cpu") -> Policy:
    """Load the policy in `folder`, in evaluation mode.

    Raises:
        CheckpointError: There is none, or it is damaged or from an incompatible version.
    """
    description = describe(folder)
    try:
        kind = policy_class(description.policy)
        policy = kind(kind.config_class.from_json(description.config))
        tensors = load_file(folder / MODEL)
        policy.load_state_dict(tensors)
    except (
        PolicyError,
        SafetensorError,
        RuntimeError,
        TypeError,
        AttributeError,
        OSError,
    ) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f'the weights in {folder} do not fit this version\'s "{description.policy}" '
            f"({reason[:200]}); train again or use the version that wrote them"
        ) from error
    return policy.to(device).eval()
