"""The scripted experts as a device: a chain of skills, with noise in the sent actions (DART).

Noise goes into the executed action, while the expert's own action, which corrects earlier noise, is
recorded as the label: a policy trained on it has seen how to recover (Laskey et al. 2017, "DART:
Noise Injection for Robust Imitation Learning"). As in human movement, the noise grows with the size
of the motion (Harris & Wolpert 1998), so fine approaches stay possible.
"""

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envs.kitchen import rules
from envs.kitchen.control import ARM
from envs.kitchen.env import KitchenEnv
from envs.kitchen.experts import Expert, make_expert
from envs.kitchen.layout import distance
from envs.kitchen.vocabulary import DRAWERS, OBJECTS, PLACES
from planners.skills import DONE, Skill, Verb, all_skills, obstacle
from planners.world import World
from robo.kitchen_world import EXPERT_NAMES, skill_target, world_of_state
from robo.recording.device import Command, EpisodeStart, Event, Phase, Tick
from robo.recording.kitchen import SkillRule, kitchen_of, skills_of
from robo.recording.tasks import SEEDS

if TYPE_CHECKING:
    from robo.rollouts.actors import Actor

SKILL_SECONDS = 60.0
"""A skill that takes longer (simulated) has failed."""

SETTLE_SECONDS = 2.0
"""Longest wait after a skill for objects to come to rest (simulated)."""

LEAD_SECONDS = 15.0
"""A leader acts for at most this long per skill (simulated)."""

MOST_ASIDE = 0.1
"""Largest random sideways offset of the robot when picking something up (m)."""

STRAYS_WITHIN = 3.5
"""A robot led astray begins to stray within this time (simulated seconds)."""

STRAY = (0.045, 0.045, 0.05)
"""Standard deviations of how far the hand strays along each axis (m), the last also its mean way
down; a base strays by up to three times that."""

HELD_BACK = (0.06, 4, 15, 0.6)
"""Chance per step that a spell of being held back begins; its fewest and most steps; the largest
share of a motion that remains in it."""

CLOSES = 0.15
"""Chance that an empty hand closes as it strays."""

MOTIONS = (slice(0, 3), slice(3, 6), slice(7, 9), slice(9, 10))
"""Slices of the action that form one motion: gripper, its turn, base, its turn."""


class ExpertDevice:
    """Carries out the episode's skills one after another; failed episodes are skipped.

    Args:
        noise: Standard deviation of the noise added to each motion, as a share of its size.
        held_back: Whether the robot is held back for spells at random moments. Otherwise every
            approach takes the same time, and a policy learns to close the hand by timing.
        keep_failures: Whether failed episodes are kept too; the rule marks them.
        note: Stored with every episode.
        astray: Whether hand or base first stray at a random moment, as a policy's might; the expert
            restarts from there, and only that is recorded.
        leader: A policy that acts first, skill by skill, for a random time; the expert takes over
            from there, and only that is recorded: corrections of the policy (as in DAgger, Ross et
            al. 2011, with the expert taking over as in HG-DAgger, Kelly et al. 2019).
        interrupted: Whether the leader is first told to do something else that can be done, and
            interrupted: the episode begins wherever that has led, as after a skill that failed.

    Attributes:
        failure: Why the last episode failed, in a few words; None if it succeeded.
    """

    name = "expert"
    paced = False

    def __init__(
        self,
        noise: float = 0.0,
        *,
        held_back: bool = False,
        keep_failures: bool = False,
        note: str = "",
        astray: bool = False,
        leader: "Actor | None" = None,
        interrupted: bool = False,
    ) -> None:
        self.noise = noise
        self._held_back = held_back
        self._astray = astray
        self._leader = leader
        self._interrupted = interrupted
        self.keep_failures = keep_failures
        self.note = note
        self.failure: str | None = None

    def open(self, env: "gymnasium.Env[Any, Any]") -> str:
        """See `Device`."""
        self._env: KitchenEnv = kitchen_of(env)
        return ""

    def begin(self, start: EpisodeStart) -> None:
        """See `Device`."""
        self.failure = None
        self._rng = np.random.default_rng([start.seed, 1])
        self._low = self._env.action_space.low  # type: ignore[attr-defined]
        self._high = self._env.action_space.high  # type: ignore[attr-defined]
        self._left = list(skills_of(start.task))
        self._place: str | None = None
        self._handled: frozenset[int] = frozenset()
        self._expert: Expert | None = None
        self._lead_steps = self._other_steps = self._spell = 0
        self._leading = self._leader is not None
        self._stray: _Stray | None = None
        if self._astray:
            latest = int(STRAYS_WITHIN * self._env.control_hz)
            self._stray = _Stray(self._rng, int(self._rng.integers(1, latest)))
        if not self._left:
            self.failure = f'"{start.task}" is no skill'
        elif self._leader is not None:
            most = int(LEAD_SECONDS * self._env.control_hz)
            self._lead_steps = int(self._rng.integers(most * len(self._left)))
            if self._interrupted:
                self._other_steps = int(self._rng.integers(most))
                self._distract(self._leader, start.seed)
            else:
                self._instruct(self._leader, start.seed)

    def act(self, tick: Tick) -> Command:
        """See `Device`."""
        if tick.info.get("unstable") or tick.status.phase is Phase.OVER:
            self.failure = "the simulation broke down"
        elif self._leading and self._leader is not None:
            action = self._lead(self._leader, tick)
            if action is not None:
                return Command(action, recorded=False)
        corrects = self._leader is not None or (self._astray and self._stray is None)
        if corrects and not tick.status.frames and tick.status.success:
            self.failure = "it is done already"
        if self._expert is not None and self._is_over():
            self._judge()
        if self.failure is None and self._expert is None:
            if self._left:
                self._begin_skill(self._left[0])
            elif tick.status.success is False:
                self.failure = "the rule says no"
        if self.failure is not None:
            kept = self.keep_failures and tick.status.frames
            return Command(event=Event.KEEP if kept else Event.SKIP, note=self.note)
        if self._expert is None:
            return Command(event=Event.KEEP, note=self.note)
        wanted = self._expert.act(self._env.kitchen_state)
        if self._stray is not None:
            if self._expert.finished:
                self.failure = "done before it strayed"
                return Command(event=Event.SKIP, note=self.note)
            empty = self._env.kitchen_state.holding is None
            sent = np.clip(self._stray.act(wanted, empty=empty), self._low, self._high)
            if self._stray.over:
                self._stray, self._expert = None, None
            return Command(sent, recorded=False)
        self._steps += 1
        self._waited += self._expert.finished
        label = self._left[0].label
        if not self.noise and not self._held_back:
            return Command(wanted, label=label)
        return Command(self._disturbed(wanted), intended=wanted, label=label)

    def end(self, kept: bool) -> None:
        """See `Device`."""

    def close(self) -> None:
        """See `Device`."""

    def _instruct(self, leader: "Actor", seed: int) -> None:
        """Let the leader begin the next skill."""
        from robo.rollouts.actors import Assignment

        skill = self._left[0]
        self._aim(self._world(), skill)
        leader.begin(self._env, Assignment(skill.label, skill.label, seed))

    def _distract(self, leader: "Actor", seed: int) -> None:
        """Let the leader begin another skill that can be done now."""
        from robo.rollouts.actors import Assignment

        world = self._world()
        others = [
            skill
            for skill in all_skills(OBJECTS, PLACES, DRAWERS)
            if skill not in (self._left[0], DONE) and obstacle(world, skill, distance) is None
        ]
        verbs = sorted({skill.verb for skill in others})
        verb = verbs[int(self._rng.integers(len(verbs)))]
        others = [skill for skill in others if skill.verb is verb]
        label = others[int(self._rng.integers(len(others)))].label
        leader.begin(self._env, Assignment(label, label, seed))

    def _lead(self, leader: "Actor", tick: Tick) -> NDArray[np.float32] | None:
        """The leader's next action; None when the expert takes over."""
        if self._interrupted and self._other_steps >= 0:
            self._other_steps -= 1
            action = leader.act(tick.observation)
            if self._other_steps >= 0 and not leader.finished and np.isfinite(action).all():
                return action
            self._other_steps = -1
            self._instruct(leader, int(self._rng.integers(SEEDS)))
        while self._lead_steps:
            self._lead_steps -= 1
            action = leader.act(tick.observation)
            if not np.isfinite(action).all():
                break
            if not leader.finished:
                return action
            if len(self._left) == 1 or not self._rule.holds(self._env.kitchen_state):
                break
            self._next_skill()
            self._instruct(leader, int(self._rng.integers(SEEDS)))
        if len(self._left) > 1 and self._rule.holds(self._env.kitchen_state):
            self._next_skill()
        self._leading = False
        return None

    def _begin_skill(self, skill: Skill) -> None:
        world = self._world()
        self.failure = obstacle(world, skill, distance)
        if self.failure is not None:
            return
        self._aim(world, skill)
        self._expert = make_expert(
            self._env.scene,
            EXPERT_NAMES[skill.verb],
            self._thing,
            self._place,
            sees=self._env.sees,
            aside=float(self._rng.uniform(-MOST_ASIDE, MOST_ASIDE)),
        )
        self._steps = self._waited = 0

    def _world(self) -> World:
        """What the planner would see."""
        return world_of_state(self._env.kitchen_state, self._place, handled=self._handled)

    def _aim(self, world: World, skill: Skill) -> None:
        """Set the skill's target and rule."""
        self._thing, self._place = skill_target(world, skill)
        self._rule = SkillRule(skill, self._env.kitchen_state)

    def _is_over(self) -> bool:
        """Whether the expert has finished and objects are at rest, or time is up."""
        assert self._expert is not None
        if not self._expert.finished:
            return self._steps >= SKILL_SECONDS * self._env.control_hz
        state = self._env.kitchen_state
        still = all(
            thing.speed < rules.REST_SPEED or thing.id == state.holding for thing in state.objects
        )
        return still or self._waited > SETTLE_SECONDS * self._env.control_hz

    def _judge(self) -> None:
        assert self._expert is not None
        if not self._rule.holds(self._env.kitchen_state):
            self.failure = self._expert.failure or "the rule says no"
        self._next_skill()
        self._expert = None

    def _next_skill(self) -> None:
        if self._left[0].verb in (Verb.PUT_DOWN, Verb.BRING) and self._thing is not None:
            self._handled |= {self._thing}
        self._left.pop(0)

    def _disturbed(self, wanted: NDArray[np.float32]) -> NDArray[np.float32]:
        sent = wanted.copy()
        left = self._left_of_motions()
        for part in MOTIONS:
            sent[part] *= left
            size = float(np.linalg.norm(wanted[part]))
            sent[part] += self.noise * size * self._rng.standard_normal(len(wanted[part]))
        return np.clip(sent, self._low, self._high)

    def _left_of_motions(self) -> float:
        """The share of the robot's motions that remains in this step."""
        if not self._held_back:
            return 1.0
        chance, least, most, largest = HELD_BACK
        self._spell -= 1
        if self._spell < 0 and self._rng.random() < chance:
            self._spell = int(self._rng.integers(least, most + 1)) - 1
            self._share_left = float(self._rng.uniform(0.0, largest))
        return self._share_left if self._spell >= 0 else 1.0


class _Stray:
    """Leads astray: the expert's actions for some steps, then a drift of hand or base.

    Args:
        rng: Draws the drift.
        wait: Steps before the drift.

    Attributes:
        over: Whether the drift is done.
    """

    over = False

    def __init__(self, rng: np.random.Generator, wait: int) -> None:
        self._wait, self._left = wait, int(rng.integers(3, 9))
        x, y, z = rng.normal(0.0, STRAY) - (0.0, 0.0, STRAY[2])
        self._hand = np.array([x, y, z]) / self._left
        self._base = rng.uniform(-3, 3, 2) * STRAY[:2] / self._left
        self._closes = rng.random() < CLOSES

    def act(self, wanted: NDArray[np.float32], *, empty: bool) -> NDArray[np.float32]:
        """The next action, given what the expert wants and whether the hand is empty."""
        if self._wait:
            self._wait -= 1
            return wanted
        self._left -= 1
        self.over = self._left == 0
        drift = np.zeros_like(wanted)
        drift[6], drift[10] = 0.0 if empty and self._closes else wanted[6], wanted[10]
        hand, _, base, _ = MOTIONS
        if wanted[10] == ARM:
            drift[hand] = self._hand
        else:
            drift[base] = self._base
        return drift
