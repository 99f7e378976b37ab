"""Many walkers at once: `mujoco.rollout` with a randomised model per copy, the rest in NumPy.

A step has no Python loop over copies; only the models of the few copies that begin an episode are
written one by one. All random numbers come from `Streams`, so copy k of a batch is bit for bit the
same on its own, and the gymnasium environment is a batch of one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from envs.humanoid import observations, rewards
from envs.humanoid.commands import CommandRanges, draw_commands, moving
from envs.humanoid.curriculum import RandomizationCurriculum
from envs.humanoid.domain import Term
from envs.humanoid.physics import Engine, Physics, copies_of, walk_model
from envs.humanoid.pushes import EVERY, Pushes
from envs.humanoid.randomization import TERMS, Randomizer
from envs.humanoid.robots import RobotConfig
from envs.humanoid.sensing import sense
from envs.humanoid.start import Start
from envs.humanoid.state import Sensed, State, down, heading, level
from envs.humanoid.streams import Streams
from envs.humanoid.terrain import FLAT, Terrain

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Observation = dict[str, NDArray[np.float32]]

ACTION_LIMIT: Final = 10.0
"""Actions are clipped to ± this: 2.5 rad from the default pose at the usual scale."""
GAIT_HZ: Final = 1.25
"""Cycles of the gait clock per second."""
TILT: Final = -0.6
"""The robot has fallen if gravity's z in the base frame is above this (a tilt of 53 degrees)."""
LOWEST: Final = 0.55
"""Or if the base is below this share of its standing height above the ground."""
ASTRAY_TIME: Final = 0.4
"""Time constant of `State.astray` (s): one step, half a gait cycle."""
_TOUCH: Final = 1.0


@dataclass(frozen=True)
class Step:
    """The result of an action, n copies.

    Attributes:
        observation: "policy" [n, p] and "privileged" [n, q]; for copies that were reset, those of
            the next episode.
        reward: [n].
        terminated: fallen, or physics became unstable [n].
        truncated: out of time [n].
        info: "final_observation": {"copies": [k], "policy": [k, p], "privileged": [k, q]} of copies
            that ended; "episode": {"copies", "length" (steps), "return", "rewards" [k, terms],
            "fell"} of the same; "unstable": [n]; "rewards": [n, terms], weighted; "state": the
            rewarded `State`, with new commands where the old ones had expired.
    """

    observation: Observation
    reward: Floats
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    info: dict[str, Any]


class WalkBatch:
    """Copies of one robot, each with its own physics, ground, commands and random numbers.

    Args:
        robot: config of all copies.
        copies: number of copies.
        seed: random seed.
        randomization: names of terms in `randomization.TERMS`.
        terrain: one of `terrain.KINDS`, or "mixed".
        control_hz: actions per second.
        physics_hz: physics steps per second, a multiple of `control_hz`.
        threads: number of physics threads.
        ranges: of commands.
        curriculum: adapts each copy's randomisation factor; None: it stays 1.
        seconds: longest episode.
        first: number of the first copy: a batch of one with `first=k` is copy k.
        auto_reset: whether a copy that ended begins its next episode in the same step.
        terms: randomisation terms by name, if not the standard table.
        push_every: initial value of the attribute.
        engine: physics engine instead of MuJoCo's, which uses `threads`; closed with the batch.

    Attributes:
        commands: vx, vy (m/s), yaw rate (rad/s) [n, 3].
        factor: of the randomisation curriculum [n].
        penalties: factor on penalty rewards; set by the training.
        command_scale: factor on the command ranges; set by the training.
        push_every: time from one push to the next, at least and at most (s); set by the training.
        unstable: number of episodes that ended because physics became unstable.
        models: `mujoco.MjModel` of each copy.

    Raises:
        ValueError: an argument is invalid.
    """

    def __init__(
        self,
        robot: RobotConfig,
        copies: int,
        seed: int = 0,
        randomization: Iterable[str] = (),
        terrain: str = FLAT,
        control_hz: float = 50.0,
        physics_hz: float = 200.0,
        threads: int = 1,
        ranges: CommandRanges = CommandRanges(),  # noqa: B008
        curriculum: RandomizationCurriculum | None = None,
        seconds: float = 20.0,
        first: int = 0,
        auto_reset: bool = True,
        terms: Mapping[str, Term] = TERMS,
        push_every: tuple[float, float] = EVERY,
        engine: Engine | None = None,
    ) -> None:
        substeps = round(physics_hz / control_hz)
        if copies < 1 or threads < 1:
            raise ValueError(f"copies and threads must be positive, not {copies} and {threads}")
        if substeps < 1 or abs(substeps * control_hz - physics_hz) > 1e-6 * physics_hz:
            raise ValueError(
                f"physics at {physics_hz:g} Hz is no multiple of control at {control_hz:g} Hz"
            )
        if not round(seconds * control_hz) >= 1:
            raise ValueError(f"an episode of {seconds:g} s has no step; give it more seconds")
        self.robot, self.copies, self.first = robot, copies, first
        self.ranges, self.curriculum, self.push_every = ranges, curriculum, push_every
        self.control_hz, self.substeps = control_hz, substeps
        self.steps_per_episode = round(seconds * control_hz)
        self.penalties, self.command_scale, self.unstable = 1.0, 1.0, 0
        self.terrain_name, self.auto_reset = terrain, auto_reset
        model = walk_model(robot, terrain, physics_hz)
        self.models = copies_of(model, copies)
        self.physics = Physics(self.models, len(robot.joints), substeps, threads, engine)
        self._streams = Streams(seed, copies, first)
        self.randomizer = Randomizer(robot, self.models, self._streams, randomization, terms)
        self._start = Start(robot, self.physics)
        self._allocate()
        self._seed(seed)

    def _allocate(self) -> None:
        n, m = self.copies, len(self.robot.joints)
        self._everyone = np.arange(n)
        self._pose = np.array(self.robot.default_pose)
        self._scale = np.array(self.robot.action_scale)
        self._noise = observations.noise(self.robot)
        self._target = np.zeros((n, m))
        self._actions = np.zeros((3, n, m))
        self._contact = np.zeros((n, 2), dtype=bool)
        self._landed = np.zeros((n, 2), dtype=bool)
        self._air = np.zeros((n, 2))
        self._phase = np.zeros(n)
        self._astray = np.zeros((n, 3))
        self._command_left = np.zeros(n)
        self.commands = np.zeros((n, 3))
        self._held = False
        self._sums = np.zeros((n, len(rewards.TERMS)))
        # Summed over the episode so far: tracking error, and what it would be on the spot.
        self._errors = np.zeros((2, n))
        self._length = np.zeros(n, dtype=np.int64)
        self._age = np.zeros(n, dtype=np.int64)

    def _seed(self, seed: int) -> None:
        n = self.copies
        self._streams = Streams(seed, n, self.first)
        self.randomizer.streams = self._streams
        places = self._streams.uniform("ground", np.zeros(n, dtype=np.int64), 2)
        self.terrain = Terrain(self.terrain_name, n, places, self.first)
        self._pushes = Pushes(self._streams, n, 1.0 / self.control_hz)
        self._clock = np.zeros(n, dtype=np.int64)
        self._episode = np.full(n, -1, dtype=np.int64)
        start = 1.0 if self.curriculum is None else self.curriculum.start
        self.factor = np.full(n, start)

    def reset(self, seed: int | None = None, *, stagger: bool = False) -> Observation:
        """Begin an episode in every copy.

        Args:
            seed: restarts everything; None: begin the next episodes.
            stagger: give copies different times to their first time-out, as suits a learner.

        Returns:
            The first observation.
        """
        if seed is not None:
            self._seed(seed)
        self._begin(self._everyone)
        if stagger:
            share = self._streams.uniform("age", self._clock, 1)[:, 0]
            self._age[:] = (share * self.steps_per_episode).astype(np.int64)
        return observations.observe(self._observe(self._everyone, "first noise"))

    def hold_commands(self, commands: Floats | None) -> None:
        """Hold commands [n, 3] or [3] from now on; None: draw new ones once the last expire."""
        self._held = commands is not None
        if commands is not None:
            self.commands[:] = commands

    def push(self, velocities: Floats) -> None:
        """Add [n, 2] or [2] to the bases' horizontal velocities (world frame, m/s), at once."""
        self.physics.state[:, self.physics.base_velocity][:, :2] += velocities

    def step(self, actions: NDArray[Any]) -> Step:
        """Hold joint targets, default pose + scale times action, for one control step.

        Args:
            actions: [n, m], clipped to ±`ACTION_LIMIT`.

        Raises:
            ValueError: wrong shape, or not finite.
        """
        self._take(actions)
        self._clock += 1
        speed = self.randomizer.parameters.push_speed
        self.push(self._pushes.draw(speed, self._clock, self.push_every))
        unstable = self.physics.run(self.randomizer.parameters)
        self._follow()
        state = self._observe(self._everyone, "noise")
        parts = rewards.terms_of(state, self.penalties, 1.0 / self.control_hz)
        parts[unstable] = 0.0
        self._sums += parts
        self._errors += rewards.error(state), rewards.error_on_the_spot(state)
        self._length += 1
        self._age += 1
        terminated = state.fallen | unstable
        truncated = (self._age >= self.steps_per_episode) & ~terminated
        self.unstable += int(unstable.sum())
        state = self._command_anew(state, terminated | truncated)
        observation = observations.observe(state)
        ended = np.flatnonzero(terminated | truncated)
        info: dict[str, Any] = {"unstable": unstable, "state": state, "rewards": parts}
        info["final_observation"] = {"copies": ended} | {
            name: values[ended] for name, values in observation.items()
        }
        info["episode"] = {
            "copies": ended,
            "length": self._length[ended].copy(),
            "return": self._sums[ended].sum(axis=1),
            "rewards": self._sums[ended].copy(),
            "fell": terminated[ended],
        }
        if self.auto_reset and ended.size:
            self._harden(ended, truncated[ended])
            self._begin(ended)
            fresh = observations.observe(self._observe(ended, "first noise"))
            for name, values in fresh.items():
                observation[name][ended] = values
        return Step(observation, parts.sum(axis=1), terminated, truncated, info)

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that `restore` needs, by name."""
        return {name: values.copy() for name, values in self._arrays().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Resume, bit for bit, from the `state` of a batch with the same arguments."""
        self._episode[:], self.factor[:] = state["episode"], state["factor"]
        self.randomizer.draw(self._everyone, self._episode, self.factor)
        levels = self.randomizer.parameters.terrain_level
        self.terrain.shape(self.models, self._everyone, levels)
        for name, values in self._arrays().items():
            values[:] = state[name]

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """What a step changes, except what follows from the episode's number and factor."""
        physics = self.physics
        return {
            "clock": self._clock,
            "episode": self._episode,
            "factor": self.factor,
            "target": self._target,
            "actions": self._actions,
            "contact": self._contact,
            "landed": self._landed,
            "air": self._air,
            "phase": self._phase,
            "astray": self._astray,
            "commands": self.commands,
            "command left": self._command_left,
            "push": self._pushes.last,
            "push left": self._pushes.left,
            "sums": self._sums,
            "errors": self._errors,
            "length": self._length,
            "age": self._age,
            "physics": physics.state,
            "sound": physics.sound,
            "sensed": physics.sensed,
            "torque": physics.torque,
            "power": physics.power,
            "acceleration": physics.acceleration,
            "feet": physics.feet,
        }

    def close(self) -> None:
        """Stop the threads."""
        self.physics.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def qpos(self) -> Floats:
        """MuJoCo's positions, [n, 7 + m]."""
        return self.physics.state[:, 1 : self.physics.velocities.start]

    @property
    def qvel(self) -> Floats:
        """MuJoCo's velocities, [n, 6 + m]."""
        return self.physics.state[:, self.physics.velocities]

    def _take(self, actions: NDArray[Any]) -> None:
        shape = self._target.shape
        if actions.shape != shape:
            raise ValueError(f"actions have shape {actions.shape}, this batch takes {shape}")
        if not np.isfinite(actions).all():
            raise ValueError("actions must be finite")
        self._actions[2] = self._actions[1]
        self._actions[1] = self._actions[0]
        np.clip(actions, -ACTION_LIMIT, ACTION_LIMIT, out=self._actions[0])
        target = self._pose + self._scale * self._actions[0]
        parameters = self.randomizer.parameters
        late = np.rint(parameters.action_delay / parameters.time_step).astype(np.int64)
        waiting = np.arange(self.substeps) < late[:, None]
        self.physics.control[:] = np.where(
            waiting[:, :, None], self._target[:, None], target[:, None]
        )
        # An encoder that reads high makes its motor stop short of the target by as much.
        self.physics.control -= parameters.joint_offset[:, None]
        self._target = target

    def _follow(self) -> None:
        """Update contacts, air times, gait phase and mean errors after physics."""
        physics = self.physics
        physics.shift(self.terrain.wrap(physics.state[:, 1:3]))
        contact = physics.feet[:, :, 6] > _TOUCH
        self._landed[:] = contact & ~self._contact
        # At touch-down a foot's air time is kept for one more step before it restarts.
        aloft = np.where(self._contact, 0.0, self._air)
        self._air[:] = np.where(contact, aloft, aloft + 1.0 / self.control_hz)
        self._contact[:] = contact
        self._phase = (self._phase + GAIT_HZ / self.control_hz) % 1.0
        off = level(self.qvel[:, :3], heading(physics.state[:, 4:8]))
        off[:, 2] = self.qvel[:, 5]
        self._astray += (off - self.commands - self._astray) / (ASTRAY_TIME * self.control_hz)

    def _observe(self, rows: Indices, use: str) -> State:
        """The state of some copies; `use` names the random stream of their noise."""
        physics = self.physics
        state = physics.state[rows]
        speeds = state[:, physics.velocities]
        look, falling = heading(state[:, 4:8]), down(state[:, 4:8])
        base = state[:, 1:4]
        feet = physics.feet[rows]
        under_feet = self.terrain.height(rows, feet[:, :, 0], feet[:, :, 1])
        height = base[:, 2] - under_feet.mean(axis=1)
        stance = self.robot.base_height * self.randomizer.parameters.size[rows]
        return State(
            robot=self.robot,
            rows=rows,
            parameters=self.randomizer.parameters,
            sensed=self._sense(rows, use),
            gyro=speeds[:, 3:6],
            gravity=falling,
            velocity=level(speeds[:, :3], look),
            height=height,
            joint_position=state[:, physics.angles],
            joint_velocity=speeds[:, 6:],
            joint_acceleration=physics.acceleration[rows, 6:],
            torque=physics.torque[rows],
            power=physics.power[rows],
            foot_height=feet[:, :, 2] - under_feet,
            foot_position=level(feet[:, :, :3] - base[:, None], look),
            foot_velocity=feet[:, :, 3:6],
            foot_force=feet[:, :, 6],
            contact=self._contact[rows],
            landed=self._landed[rows],
            air_time=self._air[rows],
            action=self._actions[0, rows],
            action_before=self._actions[1, rows],
            action_earlier=self._actions[2, rows],
            command=self.commands[rows],
            moving=moving(self.commands[rows]),
            astray=self._astray[rows],
            phase=self._phase[rows],
            push=level(self._pushes.last[rows], look),
            ground=self.terrain.around(rows, base, look, observations.GROUND),
            fallen=(falling[:, 2] > TILT) | (height < LOWEST * stance),
        )

    def _sense(self, rows: Indices, use: str) -> Sensed:
        parameters, noise = self.randomizer.parameters, None
        if "observation noise" in self.randomizer.names:
            share = self._streams.uniform(use, self._clock[rows], len(self._noise), rows)
            noise = (2.0 * share - 1.0) * (self._noise * parameters.noise[rows, None])
        return sense(self.physics, parameters, rows, noise)

    def _command_anew(self, state: State, ended: NDArray[np.bool_]) -> State:
        """Draw commands where the last has expired; the next observation shows the new one."""
        if self._held:
            return state
        self._command_left -= 1.0 / self.control_hz
        due = np.flatnonzero((self._command_left <= 0.0) & ~ended)
        if not due.size:
            return state
        self._draw_commands(due)
        return replace(state, command=self.commands.copy(), moving=moving(self.commands))

    def _draw_commands(self, rows: Indices) -> None:
        commands, lasting = draw_commands(
            self._streams, self._clock[rows], rows, self.ranges, self.command_scale
        )
        self.commands[rows], self._command_left[rows] = commands, lasting

    def _harden(self, rows: Indices, upright: NDArray[np.bool_]) -> None:
        if self.curriculum is not None:
            error = self._errors[0, rows] / np.maximum(self._errors[1, rows], 1.0)
            self.factor[rows] = self.curriculum.update(self.factor[rows], upright, error)

    def _begin(self, rows: Indices) -> None:
        """Begin the next episode of some copies."""
        self._episode[rows] += 1
        self._clock[rows] += 1
        self.randomizer.draw(rows, self._episode[rows], self.factor[rows])
        parameters = self.randomizer.parameters
        self.terrain.shape(self.models, rows, parameters.terrain_level[rows])
        drawn = self._streams.uniform("place", self._episode[rows], 5, rows)
        self._start.place(rows, self.terrain, parameters, drawn[:, :3])
        self._contact[rows], self._landed[rows], self._air[rows] = True, False, 0.0
        self._target[rows] = self._pose
        self._actions[:, rows] = 0.0
        self._sums[rows] = self._errors[:, rows] = 0.0
        self._length[rows] = self._age[rows] = 0
        self._pushes.begin(rows, drawn[:, 3], self.push_every)
        self._phase[rows] = drawn[:, 4]
        if not self._held:
            self._draw_commands(rows)
        # At first it stands.
        self._astray[rows] = -self.commands[rows]


__all__ = ["ACTION_LIMIT", "GAIT_HZ", "Observation", "Step", "WalkBatch"]
