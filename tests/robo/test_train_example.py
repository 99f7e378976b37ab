"""examples/train.py runs as it stands."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.robo import demonstrations as demo

EXAMPLE = Path(__file__).parents[2] / "examples" / "train.py"


def test_the_example_trains_and_acts(tmp_path: Path) -> None:
    root = demo.record(tmp_path / "set", [20, 16])
    done = subprocess.run(
        [sys.executable, EXAMPLE, "--dataset", root, "--out", tmp_path / "run", "--steps", "2"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"ROBO_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.strip().splitlines()
    assert first.startswith("steps: 2 validation: ")
    actions = second.removeprefix("actions: ")
    assert np.array(json.loads(actions)).shape == (10, 2)  # a chunk of ten actions of two numbers
