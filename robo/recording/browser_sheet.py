"""A dataset as pictures: contact sheets, and plots of each episode's columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib
import numpy as np

from robo.recording.browser_view import SetView

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SHOTS: Final = 7
"""Pictures per episode."""
ROWS: Final = 14
"""Episodes per sheet."""
LEGEND: Final = 12
"""Most lines in a plot with a legend."""


def write_pictures(view: SetView, episodes: Sequence[int], folder: Path) -> list[Path]:
    """Write `sheet-*.png` and `episode-*.png` into a folder.

    Raises:
        DatasetError: The dataset is damaged.
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    if view.dataset.cameras:
        for first in range(0, len(episodes), ROWS):
            written.append(folder / f"sheet-{first // ROWS:03d}.png")
            write_sheet(view, episodes[first : first + ROWS], written[-1])
    for episode in episodes:
        written.append(folder / f"episode-{episode:04d}.png")
        write_plots(view, episode, written[-1])
    return written


def write_sheet(view: SetView, episodes: Sequence[int], path: Path) -> None:
    """Write one row of pictures per episode, from its start to its end."""
    camera = view.dataset.cameras[0]
    size = (1.35 * SHOTS + 0.2, 1.6 * len(episodes) + 0.2)
    figure, grid = plt.subplots(
        len(episodes), SHOTS, figsize=size, squeeze=False, layout="constrained"
    )
    for row, number in zip(grid, episodes, strict=True):
        episode = view.dataset.episodes[number]
        frames = np.linspace(0, episode.length - 1, SHOTS).round().astype(int)
        for axis, frame in zip(row, frames, strict=True):
            axis.imshow(view.image(number, int(frame), camera))
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_xlabel(f"{frame / view.dataset.fps:.1f} s", fontsize=7, labelpad=1)
        success = {True: "✓", False: "✗", None: ""}[episode.info.success]
        text = f"{number} {success}  {' · '.join(episode.tasks)}"
        row[0].set_title(text, loc="left", fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write_plots(view: SetView, number: int, path: Path) -> None:
    """Plot an episode's columns over time, with its skills marked."""
    dataset = view.dataset
    episode = dataset.episodes[number]
    keys = view.columns()
    time = np.arange(episode.length) / dataset.fps
    figure, axes = plt.subplots(
        len(keys),
        1,
        figsize=(10, 2.9 * len(keys)),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, key in zip(axes[:, 0], keys, strict=True):
        values = dataset.column(key)[episode.start : episode.stop].reshape(episode.length, -1)
        names = dataset.features[key].names
        lines = axis.plot(time, values, linewidth=1)
        if isinstance(names, list) and len(lines) <= LEGEND:
            axis.legend(lines, names, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
        axis.set_title(f"{key} ({len(lines)})", loc="left", fontsize=9)
        axis.grid(alpha=0.25)
        for place, stretch in enumerate(view.stretches(number)):
            begin, end = stretch["begin"] / dataset.fps, stretch["end"] / dataset.fps
            axis.axvspan(begin, end, color=f"C{place}", alpha=0.07, linewidth=0)
            if axis is axes[0, 0]:
                where = (begin, 1.0)
                kind = axis.get_xaxis_transform()
                axis.text(*where, f" {stretch['text']}", transform=kind, fontsize=7, va="top")
    axes[-1, 0].set_xlabel("s")
    figure.suptitle(f"episode {number}: {' · '.join(episode.tasks)}", fontsize=11)
    figure.savefig(path, dpi=110)
    plt.close(figure)
