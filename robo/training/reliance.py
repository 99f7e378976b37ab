"""Does a policy use its inputs? Its loss when one input is swapped for another sample's.

Most of an action follows from the joint positions, so the loss can fall for hours while images and
words are ignored. A policy that uses them does worse with those of another sample.
"""

from __future__ import annotations

from policies.base import INSTRUCTION, PAD, Batch, PolicyConfig

RELIANCE = "reliance_"
"""Prefix of these values' names in the log."""
BATCHES = 4
"""How many of the validation batches are used for this."""


def groups(config: PolicyConfig) -> dict[str, tuple[str, ...]]:
    """Groups of input keys that are swapped together, by name."""
    vectors = tuple(key for key in config.inputs if key not in config.cameras)
    words = (INSTRUCTION,) if config.instruction_width else ()
    all_groups = {"images": config.cameras, "state": vectors, "words": words}
    return {name: keys for name, keys in all_groups.items() if keys}


def exchanged(batch: Batch, keys: tuple[str, ...]) -> Batch:
    """The batch, with these inputs of each sample replaced by those of the previous one."""
    both = [name for key in keys for name in (key, key + PAD) if name in batch]
    return {**batch, **{name: batch[name].roll(1, 0) for name in both}}


def in_words(values: dict[str, float]) -> str:
    """ "; with another sample's images +3%, state +210%", from validation results; may be empty."""
    parts = [
        f"{name.removeprefix(RELIANCE)} {value:+.0%}"
        for name, value in values.items()
        if name.startswith(RELIANCE)
    ]
    return f"; with another sample's {', '.join(parts)}" if parts else ""
