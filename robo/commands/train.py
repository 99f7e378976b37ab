"""`robo train`: a dataset becomes a policy; `robo train walk` and `sight` have other options."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Union

import tyro

from policies.registry import POLICIES
from robo.training.config import TrainingConfig


@dataclass(frozen=True)
class Train:
    """Train a policy on demonstrations (`train sight`: image encoders; `train walk`: walkers).

    Writes checkpoints, log.jsonl, TensorBoard events, training.json and curve.png. Ctrl-C saves;
    the same command with --resume continues as if never stopped. On several GPUs or processes:
    torchrun --nproc-per-node 2 -m robo train ….
    """

    policy: tyro.conf.Positional[str]
    """rt1, act or diffusion."""

    dataset: Path
    """The dataset's folder (LeRobotDataset v3.0)."""

    out: Path
    """Folder of the run."""

    config: Union[None, tuple[str, ...]] = None
    """Policy settings: a preset's name and key=value pairs, as in --config small history=1."""

    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Continue the run in --out, from its newest checkpoint."""

    training: Annotated[TrainingConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingConfig
    )

    def execute(self) -> int:
        """Run the command; returns 128 plus the signal's number if it was stopped."""
        import os

        from rich.console import Console

        from robo.errors import UserError
        from robo.memory import keep_memory

        if self.policy in ("walk", "sight"):
            name = self.policy
            raise UserError(f"give {name} right behind train: robo train {name} --out FOLDER")
        if self.policy not in POLICIES:
            raise UserError(f'there is no policy "{self.policy}"; there are {", ".join(POLICIES)}')
        keep_memory()
        from robo.training.job import train
        from robo.training.telling import tell

        console = Console(stderr=True, highlight=False)
        outcome = train(
            self.policy,
            self.dataset,
            self.out,
            self.training,
            self.config or (),
            resume=self.resume,
            console=console,
        )
        if os.environ.get("RANK", "0") != "0":
            return 0 if outcome.stopped is None else 128 + outcome.stopped
        best = "" if outcome.best is None else f", best validation {outcome.best:.4g}"
        return tell(console, outcome, best)
