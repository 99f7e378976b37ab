"""Summary of rollouts: success by task and column, deadlines, failures."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from robo.rollouts.folder import Result
from robo.rollouts.splits import SEEN
from robo.statistics import Rate

TOTAL = "total"


def summarise(results: Sequence[Result], planned: int) -> dict[str, Any]:
    """Success with Wilson 95% intervals, and everything else that was counted.

    Args:
        results: One result per episode.
        planned: How many episodes the run should have.
    """
    return {
        "episodes": len(results),
        "planned": planned,
        "complete": len(results) == planned,
        "success": rate_of(results).as_dict(),
        "splits": {split: _column(group) for split, group in grouped(results, "split").items()},
        "deadlines": deadlines(results),
        "clipped_actions": sum(r["clipped_actions"] for r in results),
        "endings": dict(Counter(r["ended"] for r in results).most_common()),
        "failures": dict(Counter(r["failure"] for r in results if not r["success"]).most_common()),
        "unstable": sum(r["ended"] == "unstable" for r in results),
        "not_a_number": sum(r["ended"] == "not a number" for r in results),
        "run_again": {r["key"]: r["deaths"] for r in results if r.get("deaths")},
        "simulated_seconds": round(sum(r["simulated_seconds"] for r in results), 2),
    }


def _column(results: Sequence[Result]) -> dict[str, Any]:
    column = {
        "success": rate_of(results).as_dict(),
        "tasks": {
            task: rate_of(group).as_dict() for task, group in grouped(results, "task").items()
        },
    }
    held_out = {kind: group for kind, group in grouped(results, "held_out").items() if kind}
    if held_out:
        column["held_out"] = {kind: rate_of(group).as_dict() for kind, group in held_out.items()}
    return column


def deadlines(results: Iterable[Result]) -> dict[str, Any]:
    """How long the policy took to decide, and how often longer than a control period.

    The robot waits for each decision, so its deadline is one period, however many actions it gives.
    """
    rows = [r for r in results if r["decisions"]]
    if not rows:
        return {"decisions": 0, "missed": 0}
    milliseconds = np.concatenate([r["latency_ms"] for r in rows])
    decisions, missed = len(milliseconds), sum(r["missed_deadlines"] for r in rows)
    return {
        "decisions": decisions,
        "missed": missed,
        "missed_share": round(missed / decisions, 4),
        "period_ms": round(1e3 / rows[0]["rate"], 2),
        "latency_ms": {
            "median": round(float(np.median(milliseconds)), 2),
            "p95": round(float(np.percentile(milliseconds, 95)), 2),
            "p99": round(float(np.percentile(milliseconds, 99)), 2),
            "max": round(float(milliseconds.max()), 2),
        },
    }


def rate_of(results: Sequence[Result]) -> Rate:
    """The success rate."""
    return Rate(sum(r["success"] for r in results), len(results))


def grouped(results: Iterable[Result], key: str) -> dict[str, list[Result]]:
    """Group results by one of their fields."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(str(result[key]), []).append(result)
    return groups


def print_summary(summary: dict[str, Any], console: Console) -> None:
    """Print the table, one row per task and one column per split, then the other counts."""
    splits = summary["splits"]
    table = Table("task", *(["success"] if list(splits) == [SEEN] else splits))
    tasks = dict.fromkeys(task for column in splits.values() for task in column["tasks"])
    for task in tasks if len(tasks) > 1 else ():
        table.add_row(
            escape(task), *(_cell(column["tasks"].get(task)) for column in splits.values())
        )
    if len(tasks) > 1:
        table.add_section()
    name = TOTAL if len(tasks) > 1 else next(iter(tasks), TOTAL)
    table.add_row(escape(name), *(_cell(column["success"]) for column in splits.values()))
    for kind in ("pair", "words"):
        cells = [column.get("held_out", {}).get(kind) for column in splits.values()]
        if any(cells):
            table.add_row(f"held-out {kind}", *map(_cell, cells), style="dim")
    console.print(table)
    for line in _lines(summary):
        console.print(line, markup=False, soft_wrap=True)


def _lines(summary: dict[str, Any]) -> Iterable[str]:
    timing = summary["deadlines"]
    if timing["decisions"]:
        latency = timing["latency_ms"]
        yield (
            f"{timing['missed']} of {timing['decisions']} deadlines of {timing['period_ms']:g} ms "
            f"missed; a decision takes {latency['median']:g} ms (p95 {latency['p95']:g}, "
            f"p99 {latency['p99']:g}, longest {latency['max']:g})"
        )
    failures = ", ".join(f"{reason} {count}" for reason, count in summary["failures"].items())
    if failures:
        yield f"failures: {failures}"
    trained = summary["policy"].get("metadata", {}).get("success_rule_version")
    judged = summary["success_rule_version"]
    if trained and judged and trained != judged:
        yield f"trained on data of the success rule {trained}, judged by {judged}"
    if summary["clipped_actions"]:
        yield f"{summary['clipped_actions']} actions lay beyond the action space and were clipped"
    if summary["run_again"]:
        yield f"run again because a process died: {', '.join(summary['run_again'])}"
    if not summary["complete"]:
        yield (
            f"{summary['episodes']} of {summary['planned']} episodes are there; "
            "run the command again to go on"
        )


def _cell(rate: dict[str, Any] | None) -> str:
    return "" if rate is None else str(Rate(rate["successes"], rate["trials"]))
