"""Making the environment that is recorded, by its gymnasium id, with what it takes."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.envs.registration import load_env_creator

from robo.data.features import ACTION, STATE
from robo.errors import UserError
from robo.recording.tasks import PlainTask, Task

IMAGE_SIZE = 96
"""Pixels each way of environments that draw at any size."""


@dataclass(frozen=True)
class MadeEnvironment:
    """An environment and what a set says of it.

    Attributes:
        env: The environment.
        arguments: With which it was made, plain JSON values.
        names: Names of the columns' elements, where it gives them.
    """

    env: "gymnasium.Env[Any, Any]"
    arguments: Mapping[str, Any]
    names: Mapping[str, list[str]] = field(default_factory=dict)


def make_environment(
    environment: str,
    *,
    image_size: int | None = None,
    randomization: tuple[str, ...] = (),
    control_hz: int | None = None,
) -> MadeEnvironment:
    """Make an environment for recording.

    Args:
        environment: Its gymnasium id; "module:id" imports the module first.
        image_size: Pixels each way; None: `IMAGE_SIZE` where the environment takes an
            `image_size`, its own where it does not; 0: no images.
        randomization: Terms to draw anew in every episode.
        control_hz: Actions a second; None: the environment's own.

    Raises:
        UserError: There is no such environment, or it does not take what is given.
    """
    accepted = _accepted(environment)
    wanted: dict[str, Any] = {}
    if image_size is not None:
        wanted["image_size"] = image_size or None
    elif "image_size" in accepted:
        wanted["image_size"] = IMAGE_SIZE
    if randomization:
        wanted["randomization"] = list(randomization)
    if control_hz is not None:
        wanted["control_hz"] = control_hz
    for name in wanted:
        if name not in accepted:
            raise UserError(
                f'the env "{environment}" takes no {name}; leave out --{name.replace("_", "-")}'
            )
    if "terminate_ends_episode" in accepted:
        # "Terminate" ends a skill, and an episode may be a chain of them; the recorder ends it.
        wanted["terminate_ends_episode"] = False
    return made_again(environment, wanted)


def made_again(environment: str, arguments: Mapping[str, Any]) -> MadeEnvironment:
    """Make an environment with the arguments that a set has kept.

    Raises:
        UserError: There is no such environment, or it does not take them.
    """
    try:
        # Time limits are the recorder's, not the environment's.
        env = gymnasium.make(
            environment, disable_env_checker=True, max_episode_steps=-1, **dict(arguments)
        )
    except gymnasium.error.Error as error:
        raise UserError(f'cannot make the env "{environment}": {error}') from error
    except (ValueError, TypeError) as error:
        raise UserError(f'the env "{environment}" refuses {dict(arguments)}: {error}') from error
    return MadeEnvironment(env, dict(arguments), _names(env))


def is_kitchen(environment: str) -> bool:
    """Whether an id is the kitchen's."""
    from envs.registration import KITCHEN_ID

    return environment.rpartition(":")[2] == KITCHEN_ID


def make_task(environment: str, text: str, seed: int = 0, scene: Path | None = None) -> Task:
    """What is to be done: in the kitchen chains of skills have rules and random starts.

    Raises:
        UserError: The scene is not one, or the environment takes none.
    """
    if is_kitchen(environment):
        from robo.recording.kitchen import KitchenTask
        from robo.scenario import load_scene

        return KitchenTask(text, seed, None if scene is None else load_scene(scene))
    if scene is not None:
        raise UserError(f'the env "{environment}" takes no --scene; it is for the kitchen')
    return PlainTask(text, seed)


def _accepted(environment: str) -> set[str]:
    """Names of the arguments that the environment takes."""
    try:
        spec = gymnasium.spec(environment)
    except (gymnasium.error.Error, ImportError) as error:
        raise UserError(f'there is no env "{environment}": {error}') from error
    creator: Any = spec.entry_point
    if isinstance(creator, str):
        try:
            creator = load_env_creator(creator)
        except (ImportError, AttributeError) as error:
            raise UserError(f'cannot load the env "{environment}": {error}') from error
    return set(inspect.signature(creator).parameters) if callable(creator) else set()


def _names(env: "gymnasium.Env[Any, Any]") -> dict[str, list[str]]:
    """Names that the environment's module gives: `STATE_NAMES` and `ACTION_NAMES`."""
    module = inspect.getmodule(type(env.unwrapped))
    found = {STATE: getattr(module, "STATE_NAMES", None)}
    found[ACTION] = getattr(module, "ACTION_NAMES", None)
    if is_kitchen(env.spec.id if env.spec is not None else ""):
        from envs.kitchen.control import ACTION_NAMES

        found[ACTION] = ACTION_NAMES
    return {key: list(names) for key, names in found.items() if names}
