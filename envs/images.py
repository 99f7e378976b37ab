"""Images in observations: their size, and the observation space with a state vector."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

ObservationDict = dict[str, NDArray[Any]]
"""`state`, and `images/<camera>` for each camera."""


def checked_image_size(size: int | Sequence[int] | None) -> tuple[int, int] | None:
    """Height and width; one number means square images, None no images.

    Raises:
        ValueError: the images are too small.
    """
    if size is None:
        return None
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 8:
        raise ValueError(f"image_size is {size}, it must be at least 8 pixels each way")
    return int(height), int(width)


def observation_space(
    state: int, cameras: Iterable[str], image_size: tuple[int, int] | None
) -> spaces.Space[ObservationDict]:
    """The space of observations.

    Args:
        state: length of the state vector.
        cameras: names of the cameras to observe.
        image_size: height and width of their images; None for no images.
    """
    observed: dict[str, spaces.Space[Any]] = {
        "state": spaces.Box(-np.inf, np.inf, (state,), np.float32)
    }
    if image_size is not None:
        for camera in cameras:
            observed[f"images/{camera}"] = spaces.Box(0, 255, (*image_size, 3), np.uint8)
    return cast(spaces.Space[ObservationDict], spaces.Dict(observed))
