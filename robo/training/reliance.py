"""Does a policy use what it is given? Its loss, when one input is that of another sample.

Most of an action follows from where the joints are, so that a loss can fall for hours while images
and words are ignored. A policy that uses them does worse with those of another sample.
"""

from __future__ import annotations

from policies.base import INSTRUCTION, PAD, Batch, PolicyConfig

RELIANCE = "reliance_"
"""How names of these numbers begin, in the log."""
BATCHES = 4
"""Of those to validate with, so many are looked at."""


def groups(config: PolicyConfig) -> dict[str, tuple[str, ...]]:
    """By name, keys of inputs that are exchanged together."""
    vectors = tuple(key for key in config.inputs if key not in config.cameras)
    words = (INSTRUCTION,) if config.instruction_width else ()
    all_groups = {"images": config.cameras, "state": vectors, "words": words}
    return {name: keys for name, keys in all_groups.items() if keys}


def exchanged(batch: Batch, keys: tuple[str, ...]) -> Batch:
    """The batch, each sample with these inputs of the one before it."""
    both = [name for key in keys for name in (key, key + PAD) if name in batch]
    return {**batch, **{name: batch[name].roll(1, 0) for name in both}}


def in_words(values: dict[str, float]) -> str:
    """ "; with another sample's images +3%, state +210%", of validation's numbers; maybe empty."""
    parts = [
        f"{name.removeprefix(RELIANCE)} {value:+.0%}"
        for name, value in values.items()
        if name.startswith(RELIANCE)
    ]
    return f"; with another sample's {', '.join(parts)}" if parts else ""
