"""Train the planner's adapter: `python -m planners.finetune --out runs/planner --seed 0`."""

import argparse
import json
import sys
from pathlib import Path

from planners.finetune.episodes import Episode
from planners.finetune.training import TrainingConfig, train


def main() -> None:
    """Parse arguments and train."""
    default = TrainingConfig()
    parser = argparse.ArgumentParser(prog="python -m planners.finetune", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the adapter")
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--minutes", type=float, default=default.minutes)
    parser.add_argument("--rank", type=int, default=default.rank)
    parser.add_argument("--learning-rate", type=float, default=default.learning_rate)
    parser.add_argument("--compiled", action="store_true", help="compile the decoder first")
    parser.add_argument("--start", type=Path, help="folder with an adapter to go on from")
    parser.add_argument("--corrections", type=Path, help="file that planners.finetune.dagger wrote")
    given = parser.parse_args()
    config = TrainingConfig(
        seed=given.seed,
        minutes=given.minutes,
        rank=given.rank,
        alpha=2.0 * given.rank,
        learning_rate=given.learning_rate,
        compiled=given.compiled,
    )
    corrections: list[Episode] = []
    if given.corrections is not None:
        for line in given.corrections.read_text(encoding="utf-8").splitlines():
            data = json.loads(line)
            corrections.append(Episode(data["text"], tuple(map(tuple, data["spans"]))))
    train(
        given.out,
        config,
        lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201
        start=given.start,
        corrections=corrections,
    )


if __name__ == "__main__":
    main()
