"""The checkpoints of a walker's run.

checkpoints/step-00006144/     after so many control steps: the actor (policies.walker.weights)
                               training/ as in robo.training.checkpoints
checkpoints/last               link to the newest
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from policies.walker.weights import Network, save_network
from robo.training.checkpoints import Checkpoints


class WalkCheckpoints(Checkpoints):
    """As of any run, with a walker's actor in them."""

    def write_walker(
        self,
        step: int,
        actor: Network,
        metadata: Mapping[str, Any],
        weights: Mapping[str, Tensor],
        optimizer: Mapping[str, Tensor],
        state: Mapping[str, Any],
    ) -> None:
        """Write a checkpoint under another name, bring it to the disk and rename it.

        Args:
            step: Control steps done.
            actor: To walk with.
            metadata: For `save_network`.
            weights: Of actor and critic.
            optimizer: See `robo.training.optimizer_state`.
            state: Plain values that going on needs.

        Raises:
            OSError: The disk refused; earlier checkpoints are whole.
        """
        self._write(
            step,
            lambda folder: save_network(actor, folder, metadata),
            weights,
            {name: value.detach().contiguous() for name, value in optimizer.items()},
            state,
            best=False,
        )
