"""`robo compare`: exact tests against known values, pairs by start, refusals."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from robo.commands.compare import Compare
from robo.errors import UserError
from robo.rollouts.comparison import compare, read_run
from robo.rollouts.exact_tests import (
    boschloo_p,
    fisher_p,
    mcnemar_p,
    paired_interval,
    unpaired_interval,
)
from robo.statistics import Rate


def test_mcnemars_p_value_is_the_binomial_one() -> None:
    assert mcnemar_p(1, 9) == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar_p(9, 1) == mcnemar_p(1, 9)
    assert mcnemar_p(121, 59) == pytest.approx(4.434449e-06, rel=1e-6)  # statsmodels' example
    assert mcnemar_p(0, 0) == mcnemar_p(4, 4) == 1.0


def test_the_paired_interval_is_that_of_the_approval_ratings() -> None:
    # Agresti, Categorical Data Analysis: 1600 people asked twice, 150 and 86 changed their minds.
    low, high = paired_interval(150, 86, 1600)
    assert (low, high) == pytest.approx((-0.059, -0.021), abs=5e-4)
    assert paired_interval(86, 150, 1600) == pytest.approx((-high, -low))


@pytest.mark.parametrize(("one", "two", "pairs"), [(0, 0, 20), (5, 0, 5), (0, 1, 44), (7, 3, 30)])
def test_a_paired_interval_holds_the_estimate_and_leaves_out_0_when_the_statistic_does(
    one: int, two: int, pairs: int
) -> None:
    low, high = paired_interval(one, two, pairs)
    assert -1 <= low <= (two - one) / pairs <= high <= 1
    if one + two:
        z = abs(two - one) / math.sqrt(one + two)  # McNemar's, to which Tango's is equal at 0
        assert (z > 1.959964) == (low > 0 or high < 0)


def test_fishers_p_value_of_the_lady_tasting_tea() -> None:
    assert fisher_p(Rate(3, 4), Rate(1, 4)) == pytest.approx(34 / 70)
    assert fisher_p(Rate(8, 10), Rate(1, 6)) == pytest.approx(0.034965, abs=1e-6)


@pytest.mark.parametrize(("one", "m", "two", "n"), [(3, 4, 1, 4), (5, 6, 1, 7), (0, 5, 5, 6)])
def test_boschloos_p_value_is_the_largest_probability_of_tables_as_extreme(
    one: int, m: int, two: int, n: int
) -> None:
    ours = fisher_p(Rate(one, m), Rate(two, n))
    extreme = [
        (a, b)
        for a in range(m + 1)
        for b in range(n + 1)
        if fisher_p(Rate(a, m), Rate(b, n)) <= ours * (1 + 1e-7)
    ]
    naive = max(
        sum(
            math.comb(m, a) * math.comb(n, b) * p ** (a + b) * (1 - p) ** (m + n - a - b)
            for a, b in extreme
        )
        for p in (k / 500 for k in range(1, 500))
    )
    p = boschloo_p(Rate(one, m), Rate(two, n))
    assert naive <= p * (1 + 1e-9)
    assert p == pytest.approx(naive, rel=1e-3)
    assert p <= ours


def test_the_unpaired_interval_is_newcombes() -> None:
    interval = unpaired_interval(Rate(48, 80), Rate(56, 70))
    assert interval == pytest.approx((0.0524, 0.3339), abs=5e-5)


def run_of(path: Path, successes: list[bool], **settings: Any) -> Path:
    """The folder of a run with so many episodes."""
    path.mkdir()
    values = {"environment": "robo/Kitchen-v1", "policy": path.name, "seed": 0, "tasks": ["open"]}
    values |= settings
    (path / "run.json").write_text(json.dumps(values))
    lines = [
        {
            "key": f"seen/open/{number}",
            "split": "seen",
            "task": "open",
            "label": "open the top drawer",
            "instruction": "open the top drawer",
            "seed": 100 * values["seed"] + number,
            "success": success,
            "success_rule_version": settings.get("rule", "kitchen-1"),
        }
        for number, success in enumerate(successes)
    ]
    (path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_runs_are_compared_pair_by_pair(tmp_path: Path) -> None:
    one = read_run(run_of(tmp_path / "one", [True] * 4 + [False] * 16))
    two = read_run(run_of(tmp_path / "two", [True] * 2 + [False] * 2 + [True] * 16 + [False]))
    comparison = compare(one, two)
    (row,) = comparison.rows
    assert comparison.paired
    assert (comparison.pairs, comparison.alone) == (20, (0, 1))
    assert (row.first_only, row.second_only) == (2, 16)
    assert row.p == pytest.approx(mcnemar_p(2, 16))
    assert row.value == pytest.approx(0.7)
    assert comparison.other_differences == ()


def test_what_differs_besides_the_policy_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = run_of(tmp_path / "one", [True, False])
    two = run_of(tmp_path / "two", [False, False], max_seconds=5)
    assert Compare(one, two).execute() == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "not only the policy differs: max_seconds None there, 5 now" in text
    assert "no difference can be told from chance" in text


def test_episodes_that_do_not_match_are_refused_unless_asked_for(tmp_path: Path) -> None:
    one = read_run(run_of(tmp_path / "one", [True] * 13 + [False] * 2))
    two = read_run(run_of(tmp_path / "two", [True] * 7 + [False] * 8, seed=1))
    with pytest.raises(UserError, match="not the same episode in both"):
        compare(one, two)
    comparison = compare(one, two, unpaired=True)
    (row,) = comparison.rows
    assert not comparison.paired
    assert row.fisher_p == pytest.approx(0.0501749, abs=1e-6)
    assert row.p < row.fisher_p


def test_other_rules_other_environments_and_no_results_are_refused(tmp_path: Path) -> None:
    one = run_of(tmp_path / "one", [True])
    rule = run_of(tmp_path / "rule", [True], rule="kitchen-2")
    with pytest.raises(UserError, match="kitchen-1.*kitchen-2"):
        compare(read_run(one), read_run(rule))
    other = run_of(tmp_path / "other", [True], environment="robo/AlohaInsertion-v1")
    with pytest.raises(UserError, match="one environment"):
        compare(read_run(one), read_run(other))
    with pytest.raises(UserError, match="no results yet"):
        read_run(run_of(tmp_path / "empty", []))
    with pytest.raises(UserError, match="holds no results of robo rollout"):
        read_run(tmp_path)
    scenarios = tmp_path / "scenarios"
    scenarios.mkdir()
    (scenarios / "run.json").write_text("{}")
    (scenarios / "results.jsonl").write_text('{"id": "go", "plan_success": true}\n')
    with pytest.raises(UserError, match='line 1 has no "key": another command wrote it'):
        read_run(scenarios)


def test_names_with_brackets_are_printed_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    one = run_of(Path("[one]"), [True])
    assert Compare(one, one).execute() == 0
    assert "[one]" in capsys.readouterr().out
