"""A humanoid in the kitchen: furniture that stops it, and a view of the kitchen with it.

There are two models, because the humanoid is trained with its own physics: it walks in that of
`in_kitchen`, where furniture is boxes on the floor plan, and is drawn in that of `KitchenView`, the
whole kitchen. Loose objects are seen but not touched.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.humanoid.robots import RobotConfig, robot_spec
from envs.kitchen import layout
from envs.kitchen.appearance import add_object_looks, add_room_materials
from envs.kitchen.furniture import add_follow_camera, add_room
from envs.kitchen.objects import KINDS, add_object, object_name
from envs.kitchen.start import StartState
from envs.kitchen.vocabulary import DRAWERS

HEAD: Final = "humanoid/head"
"""A camera that sees what is in front of the robot."""

_PREFIX: Final = "humanoid/"
_LIMBS: Final = 2
"""Contact type of furniture for the robot's limbs; its soles touch everything of type 1."""

_LIMB_RADIUS: Final = 0.035
_PERSON: Final = 1.7
_FRIDGE: Final = 1.8
_PLANT: Final = 1.0
_DRAWER_FRONT: Final = 0.7
"""Heights (m)."""


def in_kitchen(robot: RobotConfig, openings: Mapping[str, float] | None = None) -> RobotConfig:
    """The same robot, with the kitchen's furniture in its models.

    Its limbs, capsules from joint to joint, and its soles hit the furniture. World frame as in
    `envs.kitchen.layout`.

    Args:
        robot: its config.
        openings: how far each drawer is pulled out (m); omitted drawers are closed.
    """
    return replace(robot, links=partial(_links_in_kitchen, robot.links, dict(openings or {})))


def _links_in_kitchen(links: Callable[[], Any], openings: Mapping[str, float]) -> Any:
    spec = links()
    for body in list(spec.bodies)[1:]:
        for child in body.bodies:
            if np.linalg.norm(child.pos) > 0.02:
                body.add_geom(
                    type=mujoco.mjtGeom.mjGEOM_CAPSULE,
                    fromto=(0.0, 0.0, 0.0, *child.pos),
                    size=(_LIMB_RADIUS, 0.0, 0.0),
                    contype=0,
                    conaffinity=_LIMBS,
                    density=0.0,
                    group=4,
                )
    for plan, height in zip(layout.obstacles(openings), _heights(), strict=True):
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=(*plan.centre, height / 2.0),
            size=(*plan.half, height / 2.0),
            contype=1 | _LIMBS,
            conaffinity=0,
            group=4,
        )
    return spec


def _heights() -> tuple[float, ...]:
    """Heights (m) of `layout.obstacles`, in the same order."""
    surfaces = layout.SURFACES
    decks = ("table", "close counter", "far counter", "user")
    return (
        *(surfaces[place].height for place in decks),
        layout.BIN_RIM,
        layout.CABINET_HEIGHT,
        _PERSON,
        layout.COUNTER_HEIGHT,
        layout.COUNTER_HEIGHT,
        _FRIDGE,
        _PLANT,
        *(_DRAWER_FRONT for _ in DRAWERS),
    )


class KitchenView:
    """The kitchen with the humanoid in it, for drawing only; nothing is simulated.

    Args:
        robot: the robot to show.
        start: the objects present.
        things: their poses, position (m) and quaternion (w, x, y, z) in the world frame [n, 7].
        openings: how far each drawer is pulled out (m).

    Attributes:
        model: compiled.
        data: as last shown.
    """

    def __init__(
        self,
        robot: RobotConfig,
        start: StartState,
        things: NDArray[np.float64],
        openings: Mapping[str, float],
    ) -> None:
        self.model = _view_model(robot, start)
        self.data = mujoco.MjData(self.model)
        for drawer in DRAWERS:
            self.data.joint(drawer).qpos[0] = openings.get(drawer, 0.0)
        for instance, pose in enumerate(things):
            self.data.joint(object_name(instance)).qpos[:] = pose
        joint = int(self.model.body(_PREFIX + robot.base).jntadr[0])
        first = int(self.model.jnt_qposadr[joint])
        self._robot = slice(first, first + 7 + len(robot.joints))

    def show(self, qpos: NDArray[np.float64]) -> None:
        """Put the robot into a pose, qpos of its own model (7 + m,)."""
        self.data.qpos[self._robot] = qpos
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)


def _view_model(robot: RobotConfig, start: StartState) -> Any:
    spec = mujoco.MjSpec()
    spec.modelname = "kitchen with a humanoid"
    spec.compiler.degree = False
    add_room_materials(spec)
    add_object_looks(spec, start.object_names)
    add_room(spec)
    figure = robot_spec(robot, figure=True)
    for elements in (figure.keys, figure.pairs, figure.sensors, figure.actuators):
        for element in list(elements):
            figure.delete(element)
    for name in ("timestep", "iterations", "integrator"):  # else attaching warns that they differ
        setattr(spec.option, name, getattr(figure.option, name))
    x, _, z = robot.payload_position
    figure.body(robot.torso).add_camera(
        name=HEAD.removeprefix(_PREFIX),
        pos=(x + 0.12, 0.0, z + 0.26),
        xyaxes=(0.0, -1.0, 0.0, 0.5, 0.0, 0.87),
        fovy=70.0,
    )
    spec.worldbody.add_frame().attach_body(figure.body(robot.base), _PREFIX, "")
    add_follow_camera(spec, _PREFIX + robot.base)
    for instance, name in enumerate(start.object_names):
        add_object(spec, KINDS[name], instance)
    return spec.compile()


__all__ = ["HEAD", "KitchenView", "in_kitchen"]
