"""A short film of a walker: some commands and a push."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from envs.humanoid.state import heading
from envs.rendering import RenderingUnavailableError
from robo.walking.actor import WalkActor, Walker
from robo.walking.evaluation.episodes import Effort, Tick, make_batch, moments
from robo.walking.evaluation.tracking import AXES
from robo.walking.film import WalkFilm

VIDEO: Final = "walk.mp4"

LONG: Final = (
    (3.0, (0.5, 0.0, 0.0)),
    (3.0, (1.0, 0.0, 0.0)),
    (2.5, (0.0, 0.4, 0.0)),
    (2.5, (0.0, 0.0, 0.8)),
    (2.5, (-0.5, 0.0, 0.0)),
    (3.0, (0.5, 0.0, 0.0)),
    (1.5, (0.0, 0.0, 0.0)),
)
"""Durations (s) and commands."""
BRIEF: Final = ((2.0, (0.5, 0.0, 0.0)), (1.5, (0.0, 0.4, 0.0)), (2.5, (0.5, 0.0, 0.0)))

PUSH: Final = 1.0
"""Push to the left (m/s), half a second into the last command to walk."""

_LYING: Final = 1.5
_SMOOTH: Final = 0.5


def film(walker: Walker, effort: Effort, tick: Tick, path: Path, *, brief: bool) -> dict[str, Any]:
    """Film one robot.

    Returns:
        "video": the file's name, or None and a "note"; "fell_after" (s), or None.

    Raises:
        UserError: The film cannot be written.
    """
    parts = BRIEF if brief else LONG
    ends = np.cumsum([seconds for seconds, _ in parts])
    last_walk = max(n for n, (_, command) in enumerate(parts) if any(command))
    with make_batch(walker, 1, effort) as batch:
        pushed_at = round((ends[last_walk] - parts[last_walk][0] + 0.5) * batch.control_hz)
        title = f"{walker.robot.name}, {walker.title}"
        try:
            camera = WalkFilm(path, [batch], [title])
        except RenderingUnavailableError as error:
            return {"video": None, "note": str(error), "fell_after": None}
        fell_after: float | None = None
        speed = np.zeros(3)
        with camera:
            batch.hold_commands(np.array(parts[0][1]))
            walk = moments(batch, WalkActor(walker), float(ends[-1]), tick)
            for number, moment in enumerate(walk, start=1):
                part = min(int(np.searchsorted(ends, moment.time, "right")), len(parts) - 1)
                batch.hold_commands(np.array(parts[part][1]))
                if number == pushed_at:
                    cosine, sine = heading(batch.qpos[:, 3:7])[0]
                    batch.push(PUSH * np.array((-sine, cosine)))
                state = moment.state
                now = np.array((*state.velocity[0, :2], state.gyro[0, 2]))
                speed += (now - speed) / (_SMOOTH * batch.control_hz)
                fell = not moment.upright[0]
                if number % camera.every == 0 or fell:
                    pushed = 0 <= number - pushed_at < batch.control_hz
                    line = _line(parts[part][1], speed, pushed=pushed)
                    camera.shoot([f"fell after {moment.time:.1f} s" if fell else line])
                if fell:
                    fell_after = moment.time
                    camera.hold(_LYING)
                    for _ in range(int(ends[-1]) - int(moment.time)):
                        tick()
                    break
    return {"video": path.name, "note": None, "fell_after": fell_after}


def seconds_of(*, brief: bool) -> float:
    """Duration of the film (s)."""
    return sum(seconds for seconds, _ in (BRIEF if brief else LONG))


def _line(command: tuple[float, float, float], velocity: Any, *, pushed: bool) -> str:
    axes = list(zip(AXES, command, velocity, strict=True))
    told = " ".join(f"{axis} {value:g}" for axis, value, _ in axes if value)
    walks = " ".join(f"{axis} {value:+.2f}" for axis, _, value in axes)
    return f"told {told or 'to stand'}; walks {walks}" + (f"; PUSHED {PUSH:g} m/s" * pushed)
