"""Policies and shipped weights by name; a policy's module is imported on demand.

To add a policy, add a folder with a `Policy` (see `policies.base`) and one line in `POLICIES`.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from policies.errors import CheckpointError, PolicyError

if TYPE_CHECKING:
    from policies.base import Policy

POLICIES: Final[dict[str, str]] = {
    "rt1": "policies.rt1.rt1:RT1",
    "act": "policies.act.act:ACT",
    "diffusion": "policies.diffusion.diffusion:DiffusionPolicy",
}
"""Location of each policy's class, by name: "module:class"."""

WEIGHTS: Final[Path] = Path(__file__).parent / "weights"


def policy_class(name: str) -> "type[Policy]":
    """The class of the policy called `name`.

    Raises:
        PolicyError: There is none.
    """
    if name not in POLICIES:
        raise PolicyError(f'there is no policy "{name}"; there are {", ".join(POLICIES)}')
    module, attribute = POLICIES[name].split(":")
    return cast("type[Policy]", getattr(import_module(module), attribute))


def weights_folder(name: str) -> Path:
    """The folder of the shipped weights called `name`, whether they exist or not."""
    return WEIGHTS / name


def shipped_weights() -> list[str]:
    """Names of the shipped weights that exist."""
    return sorted(path.parent.name for path in WEIGHTS.glob("*/model.safetensors"))


def find_checkpoint(name_or_path: str) -> Path:
    """The folder of a checkpoint, given its path, its run (best, else last) or its shipped name.

    Raises:
        CheckpointError: There is none.
    """
    given = Path(name_or_path)
    of_run = (given / "checkpoints" / which for which in ("best", "last"))
    for folder in (given, *of_run, weights_folder(name_or_path)):
        if (folder / "model.safetensors").is_file():
            return folder
    names = ", ".join(shipped_weights()) or "none"
    raise CheckpointError(
        f'"{name_or_path}" is no folder with a model.safetensors and no shipped policy '
        f"(there are: {names}); give a run of robo train or one of its checkpoints"
    )
