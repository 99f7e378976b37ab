"""Who acts in a rollout: scripted experts, random actions, or a policy (`rollouts.executor`)."""

from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envs.kitchen.experts import make_expert
from robo.errors import UserError
from robo.kitchen_world import EXPERT_NAMES
from robo.recording.kitchen import kitchen_of, skills_of
from robo.recording.recorder import Observation


@dataclass(frozen=True)
class Assignment:
    """What to do in an environment that was just reset.

    Attributes:
        instruction: The instruction as worded.
        label: What it means: a skill's label in the kitchen, the task's words elsewhere.
        seed: Seed for the actor.
        thing: Instance that a kitchen expert should handle.
        place: Place that such an expert should go to, or put it at.
    """

    instruction: str
    label: str
    seed: int = 0
    thing: int | None = None
    place: str | None = None


@dataclass
class Counts:
    """An actor's counters in an episode.

    Attributes:
        seconds: Wall time of each policy call.
        clipped: Number of actions that exceeded the action space and were clipped.
    """

    seconds: list[float] = field(default_factory=list)
    clipped: int = 0


class Actor(Protocol):
    """Carries out assignments, one action after another.

    Attributes:
        counts: Counters of the current assignment.
        finished: Whether it ended the assignment itself.
        failure: Why it gave up, in a few words; None if it did not, or does not know.
    """

    counts: Counts

    @property
    def finished(self) -> bool:
        """See above."""

    @property
    def failure(self) -> str | None:
        """See above."""

    def begin(self, env: "gymnasium.Env[Any, Any]", assignment: Assignment) -> None:
        """Begin an assignment in `env`, which was just reset."""

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """The next action (m,), within the action space unless it is not finite."""


class _Scripted:
    """What scripted experts share; see `Actor`."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._expert: Any = None

    @property
    def finished(self) -> bool:
        """See `Actor`."""
        return self._expert is not None and bool(self._expert.finished)

    @property
    def failure(self) -> str | None:
        """See `Actor`."""
        return None if self._expert is None else cast(str | None, self._expert.failure)


class KitchenExpert(_Scripted):
    """The kitchen's scripted experts; see `Actor`."""

    def begin(self, env: "gymnasium.Env[Any, Any]", assignment: Assignment) -> None:
        """See `Actor`."""
        self.counts = Counts()
        self._kitchen = kitchen_of(env)
        (skill,) = skills_of(assignment.label)
        self._expert = make_expert(
            self._kitchen.scene, EXPERT_NAMES[skill.verb], assignment.thing, assignment.place
        )

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """See `Actor`."""
        return np.asarray(self._expert.act(self._kitchen.kitchen_state), np.float32)


class AlohaExpert(_Scripted):
    """The scripted two-arm experts; see `Actor`."""

    def begin(self, env: "gymnasium.Env[Any, Any]", assignment: Assignment) -> None:
        """See `Actor`."""
        from envs.aloha.experts import make_expert as make_aloha_expert

        self.counts = Counts()
        self._aloha = cast(Any, env.unwrapped)
        self._expert = make_aloha_expert(self._aloha.scene, assignment.seed)

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """See `Actor`."""
        return np.asarray(self._expert.act(self._aloha.aloha_state), np.float32)


class RandomActor:
    """Draws actions uniformly from the action space, as a baseline; see `Actor`."""

    finished = False
    failure: str | None = None

    def __init__(self) -> None:
        self.counts = Counts()

    def begin(self, env: "gymnasium.Env[Any, Any]", assignment: Assignment) -> None:
        """See `Actor`."""
        self.counts = Counts()
        self._space = box_of(env)
        self._rng = np.random.default_rng([assignment.seed, 2])

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """See `Actor`."""
        return self._rng.uniform(self._space.low, self._space.high).astype(np.float32)


def make_expert_actor(environment: str) -> KitchenExpert | AlohaExpert:
    """An environment's scripted experts.

    Raises:
        UserError: It has none.
    """
    from envs.registration import INSERTION_ID, KITCHEN_ID, TRANSFER_CUBE_ID

    name = environment.rpartition(":")[2]
    if name == KITCHEN_ID:
        return KitchenExpert()
    if name in (TRANSFER_CUBE_ID, INSERTION_ID):
        return AlohaExpert()
    raise UserError(
        f'there is no expert for the env "{environment}"; give --policy a checkpoint, or "random"'
    )


def box_of(env: "gymnasium.Env[Any, Any]") -> gymnasium.spaces.Box:
    """The action space, a bounded vector.

    Raises:
        UserError: It is something else.
    """
    space = env.action_space
    if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
        raise UserError(f"actions of {type(env.unwrapped).__name__} are {space}, not one vector")
    if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
        raise UserError(f"actions of {type(env.unwrapped).__name__} have no bounds: {space}")
    return space
