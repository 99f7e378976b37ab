"""`robo train sight`: RT-1's image encoder learns to see before it learns to act."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from robo.training.sight_config import SightConfig


@dataclass(frozen=True)
class SightTraining:
    """Pretrain RT-1's image encoder to see the kitchen, before it learns to act.

    Renders random objects at random places and learns what is where, and where the object that an
    instruction names is. Writes checkpoints (checkpoints/last/encoder.safetensors is for
    robo train rt1 --encoder), log.jsonl, TensorBoard events, curve.png and sight.png: camera
    images, true labels and predictions. Ctrl-C saves; the same command with --resume continues as
    if never stopped.
    """

    policy: tyro.conf.Positional[Literal["sight"]]
    """sight."""

    out: Path
    """Folder of the run."""

    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Continue the run in --out."""

    training: Annotated[SightConfig, tyro.conf.OmitArgPrefixes] = field(default_factory=SightConfig)

    def execute(self) -> int:
        """Run the command; returns 128 plus the signal's number if it was stopped."""
        from rich.console import Console

        from policies.errors import PolicyError
        from policies.registry import find_checkpoint
        from robo.errors import user_errors
        from robo.memory import keep_memory

        self.training.check()
        if self.training.start is not None and not self.resume:
            with user_errors(PolicyError):
                find_checkpoint(self.training.start)
        keep_memory()
        from robo.training.sight import train_sight
        from robo.training.telling import tell

        console = Console(stderr=True, highlight=False)
        outcome = train_sight(self.out, self.training, resume=self.resume, console=console)
        return tell(console, outcome)
