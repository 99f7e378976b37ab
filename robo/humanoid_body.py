"""A humanoid in the kitchen as a `Body`: a trained walker executes `go to` skills."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.batch import Observation, WalkBatch
from envs.humanoid.kitchen import KitchenView, in_kitchen
from envs.humanoid.robots import RobotConfig
from envs.humanoid.state import heading
from envs.kitchen import rules
from envs.kitchen.env import KitchenEnv
from envs.kitchen.layout import STATIONS
from envs.kitchen.start import StartState
from envs.kitchen.state import KitchenState
from planners.skills import Skill, Verb, failure_text, success_text
from planners.symbolic import Outcome
from planners.world import World
from robo.closing import Closing
from robo.errors import UserError
from robo.kitchen_body import BROKEN, SKILL_SECONDS
from robo.kitchen_world import robot_place, world_of_state
from robo.walking.actor import WalkActor, Walker
from robo.walking.follower import Follower

CONTROL_HZ: Final = 50.0

FRAMES_PER_SECOND: Final = 10
"""How often `on_frame` is called, in simulated time."""

FELL: Final = "the robot fell"
NO_HANDS: Final = "this robot cannot handle things"

_STUCK: Final = 6.0
_MOVED: Final = 0.1
"""A robot that moves and turns less than `_MOVED` (m, rad) in `_STUCK` seconds gives up."""

_ENDLESS: Final = 1e6
"""Time limit (s) of an episode that only a fall ends."""


def check_start(start: StartState, robot: RobotConfig) -> None:
    """Refuse a start that is impossible for a robot without hands.

    Raises:
        UserError: The start puts something into its hand.
    """
    if start.holding is not None:
        raise UserError(
            f"{robot.name} walks and holds nothing, the scene puts the {start.holding} into its "
            'hand; take "holding" out of the scene'
        )


class HumanoidBody(Closing):
    """A walker in the kitchen, which collides with the furniture and can only go to places.

    A robot that falls is stood up again where it lies, once the skill has failed.

    Args:
        start: Where everything is at the start.
        seed: Random seed.
        walker: What walks.
        on_frame: Called with a view of the kitchen, `FRAMES_PER_SECOND` times a second.

    Attributes:
        falls: How often it fell.
        unstable: Whether the simulation diverged.

    Raises:
        UserError: The start state puts something into its hand.
    """

    def __init__(
        self,
        start: StartState,
        seed: int,
        walker: Walker,
        *,
        on_frame: Callable[[KitchenView], None] | None = None,
    ) -> None:
        check_start(start, walker.robot)
        # The kitchen's own simulation settles the objects; after that only the walker moves.
        with KitchenEnv() as env:
            env.reset(seed=seed, options={"start": start})
            self._kitchen = env.kitchen_state
            things = env.data.qpos[env.scene.object_qpos[:, None] + np.arange(7)]
        self._batch = WalkBatch(
            in_kitchen(walker.robot, self._kitchen.drawers),
            1,
            seed,
            control_hz=CONTROL_HZ,
            physics_hz=walker.physics_hz,
            seconds=_ENDLESS,
            auto_reset=False,
        )
        self._view = KitchenView(walker.robot, start, things, self._kitchen.drawers)
        self._actor = WalkActor(walker)
        self._on_frame = on_frame
        self._steps = self.falls = 0
        self.unstable = False
        self._place: str | None = start.robot
        self._visited: tuple[str, ...] = ()
        self._observation: Observation = {}
        station = STATIONS[start.robot]
        self._stand(station.x, station.y, station.yaw)

    @property
    def simulated_seconds(self) -> float:
        """How long the robot has acted, simulated."""
        return self._steps / CONTROL_HZ

    @property
    def pose(self) -> NDArray[np.float64]:
        """Base pose (3,): x, y (m), yaw (rad), world frame."""
        qpos = self._batch.qpos
        cosine, sine = heading(qpos[:, 3:7])[0]
        return np.array((qpos[0, 0], qpos[0, 1], np.arctan2(sine, cosine)))

    @property
    def world(self) -> World:
        """See `robo.agent.Body`; places by the success rules."""
        return world_of_state(self._state, self._place, self._visited)

    def affordances(self, skills: Sequence[Skill]) -> NDArray[np.float64]:
        """See `robo.agent.Body`; 1 for `go to` and `done`, 0 for what needs a hand."""
        return np.array([float(skill.verb in (Verb.GO_TO, Verb.DONE)) for skill in skills])

    def execute(self, skill: Skill) -> Outcome:
        """See `robo.agent.Body`; success is judged by the success rule of `go to`."""
        if self.unstable:
            return Outcome(False, failure_text(BROKEN))
        if skill.verb is not Verb.GO_TO:
            return Outcome(False, failure_text(NO_HANDS))
        before, place = self.world, skill.argument
        problem = self._walk(Follower(place, self._kitchen.drawers, CONTROL_HZ))
        self._place = place
        here = robot_place(self._state, place)
        if here is not None:
            self._visited = (*self._visited, here)
        if problem == FELL:
            self._stand(*self.pose)
        if problem or not rules.robot_at(self._state, place):
            return Outcome(False, failure_text(problem or "did not get there"))
        return Outcome(True, success_text(skill, before, self.world))

    def close(self) -> None:
        """Close the simulator."""
        self._batch.close()

    @property
    def _state(self) -> KitchenState:
        return replace(self._kitchen, base=self.pose)

    def _walk(self, follower: Follower) -> str:
        """Walk until the follower arrives or time is up; returns what went wrong, if anything."""
        before = self.pose
        for tick in range(round(SKILL_SECONDS * CONTROL_HZ)):
            if tick % round(_STUCK * CONTROL_HZ) == 0:
                if tick and np.abs(self.pose - before).max() < _MOVED:
                    return "the robot does not get on"
                before = self.pose
            self._batch.hold_commands(follower.command(*self.pose))
            step = self._batch.step(self._actor.act(self._observation))
            self._observation = step.observation
            self._steps += 1
            self._show()
            if step.info["unstable"][0]:
                self.unstable = True
                return BROKEN
            if step.terminated[0]:
                self.falls += 1
                return FELL
            if follower.arrived:
                return ""
        return ""

    def _stand(self, x: float, y: float, yaw: float) -> None:
        """Stand the robot at rest in its default pose."""
        self._batch.hold_commands(np.zeros(3))
        self._observation = self._batch.reset()
        self._actor.reset()
        physics = self._batch.physics
        _, _, before = self.pose
        turn = yaw - before
        cosine, sine = np.cos(turn), np.sin(turn)
        feet = physics.feet[:, :, :3].copy()
        ahead, aside = feet[:, :, 0].copy(), feet[:, :, 1].copy()
        feet[:, :, 0] = x + cosine * ahead - sine * aside
        feet[:, :, 1] = y + sine * ahead + cosine * aside
        state = physics.state.copy()
        state[0, 1:3] = x, y
        state[0, 4:8] = np.cos(yaw / 2.0), 0.0, 0.0, np.sin(yaw / 2.0)
        # On flat ground the observation does not depend on where the robot stands.
        physics.place(np.array([0]), state, feet)

    def _show(self) -> None:
        if self._on_frame is not None and self._steps % round(CONTROL_HZ / FRAMES_PER_SECOND) == 0:
            self._view.show(self._batch.qpos[0])
            self._on_frame(self._view)
