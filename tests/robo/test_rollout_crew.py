"""Processes that do jobs one at a time: a death costs one job, which is done again."""

import os
import signal
from pathlib import Path

import pytest

from robo.errors import UserError
from robo.rollouts.crew import MOST_DEATHS, done_by_crew


class Careless:
    """Squares numbers; the first process that meets 3 dies of it, every one that meets 13 does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, job: int) -> int:
        marker = self.folder / "died"
        if job == 13 or (job == 3 and not marker.exists()):
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if job == 99:
            raise UserError("99 is too many")
        return job * job

    def close(self) -> None:
        (self.folder / f"closed-{os.getpid()}").touch()


def test_a_process_that_is_killed_loses_its_job_only_which_is_done_again(tmp_path: Path) -> None:
    done = {one.job: one for one in done_by_crew([1, 2, 3, 4, 13], 2, Careless, [tmp_path])}
    assert {job: one.result for job, one in done.items()} == {1: 1, 2: 4, 3: 9, 4: 16, 13: None}
    assert {job: one.deaths for job, one in done.items()} == {
        1: 0,
        2: 0,
        3: 1,
        4: 0,
        13: MOST_DEATHS,
    }
    assert list(tmp_path.glob("closed-*"))


def test_processes_that_die_before_they_begin_do_not_fail_a_job() -> None:
    with pytest.raises(UserError, match="one process after the other died"):
        list(done_by_crew(["a job"], 1, os._exit, (1,)))


def test_a_workers_refusal_is_ours(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="99 is too many"):
        list(done_by_crew([99], 1, Careless, [tmp_path]))
