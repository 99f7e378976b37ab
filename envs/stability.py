"""Whether physics has become unstable."""

from typing import Final

import mujoco

_WARNINGS: Final = (
    mujoco.mjtWarning.mjWARN_BADQPOS,
    mujoco.mjtWarning.mjWARN_BADQVEL,
    mujoco.mjtWarning.mjWARN_BADQACC,
)


def is_unstable(data: mujoco.MjData) -> bool:
    """Whether MuJoCo has met NaN or huge positions, velocities or accelerations since `data` was
    reset."""
    return any(data.warning[kind].number for kind in _WARNINGS)
