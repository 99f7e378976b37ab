"""Export a checkpoint at half the size: parameters as float16, everything else unchanged.

    python -m policies.export runs/rt1/checkpoints/best policies/weights/rt1 decoding=expectation

The trainer's metadata (command, data, seed, hours) is kept. `key=value` changes the configuration:
how the policy acts, or which parts it has, such as one that only training uses (`aim_weight=1.0`)
or one without effect until trained (`aim_told=true`); continue training from either with
`robo train … --start`. Loading gives float32.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from policies import checkpoint
from policies.base import Policy
from policies.errors import PolicyError
from policies.registry import policy_class


def export(source: Path, target: Path, changes: Mapping[str, Any] | None = None) -> None:
    """Write the policy in `source` to `target` with float16 parameters.

    Args:
        source: A checkpoint's folder.
        target: A new folder, or one to replace.
        changes: Configuration values to change; recorded in the metadata as "changed".

    Raises:
        PolicyError: There is no policy in `source`, or a change does not fit it.
        OSError: Writing failed.
    """
    policy = checkpoint.load(source)
    metadata = checkpoint.describe(source).metadata
    if changes:
        values = {**policy.config.to_json(), **changes}
        unknown = sorted(changes.keys() - policy.config.to_json().keys())
        if unknown:
            raise PolicyError(f'"{policy.name}" has no number "{unknown[0]}"')
        try:
            changed = policy_class(policy.name)(policy.config_class.from_json(values))
        except (TypeError, AttributeError) as error:
            raise PolicyError(f"{dict(changes)} does not suit {policy.name}: {error}") from error
        _take_over(changed, policy, changes)
        policy, metadata = changed, {**metadata, "changed": dict(changes)}
    checkpoint.save(policy, target, metadata, dtype=torch.float16)


def _take_over(changed: Policy, policy: Policy, changes: Mapping[str, Any]) -> None:
    """Copy the weights of shared parts; a part that a change adds keeps its initial weights."""
    parts = {name for name, _ in policy.named_children()}
    others = parts ^ {name for name, _ in changed.named_children()}
    weights = {k: v for k, v in policy.state_dict().items() if k.split(".")[0] not in others}
    new = {k: v for k, v in changed.state_dict().items() if k.split(".")[0] in others}
    try:
        changed.load_state_dict(weights | new)
    except RuntimeError as error:
        raise PolicyError(f"the weights do not fit {dict(changes)}: {error}") from error


def _change(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise PolicyError(f'"{text}" is no key=value')
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m policies.export", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("source", type=Path, help="a checkpoint's folder")
    parser.add_argument("target", type=Path, help="a new folder, or one to replace")
    parser.add_argument("changes", nargs="*", metavar="key=value", help="of the configuration")
    options = parser.parse_args()
    try:
        export(options.source, options.target, dict(map(_change, options.changes)))
    except (PolicyError, OSError) as error:
        sys.exit(f"policies.export: {error}")


if __name__ == "__main__":
    main()
