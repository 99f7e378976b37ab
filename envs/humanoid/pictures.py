"""Images of a walker on its ground, seen by a camera that follows it."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.humanoid.batch import WalkBatch
from envs.humanoid.physics import walk_model
from envs.humanoid.terrain import FLAT, GROUND
from envs.rendering import VIDEO, CameraRenderer, Quality


class WalkCamera:
    """Draws copies of a batch.

    Args:
        batch: the batch to draw.
        height: of the images in pixels.
        width: of the images in pixels.
        quality: rendering quality.

    Raises:
        RenderingUnavailableError: no GL library can be loaded.
    """

    def __init__(
        self, batch: WalkBatch, height: int = 480, width: int = 640, quality: Quality = VIDEO
    ) -> None:
        self._batch = batch
        self._model = walk_model(batch.robot, batch.terrain_name, figure=True)
        self._data = mujoco.MjData(self._model)
        if batch.terrain_name != FLAT:
            # Below the height field: it would flicker through at the lowest ground.
            self._model.geom(GROUND).pos[2] = -0.05
        self._renderer = CameraRenderer(height, width, quality)
        self._drawn: tuple[int, float] | None = None
        self._camera = mujoco.MjvCamera()
        self._camera.distance, self._camera.azimuth, self._camera.elevation = 2.6, 120.0, -15.0

    def picture(self, copy: int = 0) -> NDArray[np.uint8]:
        """Image of a copy in its current state, RGB, shape (height, width, 3)."""
        ground = (copy, float(self._batch.terrain.level[copy]))
        if ground != self._drawn:
            self._batch.terrain.write(self._model, copy)
            # The ground is on the graphics card; the next image uploads it again.
            self._renderer.close()
            self._drawn = ground
        self._data.qpos[:] = self._batch.qpos[copy]
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        self._camera.lookat[:] = self._data.qpos[:3] - (0.0, 0.0, 0.15)
        return self._renderer.render(self._model, self._data, self._camera)

    def close(self) -> None:
        """Free the renderer."""
        self._renderer.close()


__all__ = ["WalkCamera"]
