"""LoRA adapters (arXiv 2106.09685) in PEFT format, merged into the weights on load.

A merged adapter costs nothing at inference: W <- W + s B A with s = alpha / r, or alpha / sqrt(r)
for rank-stabilised LoRA (arXiv 2312.03732).
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from planners.language_models.base import ModelNotFoundError

_PREFIX = "base_model.model."
_NEEDED = ("adapter_config.json", "adapter_model.safetensors")


def merge_adapter(network: nn.Module, folder: Path) -> None:
    """Add the adapter in `folder` to the weights of `network`, in place.

    Raises:
        ModelNotFoundError: files are missing or damaged, the adapter does not fit the network, or
            its type cannot be represented by plain merging.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    for file in _NEEDED:
        if not (folder / file).is_file():
            raise ModelNotFoundError(
                f"the adapter folder {folder} has no {file}; give a folder in PEFT's format."
            )
    try:
        config = _read_config(folder / _NEEDED[0])
        tensors = load_file(folder / _NEEDED[1])
    except (ValueError, SafetensorError) as error:
        raise ModelNotFoundError(
            f"the adapter in {folder} cannot be read ({error}); train or copy it again."
        ) from None
    _refuse_unmergeable(config, folder)

    if not tensors:
        raise ModelNotFoundError(f"the adapter in {folder} is empty; train or copy it again.")
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for key in sorted(tensors):
            if not key.endswith(".lora_A.weight"):
                continue
            stem = key.removesuffix(".lora_A.weight")
            module = stem.removeprefix(_PREFIX)
            down, up = tensors.pop(key), tensors.pop(f"{stem}.lora_B.weight", None)
            weight = parameters.get(f"{module}.weight")
            change = None if up is None or up.shape[1] != down.shape[0] else up @ down
            if change is not None and config.get("fan_in_fan_out"):
                change = change.T
            if weight is None or change is None or weight.shape != change.shape:
                raise ModelNotFoundError(
                    f'the adapter in {folder} does not fit the model at "{module}"; it was '
                    "trained for another one, so load it with that."
                )
            change = change.to(torch.float32) * _scale(config, module)
            weight.add_(change.to(weight.dtype))
    if tensors:
        raise ModelNotFoundError(
            f'the adapter in {folder} holds "{sorted(tensors)[0]}", which is not a LoRA of a '
            "linear layer; merge it into its model with peft and load the merged folder."
        )


def _read_config(path: Path) -> dict[str, Any]:
    """Read PEFT's configuration of a LoRA adapter.

    Raises:
        ValueError: it is not one.
    """
    config = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise ValueError(f"{path.name} is not an object")
    for name in ("r", "lora_alpha"):
        value = config.get(name, 0)
        if config.get("peft_type", "LORA") == "LORA" and not (
            isinstance(value, int | float) and value > 0
        ):
            raise ValueError(f"{name} is {value!r}, not a number above 0")
    return config


def _refuse_unmergeable(config: dict[str, Any], folder: Path) -> None:
    kind = config.get("peft_type", "LORA")
    extras = [name for name in ("use_dora", "modules_to_save") if config.get(name)]
    if config.get("bias", "none") != "none":
        extras.append("bias")
    if kind != "LORA" or extras:
        what = ", ".join(extras) or f"the type {kind}"
        raise ModelNotFoundError(
            f"the adapter in {folder} uses {what}; only plain LoRA adapters are merged here, so "
            "merge it into its model with peft and load the merged folder."
        )


def _scale(config: dict[str, Any], module: str) -> float:
    """The factor s of `module`, with PEFT's per-module overrides if there are any."""
    rank = _by_pattern(config.get("rank_pattern"), module, config["r"])
    alpha = _by_pattern(config.get("alpha_pattern"), module, config["lora_alpha"])
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _by_pattern(patterns: dict[str, float] | None, module: str, default: float) -> float:
    for pattern, value in (patterns or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", module):
            return value
    return default
