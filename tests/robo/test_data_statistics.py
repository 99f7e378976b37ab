"""Statistics: exact where they can be, and the standard deviation of images above all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from robo.data.statistics import (
    FeatureStats,
    ImageHistogram,
    close,
    merge,
    stats_of_rows,
)

VALUES = st.floats(-1e3, 1e3, width=32)
TABLES = st.lists(
    st.integers(1, 20).flatmap(lambda n: arrays.arrays(np.float32, (n, 2), elements=VALUES)),
    min_size=1,
    max_size=5,
)


@given(TABLES)
@settings(deadline=None)
def test_merged_statistics_are_those_of_all_rows(tables: list[np.ndarray]) -> None:
    merged = merge(stats_of_rows(table) for table in tables)
    exact = stats_of_rows(np.concatenate(tables))
    assert close(merged, exact, relative=1e-6) == []


@given(TABLES)
@settings(deadline=None)
def test_merged_quantiles_are_in_order_and_between_the_parts(tables: list[np.ndarray]) -> None:
    parts = [stats_of_rows(table) for table in tables]
    merged = merge(parts)
    assert (np.diff(merged.levels, axis=0) >= -1e-9).all()
    levels = np.stack([part.levels for part in parts])
    assert (merged.levels >= levels.min(0) - 1e-6).all()
    assert (merged.levels <= levels.max(0) + 1e-6).all()


def test_merged_quantiles_of_many_rows_are_near_the_true_ones() -> None:
    rng = np.random.default_rng(0)
    tables = [rng.normal(0.3 * k, 1.0, (400, 1)) for k in range(8)]
    merged = merge(stats_of_rows(table) for table in tables)
    exact = stats_of_rows(np.concatenate(tables))
    assert np.abs(merged.levels - exact.levels)[1:-1].max() < 0.35
    assert np.abs(merged.levels - exact.levels)[3] < 0.1


def test_a_switch_keeps_its_two_values() -> None:
    parts = [stats_of_rows(np.array([0.0] * 9 + [1.0])), stats_of_rows(np.array([1.0] * 10))]
    assert set(merge(parts).levels[:, 0].tolist()) <= {0.0, 1.0}


def test_a_large_nearly_constant_column_keeps_its_spread() -> None:
    values = 1e6 + np.tile([0.0, 0.01], 500)
    assert stats_of_rows(values).std[0] == pytest.approx(0.005, rel=1e-3)


def test_the_std_of_images_is_that_of_their_pixels() -> None:
    rng = np.random.default_rng(0)
    histogram = ImageHistogram()
    images = rng.integers(0, 256, (20, 64, 64, 3), dtype=np.uint8)
    images[..., 1] //= 4
    for image in images:
        histogram.add(image)
    stats = histogram.stats()
    pixels = images.reshape(-1, 3) / 255.0
    assert stats.std == pytest.approx(pixels.std(0), rel=1e-6)
    assert stats.mean == pytest.approx(pixels.mean(0), rel=1e-6)
    assert stats.levels[0] == pytest.approx(pixels.min(0))
    assert stats.levels[-1] == pytest.approx(pixels.max(0))
    assert stats.levels[3] == pytest.approx(np.median(pixels, 0), abs=1 / 255)
    assert stats.count == 20


def test_json_keeps_everything() -> None:
    histogram = ImageHistogram()
    histogram.add(np.full((16, 16, 3), 7, np.uint8))
    for stats in (stats_of_rows(np.arange(12.0).reshape(4, 3)), histogram.stats()):
        again = FeatureStats.from_json(stats.as_json())
        assert close(stats, again, relative=0.0) == []
        assert np.array_equal(stats.levels, again.levels)
        assert stats.camera == again.camera
    assert np.shape(histogram.stats().as_json()["mean"]) == (3, 1, 1)
