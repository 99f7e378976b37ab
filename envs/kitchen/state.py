"""The true state of the kitchen, read from the simulation as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.kitchen import layout, robot
from envs.kitchen.scene import Scene
from envs.kitchen.vocabulary import DRAWERS

_UPWARD: Final = 0.5
"""A contact bears weight when its normal's vertical component is at least this."""


@dataclass(frozen=True)
class ObjectState:
    """One object.

    Attributes:
        id: instance id.
        name: object name.
        position: centre, world frame (m), shape (3,).
        quaternion: w, x, y, z, world frame, shape (4,).
        speed: of its centre (m/s).
        fingers: how many of the two fingers touch it.
        supported: whether anything but the robot supports it from below.
        place: that it lies on or in (its centre is in that region); None in the hand, on the
            floor, or in the air.
    """

    id: int
    name: str
    position: NDArray[np.float64]
    quaternion: NDArray[np.float64]
    speed: float
    fingers: int
    supported: bool
    place: str | None


@dataclass(frozen=True)
class KitchenState:
    """Everything that success rules may look at.

    Attributes:
        objects: by instance id.
        base: x, y (m) and yaw (rad) of the robot's base, world frame, shape (3,).
        gripper_position: point between the fingertips, world frame (m), shape (3,).
        gripper_quaternion: w, x, y, z of the gripper site, world frame, shape (4,).
        gripper_opening: distance between the fingers (m).
        holding: instance id of the object in the hand, or None.
        drawers: how far each drawer is pulled out (m).
    """

    objects: tuple[ObjectState, ...]
    base: NDArray[np.float64]
    gripper_position: NDArray[np.float64]
    gripper_quaternion: NDArray[np.float64]
    gripper_opening: float
    holding: int | None
    drawers: Mapping[str, float]


def read_state(scene: Scene, data: mujoco.MjData) -> KitchenState:
    """A copy of the state of `data`, unaffected by later steps."""
    openings = {name: float(data.qpos[scene.drawer_qpos[name]]) for name in DRAWERS}
    fingers, supported = _contacts(scene, data)
    holding = None
    objects = []
    for instance, name in enumerate(scene.names):
        body = scene.object_bodies[instance]
        dof = scene.object_dofs[instance]
        position = data.xpos[body].copy()
        held = len(fingers[instance]) == 2 and not supported[instance]
        if held and holding is None:
            holding = instance
        objects.append(
            ObjectState(
                id=instance,
                name=name,
                position=position,
                quaternion=data.xquat[body].copy(),
                speed=float(np.linalg.norm(data.qvel[dof : dof + 3])),
                fingers=len(fingers[instance]),
                supported=bool(supported[instance]),
                place=None if held else layout.place_at(position, openings),
            )
        )
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, data.site_xmat[scene.gripper_site])
    return KitchenState(
        objects=tuple(objects),
        base=data.qpos[scene.base_qpos].copy(),
        gripper_position=data.site_xpos[scene.gripper_site].copy(),
        gripper_quaternion=quaternion,
        gripper_opening=float(sum(data.joint(name).qpos[0] for name in robot.FINGER_JOINTS)),
        holding=holding,
        drawers=openings,
    )


def _contacts(scene: Scene, data: mujoco.MjData) -> tuple[list[set[int]], NDArray[np.bool_]]:
    """Which fingers touch each object, and which objects something else supports from below."""
    count = len(scene.names)
    fingers: list[set[int]] = [set() for _ in range(count)]
    supported = np.zeros(count, dtype=bool)
    if data.ncon == 0:
        return fingers, supported
    pairs = data.contact.geom
    normals = data.contact.frame.reshape(-1, 9)[:, 2]
    touching = data.contact.dist <= 0.001
    for (first, second), upward, touches in zip(
        pairs.tolist(), normals.tolist(), touching.tolist(), strict=True
    ):
        if not touches:
            continue
        # The normal points from the first geom to the second.
        for geom, other, lift in ((first, second, -upward), (second, first, upward)):
            instance = scene.geom_instance[geom]
            if instance < 0:
                continue
            if scene.geom_finger[other] >= 0:
                fingers[instance].add(int(scene.geom_finger[other]))
            elif not scene.geom_robot[other] and lift >= _UPWARD:
                supported[instance] = True
    return fingers, supported
