"""Corrections of a planner's own mistakes (DAgger, arXiv 1011.0686).

The planner acts on synthetic requests in the symbolic kitchen, where skills sometimes fail. At each
mistake, up to `MAX_MISTAKES` a request, the prompt so far is kept with the oracle's label:
`python -m planners.finetune.dagger --model smollm2:runs/planner --out runs/corrections.jsonl`.
"""

import argparse
import json
import random
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from planners.finetune.episodes import (
    MISHAPS,
    PROMPT,
    SKILLS,
    Episode,
    Turn,
    correction_of,
    episode_of,
)
from planners.finetune.oracle import Deed, next_skill
from planners.finetune.scenes import distance
from planners.finetune.synthetic import Example, examples
from planners.language_models import load_language_model
from planners.prompts import Step
from planners.saycan import Chooser, SayCan
from planners.skills import DONE, failure_text, obstacle
from planners.symbolic import SymbolicKitchen
from planners.world import describe_scene

MAX_STEPS = 16
MAX_MISTAKES = 3


def corrections(
    chooser: Chooser, example: Example, rng: random.Random, mishaps: float
) -> list[Episode]:
    """Episodes that correct a chooser's mistakes; none if it always agreed with the oracle."""
    kitchen = SymbolicKitchen(example.start, distance)
    scene = describe_scene(example.start)
    turns: list[Turn] = []
    past: list[Deed] = []
    wrong: list[int] = []
    while len(turns) < MAX_STEPS and len(wrong) < MAX_MISTAKES:
        wanted = next_skill(example.errands, kitchen.world, past, distance)
        possible = np.array(
            [float(obstacle(kitchen.world, skill, distance) is None) for skill in SKILLS]
        )
        history: list[Step] = [turn.step for turn in turns]
        skill = SKILLS[chooser.choose(example.instruction, scene, history, possible).chosen]
        if skill != wanted:
            wrong.append(len(turns))
        if skill != DONE and rng.random() < mishaps:
            success, feedback = False, failure_text(rng.choice(MISHAPS[skill.verb]))
        else:
            outcome = kitchen.execute(skill)
            success, feedback = outcome.success, outcome.feedback
        past.append(Deed(skill, success, feedback))
        turns.append(Turn(Step(skill.label, feedback), wanted.label))
        if skill == DONE:
            break
    if not wrong:
        return []
    found = [correction_of(example, turns, at) for at in wrong]
    whole = episode_of(example, turns)
    return [*found, whole] if len(whole.spans) > wrong[0] else found


def main() -> None:
    """Collect corrections for some minutes."""
    parser = argparse.ArgumentParser(prog="python -m planners.finetune.dagger")
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--mishaps", type=float, default=0.06)
    given = parser.parse_args()
    chooser = SayCan(load_language_model(given.model), SKILLS, PROMPT)
    rng = random.Random(given.seed)
    began = time.monotonic()
    tried = flawed = written = 0
    with given.out.open("w", encoding="utf-8") as file:
        for example in examples(given.seed):
            if time.monotonic() - began > 60 * given.minutes:
                break
            found = corrections(chooser, example, rng, given.mishaps)
            tried += 1
            flawed += bool(found)
            written += len(found)
            file.writelines(json.dumps(asdict(episode)) + "\n" for episode in found)
            file.flush()
    sys.stderr.write(f"{tried} requests, {flawed} with mistakes, {written} corrections\n")


if __name__ == "__main__":
    main()
