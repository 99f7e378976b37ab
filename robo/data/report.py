"""Datasets, findings and statistics on a terminal."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from robo.data.findings import Report, Severity
from robo.data.lerobot_reader import Dataset
from robo.data.statistics import Stats

SHOWN = 40
"""Most findings printed; the rest are counted."""
NUMBER_WIDTH = 9
WORST = 10
"""Most episode scores printed, lowest first."""


def dataset_info(dataset: Dataset) -> dict[str, Any]:
    """What a dataset holds, as plain values."""
    files = [path for path in dataset.root.rglob("*") if path.is_file()]
    known = [e.info.success for e in dataset.episodes if e.info.success is not None]
    seconds = len(dataset) / dataset.fps
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    return {
        "robot_type": dataset.info.robot_type,
        "fps": dataset.fps,
        "episodes": len(dataset.episodes),
        "frames": len(dataset),
        "seconds": round(seconds, 1),
        "megabytes": round(megabytes, 1),
        "megabytes_per_minute": round(60 * megabytes / seconds, 2) if seconds else None,
        "successes": sum(known) if known else None,
        "restored": sum(episode.info.restored for episode in dataset.episodes),
        "devices": sorted({e.info.device for e in dataset.episodes if e.info.device}),
        "environments": sorted({e.info.environment for e in dataset.episodes} - {""}),
        "success_rules": sorted({e.info.success_rule_version for e in dataset.episodes} - {""}),
        "features": {
            key: f"{feature.dtype} {list(feature.shape)}"
            for key, feature in dataset.features.items()
        },
        "tasks": dataset.tasks,
        "skill_labels": dataset.labels,
    }


def print_info(dataset: Dataset, *, as_json: bool) -> None:
    """Print what a dataset holds."""
    console = Console()
    content = dataset_info(dataset)
    if as_json:
        console.print_json(json.dumps(content))
        return
    table = Table(show_header=False, box=None, padding=(0, 2))
    for key, value in content.items():
        if value is None or value == []:
            continue
        if isinstance(value, dict):
            lines = [Text.assemble(name, "  ", (kind, "dim")) for name, kind in value.items()]
            text = Text("\n").join(lines)
        else:
            text = Text("\n".join(map(str, value)) if isinstance(value, list) else str(value))
        table.add_row(key.replace("_", " "), text)
    console.print(table, highlight=False)


def print_report(report: Report, *, as_json: bool) -> None:
    """Print findings, then the worst episodes' scores."""
    console = Console(highlight=False)
    if as_json:
        console.print_json(json.dumps(report.as_dict()))
        return
    table = Table(box=None, padding=(0, 1))
    for name in ("", "check", "where", "what"):
        table.add_column(name)
    for finding in report.findings[:SHOWN]:
        colour = "red" if finding.severity is Severity.ERROR else "yellow"
        table.add_row(
            f"[{colour}]{finding.severity}[/{colour}]",
            finding.check,
            Text(finding.place),
            Text(finding.message),
        )
    if report.findings:
        console.print(table, highlight=False, markup=True)
    if len(report.findings) > SHOWN:
        console.print(f"… and {len(report.findings) - SHOWN} more; --json gives all")
    if report.episodes:
        _print_scores(console, report)
    warnings = len(report.findings) - report.errors
    console.print(f"[bold]{report.errors} errors, {warnings} warnings[/bold]", highlight=False)


def _print_scores(console: Console, report: Report) -> None:
    """Print the mean score, and the worst episodes with what they are marked down for."""
    scores = sorted(report.episodes, key=lambda episode: episode.score)
    mean = sum(episode.score for episode in scores) / len(scores)
    frames = sum(episode.frames for episode in scores)
    whole = sum(episode.score == 1 for episode in scores)
    console.print(
        f"{len(scores)} episodes, {frames} frames: mean score {mean:.2f}, {whole} without a finding"
    )
    for episode in scores[:WORST]:
        checks = {
            finding.check: None for finding in report.findings if finding.episode == episode.index
        }
        if checks:
            console.print(f"  episode {episode.index}: {episode.score:.2f} ({', '.join(checks)})")
    if len(scores) - whole > WORST:
        console.print(f"  … and {len(scores) - whole - WORST} more; --json gives all")


def print_stats(stats: Stats, *, as_json: bool) -> None:
    """Print statistics, one element per line."""
    console = Console()
    if as_json:
        console.print_json(json.dumps({key: part.as_json() for key, part in stats.items()}))
        return
    for key, part in stats.items():
        table = Table(box=None, padding=(0, 1, 0, 0), title=Text(key), title_justify="left")
        table.title_style = "bold"
        table.add_column("", min_width=3, justify="right")
        for name in ("min", "q01", "q50", "q99", "max", "mean", "std"):
            table.add_column(name, min_width=NUMBER_WIDTH, justify="right", no_wrap=True)
        levels = part.levels[[0, 1, 3, 5, 6]]
        for element in range(len(part.mean)):
            numbers = [*levels[:, element], part.mean[element], part.std[element]]
            place = str(element) if len(part.mean) > 1 else ""
            table.add_row(place, *[f"{number:.3g}" for number in numbers])
        console.print(table, highlight=False)
