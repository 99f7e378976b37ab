"""The checkpoints of a walker's run.

checkpoints/step-00006144/     after so many control steps: the actor (policies.walker.weights)
                               training/ as in robo.training.checkpoints
checkpoints/last               link to the newest
"""

import errno
import os
import shutil
from collections.abc import Mapping
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save as to_bytes
from torch import Tensor

from policies.walker.weights import Network, save_network
from robo.data.storage import FULL, sync_folder, write_json, write_whole
from robo.training.checkpoints import LAST, OPTIMIZER, STATE, TRAINING, WEIGHTS, Checkpoints


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
        target = self.folder / f"step-{step:08d}"
        partial = self.folder / f".{target.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            training = partial / TRAINING
            training.mkdir(parents=True)
            save_network(actor, partial, metadata)
            for path in partial.glob("walker.*"):
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            write_whole(training / WEIGHTS, _bytes(weights))
            write_whole(training / OPTIMIZER, _bytes(optimizer))
            write_json(training / STATE, dict(state))
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
        except SafetensorError as error:
            number = next((n for n in (*FULL, errno.EFBIG) if f"code: {n}," in str(error)), 0)
            shutil.rmtree(partial, ignore_errors=True)
            raise OSError(number, os.strerror(number) if number else str(error)) from error
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self._link(LAST, target)
        self._prune()
        sync_folder(self.folder)


def _bytes(tensors: Mapping[str, Tensor]) -> bytes:
    return to_bytes({name: value.detach().contiguous() for name, value in tensors.items()})
