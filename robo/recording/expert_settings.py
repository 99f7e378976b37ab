"""Settings of expert episodes, and the environment and device made from them."""

from dataclasses import dataclass

from robo.recording.aloha_expert import AlohaExpertDevice
from robo.recording.environments import (
    MadeEnvironment,
    is_kitchen,
    make_environment,
    make_task,
)
from robo.recording.expert import ExpertDevice
from robo.recording.tasks import Task


@dataclass(frozen=True)
class ExpertSettings:
    """Settings of the episodes; a run only resumes with the same ones.

    Attributes:
        environment: The gymnasium id.
        seed: Seed of all draws.
        noise: See `ExpertDevice`.
        randomization: Terms randomised in every episode.
        image_size: Image side (pixels); None: the default; 0: no images.
        keep_failures: Whether failed episodes are recorded too.
        note: The operator's note.
        hold_out: Whether skill-object pairs that test generalisation are left out.
        after: A policy that acts first and is then corrected, see `ExpertDevice`; empty: none.
        astray: See `ExpertDevice`.
        held_back: See `ExpertDevice`.
        half_open: Whether drawers to be opened or closed begin half open.
        interrupted: See `ExpertDevice`.
    """

    environment: str
    seed: int = 0
    noise: float = 0.0
    randomization: tuple[str, ...] = ()
    image_size: int | None = None
    keep_failures: bool = False
    note: str = ""
    hold_out: bool = False
    after: str = ""
    astray: bool = False
    held_back: bool = False
    half_open: bool = False
    interrupted: bool = False

    def task(self, text: str) -> Task:
        """The task of these words, with its random starts.

        Raises:
            UserError: See `make_task`.
        """
        return make_task(
            self.environment, text, self.seed, hold_out=self.hold_out, half_open=self.half_open
        )

    @property
    def sends_otherwise(self) -> bool:
        """Whether the sent action differs from the expert's own."""
        return self.noise > 0 or self.held_back


def make_device(settings: ExpertSettings) -> ExpertDevice | AlohaExpertDevice:
    """The expert of an environment."""
    if not is_kitchen(settings.environment):
        return AlohaExpertDevice(
            settings.noise, keep_failures=settings.keep_failures, note=settings.note
        )
    leader = None
    if settings.after:
        import torch

        from robo.rollouts.executor import PolicyExecutor, load_policy

        torch.set_num_threads(1)
        leader = PolicyExecutor(load_policy(settings.after))
    return ExpertDevice(
        settings.noise,
        keep_failures=settings.keep_failures,
        note=settings.note,
        astray=settings.astray,
        held_back=settings.held_back,
        leader=leader,
        interrupted=settings.interrupted,
    )


def make_env(settings: ExpertSettings) -> MadeEnvironment:
    """The environment of a run."""
    return make_environment(
        settings.environment,
        image_size=settings.image_size,
        randomization=settings.randomization,
    )
