"""Training options. The command line is generated from this, so nothing heavy is imported."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Optional, Union

from robo.errors import UserError

FREE = frozenset(
    {
        "steps",
        "minutes",
        "workers",
        "threads",
        "device",
        "save_steps",
        "save_minutes",
        "keep",
        "log_steps",
    }
)
"""Options that may change when a run resumes; any other change would make it another run."""


@dataclass(frozen=True)
class TrainingConfig:
    """All training options except the policy and the dataset."""

    steps: Optional[int] = None
    """Train for this many steps; this or --minutes."""

    minutes: Optional[float] = None
    """Train for this many minutes, not counting validation and saving; this or --steps."""

    batch_size: int = 32
    """Samples per step, over all processes."""

    learning_rate: float = 1e-4
    """Peak learning rate of AdamW."""

    warmup: float = 0.02
    """Share of the steps or minutes for learning rate warm-up; cosine decay follows."""

    weight_decay: float = 1e-4
    """Weight decay of AdamW, except where the policy sets another for some parameters."""

    clip: float = 1.0
    """Maximum gradient norm; larger gradients are scaled down."""

    ema: float = 0.999
    """Maximum decay of the exponential moving average of the weights, which is validated and used;
    0 uses the weights themselves."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of activations; weights are float32. bfloat16 pays off on GPUs and AMX CPUs."""

    seed: int = 0
    """Random seed."""

    inputs: Union[None, tuple[str, ...]] = None
    """Keys of the policy's inputs; observation.state and all cameras by default."""

    within: Literal["auto", "skill", "episode"] = "auto"
    """Bounds of a sample and source of its instruction: the segment with one skill label, or the
    episode with its task; "auto" is the skill if the dataset has labels."""

    phrasings: Optional[Path] = None
    """JSON file of paraphrases of instructions: {"open the drawer": ["pull the drawer open"]};
    each sample draws one of them, or the original."""

    validation: float = 0.1
    """Share of the episodes held out for validation."""

    validation_batches: int = 20
    """Maximum number of batches per validation."""

    shift: int = 0
    """Augmentation: shift images by up to this many pixels, drawn per sample and camera."""

    brightness: float = 0.0
    """Augmentation: brighten or darken images by up to this share, drawn per sample and camera."""

    tint: float = 0.0
    """Augmentation: also brighten or darken each colour of the images by up to this share, drawn
    per sample and camera."""

    mottle: float = 0.0
    """Augmentation: change the colours of patches of the images by up to this share, drawn per
    sample and camera."""

    start: Optional[str] = None
    """Checkpoint to initialise the weights from, by folder or short name."""

    encoder: Optional[Path] = None
    """Initial weights of the image encoder (safetensors): from `robo train sight` for rt1,
    ImageNet's ResNet-18 for act. They replace those of --start."""

    save_minutes: Optional[float] = 10.0
    """Validate and save every N minutes of training."""

    save_steps: Optional[int] = None
    """Also validate and save every N steps."""

    keep: int = 2
    """Number of newest checkpoints to keep, besides the best by validation."""

    log_steps: int = 20
    """Write a log line every N steps."""

    workers: int = 1
    """Processes that read samples; 0 reads between steps."""

    threads: Optional[int] = None
    """Number of torch threads; torch's own choice by default."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; "auto" is the GPU if there is one."""

    def check(self) -> None:
        """Refuse invalid values.

        Raises:
            UserError: A value is invalid; the message names the first.
        """
        if (self.steps is None) == (self.minutes is None):
            raise UserError(
                "say how long to train, with one of --steps and --minutes"
                if self.steps is None
                else "give --steps or --minutes, not both"
            )
        least = {
            **dict.fromkeys(("steps", "batch_size", "keep", "log_steps", "validation_batches"), 1),
            **dict.fromkeys(("save_steps", "threads"), 1),
            **dict.fromkeys(("workers", "shift", "weight_decay", "seed"), 0),
        }
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and not bound <= value < float("inf"):
                raise UserError(f"{option(name)} is {value}; it must be {bound} or more")
        for name in ("minutes", "learning_rate", "clip", "save_minutes"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UserError(f"{option(name)} is {value}; it must be more than 0")
        for name in ("ema", "validation", "warmup", "brightness", "tint", "mottle"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(
                    f"{option(name)} is {getattr(self, name)}; it must be at least 0 and below 1"
                )

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        values = asdict(self)
        values["inputs"] = list(self.inputs or ())
        for name in ("phrasings", "encoder"):
            values[name] = None if values[name] is None else str(values[name])
        return values

    def check_resumes(self, before: dict[str, Any]) -> None:
        """Refuse to resume a run that began with other options.

        Args:
            before: What `to_json` returned when it began.

        Raises:
            UserError: An option that matters differs.
        """
        refuse_changes(before, self.to_json(), FREE)


def refuse_changes(
    before: Mapping[str, Any], now: Mapping[str, Any], free: Collection[str]
) -> None:
    """Refuse to resume a run with other options.

    Args:
        before: Options when it began.
        now: Options now.
        free: Options that may differ.

    Raises:
        UserError: An option that matters differs.
    """
    for name, value in now.items():
        if name not in free and name in before and before[name] != value:
            raise UserError(
                f"the run began with {option(name)} {before[name]} and cannot go on with "
                f"{value}; give the same options with --resume, or another --out"
            )


def option(name: str) -> str:
    """A field's name on the command line."""
    return "--" + name.replace("_", "-")
