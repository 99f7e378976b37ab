"""An optimiser's state as named tensors, for safetensors: "<parameter>/<name>"."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


def optimizer_tensors(optimizer: Optimizer, module: nn.Module) -> dict[str, Tensor]:
    """The state of every parameter that has one."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return {
        f"{names[id(parameter)]}/{key}": value.detach().cpu().contiguous()
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
        if isinstance(value, Tensor)
    }


def set_optimizer_tensors(
    optimizer: Optimizer, module: nn.Module, tensors: Mapping[str, Tensor]
) -> None:
    """Restore what `optimizer_tensors` returned.

    Raises:
        KeyError: A tensor belongs to no parameter.
    """
    parameters = dict(module.named_parameters())
    for full, value in tensors.items():
        name, key = full.rsplit("/", 1)
        parameter = parameters[name]
        if value.shape == parameter.shape:
            # Keep the parameter's memory layout, on which fused optimisers rely.
            value = torch.empty_like(parameter).copy_(value)
        elif parameter.device.type != "cpu" and optimizer.defaults.get("fused"):
            value = value.to(parameter.device)
        optimizer.state[parameter][key] = value
