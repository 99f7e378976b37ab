"""The kitchen with physics as a `Body`: experts or a policy execute skills through actions."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from envs.kitchen import rules
from envs.kitchen.env import KitchenEnv
from envs.kitchen.layout import distance
from envs.kitchen.start import StartState
from envs.kitchen.state import KitchenState
from planners.skills import (
    Skill,
    Verb,
    failure_text,
    obstacle,
    success_text,
)
from planners.symbolic import Outcome
from planners.world import World
from robo.affordances import affordances
from robo.closing import Closing
from robo.kitchen_world import robot_place, skill_target, world_of_state
from robo.rollouts.actors import Actor, Assignment, KitchenExpert

SKILL_SECONDS = 60.0
"""A skill that takes longer (simulated) has failed."""

SETTLE_SECONDS = 2.0
"""The longest that the robot waits for objects to come to rest after a skill (simulated)."""

BROKEN = "the simulation broke down"


class KitchenBody(Closing):
    """Executes skills in `KitchenEnv` and reads the world from its state.

    Args:
        start: Where everything is at the start.
        seed: Random seed.
        env: The environment, which must not end episodes on "terminate" and must observe the
            images that the actor needs; by default, one without images.
        actor: What executes skills; the scripted experts by default.
        on_frame: Called with the environment after every step.
    """

    def __init__(
        self,
        start: StartState,
        seed: int,
        *,
        env: KitchenEnv | None = None,
        actor: Actor | None = None,
        on_frame: Callable[[KitchenEnv], None] | None = None,
    ) -> None:
        self.env = env or KitchenEnv(terminate_ends_episode=False)
        self.unstable = False
        self._actor = actor or KitchenExpert()
        self._on_frame = on_frame
        self._seed = seed
        self._steps = 0
        self._place: str | None = start.robot
        self._visited: tuple[str, ...] = ()
        self._handled: frozenset[int] = frozenset()
        self._observation, _ = self.env.reset(seed=seed, options={"start": start})
        self._state = self.env.kitchen_state

    @property
    def simulated_seconds(self) -> float:
        """How long the robot has acted, simulated."""
        return self._steps / self.env.control_hz

    @property
    def world(self) -> World:
        """See `Body`; places, hand and drawers as judged by the success rules."""
        return world_of_state(self._state, self._place, self._visited, self._handled)

    def affordances(self, skills: Sequence[Skill]) -> NDArray[np.float64]:
        """See `Body`."""
        return affordances(skills, self.world, self._state)

    def execute(self, skill: Skill) -> Outcome:
        """See `Body`; success is judged by the success rules, not by the actor."""
        before = self.world
        reason = BROKEN if self.unstable else obstacle(before, skill, distance)
        if reason is not None:
            return Outcome(False, failure_text(reason))
        thing, place = skill_target(before, skill)
        seed = self._seed + self._steps
        self._actor.begin(self.env, Assignment(skill.label, skill.label, seed, thing, place))
        broken = self._carry_out()
        self._settle()
        self._place = place
        self._note_visit()
        if broken or not _succeeded(self._state, skill, thing, place):
            reason = broken or self._actor.failure or _WHY_NOT[skill.verb]
            return Outcome(False, failure_text(reason))
        if skill.verb in (Verb.PUT_DOWN, Verb.BRING) and thing is not None:
            self._handled |= {thing}
        return Outcome(True, success_text(skill, before, self.world))

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def _carry_out(self) -> str | None:
        """Act until the actor finishes or time is up; returns what broke, if anything."""
        for _ in range(round(SKILL_SECONDS * self.env.control_hz)):
            action = self._actor.act(self._observation)
            if not np.isfinite(action).all():
                return "the action was not a number"
            self._step(action)
            if self.unstable:
                return BROKEN
            if self._actor.finished:
                break
        return None

    def _settle(self) -> None:
        """Wait until nothing rolls or swings any more, for at most `SETTLE_SECONDS`."""
        opening = self._state.gripper_opening
        action = np.zeros(self.env.action_space.shape or (11,), np.float32)
        action[6] = 1.0 if self._state.holding is None and opening > 0.01 else 0.0
        for _ in range(round(SETTLE_SECONDS * self.env.control_hz)):
            still = all(
                thing.speed < rules.REST_SPEED or rules.held(self._state, i)
                for i, thing in enumerate(self._state.objects)
            )
            if still or self.unstable:
                return
            self._step(action)

    def _step(self, action: NDArray[np.float32]) -> None:
        self._observation, _, _, _, info = self.env.step(action)
        self._steps += 1
        self._state = self.env.kitchen_state
        self.unstable = self.unstable or info["unstable"]
        if self._on_frame is not None:
            self._on_frame(self.env)

    def _note_visit(self) -> None:
        here = robot_place(self._state, self._place)
        if here is not None:
            self._visited = (*self._visited, here)


_WHY_NOT = {
    Verb.FIND: "did not get there",
    Verb.GO_TO: "did not get there",
    Verb.PICK_UP: "not in the gripper",
    Verb.PUT_DOWN: "not where it was to be",
    Verb.BRING: "not with the user",
    Verb.OPEN: "not open",
    Verb.CLOSE: "not closed",
}


def _succeeded(state: KitchenState, skill: Skill, thing: int | None, place: str | None) -> bool:
    match skill.verb:
        case Verb.PICK_UP:
            return thing is not None and rules.held(state, thing)
        case Verb.PUT_DOWN | Verb.BRING:
            return thing is not None and place is not None and rules.on(state, thing, place)
        case Verb.OPEN:
            return rules.is_open(state, skill.argument)
        case Verb.CLOSE:
            return rules.is_closed(state, skill.argument)
        case _:
            return place is not None and rules.robot_at(state, place)
