"""What the cameras see, by casting rays; for the experts, which would otherwise know too much.

A demonstration in which the robot stops at a thing that is behind its arm or beyond its image's
edge teaches a policy, which has nothing but images, to stop anywhere.
"""

from typing import Final

import mujoco
import numpy as np

from envs.kitchen.scene import Scene

DRAWN: Final = np.array([1, 1, 1, 0, 0, 0], np.uint8)
"""Geom groups that images show."""

AROUND: Final = ((0.0, 0.0), (0.5, 0.0), (-0.5, 0.0), (0.0, 0.5), (0.0, -0.5))
"""Where rays meet an object, to its right and above in the image, in units of its radius."""

ENOUGH: Final = 2
"""Rays that must reach an object for it to be seen."""


def camera_sees(scene: Scene, data: mujoco.MjData, name: str, instance: int) -> bool:
    """Whether enough of an object is in a camera's image and nothing hides it."""
    model = scene.model
    camera = model.camera(name).id
    eye, axes = data.cam_xpos[camera], data.cam_xmat[camera].reshape(3, 3)
    reach = np.tan(np.radians(model.cam_fovy[camera]) / 2)
    body = scene.object_bodies[instance]
    radius = max(
        model.geom_rbound[geom] for geom in np.flatnonzero(scene.geom_instance == instance)
    )
    hit, reached = np.zeros(1, np.int32), 0
    for right, up in AROUND:
        ray = data.xipos[body] + radius * (right * axes[:, 0] + up * axes[:, 1]) - eye
        x, y, z = ray @ axes
        if max(abs(x), abs(y)) > -z * reach:
            continue
        mujoco.mj_ray(model, data, eye, ray, DRAWN, 1, model.cam_bodyid[camera], hit)
        reached += hit[0] >= 0 and scene.geom_instance[hit[0]] == instance
    return bool(reached >= ENOUGH)


__all__ = ["camera_sees"]
