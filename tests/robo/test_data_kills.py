"""SIGKILL at random moments; `benchmarks/data_kills.py --kills 100` is the long form."""

from pathlib import Path

from benchmarks import data_kills


def test_killed_recorders_lose_no_finished_episode(tmp_path: Path) -> None:
    tally = data_kills.run(tmp_path, kills=3, seed=5)
    assert tally.kills == 3
    assert tally.finished_lost == 0
