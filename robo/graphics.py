"""Whether MuJoCo can be loaded with the graphics that the environment asks for."""

import os

from robo.errors import UserError


def check_graphics() -> None:
    """Load MuJoCo, which fails in its own words where MUJOCO_GL names what is not installed.

    Raises:
        UserError: It cannot be loaded with this MUJOCO_GL.
    """
    backend = os.environ.get("MUJOCO_GL")
    try:
        import mujoco  # noqa: F401
    except (AttributeError, ImportError, OSError, RuntimeError) as error:
        if backend is None:
            raise
        raise UserError(
            f"MuJoCo cannot be loaded with MUJOCO_GL={backend}; unset it, or install that library "
            "(`apt-get install libegl1 libgl1-mesa-dri` for egl, `libosmesa6` for osmesa)"
        ) from error
