"""`robo train walk`: a humanoid learns to walk."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from robo.walking.config import WalkTrainingConfig


@dataclass(frozen=True)
class WalkTraining:
    """Train a humanoid to walk in simulation, by reinforcement learning (PPO) and imitation.

    Trains a teacher that sees all that the simulator knows, then a student that sees what a robot
    senses; or one stage alone. Writes checkpoints, videos, log.jsonl, curve.png, TensorBoard events
    and training.json. Ctrl-C saves; the same command with --resume continues as if never stopped.
    """

    policy: tyro.conf.Positional[Literal["walk"]]
    """walk."""

    out: Path
    """Folder of the run."""

    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Continue the run in --out, from its newest checkpoint."""

    training: Annotated[WalkTrainingConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=WalkTrainingConfig
    )

    def execute(self) -> int:
        """Run the command; returns 128 plus the signal's number if it was stopped."""
        from rich.console import Console

        from robo.errors import UserError

        try:
            import rsl_rl  # noqa: F401
        except ModuleNotFoundError:
            raise UserError(
                "training a walker needs rsl-rl-lib: pip install 'robo[walk]'"
            ) from None
        from robo.training.telling import tell
        from robo.walking.stages import train_walk

        console = Console(stderr=True, highlight=False)
        outcome = train_walk(self.out, self.training, resume=self.resume, console=console)
        return tell(console, outcome)
