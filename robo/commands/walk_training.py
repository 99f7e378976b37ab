"""`robo train walk`: a humanoid learns to walk."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from robo.walking.config import WalkTrainingConfig


@dataclass(frozen=True)
class WalkTraining:
    """Train a humanoid to walk in simulation, by reinforcement (PPO) and imitation.

    Trains a teacher, which sees all that the simulator knows, and then a student that sees what a
    robot senses; or one stage alone. Writes checkpoints, videos, log.jsonl, curve.png, events of
    TensorBoard's and training.json. Ctrl-C saves; the same command with --resume goes on as if
    nothing had happened.
    """

    policy: tyro.conf.Positional[Literal["walk"]]
    """walk."""

    out: Path
    """Folder of the run."""

    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Go on with the run in --out, from its newest checkpoint."""

    training: Annotated[WalkTrainingConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=WalkTrainingConfig
    )

    def execute(self) -> int:
        """Run the command; 128 and the signal's number when it was stopped."""
        import shlex
        import sys

        from rich.console import Console

        from robo.errors import UserError

        try:
            import rsl_rl  # noqa: F401
        except ModuleNotFoundError:
            raise UserError(
                "training a walker needs rsl-rl-lib: pip install 'robo[walk]'"
            ) from None
        from robo.training.display import duration
        from robo.walking.stages import train_walk

        console = Console(stderr=True, highlight=False)
        outcome = train_walk(self.out, self.training, resume=self.resume, console=console)
        done = f"{outcome.steps} steps, {duration(outcome.seconds)}"
        if outcome.stopped is not None:
            arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
            again = "robo " + shlex.join([*arguments, "--resume"])
            text = f"stopped and saved after {done}; go on with: {again}"
            console.print(text, markup=False, soft_wrap=True)
            return 128 + outcome.stopped
        console.print(f"{done}: {outcome.checkpoint}", markup=False, soft_wrap=True)
        return 0
