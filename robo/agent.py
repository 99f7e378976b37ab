"""The closed loop: choose a skill, execute it, observe, choose again (Inner Monologue)."""

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
"""An episode is given up after this many skills."""

MAX_REPEATS = 5
"""An episode is given up when the same world recurs this often: the robot goes in circles."""


class Body(Protocol):
    """A kitchen with a robot in it, with physics or without."""

    @property
    def world(self) -> World:
        """The symbolic world state."""

    def affordances(self, skills: Sequence[Skill]) -> NDArray[np.float64]:
        """How likely each skill is to succeed if tried now, from 0 to 1 [n]."""

    def execute(self, skill: Skill) -> Outcome:
        """Execute a skill."""

    @property
    def unstable(self) -> bool:
        """Whether the simulation diverged; nothing more can be done then."""


class SymbolicBody:
    """The symbolic kitchen as a `Body`: every skill that is possible succeeds."""

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
        skill: The chosen skill.
        decision: Why it was chosen.
        outcome: Its outcome; `done` always succeeds.
    """

    skill: Skill
    decision: Decision
    outcome: Outcome


@dataclass(frozen=True)
class Episode:
    """What an agent did to follow an instruction.

    Attributes:
        instruction: What was asked.
        steps: Its steps, in order.
        start: The world before the first step.
        end: The world after the last step.
        done: Whether the agent itself chose to stop.
    """

    instruction: str
    steps: tuple[AgentStep, ...]
    start: World
    end: World
    done: bool

    @property
    def plan(self) -> list[str]:
        """The labels of the chosen skills."""
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
    """Follow an instruction until the agent chooses `done`, goes in circles or takes too long.

    The episode also ends if the simulation diverges.

    Args:
        chooser: Chooses among `skills`.
        skills: What the robot can do; the last one is `done`.
        body: What executes the skills.
        instruction: What a person asks.
        max_steps: How many skills may be chosen.
        on_decision: Called before a skill is executed.
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
