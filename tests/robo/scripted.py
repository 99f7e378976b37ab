"""A device that answers from a list, and sessions of it in the point environment."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from robo.recording.device import Command, EpisodeStart, Event, Status, Tick
from robo.recording.environments import make_environment
from robo.recording.recorder import Recorder
from robo.recording.session import Session
from robo.recording.tasks import PlainTask
from tests.robo.point_env import POINT_ID

MOVE = Command(np.full(2, 0.01, np.float32))


class Script:
    """A device that answers from a list, then stops."""

    name = "script"

    def __init__(self, commands: Sequence[Command], paced: bool = False) -> None:
        self.paced = paced
        self.commands: Iterator[Command] = iter(commands)
        self.statuses: list[Status] = []
        self.starts: list[EpisodeStart] = []
        self.ends: list[bool] = []
        self.closed = False
        self.slow: Callable[[Tick], None] = lambda tick: None

    def open(self, env: "gymnasium.Env[Any, Any]") -> str:
        return "ready"

    def begin(self, start: EpisodeStart) -> None:
        self.starts.append(start)

    def act(self, tick: Tick) -> Command:
        self.statuses.append(tick.status)
        self.slow(tick)
        return next(self.commands, Command(event=Event.STOP))

    def end(self, kept: bool) -> None:
        self.ends.append(kept)

    def close(self) -> None:
        self.closed = True


def recorder(root: Path, **options: Any) -> Recorder:
    made = make_environment(POINT_ID, image_size=32)
    return Recorder(made.env, root, "reach the mark", arguments=made.arguments, **options)


def play(root: Path, commands: Sequence[Command], wanted: int = 99, **options: Any) -> Session:
    device = Script(commands, paced=options.pop("paced", False))
    task = PlainTask("reach the mark", seed=options.pop("seed", 0))
    made = make_environment(POINT_ID, image_size=32)
    session = Session(
        Recorder(made.env, root, task, device=device.name, arguments=made.arguments),
        device,
        wanted,
        **options,
    )
    session.run()
    assert device.closed
    return session


def device_of(session: Session) -> Script:
    assert isinstance(session.device, Script)
    return session.device


def keep(frames: int) -> list[Command]:
    return [*[MOVE] * frames, Command(event=Event.KEEP)]
