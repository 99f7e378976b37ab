"""Pictures of how a plan came about."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

from robo.agent import AgentStep

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

FRAME, FAILED = "#e07a1f", "#c1121f"
WRITTEN = 0.05
"""Values from here on are written into their cell."""
SHOWN = 18
"""How many skills a picture shows: the chosen ones and those that came closest."""


def plot_scores(instruction: str, steps: Sequence[AgentStep], path: Path) -> None:
    """Draw steps × skills for language, affordance and their product.

    Chosen cells are framed; the number of a step whose skill failed is red.
    """
    decisions = [step.decision for step in steps]
    labels = decisions[0].labels
    language = np.array([decision.language for decision in decisions])
    affordance = np.array([decision.affordance for decision in decisions])
    product = np.array([decision.product for decision in decisions])
    chosen = [decision.chosen for decision in decisions]

    rows = _rows(chosen, language.max(axis=0) + product.max(axis=0))
    height = 1.6 + 0.27 * len(rows)
    width = 5.2 + 3 * (0.7 + 0.34 * len(decisions))
    figure, axes = plt.subplots(1, 3, figsize=(width, height), sharey=True, layout="constrained")
    panels = (
        ("language", language, "Blues"),
        ("affordance", affordance, "Greens"),
        ("product", product, "Purples"),
    )
    for axis, (title, values, colours) in zip(axes, panels, strict=True):
        axis.imshow(values[:, rows].T, cmap=colours, vmin=0, vmax=1, aspect="auto")
        axis.set_title(title, fontsize=11)
        axis.set_xticks(range(len(decisions)), [str(n + 1) for n in range(len(decisions))])
        axis.set_yticks(range(len(rows)), [labels[row] for row in rows])
        axis.set_xlabel("step")
        axis.tick_params(length=0)
        axis.set_xticks(np.arange(len(decisions) + 1) - 0.5, minor=True)
        axis.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
        axis.grid(which="minor", color="white", linewidth=1)
        axis.tick_params(which="minor", length=0)
        for spine in axis.spines.values():
            spine.set_visible(False)
        _write_values(axis, values[:, rows])
        for tick, taken in zip(axis.get_xticklabels(), steps, strict=True):
            tick.set_color("black" if taken.outcome.success else FAILED)
        for step, skill in enumerate(chosen):
            axis.add_patch(
                Rectangle(
                    (step - 0.5, rows.index(skill) - 0.5),
                    1,
                    1,
                    fill=False,
                    edgecolor=FRAME,
                    linewidth=2,
                )
            )
    figure.suptitle(f"“{instruction}”", fontsize=12)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _write_values(axis: Axes, values: NDArray[np.float64]) -> None:
    for (step, row), value in np.ndenumerate(values):
        if WRITTEN <= value < 1.0:
            colour = "white" if value > 0.55 else "black"
            text = f"{value:.2f}".lstrip("0")
            axis.text(step, row, text, ha="center", va="center", fontsize=7, color=colour)


def _rows(chosen: Sequence[int], weight: NDArray[np.float64]) -> list[int]:
    """The chosen skills in order of time, then those with the most weight."""
    rows = list(dict.fromkeys(chosen))
    for skill in np.argsort(weight)[::-1]:
        if len(rows) >= SHOWN:
            break
        if int(skill) not in rows:
            rows.append(int(skill))
    return rows
