"""The checkpoints of a walker's run.

checkpoints/step-00006144/     after that many control steps: the actor (policies.walker.weights);
                               training/ as in robo.training.checkpoints, with robots.safetensors:
                               the state of the robots
checkpoints/last               link to the newest
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from policies.walker.weights import Network, save_network
from robo.errors import UserError
from robo.training.checkpoints import TRAINING, Checkpoints

ROBOTS = "robots.safetensors"


class WalkCheckpoints(Checkpoints):
    """Checkpoints of a run that hold a walker's actor."""

    def write_walker(
        self,
        step: int,
        actor: Network,
        metadata: Mapping[str, Any],
        weights: Mapping[str, Tensor],
        optimizer: Mapping[str, Tensor],
        state: Mapping[str, Any],
        robots: Mapping[str, Tensor],
    ) -> None:
        """Write a checkpoint under a temporary name, sync it to disk and rename it.

        Args:
            step: Control steps done.
            actor: Network that walks.
            metadata: For `save_network`.
            weights: All trained weights.
            optimizer: See `robo.training.optimizer_state`.
            state: Plain values needed to resume.
            robots: State of the robots, if any.

        Raises:
            OSError: Writing failed; earlier checkpoints are intact.
        """

        def save(folder: Path) -> None:
            save_network(actor, folder, metadata)
            if robots:
                there = {name: value.contiguous() for name, value in robots.items()}
                save_file(there, folder / TRAINING / ROBOTS)

        self.write_with(
            step,
            save,
            weights,
            {name: value.detach().contiguous() for name, value in optimizer.items()},
            state,
            best=False,
        )


def read_robots(folder: Path) -> dict[str, Tensor]:
    """State of the robots at a checkpoint; empty if it was not saved.

    Raises:
        UserError: The file is damaged.
    """
    path = folder / TRAINING / ROBOTS
    try:
        return load_file(path) if path.is_file() else {}
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path} cannot be read ({error}); take it away, and the robots begin new episodes"
        ) from None
