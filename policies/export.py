"""Hand on a checkpoint in half the size: parameters as float16, everything else as it is.

    python -m policies.export runs/rt1/checkpoints/best policies/weights/rt1

What the trainer noted (command, data, seed, hours) goes along. Loading gives float32 again.
"""

import argparse
import sys
from pathlib import Path

import torch

from policies import checkpoint
from policies.errors import PolicyError


def export(source: Path, target: Path) -> None:
    """Write the policy in `source` to `target` with parameters of two bytes each.

    Raises:
        PolicyError: There is no policy in `source`.
        OSError: The disk refused.
    """
    policy = checkpoint.load(source)
    metadata = checkpoint.describe(source).metadata
    checkpoint.save(policy, target, metadata, dtype=torch.float16)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m policies.export", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("source", type=Path, help="a checkpoint's folder")
    parser.add_argument("target", type=Path, help="a new folder, or one to replace")
    options = parser.parse_args()
    try:
        export(options.source, options.target)
    except (PolicyError, OSError) as error:
        sys.exit(f"policies.export: {error}")


if __name__ == "__main__":
    main()
