"""Offscreen camera images.

Measured on one core with the stocked kitchen: shadows, reflections, multisampling and finely
tessellated primitives dominate the cost, and allocating the shadow map is what makes a new model
expensive. Observations do without all of them; videos may be slower.
"""

import atexit
import ctypes
import os
import sys
import threading
import warnings
from dataclasses import dataclass
from typing import Any, Final

import mujoco
import numpy as np
from numpy.typing import NDArray

_FLAG = mujoco.mjtRndFlag


_HIDDEN_GROUP: Final = 5
"""A geom group that is not drawn."""


class RenderingUnavailableError(RuntimeError):
    """No GL library can draw here; the message says what to install."""


@dataclass(frozen=True)
class Quality:
    """Rendering quality.

    Attributes:
        shadow_size: side of the shadow map in pixels, 0 for no shadows.
        samples: multisampling, 0 for none.
        slices: tessellation of round primitives.
        reflections: whether shiny floors reflect.
    """

    shadow_size: int = 0
    samples: int = 0
    slices: int = 12
    reflections: bool = False


OBSERVATION: Final = Quality()
"""For the robot's cameras: about 2 ms per image of 96 x 96 pixels."""

VIDEO: Final = Quality(shadow_size=1024, slices=20)
"""For people: about 60 ms at 480 x 640, of which shadows take half; multisampling would add 100."""


class CameraRenderer:
    """Renders cameras at one size. Reuse it: changing the model costs a few milliseconds; the GL
    context behind it is created once per thread.

    Args:
        height: of the images in pixels.
        width: of the images in pixels.
        quality: rendering quality.

    Raises:
        RenderingUnavailableError: no GL library can be loaded.
    """

    def __init__(self, height: int, width: int, quality: Quality = OBSERVATION) -> None:
        self.height, self.width, self.quality = height, width, quality
        self._gl = _gl_context()
        self._model: mujoco.MjModel | None = None
        self._context: mujoco.MjrContext | None = None
        self._scene: mujoco.MjvScene | None = None
        self._camera = mujoco.MjvCamera()
        self._options = mujoco.MjvOption()
        self._perturbation = mujoco.MjvPerturb()
        self._viewport = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.empty((height, width, 3), dtype=np.uint8)

    def render(
        self, model: mujoco.MjModel, data: mujoco.MjData, camera: str | mujoco.MjvCamera
    ) -> NDArray[np.uint8]:
        """Image of `camera` (its name, or a free camera), RGB, shape (height, width, 3)."""
        self._draw(model, data, camera)
        return np.ascontiguousarray(self._pixels[::-1])

    def geoms(
        self, model: mujoco.MjModel, data: mujoco.MjData, camera: str | mujoco.MjvCamera
    ) -> NDArray[np.int64]:
        """Which geom of the model each pixel of a camera shows, -1 for none, (height, width)."""
        scene = self._draw(model, data, camera, as_numbers=True)
        # Colours number the drawn geoms from 1.
        drawn = self._pixels[::-1].astype(np.int64) @ np.array([1, 1 << 8, 1 << 16])
        geoms = np.full(scene.ngeom + 1, -1)
        for geom in scene.geoms[: scene.ngeom]:
            if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM and geom.segid >= 0:
                geoms[geom.segid + 1] = geom.objid
        return np.asarray(geoms[np.where(drawn < len(geoms), drawn, 0)])

    def _draw(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        camera: str | mujoco.MjvCamera,
        *,
        as_numbers: bool = False,
    ) -> mujoco.MjvScene:
        """Fill `_pixels`, bottom row first, with colours or geom numbers; returns the scene."""
        self._gl.make_current()
        if self._model is not model:
            self._adopt(model)
        scene = self._scene
        assert scene is not None
        scene.flags[_FLAG.mjRND_SEGMENT] = scene.flags[_FLAG.mjRND_IDCOLOR] = as_numbers
        if isinstance(camera, str):
            self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
            self._camera.fixedcamid = model.camera(camera).id
            camera = self._camera
        groups = model.geom_group.copy()
        if camera is self._camera and self.quality.shadow_size == 0:
            seen = in_view(model, data, camera.fixedcamid, self.height, self.width)
            model.geom_group[~seen] = _HIDDEN_GROUP
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(
            model, data, self._options, self._perturbation, camera, everything, scene
        )
        model.geom_group[:] = groups
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        mujoco.mjr_render(self._viewport, scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._viewport, self._context)
        return scene

    def close(self) -> None:
        """Free the GL resources; the next `render` allocates them again."""
        if self._context is not None:
            self._gl.make_current()
            self._context.free()
        self._model = self._context = self._scene = None

    def _adopt(self, model: mujoco.MjModel) -> None:
        """Upload a model: the context reads its quality settings, which are then restored."""
        self.close()
        quality, screen = model.vis.quality, model.vis.global_
        wanted = (
            (quality, "shadowsize", self.quality.shadow_size),
            (quality, "offsamples", self.quality.samples),
            (quality, "numslices", self.quality.slices),
            (quality, "numstacks", self.quality.slices // 2 + 2),
            (screen, "offwidth", self.width),
            (screen, "offheight", self.height),
        )
        kept = [(owner, name, getattr(owner, name)) for owner, name, _ in wanted]
        for owner, name, value in wanted:
            setattr(owner, name, value)
        try:
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
        finally:
            for owner, name, value in kept:
                setattr(owner, name, value)
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 100)
        self._scene.flags[_FLAG.mjRND_SHADOW] = self.quality.shadow_size > 0
        self._scene.flags[_FLAG.mjRND_REFLECTION] = self.quality.reflections
        self._scene.flags[_FLAG.mjRND_HAZE] = False
        self._scene.flags[_FLAG.mjRND_CULL_FACE] = True
        self._model = model


def in_view(
    model: mujoco.MjModel, data: mujoco.MjData, camera: int, height: int, width: int
) -> NDArray[np.bool_]:
    """Which geoms a camera sees, shape (ngeom,): in its view, with a radius above half a pixel.

    Every geom costs about 0.01 ms, and most of the room is behind the camera.
    """
    sight = (data.geom_xpos - data.cam_xpos[camera]) @ data.cam_xmat[camera].reshape(3, 3)
    depth, radius = -sight[:, 2], model.geom_rbound
    slope = np.tan(np.radians(model.cam_fovy[camera]) / 2)
    seen = (depth > -radius) & (radius * height > np.maximum(depth, 0.0) * slope)
    for side, ratio in (
        (np.abs(sight[:, 1]), slope),
        (np.abs(sight[:, 0]), slope * width / height),
    ):
        # Distance to the side of the frustum, with the tangent of its half angle.
        seen &= side - depth * ratio < radius * np.hypot(1.0, ratio)
    # A plane has no bounding sphere.
    return np.asarray(seen | (radius <= 0.0))


_contexts = threading.local()


def _gl_context() -> Any:
    """The GL context of this thread, created on the first call."""
    context = getattr(_contexts, "context", None)
    if context is None:
        context = _contexts.context = _new_context()
        context.make_current()
        # Before the interpreter tears down the GL library.
        atexit.register(context.free)
    return context


def _new_context() -> Any:
    if sys.platform != "linux":
        return mujoco.GLContext(64, 64)
    backend = os.environ.get("MUJOCO_GL", "").lower() or _usable_backend()
    # Not through mujoco.gl_context: that one fixes its choice when mujoco is first imported.
    try:
        if backend == "egl":
            from mujoco.egl import GLContext
        elif backend == "osmesa":
            from mujoco.osmesa import GLContext
        elif backend == "glfw":
            from mujoco.glfw import GLContext
        else:
            raise RenderingUnavailableError(
                f'MUJOCO_GL is {backend!r}, it must be "egl", "osmesa" or "glfw", or unset'
            )
        with warnings.catch_warnings():
            # GLFW reports failures as warnings; `_has_window` leads to an error instead.
            warnings.simplefilter("ignore")
            context = GLContext(64, 64)
            usable = backend != "glfw" or _has_window(context)
    except (ImportError, AttributeError, OSError) as error:
        raise RenderingUnavailableError(_advice(f"the GL backend {backend!r} failed")) from error
    if not usable:
        raise RenderingUnavailableError(_advice("the GL backend 'glfw' has no display"))
    return context


def _has_window(context: Any) -> bool:
    """Whether GLFW has created a window; on failure it only warns."""
    import glfw

    context.make_current()
    return bool(glfw.get_current_context())


def _usable_backend() -> str:
    """EGL if it has a device to draw with, else OSMesa."""
    if _egl_devices() > 0:
        return "egl"
    for library in ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return "osmesa"
    raise RenderingUnavailableError(_advice("no GL library can be loaded"))


def _egl_devices() -> int:
    """How many devices EGL can draw with. PyOpenGL cannot change its platform after a failed
    import, so this asks the library itself."""
    try:
        egl = ctypes.CDLL("libEGL.so.1")
        find = egl.eglGetProcAddress
    except (OSError, AttributeError):
        return 0
    find.restype, find.argtypes = ctypes.c_void_p, (ctypes.c_char_p,)
    address = find(b"eglQueryDevicesEXT")
    if not address:
        return 0
    kind = ctypes.CFUNCTYPE(
        ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int)
    )
    count = ctypes.c_int(0)
    return count.value if kind(address)(0, None, ctypes.byref(count)) else 0


def _advice(problem: str) -> str:
    return (
        f"pictures cannot be drawn: {problem}; unset MUJOCO_GL and install a GL library with "
        "`apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri` (EGL) or "
        "`apt-get install libosmesa6` (OSMesa)"
    )
