"""Several processes that train one policy, started by torchrun; one process without it.

Each takes its share of every batch; gradients are averaged, which is the gradient of the whole
batch when a loss is a mean over samples.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as group
from torch import Tensor, nn

from robo.errors import UserError


@dataclass(frozen=True)
class Processes:
    """The processes of a run.

    Attributes:
        rank: Number of this one; 0 alone writes files and talks.
        count: How many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the mean of the gradients; none counts as zero.

        Where no process has one, none has one afterwards: a zero would make weight decay shrink
        what a single process leaves alone.
        """
        if self.count == 1:
            return
        listed = list(parameters)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in listed]
        used = gradients[0].new_tensor([p.grad is not None for p in listed])
        joined = torch.cat([*(gradient.reshape(-1) for gradient in gradients), used])
        group.all_reduce(joined)
        joined /= self.count
        sizes = [gradient.numel() for gradient in gradients]
        *means, used = joined.split_with_sizes([*sizes, len(listed)])
        for parameter, gradient, mean, any_has in zip(
            listed, gradients, means, used.tolist(), strict=True
        ):
            if any_has:
                parameter.grad = gradient.copy_(mean.view_as(gradient))

    def mean(self, values: Tensor) -> Tensor:
        """The mean of each of `values` over the processes."""
        if self.count == 1:
            return values
        values = values.clone()
        group.all_reduce(values)
        return values / self.count

    def share(self, module: nn.Module) -> None:
        """Give every process the first one's weights and buffers."""
        if self.count == 1:
            return
        for tensor in module.state_dict().values():
            group.broadcast(tensor, 0)

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            group.barrier()


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """The processes that torchrun started, or this one alone.

    Raises:
        UserError: They do not find each other.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    try:
        group.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the processes cannot join ({error}); start them with torchrun --nproc-per-node N"
        ) from error
    try:
        yield Processes(group.get_rank(), group.get_world_size())
    finally:
        group.destroy_process_group()


def chosen_device(name: str) -> torch.device:
    """The device that --device names; each of several processes has a GPU of its own.

    Raises:
        UserError: There is no GPU.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("torch finds no GPU; leave out --device cuda or install torch for CUDA")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    number = int(os.environ.get("LOCAL_RANK", "0"))
    if number >= torch.cuda.device_count():
        raise UserError(
            f"there are {torch.cuda.device_count()} GPUs, fewer than processes; "
            "lower --nproc-per-node"
        )
    torch.cuda.set_device(number)
    return torch.device("cuda", number)
