"""Low-rank adapters (LoRA, arXiv 2106.09685) on the linear layers of a frozen decoder.

The frozen weights are kept in bfloat16, which a CPU with AMX multiplies several times faster than
float32; the adapters and the residual stream stay in float32.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from planners.language_models.llama import Llama

PREFIX = "base_model.model."
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
RESIDUAL = ("o_proj", "down_proj")
"""Layers whose output is added to the residual stream."""


class _LowRank(torch.autograd.Function):
    """x W^T + s x A^T B^T in bfloat16, with gradients for x, A and B only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
        flat = x.reshape(-1, x.shape[-1]).to(torch.bfloat16)
        a, b = a.to(torch.bfloat16), (b * scale).to(torch.bfloat16)
        down = flat @ a.T
        ctx.save_for_backward(flat, weight, a, b, down)
        ctx.scale, ctx.kind = scale, x.dtype
        return torch.addmm(flat @ weight.T, down, b.T).view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        flat, weight, a, b, down = ctx.saved_tensors
        y = gradient.reshape(-1, gradient.shape[-1]).to(torch.bfloat16)
        through = y @ b
        for_x = None
        if ctx.needs_input_grad[0]:
            for_x = torch.addmm(y @ weight, through, a).to(ctx.kind)
            for_x = for_x.view(*gradient.shape[:-1], flat.shape[1])
        for_b = (down.T @ y).T  # this order makes the product several times faster
        return for_x, None, (through.T @ flat).float(), for_b.float() * ctx.scale, None


class LoraLinear(nn.Module):
    """y = x W^T + (alpha / r) x A^T B^T, W frozen, no bias.

    Attributes:
        weight: W in bfloat16 [out, in], frozen.
        lora_a: A in float32 [r, in], initialised at random.
        lora_b: B in float32 [out, r], initialised to zero.
    """

    weight: Tensor

    def __init__(self, linear: nn.Linear, rank: int, alpha: float, out: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("weight", linear.weight.detach().to(torch.bfloat16))
        self.lora_a = nn.Parameter(torch.empty(rank, linear.in_features))
        self.lora_b = nn.Parameter(torch.zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=5**0.5)
        self.scale = alpha / rank
        self.out = out

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] to [..., out]."""
        return low_rank(x, self.weight, self.lora_a, self.lora_b, self.scale).to(self.out)

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, float]:
        """What `low_rank` takes after x."""
        return self.weight, self.lora_a, self.lora_b, self.scale


def low_rank(x: Tensor, weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """x W^T + scale x A^T B^T in bfloat16."""
    return cast(Tensor, _LowRank.apply(x, weight, a, b, scale))  # type: ignore[no-untyped-call]


def add_adapters(
    network: Llama, rank: int, alpha: float, first_layer: int = 0
) -> list[nn.Parameter]:
    """Replace the target linear layers in place; returns the trainable parameters.

    Adapters below `first_layer` stay frozen, which saves their backward pass.
    """
    for number, layer in enumerate(network.model.layers):
        for module in list(layer.modules()):
            for name, child in list(module.named_children()):
                if name in TARGETS and isinstance(child, nn.Linear):
                    out = torch.float32 if name in RESIDUAL else torch.bfloat16
                    adapted = LoraLinear(child, rank, alpha, out)
                    adapted.requires_grad_(number >= first_layer)
                    setattr(module, name, adapted)
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def save_adapters(network: nn.Module, folder: Path, rank: int, alpha: float) -> None:
    """Write the adapters in PEFT format, weights in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, module in network.named_modules():
        if isinstance(module, LoraLinear) and module.lora_a.requires_grad:
            tensors[f"{PREFIX}{name}.lora_A.weight"] = module.lora_a.detach().half().contiguous()
            tensors[f"{PREFIX}{name}.lora_B.weight"] = module.lora_b.detach().half().contiguous()
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct",
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "target_modules": list(TARGETS),
        "inference_mode": True,
    }
    text = json.dumps(config, indent=2) + "\n"
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")


def load_adapters(network: nn.Module, folder: Path) -> None:
    """Load adapters written by `save_adapters` into a network that has adapters."""
    tensors = load_file(folder / "adapter_model.safetensors")
    with torch.no_grad():
        for name, module in network.named_modules():
            if isinstance(module, LoraLinear) and f"{PREFIX}{name}.lora_A.weight" in tensors:
                module.lora_a.copy_(tensors[f"{PREFIX}{name}.lora_A.weight"])
                module.lora_b.copy_(tensors[f"{PREFIX}{name}.lora_B.weight"])
