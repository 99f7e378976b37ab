"""Options for pretraining an image encoder. The command line is generated from this."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from robo.errors import UserError
from robo.training.config import option

FREE = frozenset({"steps", "minutes", "save_minutes", "workers", "threads", "device"})
"""Options that may change when a run resumes."""


@dataclass(frozen=True)
class SightConfig:
    """All options for pretraining an encoder."""

    steps: int | None = None
    """Train for this many steps; this or --minutes."""

    minutes: float | None = None
    """Train for this many minutes, not counting saving and drawing the first rooms; this or
    --steps."""

    start: str | None = None
    """RT-1 checkpoint whose eyes to start from, by folder or short name."""

    batch_size: int = 64
    """Images per step."""

    learning_rate: float = 1e-3
    """Peak learning rate of AdamW."""

    warmup: float = 0.02
    """Share of the steps or minutes for learning rate warm-up; cosine decay follows."""

    weight_decay: float = 1e-2
    """Weight decay of AdamW."""

    rooms: int = 96
    """Rooms to learn from at a time, with 32 views from each camera."""

    renewed: int = 10
    """Steps after which a new room replaces the oldest."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of activations; bfloat16 pays off on GPUs and AMX CPUs."""

    seed: int = 0
    """Random seed."""

    save_minutes: float = 5.0
    """Validate and save every N minutes of training."""

    workers: int = 1
    """Processes that draw views; 0 draws between steps."""

    threads: int | None = None
    """Number of torch threads; torch's own choice by default."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; "auto" is the GPU if there is one."""

    def check(self) -> None:
        """Refuse invalid values.

        Raises:
            UserError: A value is invalid; the message names the first.
        """
        if (self.steps is None) == (self.minutes is None):
            raise UserError("say how long to train, with one of --steps and --minutes")
        least = dict.fromkeys(("steps", "batch_size", "rooms", "renewed", "threads"), 1)
        for name, bound in {**least, "workers": 0, "seed": 0}.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise UserError(f"{option(name)} is {value}; it must be {bound} or more")
        for name in ("minutes", "learning_rate", "save_minutes"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UserError(f"{option(name)} is {value}; it must be more than 0")
        for name in ("warmup", "weight_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(
                    f"{option(name)} is {getattr(self, name)}; it must be at least 0 and below 1"
                )

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)
