"""Closed-loop motions that skills are built from; each yields actions and receives states."""

from collections import deque
from collections.abc import Generator, Sequence
from math import atan2, cos, hypot, pi, remainder, sin, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.kitchen.control import ARM, BASE, BASE_SPEED, BASE_TURN, GRIPPER_SPEED, GRIPPER_TURN
from envs.kitchen.experts.navigation import route
from envs.kitchen.scene import Scene
from envs.kitchen.state import KitchenState

CONTROL_HZ: Final[int] = 10
"""The experts are written for this many actions a second."""

HOME: Final[tuple[float, float, float]] = (0.3346, 0.0, 1.045)
"""Position of the gripper while driving, base frame (m): above all surfaces."""

MAX_DELAY: Final[int] = 4
"""Longest control delay that a pilot compensates for (steps)."""

Action = NDArray[np.float32]
Vector = NDArray[np.float64]
Motion = Generator[Action, KitchenState, None]
Attempt = Generator[Action, KitchenState, bool]


class GiveUpError(Exception):
    """A skill cannot go on; the message says why in a few words."""


class Pilot:
    """Moves one robot.

    Attributes:
        scene: the robot's scene.
        state: the last state received.
        opening: commanded opening of the gripper, 0 to 1.
    """

    def __init__(self, scene: Scene, state: KitchenState, opening: float) -> None:
        self.scene = scene
        self.state = state
        self.opening = opening
        self._sent: deque[Action] = deque(maxlen=MAX_DELAY)
        self._delay: int | None = None
        self._since = 0

    # ------------------------------------------------------------------------------------ base
    def drive(self, x: float, y: float, yaw: float) -> Motion:
        """Drive around the furniture to a base pose (world frame); far ones tuck the arm first."""
        if hypot(x - self.state.base[0], y - self.state.base[1]) > 0.5:
            yield from self.tuck()
        start = (float(self.state.base[0]), float(self.state.base[1]))
        way = route(start, (x, y), self.state.drawers)
        for index, (px, py) in enumerate(way):
            last = index == len(way) - 1
            yield from self.roll(px, py, yaw, 0.01 if last else 0.12, stop=last)

    def roll(
        self, x: float, y: float, yaw: float, tolerance: float = 0.01, *, stop: bool = True,
        speed: float = BASE_SPEED,
    ) -> Attempt:  # fmt: skip
        """Drive straight to a base pose (world frame); False when something is in the way."""
        best, waited = float("inf"), 0
        while True:
            ahead_x, ahead_y, ahead_yaw = self._base_pending()
            dx, dy = x - self.state.base[0] - ahead_x, y - self.state.base[1] - ahead_y
            turn = remainder(yaw - self.state.base[2] - ahead_yaw, 2 * pi)
            distance = hypot(dx, dy)
            if distance < tolerance and (not stop or abs(turn) < 0.02):
                break
            error = distance + 0.3 * abs(turn)
            best, waited = (error, 0) if error < best - 0.003 else (best, waited + 1)
            if waited > 12 + self.delay:
                return False
            pace = min(speed, distance / 0.16, sqrt(2.6 * distance)) if stop else speed
            spin = min(BASE_TURN, abs(turn) / 0.16, sqrt(6.0 * abs(turn)))
            heading = atan2(dy, dx) - self.state.base[2]
            velocity = (pace * cos(heading), pace * sin(heading), spin * np.sign(turn))
            yield from self._base(velocity)
        if stop:
            yield from self.wait(1 + self.delay)
        return True

    # ------------------------------------------------------------------------------------- arm
    def reach(
        self,
        position: Sequence[float] | Vector,
        yaw: float,
        tolerance: float = 0.006,
        speed: float = GRIPPER_SPEED,
        patience: int = 8,
        tilt: float = 0.0,
    ) -> Attempt:
        """Move the gripper straight to a point (world frame, m), pointing down or tilted.

        Args:
            position: of the point between the fingertips.
            yaw: heading of the gripper's x axis, the fingers open across it (world frame, rad).
            tolerance: m.
            speed: m/s.
            patience: steps without progress after which it gives up.
            tilt: how far the fingers point forward, along `yaw`, from straight down (rad).

        Returns:
            Whether it got there.
        """
        best, waited = float("inf"), 0
        while True:
            delta, turn = self._errors(np.asarray(position, dtype=np.float64), yaw, tilt)
            distance, angle = float(np.linalg.norm(delta)), float(np.linalg.norm(turn))
            if distance < tolerance and angle < 0.04:
                return True
            error = distance + 0.1 * angle
            best, waited = (error, 0) if error < best - 0.001 else (best, waited + 1)
            if waited > patience + self.delay:
                return False
            step, twist = 0.8 * delta, 0.8 * turn
            # One factor for both keeps the line straight and the turn in time with it.
            factor = min(
                1.0,
                speed / CONTROL_HZ / max(float(np.linalg.norm(step)), 1e-9),
                GRIPPER_TURN / CONTROL_HZ / max(float(np.linalg.norm(twist)), 1e-9),
            )
            yield from self._arm(factor * step, factor * twist)

    def tuck(self) -> Motion:
        """Bring the gripper home, upwards first."""
        x, y, z = HOME
        here = self.state.gripper_position
        home = self.to_world((x, y, z))
        if hypot(here[0] - home[0], here[1] - home[1]) > 0.1 and here[2] < z - 0.25:
            yield from self.reach((here[0], here[1], z - 0.2), self.gripper_yaw(), 0.06)
        yield from self.reach(home, float(self.state.base[2]), 0.03)

    def grip(self, opening: float, steps: int = 12) -> Motion:
        """Open (1) or close (0) the fingers and wait until they stop."""
        self.opening = opening
        before = -1.0
        for step in range(steps + self.delay):
            if step > 1 + self.delay and abs(self.state.gripper_opening - before) < 0.0008:
                return
            before = self.state.gripper_opening
            yield from self.wait(1)

    def wait(self, steps: int) -> Motion:
        """Hold still."""
        for _ in range(steps):
            yield from self._arm(np.zeros(3), np.zeros(3))

    # --------------------------------------------------------------------------------- frames
    def to_world(self, point: Sequence[float]) -> Vector:
        """A point of the base frame in the world frame."""
        x, y, yaw = self.state.base
        return np.array(
            [
                x + cos(yaw) * point[0] - sin(yaw) * point[1],
                y + sin(yaw) * point[0] + cos(yaw) * point[1],
                point[2],
            ]
        )

    def gripper_rotation(self) -> Vector:
        """Rotation of the gripper, world frame, shape (3, 3)."""
        return rotation_matrix(self.state.gripper_quaternion)

    def gripper_yaw(self) -> float:
        """Heading of the gripper's x axis (world frame, rad)."""
        axis = self.gripper_rotation()[:, 0]
        return atan2(axis[1], axis[0])

    def _errors(self, position: Vector, yaw: float, tilt: float) -> tuple[Vector, Vector]:
        """Remaining error to a gripper pose, as a translation and a rotation vector, both in the
        base frame."""
        base_yaw = self.state.base[2]
        to_base = np.array(
            [[cos(base_yaw), sin(base_yaw), 0], [-sin(base_yaw), cos(base_yaw), 0], [0, 0, 1.0]]
        )
        delta = to_base @ (position - self.state.gripper_position)
        across = np.array([sin(yaw), -cos(yaw), 0.0])
        ahead = np.array([sin(tilt) * cos(yaw), sin(tilt) * sin(yaw), -cos(tilt)])
        wanted = np.column_stack([np.cross(across, ahead), across, ahead])
        turn = to_base @ rotation_vector(wanted @ self.gripper_rotation().T)
        for action in self._pending(ARM):
            delta, turn = delta - action[0:3], turn - action[3:6]
        return delta, turn

    # ------------------------------------------------------------------------------- actions
    def _arm(self, delta: Vector, turn: Vector) -> Motion:
        yield from self._exchange([*delta, *turn, self.opening, 0.0, 0.0, 0.0, ARM])

    def _base(self, velocity: tuple[float, float, float]) -> Motion:
        steps = [number / CONTROL_HZ for number in velocity]
        yield from self._exchange([*(0.0,) * 6, self.opening, *steps, BASE])

    def _exchange(self, numbers: list[float]) -> Motion:
        action, before = np.array(numbers, dtype=np.float32), self.state
        self.state = yield action
        self._sent.append(action)
        self._notice_delay(before, action)

    # --------------------------------------------------------------------------------- delay
    @property
    def delay(self) -> int:
        """Number of actions before one takes effect, as far as noticed."""
        return self._delay or 0

    def _notice_delay(self, before: KitchenState, action: Action) -> None:
        """Count the steps from the first action that must move something until something moves."""
        if self._delay is None and (self._since or np.abs(action[[0, 1, 2, 7, 8]]).max() > 0.01):
            self._since += 1
            moved = np.abs(self.state.gripper_position - before.gripper_position).max()
            if moved > 0.002 or self._since > MAX_DELAY:
                self._delay = self._since - 1

    def _pending(self, mode: int) -> list[Action]:
        """Actions of one mode that have been sent but have had no effect yet."""
        late = list(self._sent)[len(self._sent) - self.delay :]
        return [action for action in late if action[10] == mode]

    def _base_pending(self) -> Vector:
        """How far actions already sent will still move the base: x, y, yaw, world frame."""
        x, y, turn = sum((action[7:10] for action in self._pending(BASE)), np.zeros(3))
        yaw = self.state.base[2]
        return np.array([cos(yaw) * x - sin(yaw) * y, sin(yaw) * x + cos(yaw) * y, turn])


def rotation_matrix(quaternion: Vector) -> Vector:
    """Rotation matrix, shape (3, 3), of a quaternion w, x, y, z."""
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotation_vector(rotation: Vector) -> Vector:
    """Axis times angle (rad), shape (3,), of a rotation matrix."""
    axis = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    sine, cosine = float(np.linalg.norm(axis)) / 2, (float(np.trace(rotation)) - 1.0) / 2
    angle = atan2(sine, cosine)
    if sine < 1e-6:
        # A half turn has no unique axis: any will do to get away from it.
        return np.array([0.0, 0.0, angle])
    return axis / (2 * sine) * angle


__all__ = ["CONTROL_HZ", "HOME", "Action", "Attempt", "GiveUpError", "Motion", "Pilot"]
