"""The clock of the recording loop, with time that is made here."""

import gc
import os
from types import SimpleNamespace

import pytest

from robo.errors import UserError
from robo.recording import pacing
from robo.recording.pacing import Pacer
from robo.recording.realtime import take_realtime_priority


class Time:
    """Stands for the clock: it goes on by what is slept and, a little, with every look."""

    def __init__(self) -> None:
        self.now = 100.0
        self.late = 0.0

    def perf_counter(self) -> float:
        self.now += 1e-6
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self.late


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    module = SimpleNamespace(perf_counter=time.perf_counter, sleep=time.sleep)
    monkeypatch.setattr(pacing, "time", module)
    return time


def ticks(pacer: Pacer, clock: Time, work: list[float]) -> list[float]:
    """When each tick begins, in seconds after the first, with so much work in each."""
    pacer.wait()
    began = [clock.now]
    for seconds in work:
        clock.now += seconds
        pacer.wait()
        began.append(clock.now)
    return [moment - began[0] for moment in began]


def test_ticks_come_at_the_rate_whatever_the_work_takes(clock: Time) -> None:
    pacer = Pacer(50)
    work = [0.001, 0.019, 0.0, 0.012] * 50
    began = ticks(pacer, clock, work)
    assert began == pytest.approx([k / 50 for k in range(len(work) + 1)], abs=1e-4)
    assert pacer.missed == 0
    assert pacer.rate == pytest.approx(50, rel=1e-3)


def test_a_system_that_wakes_late_does_not_shift_the_ticks_behind(clock: Time) -> None:
    clock.late = 0.004
    began = ticks(Pacer(50), clock, [0.005] * 500)
    assert began[-1] == pytest.approx(500 / 50, abs=0.005)


def test_deadlines_that_are_missed_are_counted_and_not_made_up_for(clock: Time) -> None:
    pacer = Pacer(100)
    began = ticks(pacer, clock, [0.005, 0.035, 0.001, 0.001])
    assert pacer.missed == 3
    assert began == pytest.approx([0, 0.01, 0.045, 0.055, 0.065], abs=1e-4)
    pacer.reset()
    ticks(pacer, clock, [0.011])
    assert pacer.missed == 1


def test_the_search_for_garbage_leaves_alone_what_was_there_before(clock: Time) -> None:
    Pacer(50).wait()
    try:
        assert gc.get_freeze_count() > 1000
        assert len(gc.get_objects()) < gc.get_freeze_count()
    finally:
        gc.unfreeze()


def test_realtime_priority_is_asked_for_or_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int, int]] = []

    def schedule(process: int, policy: int, parameter: os.sched_param) -> None:
        asked.append((process, policy, parameter.sched_priority))
        if len(asked) > 1:
            raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", schedule)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    take_realtime_priority()
    assert asked == [(0, os.SCHED_FIFO, 20)]
    with pytest.raises(UserError, match="refuses real-time priority"):
        take_realtime_priority()
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})
    with pytest.raises(UserError, match="needs two cores"):
        take_realtime_priority()
