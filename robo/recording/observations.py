"""Observations of third-party environments under our keys: `state` and `images/<camera>`.

Accepts the names of LeRobot's environments (`pixels`, `agent_pos`) and of its datasets
(`observation.state`, `observation.images.<camera>`), nested or not, and a bare picture.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces

STATE_KEY: Final = "state"
IMAGES: Final = "images/"

STATE_NAMES: Final = frozenset({"state", "agent_pos", "observation/state"})
IMAGE_NAMES: Final = ("images", "pixels", "observation/images", "observation/image")

Path = tuple[str, ...]


def with_our_keys(env: "gymnasium.Env[Any, Any]") -> "gymnasium.Env[Any, Any]":
    """The environment itself if its observation has our keys, else a wrapper that renames them.

    Pictures keep their names below `pixels` or `observation.images`; an unnamed picture is
    `images/camera`. The state becomes float32. Other vectors keep their names.
    """
    space = env.observation_space
    if not isinstance(space, spaces.Dict) and len(space.shape or ()) != 3:
        return env
    ours = {key: our_key(path, inner) for key, path, inner in _leaves(space)}
    if all(key == (new,) for key, new in ours.items()):
        return env
    return _OurKeys(env, ours)


def our_key(path: Path, space: "spaces.Space[Any]") -> str:
    """Our key for one part of an observation.

    Args:
        path: Its names, outermost first, split at "." and "/".
        space: Its space.
    """
    name = "/".join(path)
    if len(space.shape or ()) == 3:
        for prefix in IMAGE_NAMES:
            if name == prefix or name.startswith(prefix + "/"):
                name = name.removeprefix(prefix).strip("/")
        return IMAGES + (name.replace("/", "_") or "camera")
    if name in STATE_NAMES or not name:
        return STATE_KEY
    return name.removeprefix("observation/")


class _OurKeys(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Renames the parts of an observation."""

    def __init__(self, env: "gymnasium.Env[Any, Any]", ours: Mapping[Path, str]) -> None:
        super().__init__(env)
        self._ours = dict(ours)
        found = {
            ours[key]: _space(ours[key], space) for key, _, space in _leaves(env.observation_space)
        }
        self.observation_space = spaces.Dict(found)

    def observation(self, observation: Any) -> dict[str, Any]:
        """See `gymnasium.ObservationWrapper`."""
        found = {}
        for key, name in self._ours.items():
            part = observation
            for step in key:
                part = part[step]
            found[name] = np.asarray(part, np.float32) if name == STATE_KEY else part
        return found


def _leaves(
    space: "spaces.Space[Any]", key: Path = ()
) -> Iterator[tuple[Path, Path, "spaces.Space[Any]"]]:
    """Each part's path of keys, the same split at "." and "/", and its space."""
    if isinstance(space, spaces.Dict):
        for name, inner in space.spaces.items():
            yield from _leaves(inner, (*key, name))
    else:
        yield key, tuple("/".join(key).replace(".", "/").split("/")) if key else (), space


def _space(name: str, space: "spaces.Space[Any]") -> "spaces.Space[Any]":
    if name == STATE_KEY and isinstance(space, spaces.Box):
        low, high = (np.asarray(bound, np.float32) for bound in (space.low, space.high))
        return spaces.Box(low, high, dtype=np.float32)
    return space
