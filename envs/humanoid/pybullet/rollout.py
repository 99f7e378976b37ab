"""PyBullet in place of `mujoco.rollout`: the same call, different physics.

`PyBulletRollout.rollout` takes models, states and controls and fills paths and sensors as MuJoCo's
`Rollout` does, so that everything around the physics (targets, delays, observations, rewards,
falls) is shared code. Taken from the model: masses, lengths, rotors, dry friction, friction of the
soles, motors and their limits, ground. Contacts, joint stops, solver and integrator are Bullet's
own. Motors are PD loops at about 1 kHz, as on the robot, not integrated with the physics.
"""

from collections.abc import Sequence
from typing import Any, Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.humanoid.pybullet.body import PyBulletBody
from envs.humanoid.pybullet.exporter import ExportError, UrdfExport, export_urdf

Floats = NDArray[np.float64]

INNER_STEP: Final = 1e-3
"""Longest PyBullet time step (s); a model's step is split into equal ones no longer than this."""

_ACTUATORFRC: Final = int(mujoco.mjtSensor.mjSENS_ACTUATORFRC)
_FRAMEPOS: Final = int(mujoco.mjtSensor.mjSENS_FRAMEPOS)
_FRAMELINVEL: Final = int(mujoco.mjtSensor.mjSENS_FRAMELINVEL)
_TOUCH: Final = int(mujoco.mjtSensor.mjSENS_TOUCH)

_CARRIED: Final = (
    "body_mass", "body_inertia", "body_ipos", "body_iquat", "body_pos", "body_quat", "jnt_range",
    "dof_armature", "dof_frictionloss", "geom_friction", "geom_contype", "geom_pos", "hfield_data",
)  # fmt: skip
"""Fields that are built into the PyBullet world; when one changes, it is rebuilt."""


class PyBulletRollout:
    """PyBullet worlds, one per model, kept as long as their models do not change."""

    def __init__(self) -> None:
        self._worlds: dict[int, _World] = {}

    def rollout(
        self,
        models: Sequence[Any],
        data: Sequence[Any],
        initial_state: Floats,
        control: Floats,
        *,
        nstep: int,
        state: Floats,
        sensordata: Floats,
        **_: Any,
    ) -> None:
        """Run every model.

        Args:
            models: n models of one floating robot each.
            data: Not used.
            initial_state: (n, s) time, qpos, qvel.
            control: (n, nstep, m) motor targets.
            nstep: Number of the models' time steps.
            state: (n, nstep, s), filled.
            sensordata: (n, nstep, k), filled.

        Raises:
            ExportError: A model holds something that cannot be carried over.
        """
        for row, model in enumerate(models):
            world = self._worlds.get(row)
            if world is None or world.model is not model or world.outdated():
                if world is not None:
                    world.close()
                world = self._worlds[row] = _World(model)
            world.run(initial_state[row], control[row], nstep, state[row], sensordata[row])

    def close(self) -> None:
        """Disconnect from PyBullet."""
        for world in self._worlds.values():
            world.close()
        self._worlds.clear()


class Motors:
    """The model's motors: torque = gain · target + bias, clipped; and the joints' damping.

    Raises:
        ExportError: A motor is not of this kind.
    """

    def __init__(self, model: Any, joints: tuple[str, ...]) -> None:
        names = [model.joint(int(joint)).name for joint in model.actuator_trnid[:, 0]]
        plain = (
            (model.actuator_trntype == int(mujoco.mjtTrn.mjTRN_JOINT)).all()
            and (model.actuator_gaintype == int(mujoco.mjtGain.mjGAIN_FIXED)).all()
            and (model.actuator_biastype == int(mujoco.mjtBias.mjBIAS_AFFINE)).all()
            and (model.actuator_gear[:, 0] == 1.0).all()
            and tuple(names) == joints
        )
        if not plain:
            raise ExportError(
                "the model's motors must be one position servo per joint, in the joints' order,"
                " without gears"
            )
        self._gain, self._bias = model.actuator_gainprm[:, 0], model.actuator_biasprm[:, :3].T
        limited = model.actuator_forcelimited.astype(bool)
        self._limit = np.where(limited, model.actuator_forcerange[:, 1], np.inf)
        dofs = [int(model.joint(name).dofadr[0]) for name in joints]
        self._damping = model.dof_damping[dofs]

    def torques(self, target: Floats, angles: Floats, rates: Floats) -> Floats:
        """Torques of the motors alone, (m,) Nm."""
        constant, stiffness, damping = self._bias
        wanted = self._gain * target + constant + stiffness * angles + damping * rates
        return np.asarray(np.clip(wanted, -self._limit, self._limit))

    def damping_torques(self, rates: Floats) -> Floats:
        """Torques of the joints' own damping, (m,) Nm."""
        return np.asarray(-self._damping * rates)


class _World:
    """One model's robot on its ground."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._carried = {name: getattr(model, name).copy() for name in _CARRIED}
        export = export_urdf(model)
        self._motors = Motors(model, export.joints)
        self._sensors = _Sensors(model, export)
        self._step = float(model.opt.timestep)
        self._inner = max(1, int(np.ceil(self._step / INNER_STEP - 1e-9)))
        self.body = PyBulletBody(export, time_step=self._step / self._inner)
        grounds = _add_grounds(self.body, model)
        for link, friction in _friction(model, export, grounds).items():
            self.body.set_friction(link, friction)
        dofs = [int(model.joint(name).dofadr[0]) for name in export.joints]
        self.body.release_motors(model.dof_frictionloss[dofs])
        self._last = np.full(0, np.nan)

    def outdated(self) -> bool:
        """Whether a field of `_CARRIED` has changed; time step and motors may."""
        model = self.model
        return any(not np.array_equal(getattr(model, n), old) for n, old in self._carried.items())

    def run(
        self, start: Floats, control: Floats, nstep: int, path: Floats, sensordata: Floats
    ) -> None:
        """Fill the path (nstep, s) and the sensors (nstep, k)."""
        self._keep_time()
        self._motors = Motors(self.model, self.body.export.joints)
        split = 1 + self.model.nq
        # A world that continues from where it was keeps its contacts.
        if not np.array_equal(start[1:], self._last):
            self.body.set_state(start[1:split], start[split:])
        angles, rates = self.body.joint_state()
        for step in range(nstep):
            applied = np.zeros(len(angles))
            for _ in range(self._inner):
                torques = self._motors.torques(control[step], angles, rates)
                self.body.step(torques + self._motors.damping_torques(rates))
                angles, rates = self.body.joint_state()
                applied += torques / self._inner
            qpos, qvel = self.body.state()
            path[step] = np.concatenate([[start[0] + (step + 1) * self._step], qpos, qvel])
            self._sensors.read(self.body, applied, sensordata[step])
        self._last = path[nstep - 1, 1:].copy()

    def _keep_time(self) -> None:
        step = float(self.model.opt.timestep)
        if step != self._step:
            self._step = step
            self._inner = max(1, int(np.ceil(step / INNER_STEP - 1e-9)))
            self.body.set_time_step(step / self._inner)

    def close(self) -> None:
        self.body.close()


class _Sensors:
    """Motor torques, and position, velocity and ground force of sites on moving links.

    Raises:
        ExportError: A sensor is of another kind.
    """

    def __init__(self, model: Any, export: UrdfExport) -> None:
        self._efforts: list[tuple[int, int]] = []
        self._sites: list[tuple[int, int, int, str, np.ndarray]] = []
        for index in range(model.nsensor):
            kind, item = int(model.sensor_type[index]), int(model.sensor_objid[index])
            at = int(model.sensor_adr[index])
            if kind == _ACTUATORFRC:
                self._efforts.append((at, item))
                continue
            known = kind in (_FRAMEPOS, _FRAMELINVEL, _TOUCH)
            name = model.body(int(model.site_bodyid[item])).name if known else ""
            if not known or export.places[name].link == export.root:
                raise ExportError(
                    f"sensor {model.sensor(index).name!r} cannot be read in PyBullet: it reads"
                    " motors' torques, and position, velocity and touch of sites on moving links"
                )
            self._sites.append((at, kind, item, name, model.site_pos[item].copy()))

    def read(self, body: PyBulletBody, torques: Floats, values: Floats) -> None:
        """Fill the values (k,)."""
        for at, motor in self._efforts:
            values[at] = torques[motor]
        points: dict[int, tuple[Floats, Floats]] = {}
        for at, kind, site, name, position in self._sites:
            if kind == _TOUCH:
                values[at] = body.ground_force(name)
                continue
            if site not in points:
                points[site] = body.point(name, position)
            values[at : at + 3] = points[site][int(kind == _FRAMELINVEL)]


def _add_grounds(body: PyBulletBody, model: Any) -> list[int]:
    """Add the world's colliding planes and height fields; returns their geoms."""
    used = []
    for geom in np.flatnonzero((model.geom_bodyid == 0) & (model.geom_contype > 0)):
        kind, turn = int(model.geom_type[geom]), model.geom_quat[geom]
        level = np.allclose(np.abs(turn), (1.0, 0.0, 0.0, 0.0))
        if kind == int(mujoco.mjtGeom.mjGEOM_PLANE) and level:
            body.add_plane(float(model.geom_pos[geom, 2]))
        elif kind == int(mujoco.mjtGeom.mjGEOM_HFIELD) and level:
            field = int(model.geom_dataid[geom])
            rows, columns = int(model.hfield_nrow[field]), int(model.hfield_ncol[field])
            start = int(model.hfield_adr[field])
            data = model.hfield_data[start : start + rows * columns].astype(float)
            along, across, top = (float(v) for v in model.hfield_size[field, :3])
            heights = data.reshape(rows, columns) * top + model.geom_pos[geom, 2]
            body.add_height_field(heights, (2.0 * along, 2.0 * across))
        else:
            raise ExportError(
                f"ground {model.geom(int(geom)).name!r} is neither a level plane nor a level"
                " height field"
            )
        used.append(int(geom))
    return used


def _friction(model: Any, export: UrdfExport, grounds: list[int]) -> dict[str, float]:
    """Friction of each link that touches the ground, by MuJoCo's rule: that of the geom with the
    higher priority, or the larger one if equal."""
    result: dict[str, float] = {}
    for geom in range(model.ngeom):
        name = model.body(int(model.geom_bodyid[geom])).name
        for ground in grounds:
            touches = (model.geom_contype[ground] & model.geom_conaffinity[geom]) or (
                model.geom_contype[geom] & model.geom_conaffinity[ground]
            )
            if name not in export.places or not touches:
                continue
            pair = sorted((geom, ground), key=lambda g: int(model.geom_priority[g]))
            low, high = (float(model.geom_friction[g, 0]) for g in pair)
            equal = model.geom_priority[geom] == model.geom_priority[ground]
            link = export.places[name].link
            result[link] = max(result.get(link, 0.0), max(low, high) if equal else high)
    return result
