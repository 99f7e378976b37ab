"""Episodes: what is known about each, and its row in meta/episodes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pyarrow as pa

from robo.data.errors import DatasetFormatError
from robo.data.features import Features, cameras_of
from robo.data.layout import FileNumber, Info
from robo.data.statistics import FeatureStats, Stats
from robo.data.tables import read_parquet


@dataclass(frozen=True)
class EpisodeInfo:
    """How an episode was recorded, so that it can be reproduced.

    Attributes:
        seed: Seed of the environment's reset.
        environment: The environment's gymnasium id.
        start: What else the environment was made and reset with, as plain JSON values.
        versions: Versions of the packages involved.
        device: What acted: browser, keyboard, gamepad, expert, policy.
        operator_note: Note by the person who recorded.
        success_rule_version: Version of the environment's success rule.
        git_commit: Commit of the source.
        recorded_at: When it began, ISO 8601, UTC; filled in by the writer.
        success: Whether the task was done; None if unknown.
        restored: Whether it was cut short and restored from the journal.
    """

    seed: int | None = None
    environment: str = ""
    start: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    operator_note: str = ""
    success_rule_version: str = ""
    git_commit: str = ""
    recorded_at: str = ""
    success: bool | None = None
    restored: bool = False

    def as_row(self) -> dict[str, Any]:
        """Its columns in meta/episodes; mappings become JSON."""
        row = asdict(self)
        for key in _JSON:
            row[key] = json.dumps(row[key], sort_keys=True, ensure_ascii=False)
        return row

    @staticmethod
    def from_row(row: Mapping[str, Any]) -> "EpisodeInfo":
        """Read it from columns of meta/episodes; columns that are missing keep their defaults.

        Raises:
            DatasetFormatError: A column of JSON objects holds something else.
        """
        known = {k: row[k] for k in _EXTRA_TYPES if row.get(k) is not None}
        for key in _JSON & known.keys():
            try:
                known[key] = dict(json.loads(known[key]))
            except (TypeError, ValueError) as error:
                raise DatasetFormatError(
                    f"the column {key} of episode {row.get('episode_index')} holds no JSON object: "
                    f"{error}"
                ) from error
        return EpisodeInfo(**known)


_JSON = {"start", "versions"}
_EXTRA_TYPES = {
    "seed": pa.int64(),
    "environment": pa.string(),
    "start": pa.string(),
    "versions": pa.string(),
    "device": pa.string(),
    "operator_note": pa.string(),
    "success_rule_version": pa.string(),
    "git_commit": pa.string(),
    "recorded_at": pa.string(),
    "success": pa.bool_(),
    "restored": pa.bool_(),
}


@dataclass(frozen=True)
class Film:
    """An episode's segment of a camera's video file.

    Attributes:
        number: The file.
        start: Where the episode begins in the file (s).
        stop: Where it ends (s).
    """

    number: FileNumber
    start: float
    stop: float


@dataclass(frozen=True)
class Episode:
    """An episode's row in meta/episodes.

    Attributes:
        index: Its index in the dataset.
        tasks: Its task texts.
        start: Dataset index of its first frame.
        stop: Dataset index after its last frame.
        data: The file that holds its frames.
        row: The file that holds this row.
        films: Its video segment by camera.
        info: How it was recorded.
        stats: The row's `stats/...` columns, unchanged.
    """

    index: int
    tasks: tuple[str, ...]
    start: int
    stop: int
    data: FileNumber
    row: FileNumber
    films: Mapping[str, Film]
    info: EpisodeInfo
    stats: Mapping[str, Any] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Number of frames."""
        return self.stop - self.start

    def as_row(self) -> dict[str, Any]:
        """Its columns, those that LeRobot knows first."""
        row: dict[str, Any] = {
            "episode_index": self.index,
            "tasks": list(self.tasks),
            "length": self.length,
            "data/chunk_index": self.data.chunk,
            "data/file_index": self.data.file,
            "dataset_from_index": self.start,
            "dataset_to_index": self.stop,
        }
        for key, film in self.films.items():
            row[f"videos/{key}/chunk_index"] = film.number.chunk
            row[f"videos/{key}/file_index"] = film.number.file
            row[f"videos/{key}/from_timestamp"] = film.start
            row[f"videos/{key}/to_timestamp"] = film.stop
        row["meta/episodes/chunk_index"] = self.row.chunk
        row["meta/episodes/file_index"] = self.row.file
        return {**row, **self.info.as_row(), **self.stats}

    def feature_stats(self) -> Stats:
        """Its `stats/...` columns by feature; features with incomplete statistics are left out."""
        parts: dict[str, dict[str, Any]] = {}
        for column, value in self.stats.items():
            _, key, name = column.split("/")
            if value is not None:
                parts.setdefault(key, {})[name] = value
        return {
            key: FeatureStats.from_json(values)
            for key, values in parts.items()
            if {"min", "max", "mean", "std", "count"} <= values.keys()
        }

    def with_stats(self, stats: Stats) -> "Episode":
        """The same episode with these statistics as `stats/<feature>/<name>` columns."""
        columns = {
            f"stats/{key}/{name}": value
            for key, part in stats.items()
            for name, value in part.as_json().items()
        }
        return replace(self, stats=columns)


def episodes_schema(features: Features) -> pa.Schema:
    """The types of an episode's row; readers refuse a dataset whose files differ in them."""
    integer, real = pa.int64(), pa.float64()
    fields: dict[str, pa.DataType] = {
        "episode_index": integer,
        "tasks": pa.list_(pa.string()),
        "length": integer,
        "data/chunk_index": integer,
        "data/file_index": integer,
        "dataset_from_index": integer,
        "dataset_to_index": integer,
    }
    for key in cameras_of(features):
        fields |= {
            f"videos/{key}/chunk_index": integer,
            f"videos/{key}/file_index": integer,
            f"videos/{key}/from_timestamp": real,
            f"videos/{key}/to_timestamp": real,
        }
    fields |= {"meta/episodes/chunk_index": integer, "meta/episodes/file_index": integer}
    fields |= _EXTRA_TYPES
    for key, feature in features.items():
        if not (feature.is_camera or feature.is_numeric):
            continue
        kind = pa.list_(real)
        if feature.is_camera:
            kind = pa.list_(pa.list_(kind))
        for name in ("min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"):
            fields[f"stats/{key}/{name}"] = pa.list_(integer) if name == "count" else kind
    return pa.schema(fields)


def episode_of_row(row: Mapping[str, Any], features: Features) -> Episode:
    """Read an episode from its row.

    Raises:
        DatasetFormatError: A column is missing or invalid.
    """
    try:
        films = {
            key: Film(
                FileNumber(
                    int(row[f"videos/{key}/chunk_index"]), int(row[f"videos/{key}/file_index"])
                ),
                float(row[f"videos/{key}/from_timestamp"]),
                float(row[f"videos/{key}/to_timestamp"]),
            )
            for key in cameras_of(features)
        }
        return Episode(
            index=int(row["episode_index"]),
            tasks=tuple(row["tasks"] or ()),
            start=int(row["dataset_from_index"]),
            stop=int(row["dataset_to_index"]),
            data=FileNumber(int(row["data/chunk_index"]), int(row["data/file_index"])),
            row=FileNumber(
                row.get("meta/episodes/chunk_index") or 0, row.get("meta/episodes/file_index") or 0
            ),
            films=films,
            info=EpisodeInfo.from_row(row),
            stats={key: value for key, value in row.items() if key.startswith("stats/")},
        )
    except KeyError as error:
        raise DatasetFormatError(f"meta/episodes lacks the column {error.args[0]}") from error
    except (TypeError, ValueError) as error:
        raise DatasetFormatError(f"a row of meta/episodes is not complete: {error}") from error


def read_episodes(info: Info) -> list[Episode]:
    """All episode rows on disk, in file order, including those beyond the dataset's total.

    Raises:
        DatasetFormatError: A file is damaged or lacks a column.
    """
    files = sorted((info.root / "meta" / "episodes").glob("chunk-*/file-*.parquet"))
    episodes = []
    for file in files:
        for row in read_parquet(file).to_pylist():
            try:
                episodes.append(episode_of_row(row, info.features))
            except DatasetFormatError as error:
                raise DatasetFormatError(f"{file}: {error}") from error
    return episodes


def counted_episodes(info: Info, rows: Sequence[Episode] | None = None) -> list[Episode]:
    """The episodes that count: those within meta/info.json's total.

    Args:
        info: The dataset's info.
        rows: What `read_episodes` returned; read now by default.

    Raises:
        DatasetFormatError: There are fewer rows, or they are out of order.
    """
    episodes = list(read_episodes(info) if rows is None else rows)[: info.total_episodes]
    if len(episodes) < info.total_episodes:
        raise DatasetFormatError(
            f"{info.root}: meta/info.json counts {info.total_episodes} episodes, meta/episodes "
            f"holds {len(episodes)}; `robo data repair` puts the counts right"
        )
    for place, episode in enumerate(episodes):
        if episode.index != place:
            raise DatasetFormatError(
                f"{info.root}: row {place} of meta/episodes is episode {episode.index}; "
                "`robo data validate` says more"
            )
    return episodes
