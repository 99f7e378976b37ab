"""Evaluate a planner in closed loop: `python -m planners.finetune.evaluate`."""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

from planners.finetune.episodes import PROMPT, SKILLS
from planners.finetune.rollout import load_trials, plan_text, roll_out, serves, table
from planners.finetune.synthetic import examples
from planners.language_models import load_language_model
from planners.saycan import Formula, SayCan

HELD_OUT_SEED = 90_000


def main() -> None:
    """Parse arguments, run, print a table and the failures."""
    parser = argparse.ArgumentParser(prog="python -m planners.finetune.evaluate")
    parser.add_argument("--model", default="robo-135m", help='such as "smollm2:FOLDER"')
    parser.add_argument("--scenarios", type=Path, help="file of scenarios")
    parser.add_argument("--held-out", type=int, default=0, help="how many synthetic examples")
    parser.add_argument("--formula", default=Formula.SUM, type=Formula)
    parser.add_argument("--no-affordances", action="store_true")
    parser.add_argument("--out", type=Path, help="file for one JSON object a run")
    given = parser.parse_args()
    chooser = SayCan(
        load_language_model(given.model),
        SKILLS,
        PROMPT,
        given.formula,
        use_affordances=not given.no_affordances,
    )
    began, results, rows = time.monotonic(), [], []
    if given.scenarios is not None:
        for trial in load_trials(given.scenarios):
            rollout = roll_out(chooser, trial.instruction, trial.start)
            success = rollout.done and trial.goal.reached(trial.start, rollout.end)
            results.append((trial.family, success))
            rows.append((trial.id, trial.instruction, success, plan_text(rollout.deeds)))
            show(rows[-1])
    for example in itertools.islice(examples(HELD_OUT_SEED, held_out=True), given.held_out):
        rollout = roll_out(chooser, example.instruction, example.start)
        success = serves(example, rollout)
        results.append((f"held out: {example.kind}", success))
        rows.append((example.kind, example.instruction, success, plan_text(rollout.deeds)))
        show(rows[-1])
    sys.stdout.write(f"{table(results)}\n{time.monotonic() - began:.0f} s\n")
    if given.out is not None:
        lines = (
            json.dumps(dict(zip(("id", "instruction", "success", "plan"), row, strict=True)))
            for row in rows
        )
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def show(row: tuple[str, str, bool, str]) -> None:
    """Report a failure right away."""
    name, instruction, success, plan = row
    if not success:
        sys.stderr.write(f"{name}: {instruction}\n    {plan}\n")


if __name__ == "__main__":
    main()
