"""Wilson's interval."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo.statistics import Rate


def test_the_interval_is_wilsons() -> None:
    """84 of 101: centre 0.8195, half width 0.0726."""
    assert Rate(84, 101).interval == pytest.approx((0.7469, 0.8921), abs=1e-4)


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_rate_and_stays_in_range(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    rate = Rate(successes, trials)
    low, high = rate.interval
    assert 0.0 <= low <= rate.value + 1e-12
    assert rate.value - 1e-12 <= high <= 1.0
    mirrored = Rate(trials - successes, trials).interval
    assert mirrored == pytest.approx((1 - high, 1 - low))


def test_without_trials_nothing_is_known() -> None:
    assert math.isnan(Rate(0, 0).value)
    assert Rate(0, 0).interval == (0.0, 1.0)
    assert str(Rate(0, 0)) == "–"
