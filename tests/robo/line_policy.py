"""The smallest policy that uses all that training offers: vectors, images, words and noise.

As a program it is `robo` with this policy as one more: `python -m tests.robo.line_policy train …`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from policies import registry
from policies.base import ACTION, INSTRUCTION, PAD, Batch, Observation, Policy, PolicyConfig
from policies.errors import PolicyError

NAME = "line"
WHERE = "tests.robo.line_policy:LinePolicy"


@dataclass(frozen=True, kw_only=True)
class LineConfig(PolicyConfig):
    chunk: int = 4
    width: int = 8
    dropout: float = 0.2
    history: int = 1
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"wide": {"width": 32}}

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise PolicyError(f"chunk is {self.chunk}; it must be 1 or more")


class LinePolicy(Policy):
    """Actions are a linear function of means over pixels, of the state and of the words."""

    name = NAME
    config_class = LineConfig
    config: LineConfig

    def __init__(self, config: LineConfig) -> None:
        super().__init__(config)
        sizes = [3 if len(shape) == 3 else shape[0] for shape in config.inputs.values()]
        inputs = config.history * sum(sizes) + config.instruction_width
        self.first = nn.Linear(inputs, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.last = nn.Linear(config.width, config.chunk * config.action_size)
        # Nothing reads it, as ACT's first decoder layer has weights that nothing reads.
        self.spare = nn.Parameter(torch.ones(2))

    def windows(self) -> dict[str, range]:
        past = range(1 - self.config.history, 1)
        return {**dict.fromkeys(self.config.inputs, past), ACTION: range(self.config.chunk)}

    def predict(self, batch: Batch) -> Tensor:
        parts = []
        for key, shape in self.config.inputs.items():
            value = self.normalizer.normalize(key, batch[key])
            parts.append((value.mean((2, 3)) if len(shape) == 3 else value).flatten(1))
        if self.config.instruction_width:
            there = (~batch[INSTRUCTION + PAD]).float()[:, :, None]
            parts.append((batch[INSTRUCTION] * there).sum(1) / there.sum(1))
        hidden = self.dropout(torch.tanh(self.first(torch.cat(parts, 1))))
        return self.last(hidden).unflatten(1, (self.config.chunk, self.config.action_size))

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        wanted = self.normalizer.normalize(ACTION, batch[ACTION])
        error = (self.predict(batch).float() - wanted) ** 2
        error = error.mean(2).masked_fill(batch[ACTION + PAD], 0.0)
        square = error.mean()
        return square, {"first": error[:, 0].mean().detach()}

    def reset(self, seed: int = 0) -> None:
        pass

    @torch.no_grad()
    def act(self, observation: Observation) -> NDArray[np.float32]:
        batch = {key: value[None, None] for key, value in self.tensors(observation).items()}
        return self.normalizer.unnormalize(ACTION, self.predict(batch))[0].numpy()


if __name__ == "__main__":
    from robo.cli import main

    registry.POLICIES[NAME] = WHERE
    torch.set_num_threads(1)
    main()
