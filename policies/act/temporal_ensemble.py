"""Temporal ensembling (ACT, arXiv 2304.13705, section IV-A and algorithm 2)."""

import numpy as np
from numpy.typing import NDArray


class TemporalEnsemble:
    """Weighted average of all chunks' predictions for the current step.

    A chunk is predicted at every step, so step t has up to k predictions, the oldest made k - 1
    steps ago. With i = 0 the oldest, their weights are exp(-decay · i): a larger decay trusts old
    predictions more and adopts new ones later. A running weighted mean per future step is enough;
    no chunk is stored.

    Args:
        chunk: Actions in a prediction, k.
        decay: 0.01 in the paper; 0 is the plain mean.
    """

    def __init__(self, chunk: int, decay: float = 0.01) -> None:
        self._weights = np.exp(-decay * np.arange(chunk))
        self.reset()

    def reset(self) -> None:
        """Start an episode: discard all predictions."""
        self._means = np.zeros((0, 0))
        self._counts = np.zeros(0, np.int64)
        self._totals = np.zeros(0)

    def add(self, prediction: NDArray[np.floating]) -> NDArray[np.float32]:
        """Add this step's chunk and return the action (m,) for this step.

        Args:
            prediction: (k, m), for this step and the next k - 1.
        """
        if len(self._means) == 0:
            self._means = np.zeros(prediction.shape)
            self._counts = np.zeros(len(prediction), np.int64)
            self._totals = np.zeros(len(prediction))
        weights = self._weights[self._counts]
        self._totals += weights
        self._means += (weights / self._totals)[:, None] * (prediction - self._means)
        self._counts += 1
        action: NDArray[np.float32] = self._means[0].astype(np.float32)
        for values in (self._means, self._counts, self._totals):
            values[:-1] = values[1:]
            values[-1] = 0
        return action
