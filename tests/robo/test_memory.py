"""Freed memory is kept for the next tensor."""

import subprocess
import sys

SCRIPT = """
import resource, sys
from robo.memory import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
import numpy as np
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    values = np.ones(8_000_000)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    del values
print(faults, "torch" in sys.modules)
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", SCRIPT, how]
    count, torch = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.split()
    assert torch == "False"
    return int(count)


def test_the_third_array_of_64_megabytes_faults_no_page() -> None:
    assert faults("keep") < 20 < faults("leave")
