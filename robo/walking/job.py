"""One stage of a walker's training, from a configuration to checkpoints and a log.

train_stage(Path("runs/teacher"), WalkTrainingConfig(stage="teacher", steps=1_000_000))
"""

from contextlib import ExitStack
from pathlib import Path

import torch
from rich.console import Console

from policies.walker.weights import MODEL
from robo.errors import UserError
from robo.training.run_folder import RunFolder
from robo.walking.config import WalkTrainingConfig
from robo.walking.reinforcement import Reinforcement
from robo.walking.run import KEPT_TEACHER, POLICY, Outcome
from robo.walking.sequence import SequenceLearning
from robo.walking.teacher import Teacher, load_teacher


def train_stage(
    out: Path,
    config: WalkTrainingConfig,
    *,
    resume: bool = False,
    console: Console | None = None,
) -> Outcome:
    """Train one stage of a walker.

    Args:
        out: Folder of the run.
        config: How to train; a single stage, not "both".
        resume: Resume the run in `out`.
        console: Where to show progress.

    Raises:
        UserError: Something does not fit, before the first step; or the disk is full; or the loss
            is not finite.
    """
    config.check()
    torch.set_num_threads(1)
    folder = RunFolder(out, resume=resume)
    if folder.before:
        if folder.before["policy"] != POLICY:
            raise UserError(f"{out} trains {folder.before['policy']}, not {POLICY}")
        config.check_resumes(folder.before["config"])
    teacher = _teacher(folder, config)
    with ExitStack() as stack:
        folder.lock()
        stack.callback(folder.release)
        kind = SequenceLearning if config.stage == "next-token" else Reinforcement
        run = kind(folder, config, teacher, console)
        stack.callback(run.close)
        return run.run()


def _teacher(folder: RunFolder, config: WalkTrainingConfig) -> Teacher | None:
    """The teacher of the stage, if any; a resumed run has its own copy."""
    kept = folder.out / KEPT_TEACHER
    sequence = config.stage == "next-token"
    if config.stage == "teacher" or (config.imitation == 0.0 and not sequence):
        return None
    if folder.before and (kept / MODEL).is_file():
        return load_teacher(kept, config.robot)
    if config.teacher is not None:
        return load_teacher(config.teacher, config.robot)
    if sequence:
        raise UserError(
            "--stage next-token learns from a teacher that walks: give its folder with --teacher"
        )
    if config.stage == "student":
        raise UserError(
            "a student imitates a teacher: give its folder with --teacher, or --imitation 0 to "
            "learn without one"
        )
    return None


__all__ = ["train_stage"]
