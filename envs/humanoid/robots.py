"""Humanoids as typed configs, and the MuJoCo models built from them.

A robot is a `RobotConfig` plus its links: a table of parameters (the G1) or an MJCF file (the T1,
from the wheel of the extra `humanoid`). Joints that the config does not name are welded at its
`held` angles, and MuJoCo merges the masses and inertias behind them. Only the spheres under the
feet touch the ground; falls are detected by height and tilt.

Base frames: x forward, y left, z up. SI units, angles in radians.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import mujoco

from envs.humanoid import g1_links
from envs.humanoid.assembly import EFFORT_SENSOR, FEET, PAYLOAD, SOLES, robot_spec
from envs.humanoid.menagerie import menagerie

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class RobotConfig:
    """Everything that a controller must know about a robot, joints always in the same order.

    Attributes:
        name: for people and files.
        joints: names, in the order of actions and observations.
        default_pose: joint angles that actions of zero hold (rad).
        kp: stiffness of the PD loop (Nm/rad).
        kd: its damping (Nms/rad).
        effort: largest torque (Nm).
        armature: reflected rotor inertia (kg m²).
        limits: range of each joint (rad).
        action_scale: what an action of one adds to the default pose (rad).
        base: floating body; velocities are commanded in its level frame.
        base_height: of its origin above flat ground in the default pose (m).
        torso: body that carries payloads.
        payload_position: in the torso's frame (m).
        feet: bodies, the left one first.
        soles: centres of the spheres under the left foot, in its frame (m); mirrored on the right.
        sole_radius: of these spheres (m).
        mirror_joints: `q[mirror_joints] * mirror_signs` is the pose mirrored in the x-z plane.
        mirror_signs: 1 or -1.
        held: angles of welded joints (rad); zero for those that are not named.
        friction_loss: dry friction of each joint (Nm).
        links: the bodies and joints alone, as an MjSpec without geoms.
        shell: MJCF in the extra's wheel with meshes of its links, if there is one.
    """

    name: str
    joints: tuple[str, ...]
    default_pose: tuple[float, ...]
    kp: tuple[float, ...]
    kd: tuple[float, ...]
    effort: tuple[float, ...]
    armature: tuple[float, ...]
    limits: tuple[tuple[float, float], ...]
    action_scale: tuple[float, ...]
    base: str
    base_height: float
    torso: str
    payload_position: Vector
    feet: tuple[str, str]
    soles: tuple[Vector, ...]
    sole_radius: float
    mirror_joints: tuple[int, ...]
    mirror_signs: tuple[float, ...]
    friction_loss: float
    links: Callable[[], Any] = field(repr=False, compare=False)
    held: Mapping[str, float] = field(default_factory=dict, compare=False)
    shell: str = ""


_T1_MJCF: Final = "booster_t1/t1.xml"


_G1_LEG: Final = MappingProxyType(
    {
        "hip_pitch": (-0.1, 100.0, 2.0),
        "hip_roll": (0.0, 100.0, 2.0),
        "hip_yaw": (0.0, 100.0, 2.0),
        "knee": (0.3, 150.0, 4.0),
        "ankle_pitch": (-0.2, 40.0, 2.0),
        "ankle_roll": (0.0, 40.0, 2.0),
    }
)
"""Default pose (rad), kp and kd with which Unitree trains walking. Ankles are soft on purpose: they
comply with the ground and leave balance to the controller. To hold the robot upright passively,
each would need more than 113 Nm/rad."""

_G1_UPPER: Final = MappingProxyType(
    {
        "waist_yaw": (0.0, 200.0, 5.0),
        "waist_roll": (0.0, 100.0, 5.0),
        "waist_pitch": (0.0, 100.0, 5.0),
        "shoulder_pitch": (0.2, 40.0, 1.0),
        "shoulder_roll": (0.2, 40.0, 1.0),
        "shoulder_yaw": (0.0, 40.0, 1.0),
        "elbow": (1.28, 40.0, 1.0),
        "wrist_roll": (0.0, 40.0, 1.0),
        "wrist_pitch": (0.0, 20.0, 0.5),
        "wrist_yaw": (0.0, 20.0, 0.5),
    }
)
"""The same for waist and left arm. The waist's two weak axes are stiffer than in Unitree's training
(40): at 40 they hardly hold up the body above them."""

_SOLE_RADIUS: Final = 0.03
"""Radius of the spheres under the feet (m), whose lowest points are as published. They sink in by
5 mm and more, and one that sinks in by its radius hits the walls inside a height field."""

_G1_SOLES: Final = (
    (-0.05, 0.025, -0.005),
    (-0.05, -0.025, -0.005),
    (0.12, 0.03, -0.005),
    (0.12, -0.03, -0.005),
)


def g1(joints: int = 12) -> RobotConfig:
    """The Unitree G1.

    Args:
        joints: 12 (legs, the upper body welded) or 29.

    Raises:
        ValueError: there is no such form.
    """
    if joints not in (12, 29):
        raise ValueError(f"the G1 has forms with 12 and 29 joints, not with {joints}")
    chains = [link.joint for link in g1_links.LINKS if link.joint is not None]
    tuning = {**_G1_LEG, **_G1_UPPER}
    pose, gains = {}, {}
    for joint in chains:
        side, _, part = joint.name.removesuffix("_joint").partition("_")
        kind = part if side in ("left", "right") else f"{side}_{part}"
        angle, kp, kd = tuning[kind]
        mirrored = side == "right" and joint.axis != "y"
        pose[joint.name], gains[joint.name] = -angle if mirrored else angle, (kp, kd)
    moving = chains[:joints]
    names = tuple(joint.name for joint in moving)
    legs_only = joints == 12
    return RobotConfig(
        name=f"g1-{joints}",
        joints=names,
        default_pose=tuple(pose[name] for name in names),
        kp=tuple(gains[name][0] for name in names),
        kd=tuple(gains[name][1] for name in names),
        effort=tuple(joint.effort for joint in moving),
        armature=tuple(joint.armature for joint in moving),
        limits=tuple(joint.limits for joint in moving),
        action_scale=(0.25,) * joints,
        base="pelvis",
        base_height=0.7842,
        torso="pelvis" if legs_only else "torso_link",
        payload_position=(0.0, 0.0, 0.2) if legs_only else (0.004, 0.0, 0.156),
        feet=("left_ankle_roll_link", "right_ankle_roll_link"),
        soles=_G1_SOLES,
        sole_radius=_SOLE_RADIUS,
        mirror_joints=mirror_joints(names),
        mirror_signs=tuple(1.0 if joint.axis == "y" else -1.0 for joint in moving),
        friction_loss=0.1,
        held=MappingProxyType({name: pose[name] for name in pose if name not in names}),
        links=_g1_spec,
        shell="unitree_g1/g1.xml",
    )


_Leg = tuple[str, float, float, float, float, tuple[float, float]]

_T1_LEG: Final[tuple[_Leg, ...]] = (
    ("Hip_Pitch", -0.2, 200.0, 5.0, 45.0, (-1.8, 1.57)),
    ("Hip_Roll", 0.0, 200.0, 5.0, 30.0, (-0.2, 1.57)),
    ("Hip_Yaw", 0.0, 200.0, 5.0, 30.0, (-1.0, 1.0)),
    ("Knee_Pitch", 0.4, 200.0, 5.0, 60.0, (0.0, 2.34)),
    ("Ankle_Pitch", -0.2, 50.0, 1.0, 20.0, (-0.87, 0.35)),
    ("Ankle_Roll", 0.0, 50.0, 1.0, 15.0, (-0.44, 0.44)),
)
"""Default pose (rad), kp, kd, effort (Nm) and range (rad) of the left leg, as published."""

_T1_SOLES: Final = (
    (-0.1015, 0.04, 0.0),
    (-0.1015, -0.04, 0.0),
    (0.1015, 0.04, 0.0),
    (0.1015, -0.04, 0.0),
)


def t1() -> RobotConfig:
    """The Booster T1 on its 12 leg joints; head, arms and waist are welded.

    Its links come from the MJCF in the wheel of the extra `humanoid`, when a model is built.
    """
    names = tuple(f"{side}_{leg[0]}" for side in ("Left", "Right") for leg in _T1_LEG)
    rolls = (-0.2, 1.57), (-1.57, 0.2)
    limits = tuple(
        rolls[side] if leg[0] == "Hip_Roll" else leg[5] for side in (0, 1) for leg in _T1_LEG
    )
    signs = tuple(1.0 if leg[0].endswith("Pitch") else -1.0 for leg in _T1_LEG)
    return RobotConfig(
        name="t1-12",
        joints=names,
        default_pose=tuple(leg[1] for leg in _T1_LEG) * 2,
        kp=tuple(leg[2] for leg in _T1_LEG) * 2,
        kd=tuple(leg[3] for leg in _T1_LEG) * 2,
        effort=tuple(leg[4] for leg in _T1_LEG) * 2,
        armature=(0.005,) * 12,
        limits=limits,
        action_scale=(0.25,) * 12,
        base="Trunk",
        base_height=0.6658,
        torso="Trunk",
        payload_position=(0.06, 0.0, 0.12),
        feet=("left_foot_link", "right_foot_link"),
        soles=_T1_SOLES,
        sole_radius=_SOLE_RADIUS,
        mirror_joints=mirror_joints(names),
        mirror_signs=signs * 2,
        friction_loss=0.1,
        held=MappingProxyType({"Left_Shoulder_Roll": -1.4, "Right_Shoulder_Roll": 1.4}),
        links=partial(_wheel_spec, _T1_MJCF),
        shell=_T1_MJCF,
    )


ROBOTS: Final[Mapping[str, Callable[[], RobotConfig]]] = MappingProxyType(
    {"g1-12": partial(g1, 12), "g1-29": partial(g1, 29), "t1-12": t1}
)
"""Every robot by its name."""


def robot_config(name: str) -> RobotConfig:
    """The robot of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in ROBOTS:
        raise ValueError(f"no robot {name!r}, choose from {', '.join(ROBOTS)}")
    return ROBOTS[name]()


def mirror_joints(names: tuple[str, ...]) -> tuple[int, ...]:
    """For each joint the index of its twin: left and right swap, others stay."""
    swaps = {"left_": "right_", "right_": "left_", "Left_": "Right_", "Right_": "Left_"}
    twins = [
        next((new + name[len(old) :] for old, new in swaps.items() if name.startswith(old)), name)
        for name in names
    ]
    return tuple(names.index(twin) for twin in twins)


def _g1_spec() -> Any:
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.modelname = "unitree_g1"
    bodies: dict[str | None, Any] = {None: spec.worldbody}
    axes = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
    for link in g1_links.LINKS:
        body = bodies[link.parent].add_body(name=link.name, pos=link.position)
        body.quat = link.orientation
        body.explicitinertial = True
        body.mass, body.ipos, body.inertia = link.mass, link.centre, link.inertia
        body.iquat = link.axes
        bodies[link.name] = body
        if link.joint is None:
            body.add_freejoint(name="floating_base")
        else:
            body.add_joint(
                name=link.joint.name,
                type=mujoco.mjtJoint.mjJNT_HINGE,
                axis=axes[link.joint.axis],
                range=link.joint.limits,
                limited=mujoco.mjtLimited.mjLIMITED_TRUE,
                armature=link.joint.armature,
            )
    return spec


def _wheel_spec(path: str) -> Any:
    """Bodies and joints of an MJCF of the MuJoCo Menagerie in the extra's wheel."""
    spec = mujoco.MjSpec.from_file(str(menagerie() / path))
    for elements in (spec.geoms, spec.meshes, spec.keys, spec.actuators, spec.sensors):
        for element in list(elements):
            spec.delete(element)
    for element in (*spec.sites, *spec.lights, *spec.cameras):
        spec.delete(element)
    return spec


__all__ = [
    "EFFORT_SENSOR",
    "FEET",
    "PAYLOAD",
    "ROBOTS",
    "SOLES",
    "RobotConfig",
    "g1",
    "mirror_joints",
    "robot_config",
    "robot_spec",
    "t1",
]
