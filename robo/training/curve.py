"""Plot of a run: training and validation loss over steps."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

from robo.training.log import VALIDATION, read_log

matplotlib.use("Agg")
import matplotlib.pyplot as plt

CURVE = "curve.png"
TRAINING_COLOUR, VALIDATION_COLOUR = "#3d5a80", "#e07a1f"
_APART = frozenset(
    {"step", "time", "learning_rate", "gradient_norm", "samples_per_second", "waiting", "hours"}
)
_SMOOTHED = 0.05
_COLUMNS = 4


def draw_curve(out: Path, title: str, panels: Sequence[str] = ()) -> None:
    """Write curve.png from a run's log.

    Args:
        out: The run's folder.
        title: Title of the plot.
        panels: Names in the log, one panel for each that is there; by default, the loss and each of
            its parts.
    """
    lines = read_log(out)
    there = _names(lines)
    names = [name for name in panels if name in there]
    if not names:
        names = ["loss", *(name for name in there if name != "loss")]
    columns = min(len(names), _COLUMNS)
    rows = math.ceil(len(names) / columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(1.2 + 4.2 * columns, 3.4 * rows),
        layout="constrained",
        squeeze=False,
    )
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for axis, name in zip(axes.flat, names, strict=False):
        steps, values = _series(lines, name)
        if len(steps):
            axis.plot(steps, values, color=TRAINING_COLOUR, alpha=0.25, linewidth=0.8)
            axis.plot(steps, _smooth(values), color=TRAINING_COLOUR, label="training")
        steps, values = _series(lines, VALIDATION + name)
        if len(steps):
            axis.plot(steps, values, "o-", color=VALIDATION_COLOUR, ms=3, label="validation")
        shown = np.concatenate([line.get_ydata() for line in axis.lines] or [np.ones(1)])
        if (shown > 0).all() and shown.max() > 5 * shown.min():
            axis.set_yscale("log")
        axis.set_title(name.replace("_", " "), fontsize=11)
        axis.set_xlabel("step")
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    if axes[0, 0].lines:
        axes[0, 0].legend(frameon=False)
    figure.suptitle(title, fontsize=12)
    figure.savefig(out / CURVE, dpi=120)
    plt.close(figure)


def _names(lines: list[dict[str, float]]) -> list[str]:
    names = dict.fromkeys(name.removeprefix(VALIDATION) for line in lines for name in line)
    return [name for name in names if name not in _APART]


def _series(lines: list[dict[str, float]], name: str) -> tuple[np.ndarray, np.ndarray]:
    points = [(line["step"], line[name]) for line in lines if name in line]
    table = np.array(points, float).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _smooth(values: np.ndarray) -> np.ndarray:
    """A running mean over `_SMOOTHED` of the curve."""
    width = max(1, int(_SMOOTHED * len(values)))
    padded = np.concatenate([np.repeat(values[0], width // 2), values])
    sums = np.cumsum(np.concatenate([[0.0], padded]))
    means = (sums[width:] - sums[:-width]) / width
    return np.concatenate([means, np.repeat(means[-1], len(values))])[: len(values)]
