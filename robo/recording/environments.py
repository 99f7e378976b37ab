"""Makes the environment to record from its gymnasium id, with the arguments it accepts."""

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.envs.registration import load_env_creator

from robo.data.features import ACTION, STATE
from robo.errors import UserError
from robo.recording.observations import with_our_keys
from robo.recording.tasks import PlainTask, Task

IMAGE_SIZE = 96
"""Image side (pixels) for environments that render at any size."""


ENDINGS = ("terminate_ends_episode", "success_ends_episode")
"""Arguments that decide whether the environment ends an episode by itself."""


@dataclass(frozen=True)
class MadeEnvironment:
    """An environment and what a dataset records about it.

    Attributes:
        env: The environment; its observation has our keys, see `robo.recording.observations`.
        arguments: Arguments that it was made with, plain JSON values.
        names: Names of the columns' elements, if it gives any.
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
        image_size: Image side (pixels); 0: no images; None: if the environment takes an
            `image_size`, its class's `recording_image_size`, else `IMAGE_SIZE`.
        randomization: Terms to randomise in every episode.
        control_hz: Actions per second; None: the environment's own.

    Raises:
        UserError: There is no such environment, or it does not accept the arguments.
    """
    creator = _creator(environment)
    accepted = set(inspect.signature(creator).parameters) if callable(creator) else set()
    wanted: dict[str, Any] = {}
    if image_size is not None:
        wanted["image_size"] = image_size or None
    elif "image_size" in accepted:
        size = getattr(creator, "recording_image_size", IMAGE_SIZE)
        wanted["image_size"] = size if isinstance(size, int) else list(size)
    if randomization:
        wanted["randomization"] = list(randomization)
    if control_hz is not None:
        wanted["control_hz"] = control_hz
    for name in wanted:
        if name not in accepted:
            raise UserError(
                f'the env "{environment}" takes no {name}; leave out --{name.replace("_", "-")}'
            )
    # "Terminate" ends a skill, and an episode may be a chain of them; frames after a success belong
    # to the demonstration. The recorder ends the episode.
    wanted |= {name: False for name in ENDINGS if name in accepted}
    return made_again(environment, wanted)


def made_again(environment: str, arguments: Mapping[str, Any]) -> MadeEnvironment:
    """Make an environment with the arguments stored in a dataset.

    Raises:
        UserError: There is no such environment, or it does not accept them.
    """
    try:
        # Time limits are the recorder's, not the environment's.
        env = gymnasium.make(
            import_environment(environment),
            disable_env_checker=True,
            max_episode_steps=-1,
            **dict(arguments),
        )
    except gymnasium.error.Error as error:
        raise UserError(f'cannot make the env "{environment}": {error}') from error
    except (ValueError, TypeError) as error:
        raise UserError(f'the env "{environment}" refuses {dict(arguments)}: {error}') from error
    return MadeEnvironment(with_our_keys(env), dict(arguments), _names(env))


def is_kitchen(environment: str) -> bool:
    """Whether an id is the kitchen's."""
    from envs.registration import KITCHEN_ID

    return environment.rpartition(":")[2] == KITCHEN_ID


def has_expert(environment: str) -> bool:
    """Whether there is a scripted expert for an environment."""
    from envs.registration import INSERTION_ID, TRANSFER_CUBE_ID

    arms = environment.rpartition(":")[2] in (TRANSFER_CUBE_ID, INSERTION_ID)
    return arms or is_kitchen(environment)


def make_task(
    environment: str,
    text: str,
    seed: int = 0,
    scene: Path | None = None,
    *,
    hold_out: bool = False,
    half_open: bool = False,
) -> Task:
    """Make the task; in the kitchen, chains of skills have success rules and random starts.

    Raises:
        UserError: The scene is invalid, or the environment takes none.
    """
    if is_kitchen(environment):
        from robo.recording.kitchen import KitchenTask
        from robo.scenario import load_scene

        start = None if scene is None else load_scene(scene)
        return KitchenTask(text, seed, start, hold_out=hold_out, half_open=half_open)
    if scene is not None:
        raise UserError(f'the env "{environment}" takes no --scene; it is for the kitchen')
    return PlainTask(text, seed)


def default_task(environment: str) -> str | None:
    """The instruction of a single-task environment, else None.

    Raises:
        UserError: There is no such environment.
    """
    return getattr(_creator(environment), "instruction", None)


def import_environment(environment: str) -> str:
    """Import the module of "module:id", also from the current folder; returns the gymnasium id.

    Raises:
        UserError: There is no such module or environment.
    """
    module, _, name = environment.rpartition(":")
    if module.startswith("."):
        raise UserError(f'the module in "{environment}" begins with a dot; give its full name')
    here = str(Path.cwd())
    if module and here not in sys.path:
        sys.path.append(here)
    try:
        if module:
            import_module(module)
        gymnasium.spec(name)
    except (gymnasium.error.Error, ImportError) as error:
        raise UserError(f'there is no env "{environment}": {error}') from error
    return name


def _creator(environment: str) -> Any:
    """What creates the environment, usually its class."""
    creator: Any = gymnasium.spec(import_environment(environment)).entry_point
    if isinstance(creator, str):
        try:
            creator = load_env_creator(creator)
        except (ImportError, AttributeError) as error:
            raise UserError(f'cannot load the env "{environment}": {error}') from error
    return creator


def _names(env: "gymnasium.Env[Any, Any]") -> dict[str, list[str]]:
    """Element names from the environment's module: `STATE_NAMES` and `ACTION_NAMES`."""
    module = inspect.getmodule(type(env.unwrapped))
    found = {STATE: getattr(module, "STATE_NAMES", None)}
    found[ACTION] = getattr(module, "ACTION_NAMES", None)
    if is_kitchen(env.spec.id if env.spec is not None else ""):
        from envs.kitchen.control import ACTION_NAMES

        found[ACTION] = ACTION_NAMES
    return {key: list(names) for key, names in found.items() if names}
