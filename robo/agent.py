"""The closed loop: choose a skill, carry it out, look, choose again (Inner Monologue)."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from planners.prompts import Step
from planners.saycan import Chooser, Decision
from planners.skills import Distance, Skill, Verb, obstacle
from planners.symbolic import Outcome, SymbolicKitchen
from planners.world import World, describe_scene

MAX_STEPS = 40
"""After so many skills an episode is given up."""

MAX_REPEATS = 5
"""An episode is given up when the same world comes back so often: the robot goes in circles."""


class Body(Protocol):
    """A kitchen with a robot in it, with physics or without."""

    @property
    def world(self) -> World:
        """What is where, as symbols."""

    def affordances(self, skills: Sequence[Skill]) -> NDArray[np.float64]:
        """How likely each skill is to succeed if it is tried now, from 0 to 1 [n]."""

    def execute(self, skill: Skill) -> Outcome:
        """Carry out a skill."""

    @property
    def unstable(self) -> bool:
        """Whether the simulation broke down: nothing more can be done."""


class SymbolicBody:
    """The symbolic kitchen as a `Body`: what is possible succeeds."""

    unstable = False

    def __init__(self, world: World, distance: Distance) -> None:
        self.kitchen = SymbolicKitchen(world, distance)

    @property
    def world(self) -> World:
        """See `Body`."""
        return self.kitchen.world

    def affordances(self, skills: Sequence[Skill]) -> NDArray[np.float64]:
        """See `Body`; 0 or 1."""
        kitchen = self.kitchen
        return np.array(
            [float(obstacle(kitchen.world, skill, kitchen.distance) is None) for skill in skills]
        )

    def execute(self, skill: Skill) -> Outcome:
        """See `Body`."""
        return self.kitchen.execute(skill)


@dataclass(frozen=True)
class AgentStep:
    """One turn of the loop.

    Attributes:
        skill: What was chosen.
        decision: Why.
        outcome: What came of it; for `done`, that it was chosen.
    """

    skill: Skill
    decision: Decision
    outcome: Outcome


@dataclass(frozen=True)
class Episode:
    """What an agent did about an instruction.

    Attributes:
        instruction: What was asked.
        steps: Its steps, in order.
        start: The world before the first.
        end: The world after the last.
        done: Whether the agent itself chose to stop.
    """

    instruction: str
    steps: tuple[AgentStep, ...]
    start: World
    end: World
    done: bool

    @property
    def plan(self) -> list[str]:
        """The labels chosen."""
        return [step.skill.label for step in self.steps]


def run_episode(
    chooser: Chooser,
    skills: Sequence[Skill],
    body: Body,
    instruction: str,
    *,
    max_steps: int = MAX_STEPS,
    on_decision: Callable[[Decision], None] | None = None,
    on_step: Callable[[Episode], None] | None = None,
) -> Episode:
    """Act on an instruction until the agent chooses `done`, goes in circles or takes too long.

    It ends, too, where the simulation breaks down.

    Args:
        chooser: Chooses among `skills`.
        skills: What the robot can do; the last one is `done`.
        body: Where it is done.
        instruction: What a person asks.
        max_steps: How many skills may be chosen.
        on_decision: Called before a skill is carried out.
        on_step: Called after it, with the episode so far.
    """
    start = body.world
    scene = describe_scene(start)
    history: list[Step] = []
    steps: list[AgentStep] = []
    seen: Counter[object] = Counter()
    done = False
    episode = Episode(instruction, (), start, start, done)
    while not (
        done
        or body.unstable
        or len(steps) >= max_steps
        or max(seen.values(), default=0) >= MAX_REPEATS
    ):
        decision = chooser.choose(instruction, scene, history, body.affordances(skills))
        skill = skills[decision.chosen]
        if on_decision is not None:
            on_decision(decision)
        done = skill.verb is Verb.DONE
        outcome = Outcome(True, "done") if done else body.execute(skill)
        steps.append(AgentStep(skill, decision, outcome))
        world = body.world
        seen[world.things, world.robot_at, tuple(world.drawers.items())] += 1
        history.append(Step(skill.label, outcome.feedback))
        episode = Episode(instruction, tuple(steps), start, world, done)
        if on_step is not None:
            on_step(episode)
    return episode
