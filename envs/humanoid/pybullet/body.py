"""One robot in a PyBullet world, addressed in MuJoCo's conventions.

`qpos` is [x, y, z, quaternion (w, x, y, z), joint angles], of the root body's frame in the world;
`qvel` is [linear velocity of that frame's origin in the world, angular velocity in the body's
frame, joint velocities]; joints are in the order of the MuJoCo model. PyBullet itself uses the
root's principal axes at its centre of mass, quaternions (x, y, z, w) and world velocities.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np

from envs.humanoid.pybullet.exporter import UrdfExport


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Discard what C code writes to standard error."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


try:
    with _silent():  # It prints its build time.
        import pybullet
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "the second simulator is not installed: pip install 'robo[pybullet]'"
    ) from None

GRAVITY: Final[float] = 9.81


class PyBulletBody:
    """A robot, in a PyBullet world of its own.

    It has no damping and no motors hold it. A context manager; `close` may be called many times.
    """

    def __init__(
        self,
        export: UrdfExport,
        *,
        time_step: float = 1e-3,
        self_collision: bool = True,
        fixed_base: bool = False,
    ) -> None:
        """Load the robot, its base frame at the origin.

        Args:
            export: From `export_urdf`.
            time_step: s.
            self_collision: Let links touch each other that may do so in MuJoCo.
            fixed_base: Hold the base at the origin, for `gravity_torques`.
        """
        self.export = export
        self.client: int = pybullet.connect(pybullet.DIRECT)
        self._set("setPhysicsEngineParameter", fixedTimeStep=time_step, numSolverIterations=50)
        self._set("setGravity", 0.0, 0.0, -GRAVITY)
        self.grounds: list[int] = []
        self.robot = self._load(fixed_base)
        links, joints = {export.root: -1}, {}
        for index in range(self._ask("getNumJoints", self.robot)):
            info = self._ask("getJointInfo", self.robot, index)
            joints[info[1].decode()], links[info[12].decode()] = index, index
        self.links: dict[str, int] = links
        self.joints: list[int] = [joints[name] for name in export.joints]
        self._columns = _columns(self, self.joints)
        self._set_dynamics()
        self._set_self_collision(self_collision)
        root = export.links[export.root]
        self._com, self._axes = root.com, root.axes
        self.release_motors(np.zeros(len(self.joints)))

    def __enter__(self) -> "PyBulletBody":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect from PyBullet."""
        if self.client >= 0:
            pybullet.disconnect(physicsClientId=self.client)
            self.client = -1

    def _ask(self, name: str, *arguments: Any, **named: Any) -> Any:
        return getattr(pybullet, name)(*arguments, physicsClientId=self.client, **named)

    _set = _ask

    def _load(self, fixed_base: bool) -> int:
        # PyBullet reads URDF from files only.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "robot.urdf"
            path.write_text(self.export.text, encoding="utf-8")
            flags = (
                pybullet.URDF_USE_INERTIA_FROM_FILE
                | pybullet.URDF_USE_SELF_COLLISION
                | pybullet.URDF_USE_IMPLICIT_CYLINDER
            )
            robot: int = self._ask("loadURDF", str(path), useFixedBase=fixed_base, flags=flags)
        return robot

    def _set_dynamics(self) -> None:
        for name, index in self.links.items():
            self._set(
                "changeDynamics",
                self.robot,
                index,
                # The URDF's inertia is adjusted where a rotor makes it unphysical; this is exact.
                localInertiaDiagonal=self.export.links[name].inertia.tolist(),
                linearDamping=0.0,
                angularDamping=0.0,
                jointDamping=0.0,
                lateralFriction=1.0,
                spinningFriction=0.0,
                rollingFriction=0.0,
                restitution=0.0,
            )

    def _set_self_collision(self, wanted: bool) -> None:
        names = list(self.links)
        for number, first in enumerate(names):
            for second in names[number + 1 :]:
                pair = (min(first, second), max(first, second))
                allowed = wanted and pair in self.export.self_contacts
                self._set(
                    "setCollisionFilterPair",
                    self.robot, self.robot, self.links[first], self.links[second], int(allowed),
                )  # fmt: skip

    def release_motors(self, dry_friction: np.ndarray) -> None:
        """Turn PyBullet's own joint motors off, or into the dry friction of the joints.

        A velocity motor with target zero and a small force limit acts as Coulomb friction.

        Args:
            dry_friction: (m,) Nm.
        """
        self._set(
            "setJointMotorControlArray",
            self.robot,
            self.joints,
            pybullet.VELOCITY_CONTROL,
            targetVelocities=[0.0] * len(self.joints),
            forces=np.asarray(dry_friction, float).tolist(),
        )

    def add_plane(self, height: float = 0.0) -> int:
        """Add an infinite level ground; returns its PyBullet id.

        Its friction coefficient is 1: PyBullet multiplies it by the robot's.
        """
        shape = self._ask("createCollisionShape", pybullet.GEOM_PLANE)
        return self._add_ground(shape, [0.0, 0.0, height])

    def add_height_field(self, heights: np.ndarray, extent: tuple[float, float]) -> int:
        """Add uneven ground around the origin; returns its PyBullet id.

        Args:
            heights: (rows along y, columns along x) m.
            extent: Size along x and y (m).
        """
        rows, columns = heights.shape
        shape = self._ask(
            "createCollisionShape",
            pybullet.GEOM_HEIGHTFIELD,
            meshScale=[extent[0] / (columns - 1), extent[1] / (rows - 1), 1.0],
            heightfieldData=heights.ravel().tolist(),
            numHeightfieldRows=columns,
            numHeightfieldColumns=rows,
        )
        # Bullet puts the middle of the height range at the origin.
        return self._add_ground(shape, [0.0, 0.0, (heights.max() + heights.min()) / 2.0])

    def _add_ground(self, shape: int, position: list[float]) -> int:
        ground: int = self._ask("createMultiBody", 0.0, shape)
        self._set("resetBasePositionAndOrientation", ground, position, [0.0, 0.0, 0.0, 1.0])
        self._set("changeDynamics", ground, -1, lateralFriction=1.0, restitution=0.0)
        self.grounds.append(ground)
        return ground

    def set_state(self, qpos: np.ndarray, qvel: np.ndarray | None = None) -> None:
        """Set the robot's state, at rest if no velocity is given."""
        qvel = np.zeros(6 + len(self.joints)) if qvel is None else qvel
        rotation = rotation_matrix(qpos[3:7])
        arm = rotation @ self._com
        turning = rotation @ qvel[3:6]
        place = (qpos[:3] + arm).tolist()
        facing = quaternion(rotation @ self._axes)[[1, 2, 3, 0]].tolist()
        self._set("resetBasePositionAndOrientation", self.robot, place, facing)
        speed = (qvel[:3] + cross(turning, arm)).tolist()
        self._set("resetBaseVelocity", self.robot, speed, turning.tolist())
        for index, angle, rate in zip(self.joints, qpos[7:], qvel[6:], strict=True):
            self._set("resetJointState", self.robot, index, float(angle), float(rate))

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """`qpos` and `qvel`."""
        place, facing = self._ask("getBasePositionAndOrientation", self.robot)
        speed, turning = (np.array(v) for v in self._ask("getBaseVelocity", self.robot))
        rotation = rotation_matrix(np.array(facing)[[3, 0, 1, 2]]) @ self._axes.T
        arm = rotation @ self._com
        angles, rates = self.joint_state()
        qpos = np.concatenate([np.array(place) - arm, quaternion(rotation), angles])
        qvel = np.concatenate([speed - cross(turning, arm), rotation.T @ turning, rates])
        return qpos, qvel

    def joint_state(self) -> tuple[np.ndarray, np.ndarray]:
        """Angles (m,) rad and velocities (m,) rad/s."""
        states = self._ask("getJointStates", self.robot, self.joints)
        return np.array([s[0] for s in states]), np.array([s[1] for s in states])

    def step(self, torques: np.ndarray) -> None:
        """Simulate one time step under joint torques (m,) Nm."""
        self._set(
            "setJointMotorControlArray",
            self.robot, self.joints, pybullet.TORQUE_CONTROL, forces=torques.tolist(),
        )  # fmt: skip
        self._set("stepSimulation")

    def set_time_step(self, time_step: float) -> None:
        """Set the physics time step (s)."""
        self._set("setTimeStep", time_step)

    def set_friction(self, link: str, friction: float) -> None:
        """Set the friction coefficient between a link and any ground."""
        self._set("changeDynamics", self.robot, self.links[link], lateralFriction=friction)

    def ground_force(self, body: str) -> float:
        """Sum of the normal forces from the ground on the link of a MuJoCo body (N)."""
        link = self.links[self.export.places[body].link]
        points = [
            point
            for ground in self.grounds
            for point in self._ask("getContactPoints", self.robot, ground, link)
        ]
        return float(sum(point[9] for point in points))

    def point(self, body: str, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World position and velocity (3,) of a point in a MuJoCo body's frame.

        Not for bodies of the floating link.
        """
        place = self.export.places[body]
        state = self._ask(
            "getLinkState",
            self.robot,
            self.links[place.link],
            computeLinkVelocity=True,
            computeForwardKinematics=True,
        )
        rotation = rotation_matrix(np.array(state[5])[[3, 0, 1, 2]])
        here = np.array(state[4]) + rotation @ (place.position + place.rotation @ position)
        # PyBullet's velocity is that of the centre of mass.
        speed = np.array(state[6]) + cross(np.array(state[7]), here - np.array(state[0]))
        return here, speed

    def height_below(self, x: float, y: float) -> float:
        """Height of the ground at (x, y), seen from above (m); NaN where there is none."""
        hits = self._ask("rayTest", [x, y, 10.0], [x, y, -10.0])
        found = [hit[3][2] for hit in hits if hit[0] in self.grounds]
        return float(found[0]) if found else float("nan")

    def frame(self, body: str) -> tuple[np.ndarray, np.ndarray]:
        """Position (3,) and rotation (3, 3) of a MuJoCo body in the world."""
        place = self.export.places[body]
        if place.link == self.export.root:
            qpos, _ = self.state()
            origin, rotation = qpos[:3], rotation_matrix(qpos[3:7])
        else:
            state = self._ask(
                "getLinkState", self.robot, self.links[place.link], computeForwardKinematics=True
            )
            origin = np.array(state[4])
            rotation = rotation_matrix(np.array(state[5])[[3, 0, 1, 2]])
        return origin + rotation @ place.position, rotation @ place.rotation

    def mass(self) -> float:
        """Total mass in PyBullet (kg)."""
        return float(sum(self._ask("getDynamicsInfo", self.robot, i)[0] for i in self._all()))

    def mass_matrix(self, angles: np.ndarray) -> np.ndarray:
        """Joint block (m, m) of the mass matrix."""
        matrix = np.array(self._ask("calculateMassMatrix", self.robot, self._in_own_order(angles)))
        columns = np.array(self._columns) + len(matrix) - len(self.joints)
        block: np.ndarray = matrix[np.ix_(columns, columns)]
        return block

    def gravity_torques(self, qpos: np.ndarray) -> np.ndarray:
        """Torques (m,) that hold the joints against gravity, with the base held.

        Needs a fixed base: with a floating one PyBullet's inverse dynamics assumes zero joint
        angles. A fixed base cannot be turned, so gravity is turned instead, into the principal axes
        of the base.
        """
        down = (rotation_matrix(qpos[3:7]) @ self._axes).T @ (0.0, 0.0, -GRAVITY)
        self._set("setGravity", *down.tolist())
        still = [0.0] * len(self.joints)
        angles = self._in_own_order(qpos[7:])
        torques = self._ask("calculateInverseDynamics", self.robot, angles, still, still)
        result: np.ndarray = np.array(torques)[self._columns]
        return result

    def _all(self) -> list[int]:
        return list(self.links.values())

    def _in_own_order(self, angles: np.ndarray) -> list[float]:
        result = np.empty(len(angles))
        result[self._columns] = angles
        return result.tolist()


def _columns(body: PyBulletBody, joints: list[int]) -> list[int]:
    """Indices of the joints among PyBullet's degrees of freedom."""
    order = sorted(joints)
    return [order.index(joint) for joint in joints]


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product of two vectors (3,); NumPy's takes thirty times as long for one pair."""
    return np.array(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def rotation_matrix(turn: np.ndarray) -> np.ndarray:
    """Rotation matrix (3, 3) of a quaternion (w, x, y, z)."""
    w, x, y, z = turn / np.linalg.norm(turn)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternion (w, x, y, z), w not negative, of a rotation (3, 3)."""
    # Principal eigenvector of Bar-Itzhack's matrix (2000): stable near every half turn.
    r = rotation
    k = np.array(
        [
            [r[0, 0] + r[1, 1] + r[2, 2], 0.0, 0.0, 0.0],
            [r[2, 1] - r[1, 2], r[0, 0] - r[1, 1] - r[2, 2], 0.0, 0.0],
            [r[0, 2] - r[2, 0], r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], 0.0],
            [r[1, 0] - r[0, 1], r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1]],
        ]
    )
    result: np.ndarray = np.linalg.eigh(k)[1][:, -1]
    return -result if result[0] < 0.0 else result
