"""`robo walk`: a walker driven from a web page, with the keyboard, in real time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from envs.humanoid.commands import STANDING
from envs.humanoid.terrain import FLAT
from robo.closing import Closing
from robo.errors import UserError
from robo.recording.browser_controls import View
from robo.recording.pacing import Pacer
from robo.recording.ports import check_port
from robo.walking.actor import Walker
from robo.walking.drive_scene import CAMERA, TARGET, DriveScene
from robo.walking.live import CONTROL_HZ, LiveWalk
from robo.walking.steering import AXES, LIMITS, MAX_PUSH, SETTINGS, Steering, Wanted

PORT: Final = 8766

_AT_ONCE: Final = 1e-6
"""Transition time (s) of the scene when it jumps, without interpolation."""


@dataclass(frozen=True)
class Drove:
    """Outcome of a drive.

    Attributes:
        ticks: Control steps of 20 ms.
        missed: Deadlines missed.
        falls: How often the robot fell.
    """

    ticks: int
    missed: int
    falls: int


def drive(
    walker: Walker,
    *,
    terrain: str = FLAT,
    level: float = 1.0,
    seed: int = 0,
    port: int | None = None,
    on_open: Callable[[str], None] = lambda address: None,
) -> Drove:
    """Let users of a page drive a walker until one of them, or Ctrl-C, ends it.

    Args:
        walker: Walker to drive.
        terrain: One of `envs.humanoid.terrain.KINDS`.
        level: How steep, high or rough the ground is, 0 to 1.
        seed: Seed of the start.
        port: Loopback port; 0: any free one; None: `PORT` or the next free one.
        on_open: Called with the page's address.

    Raises:
        UserError: The page cannot be shown.
    """
    torch.set_num_threads(1)
    steering, pacer, ticks = Steering(), Pacer(CONTROL_HZ), 0
    with LiveWalk(walker, terrain, level, seed) as live, _Page(live, steering, port) as page:
        page.open(walker, terrain)
        on_open(page.address)
        try:
            while True:
                pacer.wait()
                wanted = steering.take()
                if wanted.end:
                    break
                _carry_out(wanted, live)
                ticks += 1
                page.tell(wanted, pacer)
        except KeyboardInterrupt:
            pass
        return Drove(ticks, pacer.missed, live.falls)


def _carry_out(wanted: Wanted, live: LiveWalk) -> None:
    live.set(wanted.settings)
    if wanted.stand:
        live.stand_up()
    for push in wanted.pushes:
        live.push(push)
    live.tick(wanted.command)


class _Page(Closing):
    """The page: scene, numbers and user input."""

    def __init__(self, live: LiveWalk, steering: Steering, port: int | None) -> None:
        if port:
            check_port(port)
        try:
            from robo.recording.browser_server import PageServer
            from robo.recording.browser_show import Show
        except ImportError as error:
            raise UserError(f"the page needs {error.name}: `pip install viser`") from error
        self._live, self._steering = live, steering
        self._scene = DriveScene(live.batch)
        self._server = PageServer(
            PORT if port is None else port,
            steering.receive,
            steering.leave,
            lambda path: None,
            home="walk.html",
        )
        self.address = self._server.address
        self._show = Show(self._server, lambda name, pose: None, lambda name: None)

    def open(self, walker: Walker, terrain: str) -> None:
        """Show the robot and its description."""
        self._show.load(self._scene.model, {})
        self._show.look(View(CAMERA, TARGET), again=False)
        note = "a teacher: it also sees what only a simulator knows" if walker.is_teacher else ""
        limits = LIMITS.tolist()
        self._server.send(
            "setup",
            {
                "robot": walker.robot.name,
                "policy": walker.title,
                "note": note,
                "terrain": terrain,
                "fps": CONTROL_HZ,
                "axes": [{"name": name, "limit": limits[axis]} for axis, name in enumerate(AXES)],
                "settings": [
                    {"name": name, "low": low, "high": high, "start": start}
                    for name, (low, high, start) in SETTINGS.items()
                ],
                "max_push": MAX_PUSH,
            },
        )

    def tell(self, wanted: Wanted, pacer: Pacer) -> None:
        """Show this tick."""
        from robo.recording.browser_show import Moment

        if wanted.turn_view:
            self._scene.turns = not self._scene.turns
        poses, jumped = self._scene.poses(1.0 / CONTROL_HZ)
        moment = Moment(poses, {}, False, {}, self._numbers(wanted, pacer))
        self._show.tell(moment, _AT_ONCE if jumped else 1.0 / CONTROL_HZ)

    def close(self) -> None:
        """Close the page."""
        self._server.send("closed", True)
        self._show.stop()
        self._server.stop()

    def _numbers(self, wanted: Wanted, pacer: Pacer) -> dict[str, Any]:
        live = self._live
        moving = float(np.linalg.norm(wanted.command)) >= STANDING
        return {
            "phase": "fallen" if live.fallen else "walking" if moving else "standing",
            "command": [round(float(value), 3) for value in wanted.command],
            "velocity": [round(float(value), 3) for value in live.velocity],
            "keys": sorted(wanted.keys),
            "speed": self._steering.speed,
            "settings": dict(wanted.settings),
            "falls": live.falls,
            "seconds": round(live.seconds, 2),
            "rate": round(pacer.rate, 1),
            "missed": pacer.missed,
            "turns": self._scene.turns,
        }


__all__ = ["PORT", "Drove", "drive"]
