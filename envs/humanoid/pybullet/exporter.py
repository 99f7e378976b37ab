"""Export of a MuJoCo model with a floating base to URDF.

Bodies that are welded together become one link. A link's frame has the axes of its MuJoCo body and
its origin at the joint's anchor; the root's frame is its body's frame. URDF has no rotor inertia,
so a joint's armature J about the unit axis a can be added to the inertia of the link that it
drives, I + J a aᵀ. That is what a rotor in the link would do: the joint itself feels J, as in
MuJoCo, and so do joints with a parallel axis further up, which in MuJoCo they do not. Leaving it
out is worse: ankles and wrists become ten to a hundred times too light for their gains.
"""

from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

import mujoco
import numpy as np

_FREE: Final = int(mujoco.mjtJoint.mjJNT_FREE)
_SLIDE: Final = int(mujoco.mjtJoint.mjJNT_SLIDE)
_HINGE: Final = int(mujoco.mjtJoint.mjJNT_HINGE)
_SPHERE: Final = int(mujoco.mjtGeom.mjGEOM_SPHERE)
_BOX: Final = int(mujoco.mjtGeom.mjGEOM_BOX)
_CAPSULE: Final = int(mujoco.mjtGeom.mjGEOM_CAPSULE)
_CYLINDER: Final = int(mujoco.mjtGeom.mjGEOM_CYLINDER)


class ExportError(ValueError):
    """The model holds something that URDF cannot express; the message names it."""


@dataclass(frozen=True)
class Place:
    """Where a MuJoCo body lies in its link.

    Attributes:
        link: Name of the link.
        position: (3,) m, link frame.
        rotation: (3, 3), from the body's axes to the link's.
    """

    link: str
    position: np.ndarray
    rotation: np.ndarray


@dataclass(frozen=True)
class Link:
    """Mass and inertia of a link.

    Attributes:
        name: Name of the MuJoCo body that carries the joint.
        mass: kg.
        com: (3,) centre of mass, link frame (m).
        axes: (3, 3), columns are the principal axes of inertia, link frame.
        inertia: (3,) about those axes through the centre of mass (kg m²), rotors included.
    """

    name: str
    mass: float
    com: np.ndarray
    axes: np.ndarray
    inertia: np.ndarray


@dataclass(frozen=True)
class UrdfExport:
    """A robot in URDF.

    Attributes:
        text: The URDF. Where a rotor makes a link's inertia unphysical (one principal moment above
            the sum of the others), the text holds the nearest physical one, since readers reject
            others; `links` holds the exact one.
        root: Name of the floating link.
        joints: Moving joints in the order of the MuJoCo model; URDF angles equal MuJoCo angles.
        links: By name, the root first.
        places: Pose in its link, by MuJoCo body name.
        self_contacts: Pairs of links that may touch each other in MuJoCo.
    """

    text: str
    root: str
    joints: tuple[str, ...]
    links: dict[str, Link]
    places: dict[str, Place]
    self_contacts: frozenset[tuple[str, str]]


def export_urdf(
    model: mujoco.MjModel, *, root: str | None = None, rotor_inertia: bool = True
) -> UrdfExport:
    """Export the robot of a model as URDF.

    Geoms that touch nothing in MuJoCo, and what belongs to other trees (floor, terrain), are left
    out.

    Args:
        model: Model with at least one free joint.
        root: Name of the body with the free joint; may be omitted when there is only one.
        rotor_inertia: Add the armatures to the links.

    Raises:
        ExportError: No floating base, a part without a name, a body with several joints, a ball
            joint, a massless link, a colliding geom that is no sphere, box, capsule or cylinder.
    """
    tree = _Tree(model, _root_body(model, root))
    links = {link.name: link for link in (tree.link(body, rotor_inertia) for body in tree.bodies)}
    robot = ElementTree.Element("robot", name=tree.name(tree.root))
    for body in tree.bodies:
        element = ElementTree.SubElement(robot, "link", name=tree.name(body))
        _write_inertia(element, links[tree.name(body)])
        for geom in tree.geoms(body):
            tree.write_geom(element, body, geom)
    for body in tree.bodies[1:]:
        tree.write_joint(robot, body)
    ElementTree.indent(robot)
    return UrdfExport(
        text=ElementTree.tostring(robot, encoding="unicode"),
        root=tree.name(tree.root),
        joints=tuple(model.joint(tree.joint(body)).name for body in tree.bodies[1:]),
        links=links,
        places=tree.places(),
        self_contacts=tree.self_contacts(),
    )


def with_rotors_in_links(model: mujoco.MjModel) -> mujoco.MjModel:
    """A copy of the model with the armatures moved into its bodies, as `export_urdf` does."""
    moved: mujoco.MjModel = model.__copy__()
    for joint in range(model.njnt):
        if model.jnt_type[joint] != _HINGE:
            continue
        body, dof = model.jnt_bodyid[joint], model.jnt_dofadr[joint]
        flat = np.zeros(9)
        mujoco.mju_quat2Mat(flat, model.body_iquat[body])
        axes = flat.reshape(3, 3)
        tensor = axes @ np.diag(model.body_inertia[body]) @ axes.T
        axis = model.jnt_axis[joint]
        moments, axes = _principal(tensor + model.dof_armature[dof] * np.outer(axis, axis))
        moved.body_inertia[body] = moments
        mujoco.mju_mat2Quat(moved.body_iquat[body], axes.ravel())
        moved.dof_armature[dof] = 0.0
    # Recompute the constants that depend on the inertias; the MjData is only scratch.
    mujoco.mj_setConst(moved, mujoco.MjData(moved))
    return moved


def _root_body(model: mujoco.MjModel, name: str | None) -> int:
    free = [int(model.jnt_bodyid[j]) for j in range(model.njnt) if model.jnt_type[j] == _FREE]
    names = [model.body(body).name for body in free]
    if name is not None:
        if name not in names:
            raise ExportError(f"body {name!r} has no free joint; those that have one: {names}")
        return free[names.index(name)]
    if len(free) != 1:
        raise ExportError(f"the model has {len(free)} bodies with a free joint {names}, name one")
    return free[0]


def _principal(tensor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Moments (3,) and right-handed axes (3, 3) of a symmetric tensor."""
    moments, axes = np.linalg.eigh(tensor)
    if np.linalg.det(axes) < 0.0:
        axes[:, 2] *= -1.0
    return moments, axes


class _Tree:
    """The floating tree of a model in its reference pose: all the geometry that URDF needs."""

    def __init__(self, model: mujoco.MjModel, root: int) -> None:
        self.model, self.root = model, root
        self.data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, self.data)
        mujoco.mj_comPos(model, self.data)
        members = [b for b in range(model.nbody) if model.body_rootid[b] == root]
        # A body without a joint is part of the body that it is welded to.
        self.owner = {body: int(model.body_weldid[body]) for body in members}
        self.bodies = [body for body in members if self.owner[body] == body]
        for body in members:
            if not self.name(body):
                raise ExportError(f"body {body} of the robot has no name: links go by their names")
        for body in self.bodies:
            self._check_joint(body)

    def _check_joint(self, body: int) -> None:
        count = int(self.model.body_jntnum[body])
        joint = self.joint(body)
        kind = self.model.jnt_type[joint]
        if body != self.root and not self.model.joint(joint).name:
            raise ExportError(f"the joint of body {self.name(body)!r} has no name: give it one")
        if body != self.root and (count != 1 or kind not in (_HINGE, _SLIDE)):
            raise ExportError(
                f"body {self.name(body)!r} has {count} joints, or one that is no hinge or slide: a"
                " URDF link has one hinge or slide, split the body"
            )

    def name(self, body: int) -> str:
        return str(self.model.body(body).name)

    def joint(self, body: int) -> int:
        return int(self.model.body_jntadr[body])

    def frame(self, body: int) -> tuple[np.ndarray, np.ndarray]:
        """Origin and axes of a link in the world."""
        rotation = self.data.xmat[body].reshape(3, 3)
        if body == self.root:
            return self.data.xpos[body], rotation
        return self.data.xanchor[self.joint(body)], rotation

    def link(self, body: int, rotor_inertia: bool) -> Link:
        """Mass, centre and principal inertia of all bodies in the link."""
        model, data = self.model, self.data
        parts = [b for b, owner in self.owner.items() if owner == body]
        masses = model.body_mass[parts]
        mass = float(masses.sum())
        if mass <= 0.0:
            raise ExportError(f"link {self.name(body)!r} weighs nothing: a moving link needs mass")
        centre = masses @ data.xipos[parts] / mass
        tensor = np.zeros((3, 3))
        for part in parts:
            axes = data.ximat[part].reshape(3, 3)
            arm = data.xipos[part] - centre
            tensor += axes @ np.diag(model.body_inertia[part]) @ axes.T
            tensor += model.body_mass[part] * (arm @ arm * np.eye(3) - np.outer(arm, arm))
        joint = self.joint(body)
        if rotor_inertia and model.jnt_type[joint] == _HINGE:
            axis = data.xaxis[joint]
            tensor += model.dof_armature[model.jnt_dofadr[joint]] * np.outer(axis, axis)
        origin, rotation = self.frame(body)
        moments, axes = _principal(rotation.T @ tensor @ rotation)
        return Link(self.name(body), mass, rotation.T @ (centre - origin), axes, moments)

    def places(self) -> dict[str, Place]:
        """Where each body lies in its link."""
        result = {}
        for body, owner in self.owner.items():
            origin, rotation = self.frame(owner)
            result[self.name(body)] = Place(
                self.name(owner),
                rotation.T @ (self.data.xpos[body] - origin),
                rotation.T @ self.data.xmat[body].reshape(3, 3),
            )
        return result

    def geoms(self, body: int) -> list[int]:
        """Colliding geoms of the link."""
        model = self.model
        paired = set(model.pair_geom1) | set(model.pair_geom2)
        return [
            geom
            for geom in range(model.ngeom)
            if self.owner.get(int(model.geom_bodyid[geom])) == body
            and (model.geom_contype[geom] or model.geom_conaffinity[geom] or geom in paired)
        ]

    def self_contacts(self) -> frozenset[tuple[str, str]]:
        """Pairs of links that may touch: by MuJoCo's masks, explicit pairs and exclusions.

        As in MuJoCo, parent and child links do not touch unless a pair says so.
        """
        model = self.model
        pairs = set()
        solid = [(body, geom) for body in self.bodies for geom in self.geoms(body)]
        owner_of = {geom: body for body, geom in solid}
        excluded = {(int(s) >> 16, int(s) & 0xFFFF) for s in model.exclude_signature}
        for number, (first, a) in enumerate(solid):
            for second, b in solid[number + 1 :]:
                meets = (model.geom_contype[a] & model.geom_conaffinity[b]) or (
                    model.geom_contype[b] & model.geom_conaffinity[a]
                )
                bodies = sorted((int(model.geom_bodyid[a]), int(model.geom_bodyid[b])))
                follow = self._parent(first) == second or self._parent(second) == first
                if meets and first != second and not follow and tuple(bodies) not in excluded:
                    pairs.add(self._pair(first, second))
        for a, b in zip(model.pair_geom1, model.pair_geom2, strict=True):
            if a in owner_of and b in owner_of:
                pairs.add(self._pair(owner_of[a], owner_of[b]))
        return frozenset(pairs)

    def _pair(self, first: int, second: int) -> tuple[str, str]:
        low, high = sorted((self.name(first), self.name(second)))
        return low, high

    def _parent(self, body: int) -> int | None:
        return self.owner.get(int(self.model.body_parentid[body]))

    def write_geom(self, link: ElementTree.Element, body: int, geom: int) -> None:
        kind, size = self.model.geom_type[geom], self.model.geom_size[geom]
        if kind not in (_SPHERE, _BOX, _CAPSULE, _CYLINDER):
            shape = mujoco.mjtGeom(kind).name.removeprefix("mjGEOM_").lower()
            raise ExportError(
                f"link {self.name(body)!r} has a geom of type {shape}: only spheres, boxes,"
                " capsules and cylinders may touch things, replace it"
            )
        origin, rotation = self.frame(body)
        collision = ElementTree.SubElement(link, "collision")
        turned = rotation.T @ self.data.geom_xmat[geom].reshape(3, 3)
        _write_origin(collision, rotation.T @ (self.data.geom_xpos[geom] - origin), turned)
        geometry = ElementTree.SubElement(collision, "geometry")
        if kind == _SPHERE:
            ElementTree.SubElement(geometry, "sphere", radius=_number(size[0]))
        elif kind == _BOX:
            ElementTree.SubElement(geometry, "box", size=_numbers(2.0 * size))
        else:
            # Bullet reads <capsule>, which ROS readers do not; its length is the cylinder's.
            shape = "capsule" if kind == _CAPSULE else "cylinder"
            ElementTree.SubElement(
                geometry, shape, radius=_number(size[0]), length=_number(2.0 * size[1])
            )

    def write_joint(self, robot: ElementTree.Element, body: int) -> None:
        model, joint = self.model, self.joint(body)
        parent = self._parent(body)
        assert parent is not None  # The root has no joint to write.
        hinge = model.jnt_type[joint] == _HINGE
        element = ElementTree.SubElement(
            robot,
            "joint",
            name=model.joint(joint).name,
            type="revolute" if hinge else "prismatic",
        )
        origin, rotation = self.frame(body)
        parent_origin, parent_rotation = self.frame(parent)
        position = parent_rotation.T @ (origin - parent_origin)
        turned = parent_rotation.T @ rotation
        # MuJoCo's reference pose is at qpos0, URDF's at zero.
        axis, reference = model.jnt_axis[joint], model.qpos0[model.jnt_qposadr[joint]]
        if hinge:
            quaternion, back = np.zeros(4), np.zeros(9)
            mujoco.mju_axisAngle2Quat(quaternion, axis, -reference)
            mujoco.mju_quat2Mat(back, quaternion)
            turned = turned @ back.reshape(3, 3)
        else:
            position = position - turned @ axis * reference
        _write_origin(element, position, turned)
        ElementTree.SubElement(element, "parent", link=self.name(parent))
        ElementTree.SubElement(element, "child", link=self.name(body))
        ElementTree.SubElement(element, "axis", xyz=_numbers(axis))
        low, high = model.jnt_range[joint] if model.jnt_limited[joint] else (-1e3, 1e3)
        effort = model.jnt_actfrcrange[joint, 1] if model.jnt_actfrclimited[joint] else 1e3
        ElementTree.SubElement(
            element, "limit", lower=_number(low), upper=_number(high), effort=_number(effort),
            velocity="100",
        )  # fmt: skip


def _write_inertia(link: ElementTree.Element, properties: Link) -> None:
    inertial = ElementTree.SubElement(link, "inertial")
    _write_origin(inertial, properties.com, properties.axes)
    ElementTree.SubElement(inertial, "mass", value=_number(properties.mass))
    # Ascending; if the last exceeds the sum of the others, PyBullet sets all three to zero.
    small, middle, large = properties.inertia
    large = min(large, (small + middle) * (1.0 - 1e-9))
    ElementTree.SubElement(
        inertial, "inertia", ixx=_number(small), iyy=_number(middle), izz=_number(large),
        ixy="0", ixz="0", iyz="0",
    )  # fmt: skip


def _write_origin(parent: ElementTree.Element, position: np.ndarray, rotation: np.ndarray) -> None:
    ElementTree.SubElement(
        parent, "origin", xyz=_numbers(position), rpy=_numbers(_roll_pitch_yaw(rotation))
    )


def _roll_pitch_yaw(rotation: np.ndarray) -> np.ndarray:
    """Angles (rad) about the fixed axes x, y, z, in that order."""
    flat = np.hypot(rotation[0, 0], rotation[1, 0])
    pitch = np.arctan2(-rotation[2, 0], flat)
    if flat < 1e-9:  # Gimbal lock: yaw is free, take zero.
        return np.array([np.arctan2(-rotation[1, 2], rotation[1, 1]), pitch, 0.0])
    roll = np.arctan2(rotation[2, 1], rotation[2, 2])
    return np.array([roll, pitch, np.arctan2(rotation[1, 0], rotation[0, 0])])


def _number(value: float) -> str:
    return repr(float(value))


def _numbers(values: np.ndarray) -> str:
    return " ".join(_number(value) for value in values)
