"""Weights in one file, whose header says what they are.

Replacing one file is atomic, so weights never meet the description of others, whenever the power
goes. A JSON file beside it holds the same description, to be read by people.
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
    """Write both files, replacing what is there.

    Args:
        model: In safetensors' format; its folder is made if need be.
        for_people: In the same folder.
        tensors: By name, of any device and memory format.
        description: JSON values.

    Raises:
        OSError: The disk refused; what was there stays.
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
    """What a file's header says, without its tensors.

    Raises:
        SafetensorError: It is damaged.
        KeyError: It has no description.
        ValueError: The description is no JSON.
        OSError: It cannot be read.
    """
    with safe_open(model, framework="pt") as file:
        description: dict[str, Any] = json.loads((file.metadata() or {})["description"])
    return description
