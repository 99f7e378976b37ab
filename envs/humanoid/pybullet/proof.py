"""Numerical proof of the export: the robot in PyBullet is the robot in MuJoCo."""

from dataclasses import dataclass
from typing import Final

import mujoco
import numpy as np

from envs.humanoid.pybullet.body import GRAVITY, PyBulletBody
from envs.humanoid.pybullet.exporter import UrdfExport, export_urdf, with_rotors_in_links

LIMITS: Final[dict[str, float]] = {
    "mass": 1e-6,
    "position": 1e-5,
    "rotation": 1e-5,
    "mass_matrix": 1e-4,
    "gravity_torque": 1e-4,
    "acceleration": 1e-4,
}
"""Largest allowed differences, in the units of `Proof`."""

_INSTANT: Final = 1e-6
"""Time step (s) over which an acceleration is measured."""


@dataclass(frozen=True)
class Proof:
    """Largest differences over all poses between MuJoCo and PyBullet.

    Attributes:
        mass: Total mass, relative.
        position: Any body's position (m).
        rotation: Any element of any body's rotation matrix.
        mass_matrix: Any element of the joints' mass matrix, MuJoCo's without armature, relative to
            the diagonal elements of its row and column.
        gravity_torque: Any joint's holding torque, relative to the largest.
        acceleration: Base and joints in free flight under gravity, random velocities and torques,
            relative to the largest; with rotors in the links on both sides
            (`with_rotors_in_links`).
        poses: Number of poses compared.
    """

    mass: float
    position: float
    rotation: float
    mass_matrix: float
    gravity_torque: float
    acceleration: float
    poses: int

    def failures(self) -> list[str]:
        """One sentence per broken limit; empty when proved."""
        return [
            f"{name} differs by {getattr(self, name):.2g}, allowed is {limit:.0e}"
            for name, limit in LIMITS.items()
            if not getattr(self, name) <= limit  # NaN fails, too.
        ]


def prove(
    model: mujoco.MjModel, *, root: str | None = None, poses: int = 20, seed: int = 0
) -> Proof:
    """Compare the exported robot with its model in random poses.

    Args:
        model: With a floating base.
        root: Name of the floating body; may be omitted when there is only one.
        poses: Number of poses: random joint angles within the limits, random base pose.
        seed: Random seed of the poses.

    Raises:
        ExportError: The model cannot be exported.
    """
    plain = export_urdf(model, root=root, rotor_inertia=False)
    heavy = export_urdf(model, root=root)
    side = _MujocoSide(model, plain)
    flying = _MujocoSide(_in_free_flight(with_rotors_in_links(model)), heavy)
    generator = np.random.default_rng(seed)
    worst = dict.fromkeys((name for name in LIMITS if name != "mass"), 0.0)

    def note(name: str, error: np.ndarray) -> None:
        worst[name] = float(np.maximum(worst[name], np.abs(error).max()))  # NaN stays.

    with (
        PyBulletBody(plain) as body,
        PyBulletBody(plain, fixed_base=True) as held,
        PyBulletBody(heavy, time_step=_INSTANT, self_collision=False) as thrown,
    ):
        for _ in range(poses):
            qpos, qvel, torques = side.draw(generator)
            side.place(qpos)
            body.set_state(qpos)
            for name in plain.places:
                position, rotation = body.frame(name)
                expected_position, expected_rotation = side.frame(name)
                note("position", position - expected_position)
                note("rotation", rotation - expected_rotation)
            matrix = side.mass_matrix()
            size = np.sqrt(np.outer(matrix.diagonal(), matrix.diagonal()))
            note("mass_matrix", (body.mass_matrix(qpos[7:]) - matrix) / size)
            torque = side.gravity_torques()
            note("gravity_torque", (held.gravity_torques(qpos) - torque) / np.abs(torque).max())
            thrown.set_state(qpos, qvel)
            before = thrown.state()[1]
            thrown.step(torques)
            acceleration = flying.acceleration(qpos, qvel, torques)
            measured = (thrown.state()[1] - before) / _INSTANT
            note("acceleration", (measured - acceleration) / np.abs(acceleration).max())
        return Proof(mass=abs(body.mass() / side.mass() - 1.0), poses=poses, **worst)


def rotor_error(model: mujoco.MjModel, qpos: np.ndarray) -> np.ndarray:
    """Relative change of each joint's own inertia when the armatures move into the links.

    Args:
        model: With one floating base.
        qpos: Of the model.

    Returns:
        (nv,) zero where a joint feels its own rotor alone, positive where it feels others too.
    """
    inertia = []
    for changed in (model, with_rotors_in_links(model)):
        data = mujoco.MjData(changed)
        data.qpos[:] = qpos
        mujoco.mj_forward(changed, data)
        inertia.append(_mass_matrix(changed, data).diagonal())
    relative: np.ndarray = inertia[1] / inertia[0] - 1.0
    return relative


class _MujocoSide:
    """The model, addressed by the exported robot's names."""

    def __init__(self, model: mujoco.MjModel, export: UrdfExport) -> None:
        self.model, self.data = model, mujoco.MjData(model)
        joints = [model.joint(name).id for name in export.joints]
        self._root = model.body(export.root).id
        base = model.body_jntadr[self._root]
        self._places = np.r_[_span(model.jnt_qposadr[base], 7), model.jnt_qposadr[joints]]
        self._dofs = np.r_[_span(model.jnt_dofadr[base], 6), model.jnt_dofadr[joints]]
        limited = model.jnt_limited[joints].astype(bool)
        self._low, self._high = np.where(limited, model.jnt_range[joints].T, [[-1.0], [1.0]])

    def draw(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Random `qpos`, `qvel` and joint torques; the joints keep off their stops."""
        turn = generator.normal(size=4)
        margin = 0.02 * (self._high - self._low)
        angles = generator.uniform(self._low + margin, self._high - margin)
        qpos = np.concatenate([generator.normal(size=3), turn / np.linalg.norm(turn), angles])
        return qpos, generator.normal(size=6 + len(angles)), generator.normal(size=len(angles))

    def place(self, qpos: np.ndarray) -> None:
        self.data.qpos[self._places] = qpos
        mujoco.mj_forward(self.model, self.data)

    def frame(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        body = self.model.body(name).id
        return self.data.xpos[body], self.data.xmat[body].reshape(3, 3)

    def mass(self) -> float:
        return float(self.model.body_mass[self.model.body_rootid == self._root].sum())

    def mass_matrix(self) -> np.ndarray:
        """Joint block (m, m) without armature."""
        dofs = self._dofs[6:]
        block = _mass_matrix(self.model, self.data)[np.ix_(dofs, dofs)]
        result: np.ndarray = block - np.diag(self.model.dof_armature[dofs])
        return result

    def gravity_torques(self) -> np.ndarray:
        scale = GRAVITY / np.linalg.norm(self.model.opt.gravity)
        result: np.ndarray = self.data.qfrc_bias[self._dofs[6:]] * scale
        return result

    def acceleration(self, qpos: np.ndarray, qvel: np.ndarray, torques: np.ndarray) -> np.ndarray:
        self.data.qvel[self._dofs] = qvel
        self.data.qfrc_applied[self._dofs[6:]] = torques
        self.place(qpos)
        result: np.ndarray = self.data.qacc[self._dofs]
        return result


def _in_free_flight(model: mujoco.MjModel) -> mujoco.MjModel:
    """The model without contacts, motors, damping and friction: only torques and gravity act."""
    flags = mujoco.mjtDisableBit
    model.opt.disableflags |= int(flags.mjDSBL_CONSTRAINT | flags.mjDSBL_ACTUATION)
    model.dof_damping[:] = 0.0
    model.opt.gravity[:] = (0.0, 0.0, -GRAVITY)
    return model


def _span(start: int, length: int) -> np.ndarray:
    return np.arange(start, start + length)


def _mass_matrix(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    matrix = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, matrix)
    return matrix
