"""The contract between a policy and a robot, checked link by link between two simulators.

A policy that walks in one simulator and falls in the other may fall for five reasons; each is a
link that is checked separately, with the same inputs on both sides:

1. robot: the export is proved (`proof.prove`), so masses, lengths and inertias are equal;
2. observation → action: several forms of the weights, such as torch and ONNX, agree;
3. signals → observation: a state that went through PyBullet gives the same observation;
4. action → torque: from the same state and action, the motors give the same torque;
5. torque → next state: in the air, from the same state under the same actions, both simulators
   reach the same state; on the ground, where contacts differ, nearly.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.humanoid import observations
from envs.humanoid.batch import WalkBatch
from envs.humanoid.pybullet.body import PyBulletBody
from envs.humanoid.pybullet.exporter import export_urdf, with_rotors_in_links
from envs.humanoid.pybullet.proof import prove
from envs.humanoid.pybullet.rollout import INNER_STEP, Motors, PyBulletRollout
from envs.humanoid.robots import RobotConfig
from envs.humanoid.state import Sensed, State, down

Actor = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Maps one episode's observations over time (t, p) to actions (t, m)."""

LIMITS: Final[Mapping[str, float]] = {
    "observation → action": 1e-4,
    "signals → observation": 1e-6,
    "action → torque": 1e-6,
    "torque → next state, in the air": 0.015,
    "torque → next state, on the ground": 0.05,
}
"""Largest allowed difference: actions, scaled observations, shares of the effort, rad (twice).

The last two are ours: MuJoCo integrates its motors with the physics, at 200 Hz say, PyBullet's run
at 1 kHz, so joints differ on the way to a distant target."""

_ACTIONS: Final = 5
"""Number of actions over which states are compared."""


@dataclass(frozen=True)
class Link:
    """One link of the contract.

    Attributes:
        name: What maps to what.
        difference: Largest difference between the two sides.
        limit: Largest allowed difference.
        where: What differs most: a term, a joint, a property of the robot.
    """

    name: str
    difference: float
    limit: float
    where: str

    @property
    def holds(self) -> bool:
        """Whether the two sides agree; false for NaN."""
        return self.difference <= self.limit

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "BROKEN"
        return (
            f"{self.name}: {verdict}, differs by {self.difference:.2g} ({self.where}),"
            f" allowed is {self.limit:.2g}"
        )


def check_contract(
    robot: RobotConfig,
    *,
    actors: Mapping[str, Actor] | None = None,
    second: Any = None,
    control_hz: float = 50.0,
    physics_hz: float = 200.0,
    seed: int = 0,
) -> list[Link]:
    """Check every link, in order; the first broken one is the one to look at.

    Args:
        robot: The robot.
        actors: Forms of the same weights by name; compared with the first.
        second: The `mujoco.MjModel` that the second simulator is built from; None: the robot's own.
            Another one shows what would differ.
        control_hz: Actions per second.
        physics_hz: Physics steps per second, a multiple of `control_hz`.
        seed: Random seed of states and actions.
    """
    with WalkBatch(robot, 1, seed, control_hz=control_hz, physics_hz=physics_hz) as batch:
        model = batch.models[0]
        sides = _Sides(robot, model, model if second is None else second, batch.substeps, seed)
        links = [_robot(sides)]
        if actors:
            links.append(_actions(batch, actors))
        links += [_observations(sides), _torques(sides)]
        return [*links, _states(sides, in_the_air=True), _states(sides, in_the_air=False)]


@dataclass
class _Sides:
    """Both models, and the same states and actions for both."""

    robot: RobotConfig
    model: Any
    second: Any
    substeps: int
    seed: int

    def states(self, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`qpos` and `qvel` near the default pose, at walking speeds."""
        generator = np.random.default_rng(self.seed)
        m = len(self.robot.joints)
        turn = np.concatenate([np.ones((count, 1)), 0.1 * generator.normal(size=(count, 3))], 1)
        turn /= np.linalg.norm(turn, axis=1, keepdims=True)
        place = np.tile((0.0, 0.0, self.robot.base_height), (count, 1))
        low, high = np.array(self.robot.limits).T
        pose = np.array(self.robot.default_pose) + 0.1 * generator.normal(size=(count, m))
        angles = np.clip(pose, low + 0.02, high - 0.02)
        return np.concatenate([place, turn, angles], 1), 0.5 * generator.normal(size=(count, 6 + m))

    def targets(self, count: int) -> NDArray[np.float64]:
        """Motor targets (count, m) rad, from actions like a walker's."""
        actions = np.random.default_rng(self.seed + 1).normal(size=(count, len(self.robot.joints)))
        scale = np.array(self.robot.action_scale)
        return np.asarray(np.array(self.robot.default_pose) + 0.5 * scale * actions)


def _robot(sides: _Sides) -> Link:
    broken = prove(sides.second, poses=3, seed=sides.seed).failures()
    if broken:
        return Link("robot → second simulator", np.inf, 0.0, broken[0])
    one, two = (export_urdf(model).links for model in (sides.model, sides.second))
    differences = {}
    for name, link in one.items():
        other = two.get(name)
        differences[f"mass of {name}"] = abs(other.mass / link.mass - 1.0) if other else np.inf
        change = np.abs(other.inertia / link.inertia - 1.0).max() if other else np.inf
        differences[f"inertia and rotor of {name}"] = float(change)
    where = _largest(differences)
    return Link("robot → second simulator", differences[where], 1e-6, where)


def _actions(batch: WalkBatch, actors: Mapping[str, Actor]) -> Link:
    names = list(actors)
    generator = np.random.default_rng(0)
    seen = [batch.reset()["policy"][0]]
    for _ in range(30):
        action = 0.5 * generator.normal(size=(1, len(batch.robot.joints)))
        seen.append(batch.step(action).observation["policy"][0])
    first = actors[names[0]](np.stack(seen))
    differences = {n: float(np.abs(actors[n](np.stack(seen)) - first).max()) for n in names}
    where = _largest(differences)
    name = "observation → action"
    return Link(name, differences[where], LIMITS[name], f"{where} from {names[0]}")


def _observations(sides: _Sides) -> Link:
    """Compare the sensed terms of states before and after they went through PyBullet."""
    positions, velocities = sides.states(5)
    with PyBulletBody(export_urdf(sides.second)) as body:
        came = []
        for qpos, qvel in zip(positions, velocities, strict=True):
            body.set_state(qpos, qvel)
            came.append(body.state())
    again = [np.stack(parts) for parts in zip(*came, strict=True)]
    differences: dict[str, float] = {}
    one, two = _sensed(positions, velocities), _sensed(again[0], again[1])
    for term in observations.TERMS[observations.POLICY]:
        if term.name in ("gyro", "gravity", "joint position", "joint velocity"):
            sides_of = [term.read(_seen(sides.robot, s)) * term.scale for s in (one, two)]
            differences[term.name] = float(np.abs(sides_of[0] - sides_of[1]).max())
    where = _largest(differences)
    name = "signals → observation"
    return Link(name, differences[where], LIMITS[name], where)


def _torques(sides: _Sides) -> Link:
    """Compare motor torques at the first instant of an action, as shares of the efforts."""
    positions, velocities = sides.states(5)
    motors = Motors(sides.second, export_urdf(sides.second).joints)
    data = mujoco.MjData(sides.model)
    worst = np.zeros(len(sides.robot.joints))
    for qpos, qvel, target in zip(positions, velocities, sides.targets(5), strict=True):
        data.qpos[:], data.qvel[:], data.ctrl[:] = qpos, qvel, target
        mujoco.mj_forward(sides.model, data)
        error = motors.torques(target, qpos[7:], qvel[6:]) - data.actuator_force
        worst = np.maximum(worst, np.abs(error) / np.array(sides.robot.effort))
    name = "action → torque"
    return _by_joint(name, worst, sides.robot)


def _states(sides: _Sides, *, in_the_air: bool) -> Link:
    """Compare joint angles over a few actions, from the same state."""
    m = len(sides.robot.joints)
    positions, velocities = sides.states(1)
    qpos, qvel = positions[0], velocities[0]
    targets = sides.targets(_ACTIONS)
    if in_the_air:
        qpos[2] += 2.0
    else:
        qpos = np.array(sides.model.key("default").qpos)
        qvel, targets = np.zeros_like(qvel), np.tile(sides.robot.default_pose, (_ACTIONS, 1))
    steps = _ACTIONS * sides.substeps
    size = 1 + len(qpos) + len(qvel)
    control = np.repeat(targets, sides.substeps, axis=0)
    start = np.concatenate([[0.0], qpos, qvel])[None]
    path = np.zeros((1, steps, size))
    sensors = np.zeros((1, steps, sides.second.nsensordata))
    engine = PyBulletRollout()
    engine.rollout(
        [sides.second], [], start, control[None], nstep=steps, state=path, sensordata=sensors
    )
    engine.close()
    data = mujoco.MjData(sides.model)
    # In the air both sides have rotors in the links and small steps: the physics is the same.
    model, repeat = sides.model, 1
    if in_the_air:
        model, repeat = with_rotors_in_links(model), round(model.opt.timestep / INNER_STEP)
        model.opt.timestep /= repeat
    data.qpos[:], data.qvel[:] = qpos, qvel
    error = np.zeros(m)
    for step, target in enumerate(control):
        data.ctrl[:] = target
        mujoco.mj_step(model, data, nstep=repeat)
        # The largest on the way: in the end the motors bring both sides to the same targets.
        error = np.maximum(error, np.abs(path[0, step, 8 : 8 + m] - data.qpos[7:]))
    place = "in the air" if in_the_air else "on the ground"
    return _by_joint(f"torque → next state, {place}", error, sides.robot)


def _by_joint(name: str, errors: NDArray[np.float64], robot: RobotConfig) -> Link:
    worst = int(np.argmax(errors))  # The first NaN, if there is one.
    return Link(name, float(errors[worst]), LIMITS[name], robot.joints[worst])


def _sensed(qpos: NDArray[np.float64], qvel: NDArray[np.float64]) -> Sensed:
    return Sensed(qvel[:, 3:6], down(qpos[:, 3:7]), qpos[:, 7:], qvel[:, 6:])


def _seen(robot: RobotConfig, sensed: Sensed) -> State:
    """As much of a state as the sensed terms read."""
    unknown: dict[str, Any] = dict.fromkeys(State.__dataclass_fields__)
    return State(**(unknown | {"robot": robot, "sensed": sensed}))


def _largest(differences: Mapping[str, float]) -> str:
    """Name of the largest difference; NaN counts as the largest."""
    return max(differences, key=lambda name: np.nan_to_num(differences[name], nan=np.inf))
