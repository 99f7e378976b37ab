"""The file layout of a dataset, and its meta/info.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from robo.data.errors import DatasetFormatError
from robo.data.features import AUTOMATIC, RECORDED, Feature, Features, cameras_of
from robo.data.storage import read_json, write_json

VERSION = "v3.0"
INFO = "meta/info.json"
STATS = "meta/stats.json"
TASKS = "meta/tasks.parquet"
SUBTASKS = "meta/subtasks.parquet"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
JOURNAL = "journal"
CHUNKS_SIZE = 1000
DATA_MEGABYTES = 100
VIDEO_MEGABYTES = 200


class FileNumber(NamedTuple):
    """Number of a file of some kind: `chunk-<chunk>/file-<file>`."""

    chunk: int
    file: int

    def next(self, chunks_size: int) -> "FileNumber":
        """The next file number."""
        if self.file + 1 < chunks_size:
            return FileNumber(self.chunk, self.file + 1)
        return FileNumber(self.chunk + 1, 0)


FIRST = FileNumber(0, 0)


@dataclass(frozen=True)
class Info:
    """meta/info.json.

    Attributes:
        root: The dataset's folder.
        raw: The file's content; unknown keys are kept.
        features: All declared features, including the automatic ones.
    """

    root: Path
    raw: dict[str, Any]
    features: Features

    @property
    def fps(self) -> int:
        """Frames per second, an integer."""
        return int(self.raw["fps"])

    @property
    def robot_type(self) -> str:
        """The robot's type, or "unknown"."""
        return str(self.raw.get("robot_type") or "unknown")

    @property
    def total_episodes(self) -> int:
        """Number of episodes in the dataset; anything on disk beyond them does not count."""
        return int(self.raw["total_episodes"])

    @property
    def chunks_size(self) -> int:
        """Most files per chunk folder."""
        return int(self.raw.get("chunks_size") or CHUNKS_SIZE)

    def data_path(self, number: FileNumber) -> Path:
        """The parquet file of frames."""
        return self.root / str(self.raw.get("data_path") or DATA_PATH).format(
            chunk_index=number.chunk, file_index=number.file
        )

    def video_path(self, key: str, number: FileNumber) -> Path:
        """A camera's video file."""
        return self.root / str(self.raw.get("video_path") or VIDEO_PATH).format(
            video_key=key, chunk_index=number.chunk, file_index=number.file
        )

    def episodes_path(self, number: FileNumber) -> Path:
        """The parquet file of episode rows."""
        return self.root / EPISODES_PATH.format(chunk_index=number.chunk, file_index=number.file)

    def with_totals(self, episodes: int, frames: int, tasks: int) -> "Info":
        """The same info with other totals."""
        totals = {
            "total_episodes": episodes,
            "total_frames": frames,
            "total_tasks": tasks,
            "splits": {"train": f"0:{episodes}"},
        }
        return Info(self.root, {**self.raw, **totals}, self.features)

    def write(self) -> None:
        """Write meta/info.json; from this moment a new episode counts."""
        write_json(self.root / INFO, self.raw)


def new_info(root: Path, fps: int, features: Features, robot_type: str) -> Info:
    """The info of a new, empty dataset; `features` excludes automatic and recorded columns."""
    if fps != int(fps) or fps < 1:
        raise DatasetFormatError(f"fps is {fps}; it must be a whole number of frames a second")
    clash = sorted((AUTOMATIC.keys() | RECORDED.keys()) & features.keys())
    if clash:
        raise DatasetFormatError(f"{', '.join(clash)}: the writer adds that itself; leave it out")
    if not features:
        raise DatasetFormatError("a dataset needs at least one feature besides the automatic ones")
    everything = {**features, **RECORDED, **AUTOMATIC}
    raw = {
        "codebase_version": VERSION,
        "robot_type": robot_type,
        "total_episodes": 0,
        "total_frames": 0,
        "total_tasks": 0,
        "chunks_size": CHUNKS_SIZE,
        "data_files_size_in_mb": DATA_MEGABYTES,
        "video_files_size_in_mb": VIDEO_MEGABYTES,
        "fps": int(fps),
        "splits": {"train": "0:0"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH,
        "features": {key: feature.as_json(int(fps)) for key, feature in everything.items()},
    }
    return Info(root, raw, everything)


def read_info(root: Path) -> Info:
    """Read meta/info.json.

    Raises:
        DatasetFormatError: It is missing, invalid or of another version.
    """
    if not (root / INFO).is_file():
        raise DatasetFormatError(f"{root} is not a dataset: it has no {INFO}")
    raw = read_json(root / INFO)
    if not isinstance(raw, dict) or not isinstance(raw.get("features"), dict):
        raise DatasetFormatError(f"{root / INFO} does not describe a dataset: it has no features")
    version = str(raw.get("codebase_version", "missing"))
    if not version.startswith("v3."):
        raise DatasetFormatError(
            f"{root} has the format version {version}; this reads {VERSION}: "
            "convert it with lerobot's own conversion script"
        )
    for key, least in (("fps", 1), ("total_episodes", 0), ("total_frames", 0)):
        _check_count(root, raw, key, least)
    if raw.get("chunks_size") is not None:
        _check_count(root, raw, "chunks_size", 1)
    features = {key: Feature.from_json(key, entry) for key, entry in raw["features"].items()}
    info = Info(root, raw, features)
    _check_paths(info)
    return info


def _check_count(root: Path, raw: Mapping[str, Any], key: str, least: int) -> None:
    value = raw.get(key)
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not whole or value < least:  # type: ignore[operator]
        raise DatasetFormatError(f"{root / INFO}: {key} is {value!r}, not a count")


def _check_paths(info: Info) -> None:
    """Refuse path templates that cannot be filled in or that lead out of the dataset."""
    for key in ("data_path", "video_path"):
        if not info.raw.get(key):
            continue
        try:
            paths = [info.data_path(FIRST)]
            if key == "video_path":
                paths = [info.video_path(camera, FIRST) for camera in cameras_of(info.features)]
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise DatasetFormatError(
                f"{info.root / INFO}: {key} is {info.raw[key]!r}, which cannot be filled in: "
                f"{error!r}"
            ) from error
        # An absolute path, even inside, would lead out of datasets assembled from this one.
        absolute = str(info.raw[key]).startswith("/")
        for path in paths:
            inside = path.is_relative_to(info.root) and not absolute
            if not inside or ".." in path.relative_to(info.root).parts:
                raise DatasetFormatError(
                    f"{info.root / INFO}: {key} is {info.raw[key]!r}, which leads out of the "
                    "dataset"
                )
