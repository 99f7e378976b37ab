"""Temporal ensembling equals the average that the paper defines."""

import numpy as np
import pytest

from policies.act.temporal_ensemble import TemporalEnsemble


def naive(chunks: list[np.ndarray], step: int, decay: float) -> np.ndarray:
    """All predictions for `step`, the oldest first, averaged with weights exp(-decay · i)."""
    size = len(chunks[0])
    predictions = [chunks[made][step - made] for made in range(max(0, step - size + 1), step + 1)]
    weights = np.exp(-decay * np.arange(len(predictions)))
    return (weights[:, None] * predictions).sum(0) / weights.sum()


@pytest.mark.parametrize("decay", [0.0, 0.01, 0.5, -0.1])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_it_equals_the_naive_average(size: int, decay: float) -> None:
    generator = np.random.default_rng(0)
    chunks = [generator.normal(size=(size, 3)).astype(np.float32) for _ in range(25)]
    ensemble = TemporalEnsemble(size, decay)
    for episode in range(2):
        ensemble.reset()
        for step, chunk in enumerate(chunks[episode:]):
            action = ensemble.add(chunk)
            assert action.shape == (3,)
            assert action.dtype == np.float32
            np.testing.assert_allclose(
                action, naive(chunks[episode:], step, decay), rtol=1e-6, atol=1e-6
            )


def test_the_oldest_prediction_weighs_most() -> None:
    ensemble = TemporalEnsemble(2, decay=1.0)
    ensemble.add(np.array([[0.0], [1.0]]))
    assert ensemble.add(np.array([[0.0], [0.0]]))[0] == pytest.approx(1 / (1 + np.exp(-1)))


def test_the_prediction_is_left_as_it_was() -> None:
    chunk = np.ones((3, 2))
    TemporalEnsemble(3).add(chunk)
    assert np.array_equal(chunk, np.ones((3, 2)))
