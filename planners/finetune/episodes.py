"""Whole episodes as training text: the growing prompt, and which of its labels to learn.

An episode is one text, since prompts only grow. Failures and wrong turns are mixed in: a wrong turn
stays in the text but is not learnt; the oracle's next step is.
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
        step: The skill executed, with its outcome.
        wanted: The label that the oracle would choose.
    """

    step: Step
    wanted: str


@dataclass(frozen=True)
class Episode:
    """A text and the spans of it to learn.

    Attributes:
        text: The prompt with all labels.
        spans: Start (at the preceding space) and end of each label to learn.
    """

    text: str
    spans: tuple[tuple[int, int], ...]


def noisy_turns(
    example: Example, rng: random.Random, mishaps: float, wrong_turns: float
) -> list[Turn]:
    """The oracle's episode with random failures and wrong turns.

    Args:
        example: The instruction and its scene.
        rng: Random generator.
        mishaps: Probability that a skill fails by chance.
        wrong_turns: Probability of a skill other than the oracle's.
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
    """A random skill that is possible and does little harm, else the oracle's."""
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
    """The episode as one text; only the oracle's steps are learnt."""
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
    """The text up to a wrong step; only the oracle's label in its place is learnt."""
    scene = describe_scene(example.start)
    prompt = PROMPT.write(example.instruction, scene, [turn.step for turn in turns[:at]])
    text = f"{prompt} {turns[at].wanted}"
    return Episode(text, ((len(prompt), len(text)),))
