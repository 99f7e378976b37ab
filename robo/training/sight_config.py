"""How an image encoder is taught to see. The command line is made from this."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from robo.errors import UserError
from robo.training.config import option

FREE = frozenset({"steps", "minutes", "save_minutes", "workers", "threads", "device"})
"""What may differ when a run goes on."""


@dataclass(frozen=True)
class SightConfig:
    """Everything about teaching an encoder to see."""

    steps: int | None = None
    """Train for so many steps; this or --minutes."""

    minutes: float | None = None
    """Train for so many minutes, in which saving and drawing the first rooms do not count; this or
    --steps."""

    start: str | None = None
    """Checkpoint of RT-1, by folder or short name, with whose eyes to begin."""

    batch_size: int = 64
    """Images a step."""

    learning_rate: float = 1e-3
    """Its peak, for AdamW."""

    warmup: float = 0.02
    """Share of the training in which the learning rate rises; then it falls as a cosine."""

    weight_decay: float = 1e-2
    """Of AdamW."""

    rooms: int = 96
    """Rooms that are learnt from at a time, 32 views of each camera in each."""

    renewed: int = 10
    """Steps after which the oldest room gives way to a new one."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Of activations; bfloat16 pays on GPUs and on processors with AMX."""

    seed: int = 0
    """Seed of everything that is drawn."""

    save_minutes: float = 5.0
    """Validate and save after so many minutes."""

    workers: int = 1
    """Processes that draw views; 0 draws between the steps."""

    threads: int | None = None
    """Threads of torch; its own choice when left out."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; "auto" is the GPU when there is one."""

    def check(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UserError: With the first of them.
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
        """Plain values."""
        return asdict(self)
