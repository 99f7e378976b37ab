"""Physics of many copies: one call of `mujoco.rollout` per action, its results in arrays."""

import copy as copying
import logging
from collections.abc import Sequence
from typing import Any, Final, Protocol

import mujoco
import numpy as np
from mujoco.rollout import Rollout
from numpy.typing import NDArray

from envs.humanoid.domain import Parameters
from envs.humanoid.robots import FEET, RobotConfig, robot_spec
from envs.humanoid.terrain import FLAT, add_ground

Floats = NDArray[np.float64]

FASTEST: Final = 200.0
"""Any velocity (m/s or rad/s) beyond this means that physics has become unstable."""

_TIME, _BASE = 0, slice(1, 4)
_BEGIN: Final = 1.0
"""Clock at the start of an action (s); not zero, to which MuJoCo's own resets set it."""

# To the log: by default MuJoCo writes warnings to a file in the working directory. At level info,
# because the batch counts what became unstable.
mujoco.set_mju_user_warning(logging.getLogger(__name__).info)


def walk_model(
    robot: RobotConfig, terrain: str = FLAT, physics_hz: float = 200.0, *, figure: bool = False
) -> Any:
    """The `mujoco.MjModel` of a nominal copy.

    Args:
        robot: its config.
        terrain: one of `terrain.KINDS`, or "mixed"; anything but "flat" has a height field.
        physics_hz: steps per second.
        figure: whether to add visual geoms and a light.
    """
    spec = robot_spec(robot, figure=figure)
    add_ground(spec, field=terrain != FLAT)
    spec.option.timestep = 1.0 / physics_hz
    if figure:
        _light(spec, robot)
    return spec.compile()


def _light(spec: Any, robot: RobotConfig) -> None:
    """A sky, a sun and a chequered ground."""
    texture = mujoco.mjtTexture
    builtin = mujoco.mjtBuiltin
    spec.add_texture(
        name="sky",
        type=texture.mjTEXTURE_SKYBOX,
        builtin=builtin.mjBUILTIN_GRADIENT,
        rgb1=(0.75, 0.85, 0.95),
        rgb2=(0.95, 0.97, 1.0),
        width=64,
        height=384,
    )
    spec.add_texture(
        name="chequers",
        type=texture.mjTEXTURE_2D,
        builtin=builtin.mjBUILTIN_CHECKER,
        rgb1=(0.62, 0.66, 0.7),
        rgb2=(0.7, 0.74, 0.78),
        width=256,
        height=256,
    )
    material = spec.add_material(name="ground", texuniform=True, texrepeat=(1.0, 1.0))
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "chequers"
    for geom in spec.worldbody.geoms:
        geom.material = "ground"
        geom.rgba = (1.0, 1.0, 1.0, 1.0)
    # The narrower the light's field, the finer the shadows: it moves along with the robot.
    spec.stat.extent = 2.0
    spec.body(robot.base).add_light(
        mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACK,
        pos=(-0.6, -0.8, 2.0),
        dir=(0.3, 0.4, -1.0),
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        diffuse=(0.6, 0.6, 0.6),
        ambient=(0.25, 0.25, 0.25),
    )


def copies_of(model: Any, copies: int) -> list[Any]:
    """A model and copies of it, `copies` in all."""
    return [model, *(copying.copy(model) for _ in range(copies - 1))]


def standing(model: Any) -> tuple[float, Floats]:
    """Height of the base (m) and feet relative to it [2, 3] (m) in the default pose."""
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_kinematics(model, data)
    feet = np.array([data.site(name).xpos for name in FEET])
    return float(data.qpos[2]), feet - data.qpos[:3]


class Engine(Protocol):
    """Runs physics: MuJoCo's `Rollout`, or another simulator that fills the same arrays."""

    def rollout(
        self,
        models: Sequence[Any],
        data: Sequence[Any],
        initial_state: Floats,
        control: Floats,
        /,
        *,
        nstep: int,
        initial_warmstart: Floats,
        state: Floats,
        sensordata: Floats,
        control_spec: int,
        skip_checks: bool,
    ) -> object:
        """Run every model for `nstep` steps, see `mujoco.rollout`; fill `state`, `sensordata`."""

    def close(self) -> None:
        """Free its resources."""


class Physics:
    """State and simulation of n copies with m joints.

    Args:
        models: of the copies; same sizes, different values.
        joints: m.
        substeps: physics steps per action, d.
        threads: number of threads.
        engine: used instead of MuJoCo's; closed with this.

    Attributes:
        state: full physics state, time, qpos and qvel [n, 14 + 2 m].
        sound: the last stable state of each copy [n, 14 + 2 m].
        sensed: the state that sensors read, possibly delayed [n, 14 + 2 m].
        control: motor targets in each physics step of an action (rad) [n, d, m].
        torque: root mean square motor torque over the last action (Nm) [n, m].
        power: mean motor power over the last action, braking counted as zero (W) [n].
        acceleration: of all degrees of freedom, mean over the last physics step [n, 6 + m].
        feet: position (3, world), velocity (3, world) and force of each foot [n, 2, 7].
        engine: what runs the copies.
    """

    def __init__(
        self,
        models: Sequence[Any],
        joints: int,
        substeps: int,
        threads: int = 1,
        engine: Engine | None = None,
    ) -> None:
        n, model = len(models), models[0]
        self.models, self.joints, self.substeps = list(models), joints, substeps
        self.angles = slice(8, 8 + joints)
        self.velocities = slice(8 + joints, 14 + 2 * joints)
        self.base_velocity = slice(8 + joints, 11 + joints)
        self.turning = slice(11 + joints, 14 + joints)
        self.speeds = slice(14 + joints, 14 + 2 * joints)
        size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        self.state = np.zeros((n, size))
        self.sensed = np.zeros((n, size))
        self.control = np.zeros((n, substeps, joints))
        self.torque = np.zeros((n, joints))
        self.power = np.zeros(n)
        self.acceleration = np.zeros((n, model.nv))
        self.feet = np.zeros((n, 2, 7))
        self._everyone = np.arange(n)
        self.sound = np.zeros((n, size))
        self._path = np.zeros((n, substeps, size))
        self._sensors = np.zeros((n, substeps, model.nsensordata))
        self._data = [mujoco.MjData(model) for _ in range(threads)]
        self.engine: Engine = engine or Rollout(nthread=threads if threads > 1 else 0)

    def place(self, rows: NDArray[np.int64], state: Floats, feet: Floats) -> None:
        """Set some copies to states [k, 14 + 2 m], their feet at rest at [k, 2, 3]."""
        self.state[rows] = self.sensed[rows] = self.sound[rows] = state
        self.feet[rows] = 0.0
        self.feet[rows, :, :3] = feet
        for values in (self.torque, self.power, self.acceleration):
            values[rows] = 0.0

    def run(self, parameters: Parameters) -> NDArray[np.bool_]:
        """Simulate one action with `control`.

        Returns:
            Which copies became unstable [n]; they are back in their last stable state.
        """
        # MuJoCo zeroes the time when it has to reset a broken state, and rollout stops at a
        # warning: either way the clock of that copy is not where it should be.
        self.state[:, _TIME] = _BEGIN
        self.engine.rollout(
            self.models,
            self._data,
            self.state,
            self.control,
            nstep=self.substeps,
            # Approximates the solver's warm start: rollout does not say where it ended.
            initial_warmstart=self.acceleration,
            state=self._path,
            sensordata=self._sensors,
            control_spec=mujoco.mjtState.mjSTATE_CTRL.value,
            skip_checks=True,
        )
        last = self._path[:, -1]
        due = _BEGIN + self.substeps * parameters.time_step
        with np.errstate(invalid="ignore"):
            sound = np.isfinite(last).all(axis=1) & (np.abs(last[:, _TIME] - due) < 1e-6)
            sound &= (np.abs(last[:, self.velocities]) < FASTEST).all(axis=1)
        unstable = ~sound
        if unstable.any():
            self._path[unstable] = self.sound[unstable, None]
            self._sensors[unstable] = 0.0
        self._take_over(parameters)
        self.feet[unstable, :, :3] = self.state[unstable, None, _BASE]
        return unstable

    def shift(self, horizontal: Floats) -> None:
        """Move the copies by [n, 2] (world, m)."""
        self.state[:, 1:3] += horizontal
        self.feet[:, :, :2] += horizontal[:, None]

    def close(self) -> None:
        """Stop the threads."""
        self.engine.close()

    def _take_over(self, parameters: Parameters) -> None:
        """Copy the results of physics into the arrays."""
        before = self._path[:, -2] if self.substeps > 1 else self.state
        change = self._path[:, -1, self.velocities] - before[:, self.velocities]
        self.acceleration[:] = change / parameters.time_step[:, None]
        old = np.rint(parameters.observation_delay / parameters.time_step).astype(np.int64)
        chosen = self.substeps - 1 - np.minimum(old, self.substeps - 1)
        self.sensed[:] = self._path[self._everyone, chosen]
        self.state[:] = self.sound[:] = self._path[:, -1]
        efforts = self._sensors[:, :, : self.joints]
        self.torque[:] = np.sqrt(np.mean(efforts**2, axis=1))
        speeds = self._path[:, :, self.speeds]
        self.power[:] = np.maximum(efforts * speeds, 0.0).sum(axis=2).mean(axis=1)
        self.feet[:] = self._sensors[:, -1, self.joints :].reshape(self.feet.shape)


__all__ = ["FASTEST", "Engine", "Physics", "copies_of", "standing", "walk_model"]
