"""Success rules: the stages 0 to 4 of each task. Pure functions of the contacts.

They are those of `gym-aloha` 0.1.5 (tasks/sim.py), which are those of ACT's simulation. A change of
meaning needs a new `SUCCESS_RULE_VERSION`: results are only comparable within one version.

An episode succeeds if its stage is `DONE` after any of its steps.
"""

from collections.abc import Set
from typing import Final

SUCCESS_RULE_VERSION: Final = "aloha-1"

DONE: Final = 4
"""The stage at which a task is done."""

Touching = Set[frozenset[str]]
"""Unordered pairs of the names of geoms in contact."""

LEFT_FINGER: Final = "vx300s_left/10_left_gripper_finger"
RIGHT_FINGER: Final = "vx300s_right/10_right_gripper_finger"
"""The finger of each arm whose contacts count."""

TABLE: Final = "table"
CUBE: Final = "red_box"
PEG: Final = "red_peg"
PIN: Final = "pin"
SOCKET: Final[tuple[str, ...]] = ("socket-1", "socket-2", "socket-3", "socket-4")


def transfer_stage(touching: Touching) -> int:
    """1 the right finger touches the cube, 2 and it is off the table, 3 the left finger touches it,
    4 and it is off the table."""
    left, right = _touch(touching, CUBE, LEFT_FINGER), _touch(touching, CUBE, RIGHT_FINGER)
    lifted = not _touch(touching, CUBE, TABLE)
    if left:
        return DONE if lifted else 3
    if right:
        return 2 if lifted else 1
    return 0


def insertion_stage(touching: Touching) -> int:
    """1 the left finger touches the socket and the right one the peg, 2 and both are off the table,
    3 peg and socket touch off the table, 4 the peg touches the pin inside the socket."""
    if _touch(touching, PEG, PIN):
        return DONE
    socket_held = any(_touch(touching, wall, LEFT_FINGER) for wall in SOCKET)
    both_held = socket_held and _touch(touching, PEG, RIGHT_FINGER)
    lifted = not any(_touch(touching, thing, TABLE) for thing in (PEG, *SOCKET))
    if lifted and any(_touch(touching, PEG, wall) for wall in SOCKET):
        return 3
    if both_held:
        return 2 if lifted else 1
    return 0


def _touch(touching: Touching, one: str, other: str) -> bool:
    return frozenset((one, other)) in touching
