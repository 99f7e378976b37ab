"""One compiled model of the kitchen for one start state, and its start poses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.kitchen import layout, robot
from envs.kitchen.appearance import add_object_looks, add_room_materials
from envs.kitchen.furniture import FOLLOW_CAMERA, OVERVIEW_CAMERA, add_follow_camera, add_room
from envs.kitchen.objects import KINDS, ObjectKind, add_object, object_name
from envs.kitchen.start import StartState
from envs.kitchen.vocabulary import DRAWERS

TIMESTEP: Final = 0.002
"""Physics at 500 Hz: finger contacts stay stiff without chatter."""

IMPRATIO: Final = 10.0
"""Friction constraints ten times stiffer than normal ones: held objects do not creep."""

SETTLE_STEPS: Final = 60
"""Physics steps at reset that let objects settle."""

SPACINGS: Final = (0.19, 0.16, 0.13, 0.11, 0.09)
"""Distances between objects at one place (m); the widest that fits is used."""

OPENINGS: Final = {"open": 1.0, "closed": 0.0, "half open": 0.5}
"""How far drawers start pulled out, as a share of their travel."""


@dataclass(frozen=True)
class Scene:
    """A compiled kitchen and the indices of what is in it.

    Attributes:
        model: the compiled model. Do not share it between threads.
        start: start state that it was built for.
        names: object name by instance id.
        kinds: object kind by instance id.
        object_bodies: body id by instance id, shape (n,).
        object_qpos: address of the free joint's 7 numbers in qpos by instance id, shape (n,).
        object_dofs: address of its 6 numbers in qvel by instance id, shape (n,).
        geom_instance: instance id by geom id, -1 for anything else, shape (ngeom,).
        geom_finger: 0 or 1 for geoms of the left and right finger, -1 for others, shape (ngeom,).
        geom_robot: whether a geom belongs to the robot, shape (ngeom,).
        drawer_qpos: address of a drawer's slide in qpos.
        drawer_dofs: address of a drawer's slide in qvel.
        base_qpos: addresses of the base's x, y and yaw in qpos, shape (3,).
        base_body: body id of the robot's base.
        gripper_site: site id of the point between the fingertips.
        cameras: camera names.
    """

    model: mujoco.MjModel
    start: StartState
    names: tuple[str, ...]
    kinds: tuple[ObjectKind, ...]
    object_bodies: NDArray[np.int64]
    object_qpos: NDArray[np.int64]
    object_dofs: NDArray[np.int64]
    geom_instance: NDArray[np.int64]
    geom_finger: NDArray[np.int64]
    geom_robot: NDArray[np.bool_]
    drawer_qpos: Mapping[str, int]
    drawer_dofs: Mapping[str, int]
    base_qpos: NDArray[np.int64]
    base_body: int
    gripper_site: int
    cameras: tuple[str, ...]


def build_scene(start: StartState) -> Scene:
    """Compile the kitchen with just the objects of `start`."""
    spec = mujoco.MjSpec()
    spec.modelname = "kitchen"
    spec.compiler.degree = False
    spec.option.timestep = TIMESTEP
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = IMPRATIO
    # Objects at rest sleep until something touches them: seven times faster physics.
    spec.option.enableflags |= mujoco.mjtEnableBit.mjENBL_SLEEP
    add_room_materials(spec)
    add_object_looks(spec, start.object_names)
    add_room(spec)
    robot.add_robot(spec)
    add_follow_camera(spec, "robot/link2")
    for instance, name in enumerate(start.object_names):
        add_object(spec, KINDS[name], instance)
    return _index(spec.compile(), start)


def _index(model: mujoco.MjModel, start: StartState) -> Scene:
    names = start.object_names
    bodies = [model.body(object_name(i)).id for i in range(len(names))]
    joints = [model.joint(object_name(i)) for i in range(len(names))]
    root = model.body_rootid[model.geom_bodyid]
    instance_of_body = {body: i for i, body in enumerate(bodies)}
    finger_of_body = {model.body(name).id: side for side, name in enumerate(robot.FINGER_JOINTS)}
    geom_bodies = model.geom_bodyid.tolist()
    return Scene(
        model=model,
        start=start,
        names=names,
        kinds=tuple(KINDS[name] for name in names),
        object_bodies=np.array(bodies, dtype=np.int64),
        object_qpos=np.array([joint.qposadr[0] for joint in joints], dtype=np.int64),
        object_dofs=np.array([joint.dofadr[0] for joint in joints], dtype=np.int64),
        geom_instance=np.array([instance_of_body.get(body, -1) for body in geom_bodies]),
        geom_finger=np.array([finger_of_body.get(body, -1) for body in geom_bodies]),
        geom_robot=np.asarray(root == model.body(robot.BASE_BODY).id),
        drawer_qpos={name: int(model.joint(name).qposadr[0]) for name in DRAWERS},
        drawer_dofs={name: int(model.joint(name).dofadr[0]) for name in DRAWERS},
        base_qpos=np.array([model.joint(name).qposadr[0] for name in robot.BASE_JOINTS]),
        base_body=model.body(robot.BASE_BODY).id,
        gripper_site=model.site(robot.GRIPPER_SITE).id,
        cameras=tuple(model.camera(i).name for i in range(model.ncam)),
    )


def place_objects(
    scene: Scene, data: mujoco.MjData, start: StartState, rng: np.random.Generator
) -> None:
    """Put everything where `start` says, at poses drawn from `rng`, at rest.

    Args:
        scene: built for a start with the same objects.
        data: of `scene.model`; it is reset.
        start: places of the objects, the robot and the drawers, and what is in the hand.
        rng: source of the poses.

    Raises:
        ValueError: the scene was built for other objects.
    """
    if start.object_names != scene.names:
        raise ValueError(f"the scene holds {scene.names}, the start state {start.object_names}")
    model = scene.model
    mujoco.mj_resetData(model, data)
    openings = {
        drawer: layout.DRAWER_TRAVEL * OPENINGS[position]
        for drawer, position in start.drawers.items()
    }
    for drawer, opening in openings.items():
        data.qpos[scene.drawer_qpos[drawer]] = opening
    _place_robot(scene, data, start)
    for place in sorted({place for _, place in start.objects}):
        instances = [i for i, (_, where) in enumerate(start.objects) if where == place]
        surface = layout.surface(place, openings.get(place, 0.0))
        spots = sample_spots(surface, len(instances), rng)
        for instance, spot in zip(instances, spots, strict=True):
            kind = scene.kinds[instance]
            pose = (*spot, surface.height + kind.half[2] + 0.0005)
            _set_pose(scene, data, instance, pose, _yaw(kind, place, rng))
    if start.holding_id is not None:
        _put_in_hand(scene, data, start.holding_id)
    for _ in range(SETTLE_STEPS):
        mujoco.mj_step(model, data)
    data.qvel[:] = 0.0
    data.time = 0.0
    mujoco.mj_forward(model, data)


def sample_spots(
    surface: layout.Surface, count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Centres for `count` objects on a surface, shape (count, 2), world x, y (m).

    They are random cells, jittered, of the widest grid that has enough of them.
    """
    for spacing in SPACINGS:
        spots = surface.spots(spacing)
        if len(spots) >= count:
            break
    chosen = rng.permutation(len(spots))[:count]
    shake = min(0.02, max(0.0, (spacing - 0.11) / 2))
    return np.asarray(spots[chosen] + rng.uniform(-shake, shake, (count, 2)))


def _yaw(kind: ObjectKind, place: str, rng: np.random.Generator) -> float:
    """A heading (rad): bags face the robot, low objects lie along its heading; in drawers the
    narrow side is across, which leaves room for the hand's wide side."""
    heading = layout.STATIONS[place].yaw
    if place in DRAWERS:
        return heading + rng.uniform(-0.25, 0.25)
    standing = not kind.round and kind.half[2] > kind.half[1]
    return heading + (np.pi / 2 if standing else 0.0) + rng.uniform(-0.5, 0.5)


def _set_pose(
    scene: Scene, data: mujoco.MjData, instance: int, position: tuple[float, ...], yaw: float
) -> None:
    address = scene.object_qpos[instance]
    data.qpos[address : address + 3] = position
    data.qpos[address + 3 : address + 7] = (np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))


def _place_robot(scene: Scene, data: mujoco.MjData, start: StartState) -> None:
    """The base at its station, the arm at home, all servos holding; an empty hand is open."""
    model, station = scene.model, layout.STATIONS[start.robot]
    opening = robot.MAX_OPENING
    if start.holding is not None:
        # A little closer than the object is wide: the fingers press from the first step on.
        opening = KINDS[start.holding].grasp_width - 0.0006
    values = {
        **dict(zip(robot.BASE_JOINTS, (station.x, station.y, station.yaw), strict=True)),
        **dict(zip(robot.ARM_JOINTS, robot.HOME_ARM, strict=True)),
    }
    for name, value in values.items():
        data.joint(name).qpos[0] = value
        data.actuator(name).ctrl[0] = value
    for name in robot.FINGER_JOINTS:
        data.joint(name).qpos[0] = opening / 2
    data.actuator(robot.GRIPPER_ACTUATOR).ctrl[0] = 0.0 if start.holding else opening
    mujoco.mj_forward(model, data)


def _put_in_hand(scene: Scene, data: mujoco.MjData, instance: int) -> None:
    """The object upright between the fingers, its y axis along the direction of closing."""
    kind = scene.kinds[instance]
    site = data.site_xpos[scene.gripper_site]
    closing = data.site_xmat[scene.gripper_site].reshape(3, 3)[:, 1]
    yaw = float(np.arctan2(-closing[0], closing[1]))
    below = kind.grasp_height - kind.half[2]
    _set_pose(scene, data, instance, (site[0], site[1], site[2] - below), yaw)


__all__ = [
    "FOLLOW_CAMERA",
    "OVERVIEW_CAMERA",
    "Scene",
    "build_scene",
    "place_objects",
    "sample_spots",
]
