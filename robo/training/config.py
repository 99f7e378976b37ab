"""How a policy is trained. The command line is made from this; nothing heavy is imported."""

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
"""What may differ when a run goes on; anything else would make it another run."""


@dataclass(frozen=True)
class TrainingConfig:
    """Everything about training but the policy and the data set."""

    steps: Optional[int] = None
    """Train for so many steps; this or --minutes."""

    minutes: Optional[float] = None
    """Train for so many minutes, in which saving and validating do not count; this or --steps."""

    batch_size: int = 32
    """Samples a step, of all processes together."""

    learning_rate: float = 1e-4
    """Its peak, for AdamW."""

    warmup: float = 0.02
    """Share of the steps or minutes in which the learning rate rises; then it falls as a cosine."""

    weight_decay: float = 1e-4
    """Of AdamW, unless the policy says otherwise for some of its parameters."""

    clip: float = 1.0
    """Largest norm of a gradient; larger ones are scaled down."""

    ema: float = 0.999
    """Largest decay of the moving average of the weights, which is what is validated and used; 0
    uses the weights themselves."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Of activations; weights are float32. bfloat16 pays on GPUs and on processors with AMX."""

    seed: int = 0
    """Seed of everything that is drawn."""

    inputs: Union[None, tuple[str, ...]] = None
    """Keys of what the policy sees; observation.state and all cameras when left out."""

    within: Literal["auto", "skill", "episode"] = "auto"
    """What a sample may not leave, and whose words are the instruction: the stretch with one skill
    label, or the episode with its task; "auto" is the skill where the set has labels."""

    phrasings: Optional[Path] = None
    """JSON file of other words for an instruction: {"open the drawer": ["pull the drawer open"]};
    a sample draws one of them, or the original."""

    validation: float = 0.1
    """Share of the episodes that are kept apart to validate with."""

    validation_batches: int = 20
    """Most batches of one validation."""

    shift: int = 0
    """Augmentation: images are shifted by up to so many pixels, a sample's all alike."""

    brightness: float = 0.0
    """Augmentation: images get brighter or darker by up to this share, a sample's all alike."""

    tint: float = 0.0
    """Augmentation: each colour of the images gets brighter or darker by up to this share, besides;
    a sample's all alike."""

    mottle: float = 0.0
    """Augmentation: patches of the images take other colours, by up to this share; a sample's all
    alike."""

    start: Optional[str] = None
    """Checkpoint, by folder or short name, whose weights to begin with."""

    encoder: Optional[Path] = None
    """Weights of the image encoder to begin with (safetensors): those that `robo train sight` wrote
    for rt1, ImageNet's ResNet-18 for act. With --start they take the place of its own."""

    save_minutes: Optional[float] = 10.0
    """Validate and save after so many minutes of training."""

    save_steps: Optional[int] = None
    """Validate and save after so many steps, in addition."""

    keep: int = 2
    """Newest checkpoints that are kept, besides the best by validation."""

    log_steps: int = 20
    """Write a line of the log after so many steps."""

    workers: int = 1
    """Processes that read samples; 0 reads between the steps."""

    threads: Optional[int] = None
    """Threads of torch; its own choice when left out."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; "auto" is the GPU when there is one."""

    def check(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UserError: With the first of them.
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
        """Plain values."""
        values = asdict(self)
        values["inputs"] = list(self.inputs or ())
        for name in ("phrasings", "encoder"):
            values[name] = None if values[name] is None else str(values[name])
        return values

    def check_resumes(self, before: dict[str, Any]) -> None:
        """Refuse to go on with a run that began with other options.

        Args:
            before: What `to_json` gave when it began.

        Raises:
            UserError: An option that matters differs.
        """
        refuse_changes(before, self.to_json(), FREE)


def refuse_changes(
    before: Mapping[str, Any], now: Mapping[str, Any], free: Collection[str]
) -> None:
    """Refuse to go on with a run whose options were others.

    Args:
        before: Options when it began.
        now: Options now.
        free: Those that may differ.

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
    """A field's name as it is given on the command line."""
    return "--" + name.replace("_", "-")
