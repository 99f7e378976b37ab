"""Whole episodes as training text: the prompt as it grows, and which of its labels to learn.

An episode is one text, since a prompt only grows. Failures and wrong turns are mixed in: what was
done wrongly stays in the text but is not learnt; what the oracle does next is.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from planners.finetune.oracle import Deed, next_skill
from planners.finetune.scenes import DRAWERS, OBJECTS, PLACES, distance
from planners.finetune.synthetic import MAX_STEPS, Example
from planners.prompts import ScenePrompt, Step
from planners.skills import DONE, Skill, Verb, all_skills, failure_text, obstacle
from planners.symbolic import SymbolicKitchen
from planners.world import describe_scene

SKILLS: Final = all_skills(OBJECTS, PLACES, DRAWERS)
PROMPT: Final = ScenePrompt()

MISHAPS: Final[dict[Verb, tuple[str, ...]]] = {
    Verb.FIND: ("did not arrive", "not in view"),
    Verb.PICK_UP: ("not in the gripper", "not in the gripper", "out of reach", "not in view"),
    Verb.PUT_DOWN: ("still in the gripper", "not at the place"),
    Verb.GO_TO: ("did not arrive",),
    Verb.BRING: ("did not arrive", "not handed over"),
    Verb.OPEN: ("the drawer is still closed", "not open"),
    Verb.CLOSE: ("the drawer is still open", "not closed"),
}


@dataclass(frozen=True)
class Turn:
    """One step of an episode.

    Attributes:
        step: What was done, and what came of it.
        wanted: The oracle's label.
    """

    step: Step
    wanted: str


@dataclass(frozen=True)
class Episode:
    """A text with the parts of it that are to be learnt.

    Attributes:
        text: The prompt with all labels.
        spans: For each label to learn, where it begins (at the space before it) and ends.
    """

    text: str
    spans: tuple[tuple[int, int], ...]


def noisy_turns(
    example: Example, rng: random.Random, mishaps: float, wrong_turns: float
) -> list[Turn]:
    """The oracle's episode with skills that fail and steps that lead nowhere.

    Args:
        example: The instruction and its scene.
        rng: Where randomness comes from.
        mishaps: Probability that a skill that could succeed does not.
        wrong_turns: Probability of another skill than the oracle's.
    """
    kitchen = SymbolicKitchen(example.start, distance)
    past: list[Deed] = []
    turns: list[Turn] = []
    for _ in range(MAX_STEPS):
        wanted = next_skill(example.errands, kitchen.world, past, distance)
        skill = wanted
        if rng.random() < wrong_turns:
            skill = _wrong_turn(kitchen, wanted, rng)
        if skill.verb is not Verb.DONE and rng.random() < mishaps:
            success, feedback = False, failure_text(rng.choice(MISHAPS[skill.verb]))
        else:
            outcome = kitchen.execute(skill)
            success, feedback = outcome.success, outcome.feedback
        past.append(Deed(skill, success, feedback))
        turns.append(Turn(Step(skill.label, feedback), wanted.label))
        if skill == DONE:
            break
    return turns


def _wrong_turn(kitchen: SymbolicKitchen, wanted: Skill, rng: random.Random) -> Skill:
    """A skill that does little harm: one that is possible and loses nothing."""
    verbs = (Verb.FIND, Verb.GO_TO, Verb.PICK_UP, Verb.PUT_DOWN)
    possible = [
        skill
        for skill in SKILLS
        if skill.verb in verbs
        and skill != wanted
        and obstacle(kitchen.world, skill, distance) is None
    ]
    return rng.choice(possible) if possible else wanted


def episode_of(example: Example, turns: Sequence[Turn]) -> Episode:
    """One text; steps that the oracle would not have taken are not learnt."""
    scene = describe_scene(example.start)
    history = [turn.step for turn in turns]
    spans = []
    for i, turn in enumerate(turns):
        if turn.step.label == turn.wanted:
            begin = len(PROMPT.write(example.instruction, scene, history[:i]))
            spans.append((begin, begin + 1 + len(turn.wanted)))
    last = PROMPT.write(example.instruction, scene, history[:-1])
    return Episode(f"{last} {history[-1].label}", tuple(spans))


def correction_of(example: Example, turns: Sequence[Turn], at: int) -> Episode:
    """The text up to a wrong step; all there is to learn is the oracle's label for it."""
    scene = describe_scene(example.start)
    prompt = PROMPT.write(example.instruction, scene, [turn.step for turn in turns[:at]])
    text = f"{prompt} {turns[at].wanted}"
    return Episode(text, ((len(prompt), len(text)),))
