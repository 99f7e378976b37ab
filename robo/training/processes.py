"""Data-parallel training in several processes started by torchrun; one process without it.

Each takes its share of every batch; gradients are averaged, which gives the gradient of the whole
batch if the loss is a mean over samples.
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
        rank: This process's rank; only rank 0 writes files and prints.
        count: Number of processes (world size).
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is rank 0, which writes files."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Average gradients over the processes; a missing one counts as zero.

        A gradient missing in all processes stays missing: with a zero, weight decay would shrink a
        parameter that a single process leaves alone.
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
        """Broadcast rank 0's weights and buffers to all processes."""
        if self.count == 1:
            return
        for tensor in module.state_dict().values():
            group.broadcast(tensor, 0)

    def wait(self) -> None:
        """Wait until all processes get here."""
        if self.count > 1:
            group.barrier()


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """The processes that torchrun started, or this one alone.

    Raises:
        UserError: They cannot connect to each other.
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
    """The device given by --device; each of several processes has its own GPU.

    Raises:
        UserError: There is no GPU, or fewer GPUs than processes.
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
