"""Check that MuJoCo can be loaded with the graphics backend in MUJOCO_GL."""

import os

from robo.errors import UserError


def check_graphics() -> None:
    """Import MuJoCo, whose own error is obscure if MUJOCO_GL names a missing library.

    Raises:
        UserError: MuJoCo cannot be loaded with this MUJOCO_GL.
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
