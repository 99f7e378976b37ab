"""Plots for the report page, as PNG files in memory."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import matplotlib
import numpy as np

from robo.walking.evaluation.hardships import DIRECTIONS
from robo.walking.evaluation.tracking import AXES, SHARE, UNITS

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#1864ab", "#e07a1f", "#adb5bd"

_DPI: Final = 110
Rows = Sequence[Mapping[str, Any]]


def tracking(rows: Rows) -> bytes:
    """Achieved over commanded velocity, a panel per axis; the band is 90 to 110%."""
    figure, axes = plt.subplots(1, len(AXES), figsize=(11, 3.6), layout="constrained")
    for panel, axis in zip(axes, AXES, strict=True):
        chosen = [row for row in rows if row["axis"] == axis and row["achieved"] is not None]
        most = max([abs(row["command"]) for row in rows if row["axis"] == axis], default=1.0) * 1.1
        line = np.array([-most, 0.0, most])
        panel.fill_between(line, SHARE * line, (2 - SHARE) * line, color=GREY, alpha=0.35, lw=0)
        panel.plot(line, line, color=GREY, lw=1)
        for row in chosen:
            velocities = [v[AXES.index(axis)] for v in row["velocities"] if v is not None]
            panel.plot([row["command"]] * len(velocities), velocities, ".", color=BLUE, alpha=0.25)
        panel.plot(
            [r["command"] for r in chosen], [r["achieved"] for r in chosen], "o-", color=BLUE
        )
        _label(panel, f"{axis} commanded ({UNITS[axis]})", f"achieved ({UNITS[axis]})")
        panel.set_xlim(-most, most)
    return _png(figure)


def cost(rows: Rows) -> bytes:
    """Cost of transport over speed."""
    figure, panel = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
    for axis, colour in (("vx", BLUE), ("vy", ORANGE)):
        chosen = [r for r in rows if r["axis"] == axis and r["cost_of_transport"] is not None]
        panel.plot(
            [row["achieved"] for row in chosen],
            [row["cost_of_transport"] for row in chosen],
            "o-",
            color=colour,
            label=axis,
        )
    panel.set_ylim(0.0, 1.1 * panel.get_ylim()[1])
    _label(panel, "speed (m/s)", "power / (m g v)")
    panel.legend(frameon=False)
    return _png(figure)


def pushes(rows: Rows) -> bytes:
    """Survival by push direction; a line per push speed."""
    figure = plt.figure(figsize=(4.8, 4.2), layout="constrained")
    panel: Any = figure.add_subplot(projection="polar")
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    angles = np.append(np.arange(len(DIRECTIONS)) * np.pi / 4, 0.0)
    for number, size in enumerate(sizes):
        rates = [row["survived"]["rate"] for row in rows if row["size"] == size]
        colour = plt.get_cmap("viridis")(number / max(len(sizes), 1))
        panel.plot(angles, [*rates, rates[0]], "o-", color=colour, ms=4, label=f"{size:g} m/s")
    panel.set_theta_zero_location("N")
    panel.set_xticks(angles[:-1], [name.replace(" ", "\n") for name in DIRECTIONS], fontsize=8)
    panel.tick_params(axis="x", pad=8)
    panel.set_ylim(0.0, 1.05)
    panel.set_yticks([0.5, 1.0], ["50%", "100%"], fontsize=8)
    panel.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(-0.25, -0.12))
    return _png(figure)


def hardships(suites: Sequence[Mapping[str, Any]]) -> bytes:
    """Bars of survival with their intervals, a panel per varied parameter."""
    columns = 3
    lines = -(-len(suites) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(11, 2.6 * lines), layout="constrained", squeeze=False
    )
    for panel in axes.flat[len(suites) :]:
        panel.set_visible(False)
    for panel, suite in zip(axes.flat, suites, strict=False):
        rows = suite["rows"]
        rates = np.array([row["survived"]["rate"] for row in rows])
        ends = np.array([row["survived"]["wilson_95"] for row in rows]).T
        bars = np.maximum(np.stack((rates - ends[0], ends[1] - rates)), 0.0)
        places = np.arange(len(rows))
        panel.bar(places, rates, color=BLUE, width=0.65)
        panel.errorbar(places, rates, yerr=bars, fmt="none", ecolor="#212529", capsize=3, lw=1)
        panel.set_xticks(places, [row["name"].replace(" ", "\n", 1) for row in rows], fontsize=8)
        panel.set_ylim(0.0, 1.05)
        _label(panel, "", "stay upright")
        panel.set_title(suite["title"], fontsize=10)
    return _png(figure)


def _label(panel: Axes, x: str, y: str) -> None:
    panel.set_xlabel(x, fontsize=9)
    panel.set_ylabel(y, fontsize=9)
    panel.tick_params(labelsize=8)
    panel.grid(alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, dpi=_DPI, format="png")
    plt.close(figure)
    return buffer.getvalue()
