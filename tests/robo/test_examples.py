"""The examples of the README run as they stand."""

import subprocess
import sys
from pathlib import Path

import av

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_rollout_succeeds_and_writes_a_video(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "rollout.py"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.strip().endswith("success: True")
    with av.open(str(tmp_path / "rollout.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) > 20
