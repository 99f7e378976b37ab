"""Tasks in the kitchen: chains of skills, random starts in which they are feasible, their rules.

A chain is a skill's label or several separated by commas, such as "find the apple, pick up the
apple, bring it to you". A family is a verb alone, such as "pick up": each start draws its object or
place, and the full label is then the task. Chains may have families: "find, pick up, bring".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import gymnasium
import numpy as np

from envs.kitchen import rules
from envs.kitchen.env import KitchenEnv
from envs.kitchen.layout import distance
from envs.kitchen.skill_starts import draw_skill_start
from envs.kitchen.start import DEFAULT_START, StartState
from envs.kitchen.state import KitchenState
from envs.kitchen.vocabulary import DRAWERS, OBJECTS, PLACES
from planners.skills import Skill, Verb, all_skills, apply_skill, obstacle
from planners.world import World
from robo.errors import UserError
from robo.kitchen_world import EXPERT_NAMES
from robo.recording.tasks import SEEDS, Start
from robo.rollouts.splits import is_held_out
from robo.scenario import world_of

FAMILIES = (
    Verb.FIND, Verb.GO_TO, Verb.PICK_UP, Verb.PUT_DOWN, Verb.BRING, Verb.OPEN, Verb.CLOSE,
)  # fmt: skip
"""The verbs that can be demonstrated."""

DRAWS = 500
"""Most random starts tried to find one that suits a chain."""


@dataclass(frozen=True)
class Step:
    """A skill of a chain, or any of a family.

    Attributes:
        verb: What it does.
        argument: Its object or place; None: drawn.
    """

    verb: Verb
    argument: str | None


def chain_of(text: str) -> tuple[Step, ...] | None:
    """The chain that a task's words name, or None."""
    labels = {skill.label: skill for skill in all_skills(OBJECTS, PLACES, DRAWERS)}
    steps = []
    for part in text.split(","):
        words = " ".join(part.split()).lower().removeprefix("then ")
        if words in labels and labels[words].verb in FAMILIES:
            steps.append(Step(labels[words].verb, labels[words].argument))
        elif words in FAMILIES:
            steps.append(Step(Verb(words), None))
        elif words == "bring":
            steps.append(Step(Verb.BRING, ""))
        else:
            return None
    return tuple(steps)


class KitchenTask:
    """A chain of skills, or free words without a rule, with starts drawn from a seed.

    The rules decide a person's progress along the chain: each skill's label begins when the one
    before is done. The task is done when the last skill's rule then holds.

    Args:
        text: A chain, a family or free words.
        seed: Seed of the session.
        start: Fixed start of every episode; None: drawn anew for a chain, and the stocked kitchen
            for free words.
        hold_out: Whether starts with a held-out skill-object pair are passed over.
        half_open: Whether a drawer that is opened or closed first begins half open.

    Raises:
        UserError: A fixed start is given for a family.
    """

    def __init__(
        self,
        text: str,
        seed: int = 0,
        start: StartState | None = None,
        *,
        hold_out: bool = False,
        half_open: bool = False,
    ) -> None:
        self.text = text.strip()
        self._hold_out = hold_out
        self._half_open = half_open
        self.seed = seed
        self.chain = chain_of(text) or ()
        self.skills: tuple[Skill, ...] = ()
        self.rule_version = rules.SUCCESS_RULE_VERSION if self.chain else ""
        self._fixed = start
        self._done = 0
        self._rule: SkillRule | None = None
        if start is not None and any(step.argument is None for step in self.chain):
            raise UserError(
                f'"{text}" draws its starts itself; leave out --scene or name the skill'
            )

    def start(self, number: int) -> Start:
        """See `Task`; the start's words name what was drawn.

        Raises:
            UserError: No start suits the chain.
        """
        rng = np.random.default_rng([self.seed, crc32(self.text.encode()), number])
        state, skills = self._draw(rng)
        words = ", ".join(skill.label for skill in skills) or self.text
        draw = {"task": self.text, "seed": self.seed, "number": number}
        return Start(words, int(rng.integers(SEEDS)), {"start": state.to_dict()}, draw)

    def begin(self, env: "gymnasium.Env[Any, Any]", words: str) -> None:
        """See `Task`."""
        self.skills = skills_of(words)
        self._done = 0
        self._rule = None
        if self.skills:
            self._rule = SkillRule(self.skills[0], kitchen_of(env).kitchen_state)

    def judge(self, env: "gymnasium.Env[Any, Any]", info: Mapping[str, Any]) -> bool | None:
        """See `Task`."""
        if self._rule is None:
            return None
        state = kitchen_of(env).kitchen_state
        while self._rule.holds(state):
            if self._done == len(self.skills) - 1:
                return not info.get("unstable", False)
            self._done += 1
            self._rule = SkillRule(self.skills[self._done], state)
        return False

    @property
    def label(self) -> str:
        """See `Task`."""
        return self.skills[self._done].label if self.skills else self.text

    def _draw(self, rng: np.random.Generator) -> tuple[StartState, tuple[Skill, ...]]:
        if not self.chain:
            return self._fixed or DEFAULT_START, ()
        if self._fixed is not None:
            return self._fixed, tuple(Skill(step.verb, step.argument or "") for step in self.chain)
        first = self.chain[0]
        for _ in range(DRAWS):
            drawn = draw_skill_start(
                EXPERT_NAMES[first.verb], rng, first.argument or None, half_open=self._half_open
            )
            argument = _argument(first.verb, drawn.start, drawn.thing, drawn.place)
            skills = self._choose(Skill(first.verb, argument), drawn.start, rng)
            if skills:
                return drawn.start, skills
        raise UserError(f'no start was found in which "{self.text}" can be done; check the order')

    def _choose(
        self, first: Skill, start: StartState, rng: np.random.Generator
    ) -> tuple[Skill, ...]:
        """The skills of the chain, families drawn from what can be done then; () if nothing can."""
        world = world_of(start)
        skills: list[Skill] = []
        for step in self.chain:
            if not skills:
                choices = [first]
            elif step.argument is not None:
                choices = [Skill(step.verb, step.argument)]
            else:
                choices = _family(step.verb)
            choices = [skill for skill in choices if self._suits(skill, world)]
            if step.argument is None and skills:
                choices = [skill for skill in choices if not _is_there(world, skill)]
            if not choices:
                return ()
            skills.append(choices[int(rng.integers(len(choices)))])
            world = apply_skill(world, skills[-1], distance)
        return tuple(skills)

    def _suits(self, skill: Skill, world: World) -> bool:
        held_out = self._hold_out and is_held_out(skill.verb, skill.argument)
        return not held_out and obstacle(world, skill, distance) is None


class SkillRule:
    """Whether a skill that begins in one state is done in a later one.

    Args:
        skill: Any but "done".
        state: State in which it begins.
    """

    def __init__(self, skill: Skill, state: KitchenState) -> None:
        self.skill = skill
        self._held = state.holding

    def holds(self, state: KitchenState) -> bool:
        """Whether it is done."""
        argument, held = self.skill.argument, self._held
        named = [thing.id for thing in state.objects if thing.name == argument]
        match self.skill.verb:
            case Verb.FIND:
                places = [state.objects[i].place for i in named if rules.visible(state, i)]
                return any(place and rules.robot_at(state, place) for place in places)
            case Verb.GO_TO:
                return rules.robot_at(state, argument) and state.holding == held
            case Verb.PICK_UP:
                return state.holding in named
            case Verb.PUT_DOWN:
                here = rules.robot_places(state)
                put = held in named and state.holding is None
                return put and any(rules.on(state, held or 0, place) for place in here)
            case Verb.BRING:
                return held is not None and state.holding is None and rules.on(state, held, "user")
            case Verb.OPEN:
                return rules.is_open(state, argument)
            case _:
                return rules.is_closed(state, argument)


def skills_of(words: str) -> tuple[Skill, ...]:
    """The skills of a fully named chain; none for other words."""
    steps = chain_of(words) or ()
    if any(step.argument is None for step in steps):
        return ()
    return tuple(Skill(step.verb, step.argument or "") for step in steps)


def kitchen_of(env: "gymnasium.Env[Any, Any]") -> KitchenEnv:
    """The kitchen in an environment.

    Raises:
        UserError: It is another environment.
    """
    inner = env.unwrapped
    if not isinstance(inner, KitchenEnv):
        raise UserError(f"{type(inner).__name__} is not the kitchen")
    return inner


def _argument(verb: Verb, start: StartState, thing: int | None, place: str | None) -> str:
    if verb in (Verb.FIND, Verb.PICK_UP, Verb.PUT_DOWN) and thing is not None:
        return start.object_names[thing]
    return "" if verb is Verb.BRING else place or ""


def _family(verb: Verb) -> list[Skill]:
    return [skill for skill in all_skills(OBJECTS, PLACES, DRAWERS) if skill.verb is verb]


def _is_there(world: World, skill: Skill) -> bool:
    """Whether a skill that drives somewhere would not move."""
    drives = skill.verb in (Verb.FIND, Verb.GO_TO)
    return drives and world.is_at(apply_skill(world, skill, distance).robot_at or "")
