"""Statistics of a whole set from its frames, exact for columns, sampled for cameras."""

from pathlib import Path

import numpy as np

from robo.data.features import RECORDED
from robo.data.frames import FrameStore
from robo.data.layout import STATS
from robo.data.lerobot_reader import Dataset
from robo.data.statistics import FeatureStats, ImageHistogram, Stats, merge, stats_of_rows
from robo.data.storage import write_json

IMAGES = 500
"""Images a camera that are decoded, evenly spread over the set."""


def compute_stats(dataset: Dataset) -> Stats:
    """Statistics of every column and camera; the set has at least one frame.

    Raises:
        DatasetFormatError: A column or film is damaged.
    """
    stats = {}
    for key, feature in dataset.features.items():
        if key in dataset.cameras:
            stats[key] = recorded_image_stats(dataset, key) or sampled_image_stats(dataset, key)
        elif feature.is_numeric:
            stats[key] = stats_of_rows(dataset.column(key))
    return stats


def recorded_image_stats(dataset: Dataset, camera: str) -> FeatureStats | None:
    """Those that our writer took from the images as they came; none in sets by someone else."""
    if not RECORDED.keys() <= dataset.features.keys():
        return None
    parts = [episode.feature_stats().get(camera) for episode in dataset.episodes]
    known = [part for part in parts if part is not None]
    return merge(known) if known and len(known) == len(parts) else None


def sampled_image_stats(dataset: Dataset, camera: str, images: int = IMAGES) -> FeatureStats:
    """A camera's statistics from evenly spread images."""
    store = FrameStore(dataset, camera)
    histogram = ImageHistogram()
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(images, len(dataset))).astype(int))
    for index in chosen:
        histogram.add(store.images(np.array([index]))[0])
    return histogram.stats()


def write_stats(root: Path, stats: Stats) -> None:
    """Write meta/stats.json.

    Raises:
        OSError: The disk refused; the old file stays.
    """
    write_json(root / STATS, {key: part.as_json() for key, part in stats.items()})
