"""How a walker is trained. The command line is made from this; nothing heavy is imported."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Optional, Union

from robo.errors import UserError
from robo.training.config import option, refuse_changes

FREE = frozenset(
    {"steps", "minutes", "threads", "save_minutes", "keep", "video", "teacher", "fastest"}
)
"""What may differ when a run goes on; anything else would make it another run."""


@dataclass(frozen=True)
class WalkTrainingConfig:
    """Everything about training a walker; the defaults are those of a teacher on two cores."""

    stage: Literal["both", "teacher", "student", "mlp", "next-token"] = "both"
    """both: a teacher and then its student, in --out/teacher and --out/student. teacher: the actor
    also sees what only a simulator knows. student: a transformer that sees what a robot senses and
    has sensed, and imitates the teacher at first. mlp: it sees what a robot senses now; with
    --teacher it imitates too. next-token: a transformer that learns to predict recorded walks, with
    and without actions, and so to walk; steps are then moments of them."""

    teacher: Optional[Path] = None
    """Folder of the teacher to imitate or to record: its run, or one of its checkpoints."""

    imitation: float = 10.0
    """Weight of the distance to the teacher's actions when reinforcement begins; it falls to 0
    until --leave. 0: learn without a teacher."""

    apprenticeship: float = 0.1
    """Share of the training, at its beginning, with imitation alone."""

    leave: float = 0.6
    """Share of the training after which the teacher has no part in it: a student falls half as
    often as its teacher, once it is no longer to do the same."""

    calm: float = 0.75
    """Share of the training after which pushes come as rarely as in measurements: before, they come
    more often, and whoever is always recovering follows commands less exactly."""

    robot: str = "g1-12"
    """g1-12, g1-29 or t1-12."""

    steps: Union[None, int] = 42_000_000
    """Train for so many control steps of all copies together, or for --minutes if that is less. Of
    both stages, this is for the student; the teacher has a third of it."""

    minutes: Union[None, float] = None
    """Train for so many minutes, in which saving does not count; shared between stages alike."""

    copies: int = 256
    """Robots that walk at once."""

    terrain: Literal["flat", "rough", "slopes", "steps", "mixed"] = "flat"
    """Ground; in mixed, copies in turn on each."""

    randomization: bool = True
    """Every term of `robo randomization humanoid`, with a curriculum per copy."""

    symmetry: bool = True
    """Learn from the mirror image of every sample too."""

    seed: int = 0
    """Seed of everything that is drawn."""

    recorded: int = 1_000_000
    """Control steps that next-token records to learn from."""

    physics_hz: float = 100.0
    """Physics steps per second; a multiple of the 50 actions."""

    threads: int = 1
    """Threads that run physics; the networks always have one."""

    rollout: int = 24
    """Steps of every copy between two updates."""

    epochs: int = 4
    """Passes of an update over its samples."""

    student_epochs: int = 2
    """The same for the transformer, whose samples cost more."""

    minibatches: int = 4
    """Minibatches per pass."""

    hidden: tuple[int, ...] = (128, 128)
    """Widths of the layers, of the actor and of the critic."""

    history: int = 16
    """Moments that the transformer attends to in a layer, 20 ms each."""

    width: int = 64
    """Width of the transformer's tokens; a multiple of 4."""

    layers: int = 2
    """Layers of the transformer."""

    stepping: bool = True
    """Begin with an actor that strides as told; from a random one standing is found first. For
    networks without a history and without a teacher."""

    initial_std: float = 0.6
    """Deviation of the actions before training."""

    learning_rate: float = 1e-3
    """Initial learning rate of Adam; PPO then adapts it to the divergence."""

    fastest: float = 2e-3
    """Largest learning rate at first; it falls exponentially, to 2% in the end."""

    divergence: float = 0.05
    """Kullback-Leibler divergence that an update aims at."""

    discount: float = 0.99
    """Discount of rewards, per step."""

    trace: float = 0.95
    """Lambda of the generalised advantage estimation."""

    entropy: float = 0.0
    """Weight of the entropy."""

    save_minutes: float = 5.0
    """Save after so many minutes of training."""

    keep: int = 3
    """Newest checkpoints that are kept."""

    video: bool = True
    """With every checkpoint, film the mean of its actions for some seconds."""

    @property
    def iteration(self) -> int:
        """Control steps between two updates."""
        return self.copies * self.rollout

    def check(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UserError: With the first of them.
        """
        if self.steps is None and self.minutes is None:
            raise UserError("say how long to train, with --steps or --minutes")
        least = {
            **dict.fromkeys(("steps", "copies", "threads", "rollout", "epochs"), 1),
            **dict.fromkeys(("minibatches", "keep", "student_epochs", "layers"), 1),
            **dict.fromkeys(("seed", "entropy", "imitation"), 0),
            "history": 2,
        }
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and not bound <= value < float("inf"):
                raise UserError(f"{option(name)} is {value}; it must be {bound} or more")
        positive = ("minutes", "physics_hz", "initial_std", "learning_rate", "divergence")
        for name in (*positive, "save_minutes", "fastest"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UserError(f"{option(name)} is {value}; it must be more than 0")
        for name in ("discount", "trace", "apprenticeship", "leave", "calm"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{option(name)} is {getattr(self, name)}; it must be 0 to 1")
        if not self.hidden or min(self.hidden) < 1:
            raise UserError("--hidden must be the widths of one layer or more, each 1 or more")
        if self.width < 4 or self.width % 4:
            raise UserError(f"--width is {self.width}; it must be a multiple of 4")
        if self.stage in ("both", "student") and self.minibatches > self.copies:
            raise UserError(
                f"--minibatches is {self.minibatches}, but the student learns from whole rollouts "
                f"of {self.copies} copies; give fewer, or more --copies"
            )
        if self.stage == "next-token" and not 1 < self.copies <= self.recorded // 2:
            raise UserError(
                f"--copies is {self.copies}; next-token needs 2 or more, and 2 --recorded steps of "
                "each"
            )
        if self.teacher is not None and self.stage in ("both", "teacher"):
            raise UserError(
                f"--teacher is for stages that imitate a given one, and --stage is {self.stage}; "
                "leave it out, or give --stage student, mlp or next-token"
            )
        if self.minibatches > self.iteration:
            raise UserError(
                f"--minibatches is {self.minibatches}, an update has {self.iteration} samples; "
                "give fewer, or more --copies"
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        teacher = None if self.teacher is None else str(self.teacher)
        return asdict(self) | {"hidden": list(self.hidden), "teacher": teacher}

    def check_resumes(self, before: dict[str, Any]) -> None:
        """Refuse to go on with a run that began with other options.

        Args:
            before: What `to_json` gave when it began.

        Raises:
            UserError: An option that matters differs.
        """
        refuse_changes(before, self.to_json(), FREE)
