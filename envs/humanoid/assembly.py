"""Robot models: links, welded at fixed joints, with motors, soles and sensors."""

from typing import TYPE_CHECKING, Any, Final

import mujoco
import numpy as np

from envs.humanoid.shell import add_shell, has_shell

if TYPE_CHECKING:
    from envs.humanoid.robots import RobotConfig

Vector = tuple[float, float, float]

FEET: Final = ("left_foot", "right_foot")
"""Sites at the sole centres; the suffixes `_position`, `_velocity`, `_force` name sensors there."""
SOLES: Final = ("left_sole", "right_sole")
"""Name prefixes of the spheres under the feet, left foot first."""
PAYLOAD: Final = "payload"
"""A body on the torso, massless unless randomisation gives it mass."""
_LIGHT: Final = (0.82, 0.84, 0.87, 1.0)
_DARK: Final = (0.2, 0.22, 0.26, 1.0)
EFFORT_SENSOR: Final = "_effort"
"""Suffix to a joint's name: the sensor of its motor torque (Nm)."""


def robot_spec(robot: "RobotConfig", *, figure: bool = False) -> Any:
    """The robot standing at x = y = 0 in its default pose, without ground.

    Motors are position servos: torque = kp (target - q) - kd qd, clipped to the effort. Sensors, in
    order: motor torques; then position (world, m), velocity (world, m/s) and contact force (N) of
    each foot. Ground geoms of contact type 1 touch the soles and nothing else.

    Args:
        robot: its config.
        figure: whether to add visual geoms: meshes where installed, else capsules.

    Returns:
        A `mujoco.MjSpec`, to be given a ground and compiled.
    """
    spec = robot.links()
    if figure and has_shell(robot):
        add_shell(spec, robot)
    elif figure:
        _add_figure(spec, robot)
    _weld(spec, robot)
    spec.option.timestep = 0.005
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.iterations = 50
    _add_motors(spec, robot)
    _add_feet(spec, robot)
    torso = spec.body(robot.torso)
    torso.add_body(name=PAYLOAD, pos=robot.payload_position)
    spec.body(robot.base).pos = (0.0, 0.0, robot.base_height)
    pose = [0.0, 0.0, robot.base_height, 1.0, 0.0, 0.0, 0.0, *robot.default_pose]
    spec.add_key(name="default", qpos=pose, ctrl=list(robot.default_pose))
    return spec


def _weld(spec: Any, robot: "RobotConfig") -> None:
    """Weld the joints that do not move and let MuJoCo merge their bodies."""
    turn, held = np.zeros(4), np.zeros(4)
    for joint in list(spec.joints):
        if joint.type == mujoco.mjtJoint.mjJNT_FREE or joint.name in robot.joints:
            continue
        body = joint.parent
        mujoco.mju_axisAngle2Quat(turn, np.array(joint.axis), robot.held.get(joint.name, 0.0))
        mujoco.mju_mulQuat(held, np.array(body.quat), turn)
        body.quat = held
        spec.delete(joint)
    # Compiling merges bodies; the payload's body must be added later, or it would be merged too.
    spec.compiler.fusestatic = True
    spec.compile()
    spec.compiler.fusestatic = False


def _add_motors(spec: Any, robot: "RobotConfig") -> None:
    for index, name in enumerate(robot.joints):
        joint, kp, kd = spec.joint(name), robot.kp[index], robot.kd[index]
        joint.range = robot.limits[index]
        joint.armature = robot.armature[index]
        joint.frictionloss = robot.friction_loss
        joint.damping = np.zeros_like(joint.damping)
        joint.actfrclimited = mujoco.mjtLimited.mjLIMITED_FALSE
        spec.add_actuator(
            name=name,
            trntype=mujoco.mjtTrn.mjTRN_JOINT,
            target=name,
            gaintype=mujoco.mjtGain.mjGAIN_FIXED,
            biastype=mujoco.mjtBias.mjBIAS_AFFINE,
            gainprm=[kp] + [0.0] * 9,
            biasprm=[0.0, -kp, -kd] + [0.0] * 7,
            forcelimited=mujoco.mjtLimited.mjLIMITED_TRUE,
            forcerange=(-robot.effort[index], robot.effort[index]),
        )
        spec.add_sensor(
            name=name + EFFORT_SENSOR,
            type=mujoco.mjtSensor.mjSENS_ACTUATORFRC,
            objtype=mujoco.mjtObj.mjOBJ_ACTUATOR,
            objname=name,
        )


def _add_feet(spec: Any, robot: "RobotConfig") -> None:
    """Soles that touch the ground, and a capsule in each foot that touches the other foot's."""
    points = np.array(robot.soles)
    middle, lowest = points.mean(axis=0), points[:, 2].min()
    heel, toe = points[:, 0].min(), points[:, 0].max()
    width = float(np.ptp(points[:, 1])) / 2.0
    for side, (foot, site, sole) in enumerate(zip(robot.feet, FEET, SOLES, strict=True)):
        body, mirror = spec.body(foot), 1.0 - 2.0 * side
        for index, (x, y, z) in enumerate(robot.soles):
            body.add_geom(
                name=f"{sole}_{index}",
                type=mujoco.mjtGeom.mjGEOM_SPHERE,
                pos=(x, mirror * y, z),
                size=(robot.sole_radius, 0.0, 0.0),
                contype=0,
                conaffinity=1,
                friction=(0.6, 0.005, 0.0001),
                priority=1,
                group=3,
                density=0.0,
            )
        body.add_geom(
            name=f"{site}_side",
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=(heel + width, 0.0, lowest + width, toe - width, 0.0, lowest + width),
            size=(width, 0.0, 0.0),
            contype=0,
            conaffinity=0,
            density=0.0,
        )
        body.add_site(
            name=site,
            pos=(middle[0], mirror * middle[1], lowest - robot.sole_radius),
            size=(0.2, 0.2, 0.2),
            group=5,
        )
    spec.add_pair(name="feet", geomname1=f"{FEET[0]}_side", geomname2=f"{FEET[1]}_side", condim=1)
    for site in FEET:
        for ending, kind in (
            ("_position", mujoco.mjtSensor.mjSENS_FRAMEPOS),
            ("_velocity", mujoco.mjtSensor.mjSENS_FRAMELINVEL),
            ("_force", mujoco.mjtSensor.mjSENS_TOUCH),
        ):
            spec.add_sensor(
                name=site + ending, type=kind, objtype=mujoco.mjtObj.mjOBJ_SITE, objname=site
            )


def _add_figure(spec: Any, robot: "RobotConfig") -> None:
    """Capsules from each body to its children, a torso, a head and feet; none of them collides."""
    for body in list(spec.bodies)[1:]:
        for child in body.bodies:
            end = np.array(child.pos)
            if np.linalg.norm(end) < 0.02:
                continue
            body.add_geom(
                type=mujoco.mjtGeom.mjGEOM_CAPSULE,
                fromto=(0.0, 0.0, 0.0, *end),
                size=(0.035, 0.0, 0.0),
                contype=0,
                conaffinity=0,
                density=0.0,
                rgba=_LIGHT,
            )
    x, y, z = robot.payload_position
    _decorate(spec.body(robot.torso), "BOX", (x, y, z), (0.06, 0.09, 0.14), _DARK)
    _decorate(spec.body(robot.torso), "ELLIPSOID", (x, y, z + 0.24), (0.07, 0.06, 0.09), _DARK)
    heel, toe = (pick(point[0] for point in robot.soles) for pick in (min, max))
    half, low = max(point[1] for point in robot.soles), min(point[2] for point in robot.soles)
    for foot in robot.feet:
        middle = (0.5 * (heel + toe), 0.0, low + 0.015)
        _decorate(spec.body(foot), "BOX", middle, (0.5 * (toe - heel), half, 0.015), _DARK)


def _decorate(body: Any, kind: str, place: Vector, size: Vector, colour: tuple[float, ...]) -> None:
    body.add_geom(
        type=getattr(mujoco.mjtGeom, f"mjGEOM_{kind}"),
        pos=place,
        size=size,
        contype=0,
        conaffinity=0,
        density=0.0,
        rgba=colour,
    )


__all__ = ["EFFORT_SENSOR", "FEET", "PAYLOAD", "SOLES", "robot_spec"]
