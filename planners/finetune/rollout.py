"""Rollouts of a chooser in the symbolic kitchen, and their success rates."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from planners.finetune.episodes import SKILLS
from planners.finetune.oracle import Deed, finished
from planners.finetune.scenes import DRAWERS, OBJECTS, PLACES, distance
from planners.finetune.synthetic import Example
from planners.goal import Goal
from planners.prompts import Step
from planners.saycan import Chooser
from planners.skills import DONE, obstacle
from planners.symbolic import SymbolicKitchen
from planners.world import World, describe_scene, start_world

MAX_STEPS = 30


@dataclass(frozen=True)
class Rollout:
    """What a chooser did.

    Attributes:
        deeds: The skills tried, in order.
        end: The world after the last one.
    """

    deeds: tuple[Deed, ...]
    end: World

    @property
    def done(self) -> bool:
        """Whether it chose to stop."""
        return bool(self.deeds) and self.deeds[-1].skill == DONE


@dataclass(frozen=True)
class Trial:
    """A scenario from a file: instruction, start state and goal."""

    id: str
    family: str
    instruction: str
    start: World
    goal: Goal


def load_trials(path: Path) -> list[Trial]:
    """Load scenarios, one JSON object per line."""
    trials = []
    for line in path.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        start = data["start"]
        world = start_world(
            [(name, place) for name, place in start["objects"]],
            start["robot"],
            start.get("holding"),
            start.get("drawers", {}),
            PLACES,
            DRAWERS,
        )
        goal = Goal.from_dict(data["goal"], OBJECTS, PLACES, DRAWERS)
        trials.append(Trial(data["id"], data["family"], data["instruction"], world, goal))
    return trials


def roll_out(chooser: Chooser, instruction: str, start: World) -> Rollout:
    """Let a chooser act until it is done, or for `MAX_STEPS`."""
    kitchen = SymbolicKitchen(start, distance)
    scene = describe_scene(start)
    history: list[Step] = []
    deeds: list[Deed] = []
    while len(deeds) < MAX_STEPS and not (deeds and deeds[-1].skill == DONE):
        possible = np.array(
            [float(obstacle(kitchen.world, skill, distance) is None) for skill in SKILLS]
        )
        skill = SKILLS[chooser.choose(instruction, scene, history, possible).chosen]
        outcome = kitchen.execute(skill)
        deeds.append(Deed(skill, outcome.success, outcome.feedback))
        history.append(Step(skill.label, outcome.feedback))
    return Rollout(tuple(deeds), kitchen.world)


def serves(example: Example, rollout: Rollout) -> bool:
    """Whether all errands are done, the chooser stopped, and nothing else was displaced."""
    wanted = {thing for errand in example.errands for thing in errand.things}
    start, end = example.start, rollout.end
    kept = all(
        after.place == before.place
        for i, (before, after) in enumerate(zip(start.things, end.things, strict=True))
        if i not in wanted and i != start.holding
    )
    return rollout.done and kept and finished(example.errands, end, rollout.deeds)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95% interval of a rate."""
    z, p = 1.96, successes / trials
    centre = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials**2))
    return centre - half, centre + half


def table(results: Iterable[tuple[str, bool]]) -> str:
    """Success by family and in total as a Markdown table."""
    counts: dict[str, list[bool]] = defaultdict(list)
    for family, success in results:
        counts[family].append(success)
    everything = [success for group in counts.values() for success in group]
    lines = ["| family | plan success | 95% interval |", "|---|---|---|"]
    for family, group in [*sorted(counts.items()), ("total", everything)]:
        low, high = wilson(sum(group), len(group))
        share = f"{sum(group)}/{len(group)} ({sum(group) / len(group):.0%})"
        lines.append(f"| {family} | {share} | {low:.0%}–{high:.0%} |")
    return "\n".join(lines)


def plan_text(deeds: Sequence[Deed]) -> str:
    """Labels separated by commas, failed ones marked."""
    return ", ".join(deed.skill.label + ("" if deed.success else " (failed)") for deed in deeds)
