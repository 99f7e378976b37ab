"""Comparing two runs: does one policy succeed more often than the other?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robo.errors import UserError
from robo.rollouts.exact_tests import (
    boschloo_p,
    fisher_p,
    mcnemar_p,
    paired_interval,
    unpaired_interval,
)
from robo.rollouts.folder import EPISODE, Result, differences, read_results, read_settings
from robo.rollouts.summary import TOTAL, grouped, rate_of
from robo.statistics import Rate

POLICY = frozenset({"policy", "weights", "recorded", "image_size"})
"""Settings that belong to the policy, or do not change the task."""

SAME_START = ("seed", "label", "instruction")
"""Two episodes are comparable if these are equal."""


@dataclass(frozen=True)
class Run:
    """A run with results.

    Attributes:
        path: Its folder.
        settings: Its settings.
        results: Its results by episode key.
    """

    path: Path
    settings: Mapping[str, Any]
    results: Mapping[str, Result]

    @property
    def rules(self) -> set[str]:
        """Versions of the success rule."""
        found = {str(r.get("success_rule_version") or "") for r in self.results.values()}
        return found - {""}


@dataclass(frozen=True)
class Difference:
    """How two groups of episodes differ.

    Attributes:
        name: Name of the group: a column, or the total.
        first: The first run's success rate.
        second: The second run's success rate.
        interval: 95% interval of second minus first.
        p: Two-sided p-value of the exact test.
        first_only: Pairs in which only the first succeeded; None if unpaired.
        second_only: Pairs in which only the second succeeded; None if unpaired.
        fisher_p: p-value of Fisher's test if unpaired, else None.
    """

    name: str
    first: Rate
    second: Rate
    interval: tuple[float, float]
    p: float
    first_only: int | None = None
    second_only: int | None = None
    fisher_p: float | None = None

    @property
    def value(self) -> float:
        """Second minus first."""
        return self.second.value - self.first.value

    def as_dict(self) -> dict[str, Any]:
        """As plain values for a file."""
        values = {
            "name": self.name,
            "first": self.first.as_dict(),
            "second": self.second.as_dict(),
            "difference": round(self.value, 4),
            "interval_95": [round(end, 4) for end in self.interval],
            "p": float(f"{self.p:.4g}"),
        }
        if self.first_only is not None:
            values |= {"first_only": self.first_only, "second_only": self.second_only}
        if self.fisher_p is not None:
            values["fisher_p"] = float(f"{self.fisher_p:.4g}")
        return values


@dataclass(frozen=True)
class Comparison:
    """Two runs compared.

    Attributes:
        paired: Whether episodes were compared one by one.
        pairs: Number of pairs; 0 if unpaired.
        alone: Number of episodes without a partner in each run.
        rows: One difference per column, then the total if there are several columns.
        other_differences: Settings that differ besides the policy.
    """

    paired: bool
    pairs: int
    alone: tuple[int, int]
    rows: tuple[Difference, ...]
    other_differences: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As plain values for a file."""
        return {
            "test": "McNemar, exact" if self.paired else "Boschloo, exact",
            "pairs": self.pairs,
            "without_partner": list(self.alone),
            "rows": [row.as_dict() for row in self.rows],
            "other_differences": list(self.other_differences),
        }


def read_run(path: Path) -> Run:
    """Read the run in a folder.

    Raises:
        UserError: There is none, it has no results, or another command wrote them.
    """
    run = Run(path, read_settings(path), read_results(path, EPISODE))
    if not run.results:
        raise UserError(f"{path} holds no results yet; run robo rollout --out {path} first")
    return run


def compare(first: Run, second: Run, *, unpaired: bool = False) -> Comparison:
    """Compare two runs.

    Args:
        first: A run.
        second: Another run.
        unpaired: Whether to treat their episodes as independent samples.

    Raises:
        UserError: Their environments or success rules differ, or their episodes do not match.
    """
    if first.rules != second.rules:
        raise UserError(
            f"{first.path} was judged by the success rule {_listed(first.rules)}, {second.path} by "
            f"{_listed(second.rules)}; run one of them again"
        )
    if first.settings.get("environment") != second.settings.get("environment"):
        raise UserError(
            f"{first.path} is of {first.settings.get('environment')}, {second.path} of "
            f"{second.settings.get('environment')}; give two runs of one environment"
        )
    one = {key: value for key, value in first.settings.items() if key not in POLICY}
    two = {key: value for key, value in second.settings.items() if key not in POLICY}
    other = tuple(differences(one, two))
    if unpaired:
        rows = _unpaired_rows(list(first.results.values()), list(second.results.values()))
        return Comparison(False, 0, (0, 0), rows, other)
    keys = [key for key in first.results if key in second.results]
    odd = [k for k in keys if _question(first.results[k]) != _question(second.results[k])]
    if not keys or odd:
        example = f'"{odd[0]}" is not the same episode in both' if odd else "no episode is in both"
        raise UserError(
            f"{first.path} and {second.path} do not match: {example}; run both with the same "
            "--seed, --task and --split, or give --unpaired"
        )
    pairs = [(first.results[key], second.results[key]) for key in keys]
    alone = (len(first.results) - len(keys), len(second.results) - len(keys))
    return Comparison(True, len(keys), alone, _paired_rows(pairs), other)


def _paired_rows(pairs: Sequence[tuple[Result, Result]]) -> tuple[Difference, ...]:
    groups: dict[str, list[tuple[Result, Result]]] = {}
    for pair in pairs:
        groups.setdefault(pair[0]["split"], []).append(pair)
    if len(groups) > 1:
        groups[TOTAL] = list(pairs)
    return tuple(_paired(name, group) for name, group in groups.items())


def _paired(name: str, pairs: Sequence[tuple[Result, Result]]) -> Difference:
    first_only = sum(one["success"] and not two["success"] for one, two in pairs)
    second_only = sum(two["success"] and not one["success"] for one, two in pairs)
    return Difference(
        name,
        rate_of([one for one, _ in pairs]),
        rate_of([two for _, two in pairs]),
        paired_interval(first_only, second_only, len(pairs)),
        mcnemar_p(first_only, second_only),
        first_only,
        second_only,
    )


def _unpaired_rows(one: Sequence[Result], two: Sequence[Result]) -> tuple[Difference, ...]:
    firsts, seconds = grouped(one, "split"), grouped(two, "split")
    names = [name for name in firsts if name in seconds]
    if not names:
        raise UserError("the two runs have no column in common; give both the same --split")
    groups = {name: (firsts[name], seconds[name]) for name in names}
    if len(names) > 1:
        groups[TOTAL] = (
            [r for name in names for r in firsts[name]],
            [r for name in names for r in seconds[name]],
        )
    rows = []
    for name, (left, right) in groups.items():
        rates = rate_of(left), rate_of(right)
        rows.append(
            Difference(
                name,
                *rates,
                unpaired_interval(*rates),
                boschloo_p(*rates),
                fisher_p=fisher_p(*rates),
            )
        )
    return tuple(rows)


def _question(result: Result) -> tuple[Any, ...]:
    return tuple(result.get(name) for name in SAME_START)


def _listed(rules: set[str]) -> str:
    return ", ".join(sorted(rules)) or "none"
