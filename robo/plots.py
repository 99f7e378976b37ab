"""Plots of how a plan came about."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

from robo.agent import AgentStep
from robo.results import replacing

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.patches import Rectangle

FRAME, FAILED, TEXT, FAINT = "#d9480f", "#c1121f", "#212529", "#6c757d"
EMPTY = "#f4f5f7"
HUES = {"language": "#1864ab", "affordance": "#9bd08a", "product": "#5f3dc4"}
"""The colour of 1 in each panel; that of 0 is `EMPTY`."""

WRITTEN = 0.05
"""Values from here on are printed in their cell."""

NOTABLE = 0.02
"""Skills whose language score or product once reaches this are shown, up to `MOST` in all."""

FEWEST, MOST = 8, 18
"""How many skills a plot shows: all those chosen, then those that came closest."""

DPI = 130
CELL = (0.42, 0.28)
"""Width and height of a cell, inches."""


def plot_scores(instruction: str, steps: Sequence[AgentStep], path: Path) -> None:
    """Plot steps × skills for language, affordance and their product.

    Chosen cells are framed; the number of a step whose skill failed is red.

    Raises:
        UserError: The file cannot be written.
    """
    decisions = [step.decision for step in steps]
    labels = decisions[0].labels
    language = np.array([decision.language for decision in decisions])
    affordance = np.array([decision.affordance for decision in decisions])
    product = np.array([decision.product for decision in decisions])
    chosen = [decision.chosen for decision in decisions]

    rows = _rows(chosen, np.maximum(language, product).max(axis=0))
    width = 3.0 + 3 * max(1.4, 0.2 + CELL[0] * len(steps))
    title = textwrap.wrap(f"“{instruction}”", int(11 * width))
    height = 1.4 + 0.2 * len(title) + CELL[1] * len(rows)
    figure, axes = plt.subplots(1, 3, figsize=(width, height), sharey=True, layout="constrained")
    for axis, (name, values) in zip(
        axes,
        (("language", language), ("affordance", affordance), ("product", product)),
        strict=True,
    ):
        _draw_panel(axis, name, values[:, rows])
        for tick, taken in zip(axis.get_xticklabels(), steps, strict=True):
            tick.set_color(TEXT if taken.outcome.success else FAILED)
            tick.set_fontweight("normal" if taken.outcome.success else "bold")
        for step, skill in enumerate(chosen):
            _frame(axis, step, rows.index(skill))
    axes[0].set_yticks(range(len(rows)), [labels[row] for row in rows])
    figure.suptitle("\n".join(title), fontsize=12, color=TEXT)
    failed = "; a red number: the skill failed" if not all(s.outcome.success for s in steps) else ""
    figure.supxlabel(
        f"step (framed: what was chosen{failed}; product = language × affordance)",
        fontsize=9,
        color=FAINT,
    )
    with replacing(path) as partial:
        figure.savefig(partial, dpi=DPI, format=path.suffix[1:])
    plt.close(figure)


def _draw_panel(axis: Axes, name: str, values: NDArray[np.float64]) -> None:
    """A panel of values [steps, skills]."""
    axis.imshow(values.T, cmap=_colours(name), vmin=0, vmax=1, aspect="auto")
    axis.set_title(name, fontsize=11, color=TEXT)
    steps, skills = values.shape
    axis.set_xticks(range(steps), [str(n + 1) for n in range(steps)])
    axis.set_xticks(np.arange(steps + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(skills + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=2)
    axis.tick_params(which="both", length=0, labelcolor=TEXT)
    axis.spines[:].set_visible(False)
    for (step, row), value in np.ndenumerate(values):
        if value >= WRITTEN:
            text = "1" if value > 0.995 else f"{value:.2f}".lstrip("0")
            colour = "white" if value > 0.5 and name != "affordance" else TEXT
            axis.text(step, row, text, ha="center", va="center", fontsize=8, color=colour)


def _frame(axis: Axes, step: int, row: int) -> None:
    corner = (step - 0.44, row - 0.41)
    axis.add_patch(
        Rectangle(corner, 0.88, 0.82, fill=False, edgecolor=FRAME, linewidth=2, zorder=5)
    )


def _colours(name: str) -> Colormap:
    return LinearSegmentedColormap.from_list(name, [EMPTY, HUES[name]])


def _rows(chosen: Sequence[int], weight: NDArray[np.float64]) -> list[int]:
    """The chosen skills in chronological order, then those that came closest."""
    rows = list(dict.fromkeys(chosen))
    others = [int(skill) for skill in np.argsort(weight)[::-1] if skill not in rows]
    notable = [skill for skill in others if weight[skill] >= NOTABLE]
    return rows + others[: max(FEWEST - len(rows), min(len(notable), MOST - len(rows)), 0)]
