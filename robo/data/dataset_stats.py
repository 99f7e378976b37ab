"""Statistics of a whole dataset: exact for columns, as recorded or sampled for cameras."""

from pathlib import Path

import numpy as np

from robo.data.features import RECORDED
from robo.data.frames import FrameStore
from robo.data.layout import STATS
from robo.data.lerobot_reader import Dataset
from robo.data.statistics import FeatureStats, ImageHistogram, Stats, merge, stats_of_rows
from robo.data.storage import write_json

IMAGES = 500
"""Images decoded per camera, evenly spread over the dataset."""


def compute_stats(dataset: Dataset) -> Stats:
    """Statistics of every column and camera of a dataset with at least one frame.

    Raises:
        DatasetFormatError: A column or video is damaged.
    """
    stats = {}
    for key, feature in dataset.features.items():
        if key in dataset.cameras:
            stats[key] = recorded_image_stats(dataset, key) or sampled_image_stats(dataset, key)
        elif feature.is_numeric:
            stats[key] = stats_of_rows(dataset.column(key))
    return stats


def recorded_image_stats(dataset: Dataset, camera: str) -> FeatureStats | None:
    """The statistics that our writer took while recording; None for other datasets."""
    if not RECORDED.keys() <= dataset.features.keys():
        return None
    parts = [episode.feature_stats().get(camera) for episode in dataset.episodes]
    known = [part for part in parts if part is not None]
    return merge(known) if known and len(known) == len(parts) else None


def sampled_image_stats(dataset: Dataset, camera: str, images: int = IMAGES) -> FeatureStats:
    """A camera's statistics from evenly spaced images."""
    store = FrameStore(dataset, camera)
    histogram = ImageHistogram()
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(images, len(dataset))).astype(int))
    for index in chosen:
        histogram.add(store.images(np.array([index]))[0])
    return histogram.stats()


def write_stats(root: Path, stats: Stats) -> None:
    """Write meta/stats.json.

    Raises:
        OSError: Writing failed; the old file is kept.
    """
    write_json(root / STATS, {key: part.as_json() for key, part in stats.items()})
