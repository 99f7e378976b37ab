"""RT-1's "eyes": the image encoder, the instruction and camera conditions of FiLM, and pointing.

They can be pretrained with `robo train sight` to initialise a policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from policies.vision.weights_file import WeightsFileError, read_weights

_PARTS = ("encoder.", "instruction.", "camera", "points.")
"""Prefixes of the eyes' weight names in a policy."""
_ADVICE = "robo train sight makes one for the preset small, with its widths and strides"


def eyes_of(module: nn.Module) -> dict[str, Tensor]:
    """The eyes' weights by name, in a policy or a module with the same parts."""
    return {name: w for name, w in module.state_dict().items() if is_eye(name)}


def is_eye(name: str) -> bool:
    """Whether a weight of this name belongs to the eyes."""
    return name.startswith(_PARTS)


def load_eyes(module: nn.Module, path: Path) -> None:
    """`give_eyes` from a file.

    Raises:
        WeightsFileError: The file is missing, damaged or of another network.
    """
    give_eyes(module, read_weights(path), str(path))


def give_eyes(module: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Load weights from `eyes_of`.

    A module without instructions or pointing ignores theirs; one with a different number of cameras
    keeps its own camera embeddings, and any module its own pointing where none is given.

    Args:
        module: Where to load them.
        weights: By name.
        source: Where they are from, for the error.

    Raises:
        WeightsFileError: They belong to another network.
    """
    given, own = dict(weights), eyes_of(module)
    if "camera" in own and own["camera"].shape != given.get("camera", own["camera"]).shape:
        given["camera"] = own["camera"]
    given |= {n: own[n] for n in own if n.startswith("points.") and n not in given}
    for name, tensor in own.items():
        if name not in given or given[name].shape != tensor.shape:
            raise WeightsFileError(
                f"{source} does not hold this encoder: {name} is missing or of another shape; "
                f"{_ADVICE}"
            )
    module.load_state_dict({name: given[name] for name in own}, strict=False)
