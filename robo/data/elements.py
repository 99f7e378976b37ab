"""What kind of quantity each element of a column is, by its name and values.

The check for jumps must know it: an angle wraps around, a switch or a gripper goes from one end to
the other within a frame, and a velocity command starts at once. The kinds:

| kind | name | or values |
|---|---|---|
| switch | mode, terminate, ... | eight distinct values or fewer |
| gripper | gripper, opening, ... | mostly near two levels, both common |
| rate | dx, dyaw, velocity, ... | a command that is exactly 0 over a fifth of the time |
| angle | | within one turn, in radians or degrees, reaching both ends |
| place | | all others |
"""

import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from robo.data.features import Feature

SWITCH_NAMES = frozenset({"mode", "terminate", "button", "suction"})
GRIPPER_NAMES = frozenset({"gripper", "opening", "grasp", "finger", "fingers"})
GRIPPER_OTHER = frozenset(
    {"x", "y", "z", "rotation", "roll", "pitch", "yaw", "position", "velocity"}
)
"""A name that has one of these besides "gripper" is about the gripper's pose or motion."""
RATE_NAMES = re.compile(r"d(x|y|z|roll|pitch|yaw|theta)|vel|velocity|speed|delta|rate|[vw][xyz]")
FEW = 8
LEVEL = 0.05
"""Values this close to an end of the range, as a share of it, are at that level."""
AT_LEVELS = 0.7
EACH_LEVEL = 0.05
AT_REST = 0.2
RARE = 0.005
"""Share of values that may lie beyond each end, as sensor outliers do."""
TURNS = (2 * np.pi, 360.0)
SAMPLED = 20_000


class Kind(StrEnum):
    """See the module's docstring."""

    SWITCH = "switch"
    GRIPPER = "gripper"
    RATE = "rate"
    ANGLE = "angle"
    PLACE = "place"


@dataclass(frozen=True)
class Element:
    """One element of a column.

    Attributes:
        label: Text such as "element 3 (base_dx)".
        kind: Its kind.
        turn: One turn in the unit of an angle; 0 for other kinds.
        family: The elements with which it shares unit and scale, such as "base_daxis" for base_dx
            and base_dy; empty if it has no name.
    """

    label: str
    kind: Kind
    turn: float = 0.0
    family: str = ""


def elements_of(feature: Feature | None, table: np.ndarray, *, command: bool) -> list[Element]:
    """The elements of a column.

    Args:
        feature: The column's feature; None if it is not declared.
        table: All its values, shape (frames, n).
        command: Whether they are actions.
    """
    names = element_names(feature, table.shape[1])
    sampled = table[:: max(1, len(table) // SAMPLED)]
    found = []
    for place, (name, values) in enumerate(zip(names, sampled.T, strict=True)):
        kind, turn = _kind(name, values, command=command)
        label = f"element {place}" + (f" ({name})" if name else "")
        found.append(Element(label, kind, turn, _family(name)))
    return found


def greatest_of_family(elements: list[Element], sizes: np.ndarray) -> np.ndarray:
    """The greatest size in each element's family, shape (n,); 0 for elements without a name."""
    found = np.zeros(len(elements))
    for place, element in enumerate(elements):
        if element.family:
            like = [
                (other.family, other.kind) == (element.family, element.kind) for other in elements
            ]
            found[place] = sizes[like].max()
    return found


def element_names(feature: Feature | None, count: int) -> list[str]:
    """The elements' names in info.json, a list or lists by group; empty names if there are none."""
    names = None if feature is None else feature.names
    if isinstance(names, dict):
        names = [name for group in names.values() if isinstance(group, list) for name in group]
    if not isinstance(names, list) or len(names) != count:
        return [""] * count
    return [str(name) for name in names]


def _kind(name: str, values: np.ndarray, *, command: bool) -> tuple[Kind, float]:
    words = set(re.split(r"[^a-z]+", name.lower()))
    if words & SWITCH_NAMES or len(np.unique(values)) <= FEW:
        return Kind.SWITCH, 0.0
    if words & GRIPPER_NAMES and not words & GRIPPER_OTHER and not _is_rate(words):
        return Kind.GRIPPER, 0.0
    if _is_rate(words) or (command and float((values == 0).mean()) > AT_REST):
        return Kind.RATE, 0.0
    low, high = (float(end) for end in np.quantile(values, (RARE, 1 - RARE)))
    at_low = float((values < low + LEVEL * (high - low)).mean())
    at_high = float((values > high - LEVEL * (high - low)).mean())
    if at_low + at_high > AT_LEVELS and min(at_low, at_high) > EACH_LEVEL:
        return Kind.GRIPPER, 0.0
    for turn in TURNS:
        inside = any(
            first - 0.01 * turn <= low and high <= first + 1.01 * turn for first in (-turn / 2, 0.0)
        )
        if inside and high - low > 0.9 * turn:
            return Kind.ANGLE, turn
    return Kind.PLACE, 0.0


def _family(name: str) -> str:
    """A name without its numbers and axes."""
    name = re.sub(r"\d+", "", name.lower())
    name = re.sub(r"(?<![a-z])(d?)(roll|pitch|yaw)(?![a-z])", r"\1turn", name)
    return re.sub(r"(?<![a-z])(d?)[xyz]{1,2}(?![a-z])", r"\1axis", name)


def _is_rate(words: set[str]) -> bool:
    return any(RATE_NAMES.fullmatch(word) for word in words)
