"""The mobile manipulator: a holonomic base, a 7-joint Franka Panda arm, a parallel gripper, a head.

Names in the model begin with `robot/`: joints `robot/base_x`, `robot/base_y` (slides, world frame),
`robot/base_yaw`, `robot/joint1` .. `robot/joint7`, `robot/finger_left`, `robot/finger_right`;
actuators with the names of base and arm joints, and `robot/gripper`; the body `robot/base` (origin
on the floor, x forward); the site `robot/gripper` between the fingertips (z out of the hand, y the
direction in which the fingers open). Only the cameras, `head` and `wrist`, have no prefix.

Kinematics: the modified Denavit-Hartenberg table and the limits that Franka publishes for the
Panda. Masses and inertias: the identification by Gaz et al., "Dynamic identification of the Franka
Emika Panda robot with retrieval of feasible parameters" (RA-L 2019). Shapes are primitives.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import mujoco
import numpy as np

ARM_MOUNT: Final[tuple[float, float, float]] = (0.12, 0.0, 0.50)
"""Where the arm is mounted on the base (base frame, m)."""

BASE_HALF_EXTENTS: Final[tuple[float, float]] = (0.25, 0.23)
"""Half length (x) and half width (y) of the base on the floor (m)."""

MAX_OPENING: Final[float] = 0.08
"""Distance between the open fingers (m)."""

HOME_ARM: Final[tuple[float, ...]] = (0.0, -1.0, 0.0, -2.3, 0.0, 1.3, 0.785398)
"""Arm joints for driving (rad): the gripper points down, close to the mast, above all surfaces."""

ARM_JOINTS: Final[tuple[str, ...]] = tuple(f"robot/joint{i}" for i in range(1, 8))
BASE_JOINTS: Final[tuple[str, ...]] = ("robot/base_x", "robot/base_y", "robot/base_yaw")
FINGER_JOINTS: Final[tuple[str, ...]] = ("robot/finger_left", "robot/finger_right")
BASE_BODY: Final[str] = "robot/base"
GRIPPER_SITE: Final[str] = "robot/gripper"
GRIPPER_ACTUATOR: Final[str] = "robot/gripper"
HEAD_CAMERA: Final[str] = "head"
WRIST_CAMERA: Final[str] = "wrist"

VELOCITY_LIMITS: Final[tuple[float, ...]] = (2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61)
"""Velocity limits of the arm joints (rad/s)."""

STIFFNESS: Final[tuple[float, ...]] = (3000.0, 3000.0, 3000.0, 3000.0, 1000.0, 1000.0, 1000.0)
"""Position gain of the arm servos (Nm/rad)."""

DAMPING: Final[tuple[float, ...]] = (150.0, 150.0, 150.0, 150.0, 30.0, 30.0, 30.0)
"""Velocity gain of the arm servos (Nms/rad)."""

ROTOR_INERTIA: Final[tuple[float, ...]] = (0.3, 0.3, 0.3, 0.3, 0.15, 0.15, 0.15)
"""Reflected rotor inertia of the arm's motors (kg m²)."""

BASE_STIFFNESS: Final[tuple[float, ...]] = (60000.0, 60000.0, 12000.0)
BASE_DAMPING: Final[tuple[float, ...]] = (6000.0, 6000.0, 1000.0)

ROBOT_CONTYPE: Final[int] = 2
ROBOT_CONAFFINITY: Final[int] = 1
"""Robot geoms touch everything of contact type 1, but never each other."""

_WHITE = (0.93, 0.94, 0.95, 1.0)
_DARK = (0.16, 0.17, 0.19, 1.0)
_GREY = (0.55, 0.57, 0.60, 1.0)
_BLUE = (0.20, 0.55, 0.85, 1.0)


@dataclass(frozen=True)
class _Link:
    """One row of the published tables.

    Attributes:
        dh: Modified DH parameters a (m), d (m), alpha (rad).
        limits: Joint range (rad).
        effort: Largest torque (Nm).
        mass: kg.
        com: Centre of mass, link frame (m).
        inertia: xx, yy, zz, xy, xz, yz about the centre of mass, link frame (kg m²).
    """

    dh: tuple[float, float, float]
    limits: tuple[float, float]
    effort: float
    mass: float
    com: tuple[float, float, float]
    inertia: tuple[float, float, float, float, float, float]


_QUARTER = np.pi / 2
_PANDA: Final[tuple[_Link, ...]] = (
    _Link(
        (0.0, 0.333, 0.0),
        (-2.8973, 2.8973),
        87.0,
        4.970684,
        (0.003875, 0.002081, -0.04762),
        (0.70337, 0.70661, 0.009117, -0.000139, 0.006772, 0.019169),
    ),
    _Link(
        (0.0, 0.0, -_QUARTER),
        (-1.7628, 1.7628),
        87.0,
        0.646926,
        (-0.003141, -0.02872, 0.003495),
        (0.007962, 0.02811, 0.025995, -0.003925, 0.010254, 0.000704),
    ),
    _Link(
        (0.0, 0.316, _QUARTER),
        (-2.8973, 2.8973),
        87.0,
        3.228604,
        (0.027518, 0.039252, -0.066502),
        (0.037242, 0.036155, 0.01083, -0.004761, -0.011396, -0.012805),
    ),
    _Link(
        (0.0825, 0.0, _QUARTER),
        (-3.0718, -0.0698),
        87.0,
        3.587895,
        (-0.05317, 0.104419, 0.027454),
        (0.025853, 0.019552, 0.028323, 0.007796, -0.001332, 0.008641),
    ),
    _Link(
        (-0.0825, 0.384, -_QUARTER),
        (-2.8973, 2.8973),
        12.0,
        1.225946,
        (-0.011953, 0.041065, -0.038437),
        (0.035549, 0.029474, 0.008627, -0.002117, -0.004037, 0.000229),
    ),
    _Link(
        (0.0, 0.0, _QUARTER),
        (-0.0175, 3.7525),
        12.0,
        1.666555,
        (0.060149, -0.014117, -0.010517),
        (0.001964, 0.004354, 0.005433, 0.000109, -0.001158, 0.000341),
    ),
    _Link(
        (0.088, 0.0, _QUARTER),
        (-2.8973, 2.8973),
        12.0,
        0.735522,
        (0.010517, -0.004252, 0.061597),
        (0.012516, 0.010027, 0.004815, -0.000428, -0.001196, -0.000741),
    ),
)

JOINT_LIMITS: Final[tuple[tuple[float, float], ...]] = tuple(link.limits for link in _PANDA)
"""Range of the arm joints (rad)."""

# Capsules of the arm's shell: link, colour, radius (m), from, to (link frame, m).
_SHELL: Final = (
    (1, _WHITE, 0.062, (0.0, 0.0, -0.20), (0.0, 0.0, -0.03)),
    (2, _WHITE, 0.064, (0.0, 0.0, -0.05), (0.0, 0.0, 0.05)),
    (2, _WHITE, 0.056, (0.0, -0.04, 0.0), (0.0, -0.22, 0.0)),
    (3, _WHITE, 0.056, (0.07, 0.0, -0.045), (0.07, 0.0, 0.045)),
    (4, _DARK, 0.054, (-0.0825, 0.05, 0.0), (-0.0825, 0.11, 0.0)),
    (5, _WHITE, 0.052, (0.0, 0.0, -0.24), (0.0, 0.035, -0.10)),
    (5, _WHITE, 0.046, (0.0, 0.06, -0.08), (0.0, 0.06, 0.0)),
    (6, _WHITE, 0.048, (0.0, 0.0, -0.04), (0.0, 0.0, 0.04)),
    (6, _WHITE, 0.045, (0.05, 0.0, 0.0), (0.088, 0.0, 0.0)),
    (7, _DARK, 0.044, (0.0, 0.0, 0.05), (0.0, 0.0, 0.075)),
)


def add_robot(spec: mujoco.MjSpec) -> None:
    """Add the robot to a scene, its base frame at the world origin.

    The scene should use an elliptic friction cone and an `impratio` of 10. The integrator is set
    to Euler here: implicit ones damp the servos after the contacts have been solved, so a held
    object is pushed by an acceleration that the fingers do not have, and creeps (measured: 18 mm/s,
    with Euler 0.1 mm/s).

    Args:
        spec: Scene that gets bodies, joints, actuators, cameras and one equality; its compiler is
            set to radians.
    """
    spec.compiler.degree = False
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    base = spec.worldbody.add_body(name=BASE_BODY)
    axes = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    for name, axis in zip(BASE_JOINTS, axes, strict=True):
        kind = mujoco.mjtJoint.mjJNT_HINGE if axis[2] else mujoco.mjtJoint.mjJNT_SLIDE
        base.add_joint(name=name, type=kind, axis=axis)
    base.explicitinertial = True
    base.mass = 60.0
    base.ipos = (0.0, 0.0, 0.2)
    base.inertia = (2.0, 2.0, 3.0)
    _add_base_shell(base)
    base.add_camera(
        name=HEAD_CAMERA, pos=(0.04, -0.30, 1.66), quat=_looking_down(1.02, 0.50), fovy=48.0
    )
    _add_arm(base, ARM_MOUNT)
    _add_actuators(spec)


@cache
def arm_model() -> mujoco.MjModel:
    """Model of the arm alone, its world frame being the robot's base frame (nq 7)."""
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    _add_arm(spec.worldbody, ARM_MOUNT, fingers=False)
    return spec.compile()


def _camera_quaternion(looking: np.ndarray, right: np.ndarray) -> tuple[float, ...]:
    """Quaternion of a camera from two unit vectors, orthogonal, in the parent's frame."""
    # A camera's axes are x right, y up, and it looks along -z.
    rotation = np.column_stack([right, np.cross(right, looking), -looking])
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, rotation.ravel())
    return tuple(quaternion)


def _looking_down(pitch: float, yaw: float) -> tuple[float, ...]:
    """Quaternion of a level camera that looks `pitch` rad below +x, turned by `yaw` rad."""
    down, along = np.sin(pitch), np.cos(pitch)
    looking = np.array([along * np.cos(yaw), along * np.sin(yaw), -down])
    return _camera_quaternion(looking, np.array([np.sin(yaw), -np.cos(yaw), 0.0]))


def _add_base_shell(base: mujoco.MjsBody) -> None:
    box, capsule = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CAPSULE
    length, width = BASE_HALF_EXTENTS
    solid = {"contype": ROBOT_CONTYPE, "conaffinity": ROBOT_CONAFFINITY}
    seen = {"contype": 0, "conaffinity": 0}
    base.add_geom(
        name="robot/chassis", type=box, size=(length, width, 0.10), pos=(0, 0, 0.12), rgba=_DARK,
        **solid,
    )  # fmt: skip
    base.add_geom(type=box, size=(0.16, 0.18, 0.10), pos=(0.04, 0, 0.32), rgba=_WHITE, **solid)
    base.add_geom(type=box, size=(0.10, 0.10, 0.04), pos=(0.12, 0, 0.46), rgba=_DARK, **seen)
    base.add_geom(
        type=capsule,
        size=(0.03, 0, 0),
        fromto=(-0.2, 0.17, 0.2, -0.2, 0.17, 1.55),
        rgba=_GREY,
        **seen,
    )
    base.add_geom(
        type=capsule,
        size=(0.025, 0, 0),
        fromto=(-0.2, 0.17, 1.55, -0.06, -0.2, 1.64),
        rgba=_GREY,
        **seen,
    )
    base.add_geom(type=box, size=(0.07, 0.13, 0.06), pos=(-0.04, -0.23, 1.66), rgba=_WHITE, **solid)
    base.add_geom(type=box, size=(0.01, 0.11, 0.04), pos=(0.03, -0.23, 1.66), rgba=_DARK, **seen)
    base.add_geom(type=box, size=(0.005, 0.12, 0.012), pos=(0.198, 0, 0.34), rgba=_BLUE, **seen)


def _add_arm(
    parent: mujoco.MjsBody, mount: tuple[float, float, float], fingers: bool = True
) -> None:
    body = parent.add_body(name="robot/link0", pos=mount)
    body.explicitinertial = True
    body.mass, body.ipos, body.inertia = 0.629769, (-0.041, 0.0, 0.05), (0.00315, 0.00388, 0.00429)
    body.gravcomp = 1.0
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=(0.075, 0.05, 0), pos=(0, 0, 0.05), rgba=_WHITE,
        contype=0, conaffinity=0,
    )  # fmt: skip
    for number, link in enumerate(_PANDA, start=1):
        a, d, alpha = link.dh
        body = body.add_body(
            name=f"robot/link{number}",
            pos=(a, -np.sin(alpha) * d, np.cos(alpha) * d),
            quat=(np.cos(alpha / 2), np.sin(alpha / 2), 0.0, 0.0),
        )
        body.explicitinertial = True
        body.mass, body.ipos, body.fullinertia = link.mass, link.com, link.inertia
        body.gravcomp = 1.0
        body.add_joint(
            name=ARM_JOINTS[number - 1],
            type=mujoco.mjtJoint.mjJNT_HINGE,
            axis=(0, 0, 1),
            limited=True,
            range=link.limits,
            armature=ROTOR_INERTIA[number - 1],
            damping=1.0,
        )
        for shell_number, colour, radius, start, end in _SHELL:
            if shell_number == number:
                body.add_geom(
                    type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=(radius, 0, 0), fromto=(*start, *end),
                    rgba=colour, contype=ROBOT_CONTYPE, conaffinity=ROBOT_CONAFFINITY,
                )  # fmt: skip
    _add_hand(body, fingers)


def _add_hand(flange: mujoco.MjsBody, fingers: bool) -> None:
    box = mujoco.mjtGeom.mjGEOM_BOX
    hand = flange.add_body(
        name="robot/hand",
        pos=(0.0, 0.0, 0.107),
        quat=(np.cos(np.pi / 8), 0.0, 0.0, -np.sin(np.pi / 8)),
    )
    hand.explicitinertial = True
    hand.mass, hand.ipos, hand.inertia = 0.73, (0.0, 0.0, 0.03), (0.001, 0.0025, 0.0017)
    hand.gravcomp = 1.0
    hand.add_geom(
        type=box, size=(0.027, 0.098, 0.030), pos=(0, 0, 0.030), rgba=_WHITE,
        contype=ROBOT_CONTYPE, conaffinity=ROBOT_CONAFFINITY,
    )  # fmt: skip
    hand.add_site(name=GRIPPER_SITE, pos=(0, 0, 0.1034), size=(0.005, 0, 0), group=4)
    # On the side of the hand that faces away from the base, tilted towards the fingertips.
    tilt = 0.30
    looking = np.array([-np.sin(tilt), 0.0, np.cos(tilt)])
    hand.add_camera(
        name=WRIST_CAMERA, pos=(0.07, 0.0, 0.0), fovy=75.0,
        quat=_camera_quaternion(looking, np.array([0.0, 1.0, 0.0])),
    )  # fmt: skip
    if not fingers:
        return
    for name, side in zip(FINGER_JOINTS, (1.0, -1.0), strict=True):
        finger = hand.add_body(name=name, pos=(0, 0, 0.0584))
        finger.explicitinertial = True
        finger.mass, finger.ipos, finger.inertia = 0.05, (0, 0, 0.02), (3e-5, 3e-5, 1e-5)
        finger.gravcomp = 1.0
        finger.add_joint(
            name=name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=(0, side, 0), limited=True,
            range=(0.0, MAX_OPENING / 2), armature=0.2, damping=5.0,
        )  # fmt: skip
        finger.add_geom(
            type=box, size=(0.010, 0.007, 0.014), pos=(0, side * 0.016, 0.012), rgba=_DARK,
            contype=ROBOT_CONTYPE, conaffinity=ROBOT_CONAFFINITY,
        )  # fmt: skip
        finger.add_geom(
            name=f"{name}_pad", type=box, size=(0.011, 0.006, 0.017),
            pos=(0, side * 0.006, 0.039), rgba=_DARK,
            contype=ROBOT_CONTYPE, conaffinity=ROBOT_CONAFFINITY,
            condim=4, friction=(1.6, 0.05, 0.0001), priority=2, solimp=(0.95, 0.99, 0.001, 0.5, 2),
            solref=(0.008, 1.0),
        )  # fmt: skip


def _add_actuators(spec: mujoco.MjSpec) -> None:
    joint = mujoco.mjtTrn.mjTRN_JOINT
    for name, kp, kv in zip(BASE_JOINTS, BASE_STIFFNESS, BASE_DAMPING, strict=True):
        _add_servo(spec, name, joint, name, kp, kv, 800.0)
    for name, kp, kv, link in zip(ARM_JOINTS, STIFFNESS, DAMPING, _PANDA, strict=True):
        _add_servo(spec, name, joint, name, kp, kv, link.effort)
    tendon = spec.add_tendon(name=GRIPPER_ACTUATOR)
    for name in FINGER_JOINTS:
        tendon.wrap_joint(name, 1.0)
    # 35 N on each finger; the real hand holds with up to 70 N.
    _add_servo(
        spec, GRIPPER_ACTUATOR, mujoco.mjtTrn.mjTRN_TENDON, GRIPPER_ACTUATOR, 3000.0, 60.0, 35.0
    )
    coupling = spec.add_equality(
        name="robot/coupled_fingers",
        type=mujoco.mjtEq.mjEQ_JOINT,
        objtype=mujoco.mjtObj.mjOBJ_JOINT,
        name1=FINGER_JOINTS[0],
        name2=FINGER_JOINTS[1],
        solref=(0.005, 1.0),
        solimp=(0.95, 0.99, 0.001, 0.5, 2),
    )
    coupling.data[:5] = (0.0, 1.0, 0.0, 0.0, 0.0)


def _add_servo(
    spec: mujoco.MjSpec,
    name: str,
    transmission: mujoco.mjtTrn,
    target: str,
    stiffness: float,
    damping: float,
    effort: float,
) -> None:
    actuator = spec.add_actuator(name=name, target=target, trntype=transmission)
    actuator.gaintype = mujoco.mjtGain.mjGAIN_FIXED
    actuator.biastype = mujoco.mjtBias.mjBIAS_AFFINE
    actuator.gainprm[0] = stiffness
    actuator.biasprm[:3] = (0.0, -stiffness, -damping)
    actuator.forcelimited = True
    actuator.forcerange = (-effort, effort)
