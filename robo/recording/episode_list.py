"""A dataset's episodes as a list for display: a row and a thumbnail each."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robo.data.episodes import Episode
from robo.data.errors import DatasetError
from robo.data.features import cameras_of
from robo.data.layout import INFO, Info
from robo.data.lerobot_reader import Dataset
from robo.data.video_decoding import VideoFile
from robo.recording.device import RecordedEpisode

THUMBNAIL = 160
"""Longest side of a thumbnail (pixels)."""

PICTURES = 30
"""Only this many last episodes of an opened dataset get thumbnails."""


def thumbnail_of(observation: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8] | None:
    """The first camera's image, shrunk; None without a camera."""
    image = next((value for key, value in observation.items() if key.startswith("images/")), None)
    return None if image is None else _small(image)


def recorded_episode(
    episode: Episode,
    fps: int,
    thumbnail: NDArray[np.uint8] | None,
    *,
    missed: int | None = None,
    discarded: bool = False,
) -> RecordedEpisode:
    """An episode's row."""
    return RecordedEpisode(
        index=episode.index,
        task=", ".join(episode.tasks),
        frames=episode.length,
        seconds=episode.length / fps,
        success=episode.info.success if episode.info.success_rule_version else None,
        missed=missed,
        thumbnail=thumbnail,
        discarded=discarded,
    )


def recorded_episodes(root: Path, discarded: Collection[int] = ()) -> tuple[RecordedEpisode, ...]:
    """The rows of a dataset's episodes; empty if there is no dataset yet."""
    if not (root / INFO).exists():
        return ()
    dataset = Dataset(root)
    pictured = len(dataset.episodes) - PICTURES
    return tuple(
        recorded_episode(
            episode,
            dataset.fps,
            _last_image(dataset.info, episode) if episode.index >= pictured else None,
            discarded=episode.index in discarded,
        )
        for episode in dataset.episodes
    )


def _last_image(info: Info, episode: Episode) -> NDArray[np.uint8] | None:
    for key in cameras_of(info.features)[:1]:
        film = episode.films[key]
        try:
            with VideoFile(info.video_path(key, film.number)) as file:
                return _small(file.image(round(film.stop * info.fps) - 1))
        except DatasetError:
            return None  # no thumbnail of a damaged video; `robo data validate` reports it
    return None


def _small(image: NDArray[Any]) -> NDArray[np.uint8]:
    stride = -(-max(image.shape[:2]) // THUMBNAIL)
    return np.ascontiguousarray(image[::stride, ::stride], np.uint8)
