"""Statistics of columns and cameras, for normalisation: min, max, mean, std, count and quantiles.

Min, max, mean, std (population) and count of merged episodes are exact. Merged quantiles are those
of the mixture of the episodes' distributions, each taken as linear between its known quantiles;
`robo data stats` and closing a writer compute those of the columns exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
NAMES = ("min", "max", "mean", "std", "count", *QUANTILES)
_LEVELS = np.array([0.0, *QUANTILES.values(), 1.0])
_PIXELS = 4096


@dataclass(frozen=True)
class FeatureStats:
    """Statistics of one feature.

    Attributes:
        mean: (n,) per element, or (3,) per colour of a camera, in [0, 1].
        std: Population standard deviation.
        levels: (7, n): min, the five quantiles, max.
        count: Number of frames.
        camera: Whether it is a camera's, with shape (3, 1, 1) in the files.
    """

    mean: Float
    std: Float
    levels: Float
    count: int
    camera: bool = False

    def as_json(self) -> dict[str, Any]:
        """For meta/stats.json and, flattened, for an episode's row."""
        values = {
            "min": self.levels[0],
            "max": self.levels[-1],
            "mean": self.mean,
            "std": self.std,
            **{name: self.levels[i + 1] for i, name in enumerate(QUANTILES)},
        }
        shaped = {
            name: (value[:, None, None] if self.camera else value).tolist()
            for name, value in values.items()
        }
        shaped["count"] = [self.count]
        return {name: shaped[name] for name in NAMES}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "FeatureStats":
        """Read what `as_json` wrote; missing quantiles are spread evenly from min to max."""
        low, high = (np.asarray(values[name], np.float64) for name in ("min", "max"))
        levels = [
            np.asarray(values.get(name, low + q * (high - low)), np.float64)
            for name, q in QUANTILES.items()
        ]
        return FeatureStats(
            mean=np.asarray(values["mean"], np.float64).reshape(-1),
            std=np.asarray(values["std"], np.float64).reshape(-1),
            levels=np.stack([low, *levels, high]).reshape(len(_LEVELS), -1),
            count=int(np.asarray(values["count"]).reshape(-1)[0]),
            camera=low.ndim == 3,
        )


Stats = dict[str, FeatureStats]


def stats_of_rows(values: np.ndarray) -> FeatureStats:
    """Exact statistics of a column.

    Args:
        values: (frames,) or (frames, n), at least one frame.
    """
    table = np.asarray(values, np.float64).reshape(len(values), -1)
    # Relative to the first row, large and nearly constant columns lose no digits in the sums.
    offset = table[0]
    return FeatureStats(
        mean=offset + (table - offset).mean(0),
        std=(table - offset).std(0),
        levels=np.quantile(table, _LEVELS, axis=0),
        count=len(table),
    )


class ImageHistogram:
    """Colour histograms of a camera's images, from a regular grid of about 4096 pixels at most."""

    def __init__(self) -> None:
        self.counts = np.zeros((3, 256), np.int64)
        self.images = 0

    def add(self, image: np.ndarray) -> None:
        """Count an image (H, W, 3), uint8."""
        height, width = image.shape[:2]
        step = max(1, int(np.ceil(np.sqrt(height * width / _PIXELS))))
        sample = image[::step, ::step].reshape(-1, 3)
        for colour in range(3):
            self.counts[colour] += np.bincount(sample[:, colour], minlength=256)
        self.images += 1

    def stats(self) -> FeatureStats:
        """Statistics per colour, in [0, 1]; needs at least one image."""
        values = np.arange(256) / 255.0
        total = self.counts.sum(1, keepdims=True)
        weights = self.counts / total
        mean = weights @ values
        std = np.sqrt(np.maximum(weights @ values**2 - mean**2, 0.0))
        cumulative = np.cumsum(weights, 1)
        ranks = [
            [int(np.searchsorted(row, level * row[-1])) for row in cumulative]
            for level in _LEVELS[1:-1]
        ]
        present = self.counts > 0
        low = present.argmax(1)
        high = 255 - present[:, ::-1].argmax(1)
        levels = values[np.array([low, *ranks, high])]
        return FeatureStats(mean, std, levels, self.images, camera=True)


def merge(parts: Iterable[FeatureStats]) -> FeatureStats:
    """Merge statistics over all frames (Chan et al. 1979 for the variance)."""
    listed = list(parts)
    if len(listed) == 1:
        return listed[0]
    counts = np.array([part.count for part in listed], np.float64)[:, None]
    total = counts.sum()
    means = np.stack([part.mean for part in listed])
    mean = means[0] + ((means - means[0]) * counts).sum(0) / total
    spread = np.stack([part.std for part in listed]) ** 2 + (means - mean) ** 2
    return FeatureStats(
        mean=mean,
        std=np.sqrt((spread * counts).sum(0) / total),
        levels=_mixture([part.levels for part in listed], counts[:, 0] / total),
        count=int(total),
        camera=listed[0].camera,
    )


def merge_all(parts: Sequence[Stats]) -> Stats:
    """Merge statistics of several episodes or datasets, feature by feature."""
    return {key: merge(part[key] for part in parts) for key in parts[0]}


def _mixture(levels: Sequence[Float], weights: Float) -> Float:
    """Levels of a mixture of distributions, from the levels of its parts.

    Args:
        levels: Levels of each part, (7, n).
        weights: Weight of each part, summing to 1.
    """
    knots = np.sort(np.concatenate(levels), 0)
    result = np.empty_like(levels[0])
    for i in range(knots.shape[1]):
        points = np.unique(knots[:, i])
        before, after = np.zeros(len(points)), np.zeros(len(points))
        for part, weight in zip(levels, weights, strict=True):
            left, right = _ranks(part[:, i], points)
            before += weight * left
            after += weight * right
        # Where the distribution function jumps, all ranks within the jump map to that point.
        ranks = np.stack([before, after], 1).reshape(-1)
        result[:, i] = np.interp(_LEVELS, ranks, np.repeat(points, 2))
    result[0], result[-1] = knots[0], knots[-1]
    return result


def _ranks(levels: Float, points: Float) -> tuple[Float, Float]:
    """A distribution function just below and at each point, from its levels (7,)."""
    between = np.interp(points, levels, _LEVELS, left=0.0, right=1.0)
    first = np.searchsorted(levels, points, side="left")
    last = np.searchsorted(levels, points, side="right")
    known = last > first
    left = np.where(known, _LEVELS[np.minimum(first, len(_LEVELS) - 1)], between)
    right = np.where(known, _LEVELS[np.maximum(last - 1, 0)], between)
    return left, right


def close(one: FeatureStats, other: FeatureStats, relative: float = 1e-3) -> list[str]:
    """Which of min, max, mean, std and count differ between two."""
    scale = np.maximum(np.abs(one.levels).max(0), np.abs(other.levels).max(0))
    pairs = {
        "min": (one.levels[0], other.levels[0]),
        "max": (one.levels[-1], other.levels[-1]),
        "mean": (one.mean, other.mean),
        "std": (one.std, other.std),
    }
    names = [
        name
        for name, (left, right) in pairs.items()
        if left.shape != right.shape or (np.abs(left - right) > relative * scale + 1e-9).any()
    ]
    return names + (["count"] if one.count != other.count else [])
