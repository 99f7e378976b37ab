"""A walker's training from nothing to a student, in one go.

train_walk(Path("runs/walk"), WalkTrainingConfig())

DIR/teacher, DIR/student     a run each (robo.walking.job), one after the other
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from robo.errors import UserError
from robo.training.run_folder import DESCRIPTION, RunFolder
from robo.walking.config import WalkTrainingConfig
from robo.walking.job import train_stage
from robo.walking.run import Outcome

STUDENT_TO_TEACHER: Final = 3
"""How many times as long as its teacher a student is trained."""


def train_walk(
    out: Path,
    config: WalkTrainingConfig,
    *,
    resume: bool = False,
    console: Console | None = None,
) -> Outcome:
    """Train a walker: one stage in `out`, or both in folders of their own there.

    Args:
        out: Where it goes.
        config: How to train.
        resume: Go on with what is in `out`.
        console: Where to show what happens.

    Returns:
        How the last stage that ran ended.

    Raises:
        UserError: As `train_stage`; or `out` holds a run of one stage, and both are to be trained.
    """
    if config.stage != "both":
        return train_stage(out, config, resume=resume, console=console)
    config.check()
    if (out / DESCRIPTION).is_file():
        raise UserError(
            f"{out} holds a run of one stage: say which, with --stage, to go on with it, or choose "
            "another --out"
        )
    teacher, student = out / "teacher", out / "student"
    for folder in (teacher, student):
        RunFolder(folder, resume=resume and (folder == teacher or _begun(folder)))
    lessons = replace(
        config,
        stage="teacher",
        steps=config.steps and max(1, config.steps // STUDENT_TO_TEACHER),
        minutes=config.minutes and config.minutes / STUDENT_TO_TEACHER,
    )
    outcome = train_stage(teacher, lessons, resume=_begun(teacher), console=console)
    if outcome.stopped is not None:
        return outcome
    return train_stage(
        student,
        replace(config, stage="student", teacher=teacher),
        resume=_begun(student),
        console=console,
    )


def _begun(folder: Path) -> bool:
    return (folder / DESCRIPTION).is_file()


__all__ = ["train_walk"]
