"""The evaluation: every suite once, saved as soon as it is done, and the summary of them all.

The folder:

    results.jsonl   a line per suite, with the outcome of every episode
    summary.json    provenance, the rows of every suite, targets
    report.html     the page, beside walk.mp4
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import torch

from policies.walker.weights import MODEL
from robo.results import provenance, replacing, write_json
from robo.rollouts.folder import SUMMARY, Result, RunFolder
from robo.walking.actor import Walker, load_walker
from robo.walking.evaluation import hardships, probe, showing, tracking
from robo.walking.evaluation.episodes import Effort, Tick
from robo.walking.evaluation.report import PAGE, page

QUICK: Final = {"seconds": 8.0, "copies": 3}
FULL: Final = {"seconds": 20.0, "copies": 16}
"""Settings of an `Effort`."""

FILM: Final = "film"
EPISODES: Final = frozenset({"lasted", "velocities", "drawn"})
"""Per-episode values, in results.jsonl but not in summary.json."""


@dataclass(frozen=True)
class Suite:
    """A part that is measured by itself.

    Attributes:
        name: Name in the files.
        seconds: Simulated seconds.
        run: Function that measures.
    """

    name: str
    seconds: float
    run: Callable[[Walker, Effort, Tick], dict[str, Any]]


def suites(effort: Effort) -> list[Suite]:
    """All suites but the film."""
    short = hardships.seconds_of(effort)
    return [
        Suite("tracking", effort.seconds, tracking.track),
        Suite("survival", effort.seconds, hardships.survive),
        Suite("pushes", hardships.PUSH_SECONDS, hardships.push),
        *(Suite(axis.name, short, partial(hardships.vary, axis)) for axis in hardships.AXES),
        Suite("probe", short, probe.probe),
    ]


def evaluate(
    policy: str,
    out: Path,
    effort: Effort,
    *,
    brief: bool = False,
    on_begin: Callable[[int, int], None] | None = None,
    tick: Tick | None = None,
) -> dict[str, Any]:
    """Measure a walker, skipping what is in the folder already.

    Args:
        policy: See `load_walker`.
        out: Output folder.
        effort: How much is measured.
        brief: Whether the film is a short one.
        on_begin: Called with the seconds to simulate in total and those already done.
        tick: Called after every simulated second.

    Returns:
        Content of summary.json.

    Raises:
        UserError: No such policy, the folder holds results of other settings, or writing failed.
    """
    walker = load_walker(policy)
    torch.set_num_threads(1)
    planned = suites(effort)
    settings = {
        "policy": str(walker.folder),
        "weights": weights_hash(walker),
        **asdict(effort),
        "brief": brief,
    }
    del settings["threads"]
    folder = RunFolder(out, settings)
    try:
        results = folder.results()
        done = [suite.name for suite in planned if suite.name in results]
        filmed = FILM in results and _film_is_there(out, results[FILM])
        film_seconds = showing.seconds_of(brief=brief)
        if on_begin is not None:
            total = sum(round(suite.seconds) for suite in planned) + int(film_seconds)
            there = sum(round(suite.seconds) for suite in planned if suite.name in done)
            on_begin(total, there + (int(film_seconds) if filmed else 0))
        beat = tick or _nothing
        for suite in planned:
            if suite.name not in done:
                results[suite.name] = _measure(suite, walker, effort, beat, folder)
        if not filmed:
            results[FILM] = _film(walker, effort, beat, folder, brief=brief)
        return _write(out, settings, walker, results, effort)
    finally:
        folder.release()


def weights_hash(walker: Walker) -> str:
    """The SHA-256 of a walker's weights."""
    return sha256((walker.folder / MODEL).read_bytes()).hexdigest()


def _measure(suite: Suite, walker: Walker, effort: Effort, tick: Tick, folder: RunFolder) -> Result:
    began = time.perf_counter()
    result = {"key": suite.name, **suite.run(walker, effort, tick)}
    result["wall_seconds"] = round(time.perf_counter() - began, 2)
    folder.add(result)
    return result


def _film(walker: Walker, effort: Effort, tick: Tick, folder: RunFolder, *, brief: bool) -> Result:
    began = time.perf_counter()
    made = showing.film(walker, effort, tick, folder.path / showing.VIDEO, brief=brief)
    result = {"key": FILM, **made, "wall_seconds": round(time.perf_counter() - began, 2)}
    folder.add(result)
    return result


def _film_is_there(out: Path, result: Result) -> bool:
    return result["video"] is None or (out / str(result["video"])).is_file()


def _write(
    out: Path,
    settings: Mapping[str, Any],
    walker: Walker,
    results: Mapping[str, Result],
    effort: Effort,
) -> dict[str, Any]:
    trained = walker.metadata
    summary = {
        **provenance(settings, effort.seed),
        "policy": {
            "folder": str(walker.folder),
            "weights": settings["weights"],
            "robot": walker.robot.name,
            "network": type(walker.network).__name__,
            "sees": list(walker.groups),
            "physics_hz": walker.physics_hz,
            "trained": {
                name: trained[name]
                for name in ("steps", "hours", "command", "git_commit")
                if name in trained
            },
        },
        "targets": targets(results),
        "suites": {name: _without_episodes(result) for name, result in results.items()},
        "wall_seconds": round(sum(result["wall_seconds"] for result in results.values()), 1),
    }
    write_json(out / SUMMARY, summary)
    with replacing(out / PAGE) as partial_page:
        partial_page.write_text(page(summary, results), encoding="utf-8")
    return summary


def targets(results: Mapping[str, Result]) -> list[dict[str, Any]]:
    """Targets of a good enough walker, and what this one reaches.

    Each has "what", "wanted", "reached" and "met".
    """
    rows = {(row["axis"], row["command"]): row for row in results["tracking"]["rows"]}
    found = []
    for axis, command in tracking.TARGETS:
        row = rows[axis, command]
        share, unit = row["share"], tracking.UNITS[axis]
        found.append(
            {
                "what": f"{axis} {command:g} {unit}",
                "wanted": f"at least {tracking.SHARE:.0%}",
                "reached": "falls" if share is None else f"{row['achieved']:.2f} ({share:.0%})",
                "met": share is not None and share >= tracking.SHARE,
            }
        )
    dead = results["tracking"]["dead_zones"]
    found.append(
        {
            "what": f"commands of {tracking.SMALL:g}",
            "wanted": "all followed",
            "reached": f"ignored: {', '.join(dead)}" if dead else "all followed",
            "met": not dead,
        }
    )
    survival = results["survival"]
    survived = survival["rows"][0]["survived"]
    found.append(
        {
            "what": f"upright for {survival['seconds']:g} s, all randomised, pushes of 1 m/s",
            "wanted": "at least 99%",
            "reached": f"{survived['rate']:.1%} of {survived['trials']}",
            "met": survived["rate"] >= 0.99,
        }
    )
    return found


def _without_episodes(result: Mapping[str, Any]) -> dict[str, Any]:
    """A suite's result without its per-episode values."""
    kept = {name: value for name, value in result.items() if name != "key"}
    for name in ("rows", "by_size"):
        if name in kept:
            kept[name] = [
                {key: value for key, value in row.items() if key not in EPISODES}
                for row in kept[name]
            ]
    return kept


def _nothing() -> None:
    """No progress bar to advance."""
