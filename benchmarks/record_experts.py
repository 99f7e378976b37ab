"""How many expert episodes a minute `robo record` makes, and their size.

    python benchmarks/record_experts.py --episodes 2 --workers 2 [--task all] [--image-size 96]

Defaults: two 96-pixel cameras, all seven families, noise of 0.2. CPU seconds are the workers' own
and thus comparable on busy machines; wall time is not.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from robo.commands.record import ALL, FAMILIES
from robo.recording.expert_episodes import record_experts
from robo.recording.expert_parts import ExpertResult
from robo.recording.expert_settings import ExpertSettings


def main() -> None:
    """Record, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--task", default=ALL)
    parser.add_argument("--episodes", type=int, default=2, help="of each family")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--noise", type=float, default=0.2)
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    tasks = FAMILIES if options.task == ALL else (options.task,)
    settings = ExpertSettings(
        "robo/Kitchen-v1", options.seed, options.noise, (), options.image_size
    )
    results: list[ExpertResult] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        report = record_experts(
            root, tasks, options.episodes, settings, options.workers, results.append
        )
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    frames = sum(result.frames for result in report.results)
    cpu = np.array([result.cpu_seconds for result in results])
    numbers = {
        "workers": options.workers,
        "noise": options.noise,
        "image_size": options.image_size,
        "episodes": report.kept,
        "failed_starts": sum(not result.success for result in report.results),
        "episodes_a_minute": round(report.kept / report.wall_seconds * 60, 1),
        "cpu_seconds_an_episode": round(float(cpu.sum()) / report.kept, 2),
        "episodes_a_minute_if_two_cores_were_free": round(
            2 * 60 * report.kept / float(cpu.sum()), 1
        ),
        "cpu_ms_a_frame": round(1e3 * float(cpu.sum()) / frames, 1),
        "simulated_seconds": round(frames / 10, 1),
        "megabytes_a_minute": round(size / 1e6 / (frames / 600), 2),
    }
    for key, value in numbers.items():
        print(f"{key:42} {value}")
    options.out.write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
