"""Scripts of the two tasks."""

from typing import Final

import numpy as np

from envs.aloha.experts.kinematics import Vector
from envs.aloha.experts.pilot import GiveUpError, Hand, Motion, Pilot
from envs.aloha.model import SIDES
from envs.aloha.rules import PEG, PIN

TRIES: Final = 3
"""Maximum number of grasp attempts."""

REACHES: Final = (0.27, 0.48)
PITCHES: Final = (1.0, 1.25)
"""Pitch of the fingers (rad) by the reach of the arm (m): steeper far away, where the wrist would
otherwise be straight; less steep nearby, where it would otherwise reach its limit."""

BASE: Final = 0.469
"""Distance (m) of the arms' bases from the middle of the table, along x."""

PUSHES: Final = 15
"""Maximum number of pushes of the peg into the socket (ten a second)."""

CAREFUL: Final = 0.14
"""Speed (m/s) at which peg and socket are lifted: they rotate in the grip more easily than their
mass suggests, because the model gives them the inertia of something forty times as heavy."""

MOST_TILT: Final = 0.2
"""Largest turn of the right hand (rad) to compensate for a peg that has rotated in it."""

LIFTED: Final = 0.03
"""An object that has risen this far (m) is held."""


def transfer_cube(pilot: Pilot, rng: np.random.Generator) -> Motion:
    """The right hand picks up the cube and hands it to the left hand."""
    meeting = np.array([0.0, 0.5, 0.25]) + rng.uniform(-0.015, 0.015, 3)
    pitch = _pitch(pilot, "box") + rng.uniform(-0.06, 0.06)
    waiting = Hand((meeting[0] - 0.15, meeting[1], meeting[2]), pitch=0.0, roll=np.pi / 2)
    for _ in range(TRIES):
        hand, nudge = Hand((0, 0, 0), pitch), rng.uniform(-0.01, 0.01, 2)
        above = hand.at(_place(pilot, "box")).moved(nudge[0], nudge[1], 0.1)
        yield from pilot.move(right=above, swing=["right"])
        cube = _place(pilot, "box")
        yield from pilot.move(right=hand.at(cube).moved(z=0.002))
        yield from pilot.grip(right=0.0)
        right = pilot.hands["right"].at(meeting)
        yield from pilot.move(waiting, right, swing=["left"])
        if _place(pilot, "box")[2] > cube[2] + LIFTED:
            break
        yield from pilot.move(right=pilot.hands["right"].opened(1.0).moved(z=0.03))
    else:
        raise GiveUpError("the right hand cannot grasp the cube")
    yield from pilot.hold(5)
    yield from pilot.move(left=waiting.at(_place(pilot, "box")))
    yield from pilot.grip(left=0.0)
    yield from pilot.grip(right=1.0)
    left, right = pilot.hands["left"], pilot.hands["right"]
    yield from pilot.move(left=left.moved(x=-0.06), right=right.moved(x=0.1, z=0.05))
    yield from pilot.hold(10)
    if _place(pilot, "box")[2] < meeting[2] - 0.1:
        raise GiveUpError("the cube was dropped at the handover")


def insertion(pilot: Pilot, rng: np.random.Generator) -> Motion:
    """The left hand picks up the socket, the right hand the peg and inserts it."""
    meeting = np.array([0.0, 0.5, 0.2]) + rng.uniform(-0.015, 0.015, 3)
    tilt = rng.uniform(-0.06, 0.06, 2)
    pitch = _pitch(pilot, "peg") + tilt[1]
    hands = (
        Hand((0, 0, 0), _pitch(pilot, "socket") + tilt[0]),
        Hand((0, 0, 0), pitch),
    )
    for _ in range(TRIES):
        nudge = rng.uniform(-0.01, 0.01, 4)
        yield from pilot.move(
            hands[0].at(_place(pilot, "socket")).moved(nudge[0], nudge[1], 0.1),
            hands[1].at(_place(pilot, "peg")).moved(nudge[2], nudge[3], 0.1),
            swing=SIDES,
        )
        socket, peg = _place(pilot, "socket"), _place(pilot, "peg")
        yield from pilot.move(hands[0].at(socket), hands[1].at(peg).moved(z=0.0015))
        yield from pilot.grip(0.0, 0.0)
        left, right = pilot.hands["left"], pilot.hands["right"]
        yield from pilot.move(
            left.at(meeting).moved(x=-0.08), right.at(meeting).moved(x=0.08), speed=CAREFUL
        )
        risen = min(_place(pilot, "socket")[2] - socket[2], _place(pilot, "peg")[2] - peg[2])
        if risen > LIFTED:
            break
        left, right = pilot.hands["left"], pilot.hands["right"]
        yield from pilot.move(left.opened(1.0).moved(z=0.03), right.opened(1.0).moved(z=0.03))
    else:
        raise GiveUpError("the hands cannot grasp both things")
    yield from pilot.hold(5)
    # First in front of the socket, on its axis, then in, until the peg touches the pin.
    for gap, seconds in ((0.135, 0.6), (0.125, 0.4), (0.098, 1.0)):
        right = pilot.hands["right"].moved(*_missing(pilot, gap)).tilted(_slope(pilot, pitch))
        yield from pilot.move(right=right, seconds=seconds)
    for _ in range(PUSHES):
        if frozenset((PEG, PIN)) in pilot.state.touching:
            break
        missing = 0.5 * _missing(pilot, 0.09)
        yield from pilot.move(right=pilot.hands["right"].moved(*missing), seconds=0.1)
    else:
        raise GiveUpError("the peg does not go into the socket")
    yield from pilot.hold(10)


def _pitch(pilot: Pilot, name: str) -> float:
    """Pitch (rad) of a hand that grasps an object on its side of the table."""
    x, y, _ = _place(pilot, name)
    side = 1.0 if name in ("box", "peg") else -1.0
    reach = np.hypot(side * BASE - x, 0.5 - y)
    return float(np.interp(reach, REACHES, PITCHES))


def _place(pilot: Pilot, name: str) -> Vector:
    """Position of an object (world frame, m), shape (3,)."""
    return pilot.state.objects[name][:3]


def _missing(pilot: Pilot, gap: float) -> Vector:
    """Translation (m) of the peg to `gap` (m) from the socket's centre, on its axis."""
    socket, peg = pilot.state.objects["socket"], pilot.state.objects["peg"]
    return np.asarray(socket[:3] + gap * _axis(socket) - peg[:3])


def _slope(pilot: Pilot, pitch: float) -> float:
    """Further pitch (rad) of the right hand, which grasped at `pitch`, that aligns the peg with the
    socket's slope."""
    socket, peg = (_axis(pilot.state.objects[name]) for name in ("socket", "peg"))
    turned = pilot.hands["right"].pitch - pitch
    missing = float(np.arcsin(socket[2]) - np.arcsin(peg[2]))
    return float(np.clip(turned + missing, -MOST_TILT, MOST_TILT)) - turned


def _axis(pose: Vector) -> Vector:
    """The x axis of a pose."""
    w, x, y, z = pose[3:]
    return np.array([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)])
