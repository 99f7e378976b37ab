"""Weights in one file, whose header describes them.

Replacing one file is atomic, so weights and description always match, even after a power cut. A
JSON file beside it holds the same description, for people.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor


def write(
    model: Path, for_people: Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any]
) -> None:
    """Write both files, replacing existing ones.

    Args:
        model: Path of the safetensors file; its folder is created if missing.
        for_people: Path of the JSON file, in the same folder.
        tensors: By name, on any device and in any memory format.
        description: JSON values.

    Raises:
        OSError: Writing failed; neither file is left half written.
    """
    model.parent.mkdir(parents=True, exist_ok=True)
    # Copies: safetensors refuses tensors that share memory.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    text = json.dumps(description, indent=2) + "\n"
    new = model.with_name(f".{model.name}.{os.getpid()}")
    try:
        save_file(copies, new, metadata={"description": text})
        new.replace(model)
        new.write_text(text, encoding="utf-8")
        new.replace(for_people)
    finally:
        new.unlink(missing_ok=True)


def read_description(model: Path) -> dict[str, Any]:
    """Read the description in a file's header, without its tensors.

    Raises:
        SafetensorError: The file is damaged.
        KeyError: It has no description.
        ValueError: The description is not JSON.
        OSError: The file cannot be read.
    """
    with safe_open(model, framework="pt") as file:
        description: dict[str, Any] = json.loads((file.metadata() or {})["description"])
    return description
