"""From `--config small chunk=50` and a dataset's shapes to a policy's configuration."""

import json
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from policies.base import Policy, PolicyConfig
from policies.errors import PolicyError
from robo.errors import UserError, user_errors

IMAGE_SIZE = "image_size"
INSTRUCTION_WIDTH = "instruction_width"
_FROM_DATA = frozenset({"inputs", "action_size"})


def policy_config(
    kind: type[Policy],
    options: Sequence[str],
    inputs: Mapping[str, tuple[int, ...]],
    action_size: int,
    instruction_width: int,
) -> PolicyConfig:
    """A policy's configuration for a dataset.

    Args:
        kind: The policy class.
        options: A preset's name and "key=value" pairs, values in JSON or plain text.
        inputs: Shapes of the inputs in the dataset, (n,) or (height, width, 3).
        action_size: Dimension of an action.
        instruction_width: Width of an instruction's token features; 0 for none. An option
            "instruction_width" overrides it.

    Raises:
        UserError: A name or value is invalid, or the data do not fit the policy.
    """
    preset, values = parsed_options(kind, options)
    values.setdefault(INSTRUCTION_WIDTH, instruction_width)
    with user_errors(PolicyError):
        return kind.config_class.for_dataset(inputs, action_size, preset, **values)


def parsed_options(kind: type[Policy], options: Sequence[str]) -> tuple[str | None, dict[str, Any]]:
    """The preset, if given, and the values.

    Raises:
        UserError: There is no such preset or key, or a value has the wrong type.
    """
    preset: str | None = None
    values: dict[str, Any] = {}
    hints = get_type_hints(kind.config_class)
    keys = [key for key in _field_names(kind) if key not in _FROM_DATA]
    for option in options:
        key, equals, text = option.partition("=")
        if not equals:
            known = ", ".join(kind.config_class.presets) or "none"
            if key not in kind.config_class.presets:
                raise UserError(
                    f'"{kind.name}" has no preset "{key}" (it has {known}); '
                    "--config takes a preset's name and key=value pairs"
                )
            if preset is not None:
                raise UserError(f'--config names two presets, "{preset}" and "{key}"; give one')
            preset = key
        elif key == IMAGE_SIZE:
            values[key] = _image_size(text)
        elif key not in keys:
            raise UserError(
                f'"{kind.name}" has no "{key}" to configure; it has '
                f"{', '.join([IMAGE_SIZE, *sorted(keys)])}"
            )
        else:
            values[key] = _value(key, text, hints[key])
    return preset, values


def _field_names(kind: type[Policy]) -> list[str]:
    return list(kind.config_class.__dataclass_fields__)


def _image_size(text: str) -> tuple[int, int]:
    value = _parsed(text)
    size = (value, value) if isinstance(value, int) else value
    if not _fits(size, tuple[int, int]) or min(size) < 1:
        raise UserError(f"image_size is {text}; give pixels, such as 96, or [height,width]")
    return (size[0], size[1])


def _value(key: str, text: str, hint: Any) -> Any:
    value = _parsed(text)
    if not _fits(value, hint) and _fits(text, hint):
        value = text
    if not _fits(value, hint):
        raise UserError(f"{key}={text} does not fit; it takes {_words(hint)}")
    return value


def _parsed(text: str) -> Any:
    """The parsed JSON with lists as tuples, or the text itself if it is not JSON."""
    try:
        return _as_tuple(json.loads(text))
    except ValueError:
        return text


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return all(_fits(part, arguments[0]) for part in value)
        return len(value) == len(arguments) and all(map(_fits, value, arguments))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if isinstance(hint, type) else True


def _words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(map(_words, arguments))
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin is tuple:
        return f"a list such as [{', '.join('…' for _ in arguments)}]"
    names = {int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}
    return names.get(hint, "words" if hint is str else str(hint))
