"""Motions of two hands from which the experts' scripts are made; each yields actions."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from math import ceil, cos, pi, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.aloha.experts.kinematics import ArmKinematics, Matrix, Vector
from envs.aloha.model import SIDES
from envs.aloha.state import AlohaState

CONTROL_HZ: Final = 50

SPEED: Final = 0.22
"""Mean speed of a hand along its way (m/s); at most 1.9 times as much in its middle."""

TURN_SPEED: Final = 1.5
"""Mean speed of a turn (rad/s)."""

SHORTEST: Final = 0.4
"""No motion is quicker than this (s)."""

BENT: Final = 0.8
"""Angle of a wrist whose hand points down (rad)."""

LEVEL: Final = 0.4
"""A hand that points down by less (rad) has its wrist bent upwards."""

Action = NDArray[np.float32]
Motion = Generator[Action, AlohaState, None]

FACING: Final = {"left": 0.0, "right": pi}
"""Yaw of each arm (world frame, rad): they face each other along x."""


class GiveUpError(Exception):
    """A task cannot go on; the text says why in a few words."""


@dataclass(frozen=True)
class Hand:
    """Where a hand is to be.

    Attributes:
        position: of the point between the fingertips (world frame, m).
        pitch: how far the fingers point down from level (rad).
        roll: about the direction in which the fingers point (rad); at 0 they close along y.
        opening: of the gripper, 0 closed to 1 open.
    """

    position: tuple[float, float, float]
    pitch: float
    roll: float = 0.0
    opening: float = 1.0

    def rotation(self, side: str) -> Matrix:
        """Rotation matrix, shape (3, 3), world frame."""
        yaw = FACING[side]
        turns = (
            np.array([[cos(yaw), -sin(yaw), 0], [sin(yaw), cos(yaw), 0], [0, 0, 1]]),
            np.array(
                [
                    [cos(self.pitch), 0, sin(self.pitch)],
                    [0, 1, 0],
                    [-sin(self.pitch), 0, cos(self.pitch)],
                ]
            ),
            np.array(
                [
                    [1, 0, 0],
                    [0, cos(self.roll), -sin(self.roll)],
                    [0, sin(self.roll), cos(self.roll)],
                ]
            ),
        )
        return np.asarray(turns[0] @ turns[1] @ turns[2])

    def at(self, position: Vector) -> "Hand":
        """The same elsewhere."""
        x, y, z = position
        return replace(self, position=(float(x), float(y), float(z)))

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> "Hand":
        """The same, moved along the axes of the world frame (m)."""
        return self.at(np.array(self.position) + np.array([x, y, z]))

    def opened(self, opening: float) -> "Hand":
        """The same with another opening."""
        return replace(self, opening=opening)

    def tilted(self, angle: float) -> "Hand":
        """The same, pointing further down (rad)."""
        return replace(self, pitch=self.pitch + angle)

    def numbers(self) -> Vector:
        """All of it, shape (6,)."""
        return np.array([*self.position, self.pitch, self.roll, self.opening])


class Pilot:
    """The motions of two hands.

    Args:
        state: the true state at the beginning.
        pace: factor on all speeds.

    Attributes:
        state: the last state received.
        hands: where each hand was last sent, by its side.
    """

    def __init__(self, state: AlohaState, pace: float = 1.0) -> None:
        self.state = state
        self.pace = pace
        self.hands: dict[str, Hand] = {}
        self._arms = {side: ArmKinematics(side) for side in SIDES}
        self._joints = {side: state.joints[side] for side in SIDES}
        for side, arm in self._arms.items():
            arm.reset(state.joints[side])
            position, rotation = arm.tool_pose(state.joints[side])
            pitch = float(np.arcsin(-np.clip(rotation[2, 0], -1.0, 1.0)))
            self.hands[side] = Hand((0, 0, 0), pitch, 0.0, state.openings[side]).at(position)

    def move(
        self,
        left: Hand | None = None,
        right: Hand | None = None,
        *,
        seconds: float | None = None,
        speed: float = SPEED,
        swing: Sequence[str] = (),
    ) -> Motion:
        """Bring hands to poses, both in the same time, smoothly (least jerk, Flash and Hogan 1985).

        A hand goes in a line, or swings: each joint then goes straight to where it ends.

        Args:
            left: where the left hand is to be; None: it stays.
            right: the same of the right one.
            seconds: how long it takes; None: as the distance and the turn need.
            speed: mean speed of the hand that has the longer way (m/s).
            swing: the sides that swing.
        """
        starts = {side: hand.numbers() for side, hand in self.hands.items()}
        ends = {
            "left": (left or self.hands["left"]).numbers(),
            "right": (right or self.hands["right"]).numbers(),
        }
        if seconds is None:
            seconds = max(_seconds(starts[side], ends[side], speed) for side in SIDES)
        steps = max(1, ceil(seconds * CONTROL_HZ / self.pace))
        before = dict(self._joints)
        goals = {
            side: self._joints_at(side, Hand(tuple(ends[side][:3]), *ends[side][3:]))
            for side in swing
        }
        for step in range(1, steps + 1):
            s = step / steps
            share = s**3 * (10 - 15 * s + 6 * s * s)
            for side in SIDES:
                x, y, z, *rest = starts[side] + share * (ends[side] - starts[side])
                self.hands[side] = Hand((x, y, z), *rest)
                if side in goals:
                    self._joints[side] = before[side] + share * (goals[side] - before[side])
                    self._arms[side].reset(self._joints[side])
                else:
                    hand = self.hands[side]
                    self._joints[side] = self._arms[side].solve(
                        np.array(hand.position), hand.rotation(side)
                    )
            yield from self.hold(1)

    def hold(self, steps: int) -> Motion:
        """Stay where the hands were sent."""
        for _ in range(steps):
            self.state = yield self.action()

    def grip(self, left: float | None = None, right: float | None = None) -> Motion:
        """Bring grippers to openings and wait for the fingers, which follow in a sixth of a
        second."""
        hands = self.hands
        wanted_left = None if left is None else hands["left"].opened(left)
        wanted_right = None if right is None else hands["right"].opened(right)
        yield from self.move(wanted_left, wanted_right, seconds=0.3)
        yield from self.hold(12)

    def action(self) -> Action:
        """What brings the hands where they were sent, shape (14,)."""
        numbers: list[float] = []
        for side in SIDES:
            numbers += [*self._joints[side], self.hands[side].opening]
        return np.array(numbers, dtype=np.float32)

    def _joints_at(self, side: str, hand: Hand) -> Vector:
        wrist = BENT if hand.pitch > LEVEL else -BENT / 2
        return self._arms[side].joints_at(np.array(hand.position), hand.rotation(side), wrist)


def _seconds(start: Vector, end: Vector, speed: float) -> float:
    way = float(np.linalg.norm(end[:3] - start[:3]))
    turn = float(np.abs(end[3:5] - start[3:5]).max())
    return max(SHORTEST, way / speed, turn / TURN_SPEED)
