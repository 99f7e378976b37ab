"""What a dataset's frames hold: columns and cameras, and how they map to an environment's keys.

Keys follow LeRobot: `observation.state`, `observation.images.<camera>`, `action`, `next.success`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from robo.data.errors import DatasetFormatError, FrameError

ACTION = "action"
STATE = "observation.state"
CAMERA_PREFIX = "observation.images."
CAPTURE_TIME = "capture_time"
SUCCESS = "next.success"
SUBTASK = "subtask_index"

VIDEO = "video"
IMAGE = "image"
NUMERIC = frozenset(
    {"float32", "float64", "bool"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)


@dataclass(frozen=True)
class Feature:
    """One column or camera of a dataset.

    Attributes:
        key: Its name; "." separates parts, "/" is not allowed.
        dtype: A numpy dtype name, or "video" for a camera.
        shape: (n,) for a column, (height, width, 3) for a camera.
        names: The elements' names, as in info.json (a list, a dict or None).
    """

    key: str
    dtype: str
    shape: tuple[int, ...]
    names: Any = None

    def __post_init__(self) -> None:
        if not self.key or "/" in self.key:
            raise DatasetFormatError(f'a feature is named "{self.key}"; it must not hold a "/"')
        if self.is_camera:
            if len(self.shape) != 3 or self.shape[2] != 3:
                raise DatasetFormatError(
                    f"camera {self.key} has shape {self.shape}, it must be (height, width, 3)"
                )
        elif self.is_numeric and (len(self.shape) != 1 or self.shape[0] < 1):
            raise DatasetFormatError(f"{self.key} has shape {self.shape}, it must be (n,)")

    @property
    def is_camera(self) -> bool:
        """Whether it is stored as video."""
        return self.dtype == VIDEO

    @property
    def is_numeric(self) -> bool:
        """Whether it is a column of numbers."""
        return self.dtype in NUMERIC

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a camera."""
        return self.shape[0], self.shape[1]

    @property
    def field(self) -> tuple[str, np.dtype, tuple[int, ...]]:
        """Its field in a row's dtype; shape (1,) becomes a scalar, as in the parquet files."""
        return self.key, np.dtype(self.dtype), () if self.shape == (1,) else self.shape

    def as_json(self, fps: int) -> dict[str, Any]:
        """Its entry in info.json."""
        entry: dict[str, Any] = {"dtype": self.dtype, "shape": list(self.shape)}
        entry["names"] = self.names
        if self.is_camera:
            entry["names"] = ["height", "width", "channels"]
            entry["info"] = {
                "video.height": self.shape[0],
                "video.width": self.shape[1],
                "video.codec": "h264",
                "video.pix_fmt": "yuv420p",
                "video.is_depth_map": False,
                "video.fps": fps,
                "video.channels": 3,
                "has_audio": False,
            }
        return entry

    @staticmethod
    def from_json(key: str, entry: Mapping[str, Any]) -> "Feature":
        """Read an entry of info.json.

        Raises:
            DatasetFormatError: It is invalid.
        """
        try:
            shape = tuple(int(n) for n in entry["shape"])
            return Feature(key, str(entry["dtype"]), shape, entry.get("names"))
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetFormatError(
                f'meta/info.json: feature "{key}" is not valid: {error!r}'
            ) from error


Features = dict[str, Feature]

AUTOMATIC: Features = {
    "timestamp": Feature("timestamp", "float32", (1,)),
    "frame_index": Feature("frame_index", "int64", (1,)),
    "episode_index": Feature("episode_index", "int64", (1,)),
    "index": Feature("index", "int64", (1,)),
    "task_index": Feature("task_index", "int64", (1,)),
}
"""Columns that every LeRobot dataset has; filled in by the writer."""

RECORDED: Features = {
    CAPTURE_TIME: Feature(CAPTURE_TIME, "float64", (1,)),
    SUCCESS: Feature(SUCCESS, "bool", (1,)),
    SUBTASK: Feature(SUBTASK, "int64", (1,)),
}
"""Further columns of every dataset that we record: the frame's measured time in seconds since the
episode began, whether the success rule holds after the action, and the skill's label, an index into
meta/subtasks.parquet."""


def camera(name: str, height: int, width: int) -> Feature:
    """A camera's feature; sides must be even because chroma is stored at half resolution."""
    if height % 2 or width % 2 or min(height, width) < 16:
        raise DatasetFormatError(
            f"camera {name} is {height}x{width} pixels; sides must be even and at least 16"
        )
    return Feature(CAMERA_PREFIX + name, VIDEO, (height, width, 3))


def vector(key: str, length: int, names: Iterable[str] | None = None) -> Feature:
    """A column of float32 vectors."""
    listed = None if names is None else list(names)
    if listed is not None and len(listed) != length:
        raise DatasetFormatError(f"{key} has {length} elements but {len(listed)} names")
    return Feature(key, "float32", (length,), listed)


def dataset_key(key: str) -> str:
    """The dataset's name for an environment's observation key.

    The only place where `state` becomes `observation.state` and `images/<camera>` becomes
    `observation.images.<camera>`.
    """
    return "observation." + key.replace("/", ".")


def features_of_spaces(observation: Any, action: Any) -> Features:
    """Features for a gymnasium environment with our observation keys.

    Args:
        observation: Its Dict space: `state` (n,) and `images/<camera>` (H, W, 3) uint8.
        action: Its Box space (n,).
    """
    features = []
    for key, space in observation.spaces.items():
        name = dataset_key(key)
        if name.startswith(CAMERA_PREFIX):
            features.append(camera(name.removeprefix(CAMERA_PREFIX), *space.shape[:2]))
        else:
            features.append(Feature(name, str(space.dtype), tuple(space.shape)))
    features.append(vector(ACTION, int(np.prod(action.shape))))
    return {feature.key: feature for feature in features}


def row_dtype(features: Features) -> np.dtype:
    """The structured dtype of a frame's numeric values, without the automatic columns."""
    return np.dtype(
        [
            feature.field
            for key, feature in features.items()
            if feature.is_numeric and key not in AUTOMATIC
        ]
    )


def cameras_of(features: Features) -> list[str]:
    """The keys of the cameras, in order."""
    return [key for key, feature in features.items() if feature.is_camera]


def checked_value(feature: Feature, value: Any) -> np.ndarray:
    """A frame's value as an array of the declared dtype.

    Raises:
        FrameError: Its shape or dtype does not match, or it is not finite.
    """
    array = np.asarray(value)
    if feature.is_camera:
        if array.shape != feature.shape or array.dtype != np.uint8:
            raise FrameError(
                f"{feature.key} is {array.dtype} {array.shape}, "
                f"the dataset takes uint8 {feature.shape}"
            )
        return array
    wanted = feature.field[2]
    if array.shape != wanted and array.shape != feature.shape:
        raise FrameError(
            f"{feature.key} has shape {array.shape}, the dataset takes {feature.shape}"
        )
    array = array.reshape(wanted)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = np.flatnonzero(~np.isfinite(np.atleast_1d(array)))[0]
        raise FrameError(f"{feature.key}[{place}] is {np.atleast_1d(array)[place]}, not a number")
    if array.dtype == feature.dtype:
        return array
    if not np.can_cast(array.dtype, feature.dtype, "same_kind"):
        raise FrameError(f"{feature.key} is {array.dtype}, the dataset takes {feature.dtype}")
    return array.astype(feature.dtype)
