"""Reading an image encoder's weights from a file; safetensors only, as a `.pth` is a pickle."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from policies.errors import PolicyError


class WeightsFileError(PolicyError):
    """A file that does not hold the requested weights; the message says what to do."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name.

    Raises:
        WeightsFileError: It is not a readable safetensors file.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsFileError(
            f"{path} cannot be read as safetensors ({error}); convert a .pth file with "
            "safetensors.torch.save_file(model.state_dict(), path)"
        ) from error


def fill(module: nn.Module, weights: Mapping[str, Tensor], path: Path, advice: str) -> None:
    """Load weights into a module whose names and shapes they match exactly.

    Args:
        module: Where to load them.
        weights: By name.
        path: Where they are from, for the error.
        advice: What to do instead, for the error.

    Raises:
        WeightsFileError: They do not fit.
    """
    own = module.state_dict()
    wrong = sorted(own.keys() ^ weights.keys()) or [
        name for name in own if own[name].shape != weights[name].shape
    ]
    if wrong:
        raise WeightsFileError(
            f"{path} does not hold this encoder: {wrong[0]} is missing, unknown or of another "
            f"shape; {advice}"
        )
    module.load_state_dict(dict(weights))
