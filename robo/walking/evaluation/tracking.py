"""How well commands are followed, what walking costs, and whether the arms swing."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.robots import RobotConfig
from robo.statistics import Z_95, Rate
from robo.walking.actor import WalkActor, Walker
from robo.walking.evaluation.episodes import (
    SETTLE,
    Effort,
    Floats,
    Tally,
    Tick,
    lasted,
    make_batch,
    mean,
    moments,
)

AXES: Final = ("vx", "vy", "yaw")
UNITS: Final = {"vx": "m/s", "vy": "m/s", "yaw": "rad/s"}
STANDING: Final = "standing"

COMMANDS: Final[Mapping[str, tuple[float, ...]]] = {
    "vx": (-1.0, -0.5, -0.2, 0.2, 0.5, 1.0),
    "vy": (-0.5, -0.4, -0.2, 0.2, 0.4, 0.5),
    "yaw": (-1.0, -0.8, -0.2, 0.2, 0.8, 1.0),
}
"""Commands, one axis at a time."""

SMALL: Final = 0.2
FOLLOWED: Final = 0.5
"""A small command of which less than this share is reached lies in a dead zone."""

TARGETS: Final = (("vx", 0.5), ("vx", 1.0), ("vx", -0.5), ("vy", 0.4), ("yaw", 0.8))
SHARE: Final = 0.9
"""Commands of which at least this share must be reached."""

SWINGING: Final = (("vx", 0.5), ("vx", 1.0))
"""Commands at which arm swing is measured."""

_ARMS_AND_LEGS: Final = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")

_GRAVITY: Final = 9.81
_SLOWEST: Final = 0.1
"""Mean speed (m/s) below which a cost per distance is meaningless."""


def track(walker: Walker, effort: Effort, tick: Tick) -> dict[str, Any]:
    """Walk on flat ground under every command.

    Returns:
        "rows", see `summarise`; "dead_zones"; "arms", see `arm_swing`; "mass" (kg).
    """
    asked = [(axis, value) for axis, values in COMMANDS.items() for value in values]
    asked.append((STANDING, 0.0))
    copies = effort.copies
    with make_batch(walker, copies * len(asked), effort) as batch:
        batch.hold_commands(np.repeat(vectors(asked), copies, axis=0))
        tally, swing = Tally(batch.copies), _Swing(walker.robot, asked, copies)
        for moment in moments(batch, WalkActor(walker, batch.copies), effort.seconds, tick):
            tally.add(moment)
            if moment.time > SETTLE:
                swing.add(moment.state.joint_position)
        mass = float(batch.models[0].body_mass.sum())
    rows = summarise(asked, copies, tally, mass)
    return {
        "rows": rows,
        "dead_zones": dead_zones(rows),
        "arms": swing.result(tally.survived),
        "mass": round(mass, 3),
    }


def vectors(asked: Sequence[tuple[str, float]]) -> Floats:
    """Axes and values as commands [k, 3]."""
    commands = np.zeros((len(asked), 3))
    for row, (axis, value) in enumerate(asked):
        if axis != STANDING:
            commands[row, AXES.index(axis)] = value
    return commands


def summarise(
    asked: Sequence[tuple[str, float]], copies: int, tally: Tally, mass: float
) -> list[dict[str, Any]]:
    """A row per command, from `copies` consecutive episodes of each.

    Each row has "axis", "command", "achieved" on that axis (m/s or rad/s; for standing the drift
    speed), "interval" (95%, of that mean over the episodes), "share" of the command, "sideslip"
    (mean vy, or vx when vy is commanded), "survived", "unstable", "power" (W), "energy" (J/m),
    "cost_of_transport" (power / (m g v)), "velocities" and "lasted" of the episodes. Undefined
    values are None.
    """
    rows = []
    for number, (axis, command) in enumerate(asked):
        part = slice(number * copies, (number + 1) * copies)
        velocity, power = tally.velocity[part], tally.power[part]
        speed = np.linalg.norm(velocity[:, :2], axis=1)
        along = speed if axis == STANDING else velocity[:, AXES.index(axis)]
        achieved = mean(along)
        moving = axis in ("vx", "vy") and achieved is not None and (mean(speed) or 0) > _SLOWEST
        energy = mean(power / speed) if moving else None
        rows.append(
            {
                "axis": axis,
                "command": command,
                "achieved": achieved,
                "interval": _interval(along),
                "share": None if achieved is None or not command else round(achieved / command, 3),
                "sideslip": mean(velocity[:, 0 if axis == "vy" else 1]),
                "survived": Rate(int(tally.survived[part].sum()), copies).as_dict(),
                "unstable": int(tally.unstable[part].sum()),
                "power": mean(power),
                "energy": energy,
                "cost_of_transport": None if energy is None else round(energy / mass / _GRAVITY, 4),
                "velocities": [_rounded(row) for row in velocity],
                "lasted": lasted(tally, part),
            }
        )
    return rows


def dead_zones(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Small commands that are ignored, such as "vy -0.2"."""
    return [
        f"{row['axis']} {row['command']:g}"
        for row in rows
        if abs(row["command"]) == SMALL and (row["share"] is None or row["share"] < FOLLOWED)
    ]


def arm_swing(shoulders: Floats, hips: Floats) -> dict[str, float | None]:
    """How the arms swing with the opposite legs.

    Args:
        shoulders: Pitch of the left and the right shoulder over time (rad) [t, 2].
        hips: Pitch of the left and the right hip [t, 2].

    Returns:
        "correlation" of each shoulder with the opposite hip, averaged: 1 is how people walk, as
        both turn about y; "amplitude": half the range from the 5th to the 95th percentile
        (degrees), averaged.
    """
    correlations = [_correlation(shoulders[:, side], hips[:, 1 - side]) for side in (0, 1)]
    low, high = np.percentile(shoulders, (5, 95), axis=0)
    return {
        "correlation": mean(correlations),
        "amplitude": mean(np.degrees(high - low) / 2.0),
    }


class _Swing:
    """Records shoulder and hip pitch of the copies commanded `SWINGING`."""

    def __init__(self, robot: RobotConfig, asked: Sequence[tuple[str, float]], copies: int) -> None:
        self._robot, self._copies = robot, copies
        self._rows = {
            command: asked.index(command) * copies + np.arange(copies) for command in SWINGING
        }
        names = [name.lower() for name in robot.joints]
        found = [
            number
            for part in _ARMS_AND_LEGS
            for number, name in enumerate(names)
            if name.startswith(f"{part}_pitch")
        ]
        self._joints = np.array(found) if len(found) == len(_ARMS_AND_LEGS) else None
        self._angles: list[NDArray[np.float64]] = []

    def add(self, angles: Floats) -> None:
        """Add the joint angles of all copies [n, m]."""
        if self._joints is not None:
            rows = np.concatenate(list(self._rows.values()))
            self._angles.append(angles[np.ix_(rows, self._joints)])

    def result(self, survived: NDArray[np.bool_]) -> dict[str, Any]:
        """A row per command, or a "note" why there are none."""
        if self._joints is None:
            return {"rows": [], "note": f"{self._robot.name} has no arms that move"}
        if not self._angles:
            return {"rows": [], "note": f"episodes were not longer than {SETTLE:g} s"}
        angles = np.stack(self._angles)
        rows = []
        for number, ((axis, command), copies) in enumerate(self._rows.items()):
            upright = number * self._copies + np.flatnonzero(survived[copies])
            swings = [arm_swing(angles[:, k, :2], angles[:, k, 2:]) for k in upright]
            rows.append(
                {
                    "axis": axis,
                    "command": command,
                    "episodes": len(swings),
                    "correlation": mean([s["correlation"] for s in swings]),
                    "amplitude": mean([s["amplitude"] for s in swings]),
                }
            )
        return {"rows": rows, "note": None}


def _correlation(one: Floats, other: Floats) -> float:
    if min(one.std(), other.std()) < 1e-6:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def _interval(values: Floats) -> list[float] | None:
    """The normal 95% interval of the mean; None for fewer than two values."""
    numbers = values[np.isfinite(values)]
    if numbers.size < 2:
        return None
    half = Z_95 * float(numbers.std(ddof=1)) / np.sqrt(numbers.size)
    middle = float(numbers.mean())
    return [round(middle - half, 4), round(middle + half, 4)]


def _rounded(velocity: Floats) -> list[float] | None:
    return [round(float(v), 3) for v in velocity] if np.isfinite(velocity).all() else None
