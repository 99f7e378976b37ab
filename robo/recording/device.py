"""What acts during `robo record`: the common interface of browser, keyboard, gamepad and expert.

The session owns the environment, the clock and the dataset; a device only observes and answers. All
its methods are called from the session's thread, in this order:

    open(env)
    begin(start)  act(tick) act(tick) ...  end(kept)      once per episode
    close()                                               always, also after an error

At each tick the session passes the current observation and gets a `Command`. If it has an action,
the frame (this observation, this action) is recorded, the environment steps, and the next tick
comes one period later. Otherwise nothing is recorded and the environment stands still, so an
episode begins with the device's first action. An action is carried out before an event.

A device never steps or resets the environment. It may read it (`env` is unwrapped: the kitchen and
the two arms have `.data`) inside its methods; what its own threads show must be copied there,
because the session steps the environment between calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray


class Phase(StrEnum):
    """What the session is doing."""

    WAITING = "waiting"
    """The environment is reset; the first action begins the episode."""
    RECORDING = "recording"
    """An episode is open."""
    OVER = "over"
    """The environment ended the episode (or its time is up): actions are ignored until an
    event."""
    REPLAYING = "replaying"
    """A recorded episode is shown; actions are ignored; KEEP, AGAIN and STOP end the replay (STOP
    also ends the session)."""
    DONE = "done"
    """Everything wanted is recorded; the device may still replay and discard. STOP ends this."""


class Event(StrEnum):
    """What a device requests."""

    KEEP = "keep"
    """Finish the open episode and go on to the next start. Does nothing without a frame."""
    AGAIN = "again"
    """Drop the open episode and record it again, from the same start."""
    SKIP = "skip"
    """Drop the open episode and go on to the next start."""
    STOP = "stop"
    """End the session. The open episode is kept if its success rule holds or it has none, else
    dropped."""
    DISCARD = "discard"
    """Mark the finished episode `Command.episode` (the last one when None) for removal from the
    dataset, or unmark it. The open episode goes on."""
    REPLAY = "replay"
    """Show the finished episode `Command.episode` (the last one when None). The open episode is
    dropped; its start comes again afterwards."""


@dataclass(frozen=True)
class EpisodeStart:
    """How an episode begins.

    Attributes:
        number: Its index in the dataset, if it is kept.
        task: The task, in words.
        seed: Seed of the environment's reset.
        options: Options of the environment's reset, such as the kitchen's `start`.
        observation: The first, as the environment gives it (`state`, `images/<camera>`).
        info: The first.
    """

    number: int
    task: str
    seed: int
    options: Mapping[str, Any]
    observation: Mapping[str, NDArray[Any]]
    info: Mapping[str, Any]


@dataclass(frozen=True)
class RecordedEpisode:
    """An episode of the dataset, for a list.

    Attributes:
        index: Its index in the dataset.
        task: The task, in words.
        frames: Number of frames.
        seconds: Its duration at the dataset's rate.
        success: Result of the success rule; None without a rule.
        missed: Missed deadlines; None for episodes of earlier sessions.
        thumbnail: A small picture (H, W, 3) uint8 from its end, or None.
        discarded: Whether it will be removed when the session ends.
    """

    index: int
    task: str
    frames: int
    seconds: float
    success: bool | None
    missed: int | None
    thumbnail: NDArray[np.uint8] | None
    discarded: bool


@dataclass(frozen=True)
class Status:
    """State of the session, for display.

    Attributes:
        phase: What the session is doing.
        task: The task, in words.
        episode: Index in the dataset of the open episode, or of the one being replayed.
        frames: Frames of that episode so far.
        seconds: Time since its first frame: by the clock while recording, else by frames.
        success: Whether the success rule holds now; None without a rule.
        fps: The requested rate.
        rate: Measured rate of the last second or so; 0 unless recording.
        missed: Deadlines missed in the open episode; 0 unless recording.
        kept: Episodes of this task in the dataset, without discarded ones.
        wanted: How many the dataset should hold.
        episodes: All episodes of the dataset. The same tuple until something changes.
        message: Message for the person, such as "episode 12 is kept"; or empty.
    """

    phase: Phase
    task: str
    episode: int
    frames: int
    seconds: float
    success: bool | None
    fps: int
    rate: float
    missed: int
    kept: int
    wanted: int
    episodes: tuple[RecordedEpisode, ...]
    message: str = ""


@dataclass(frozen=True)
class Tick:
    """What a device gets at a tick.

    Attributes:
        observation: As the environment gives it: `state` (n,), `images/<camera>` (H, W, 3) uint8.
            Must not be modified.
        info: From the last step or reset.
        status: State of the session.
    """

    observation: Mapping[str, NDArray[Any]]
    info: Mapping[str, Any]
    status: Status


@dataclass(frozen=True)
class Command:
    """A device's answer.

    Attributes:
        action: Action to send as it is, shape of the action space; None: none now.
        intended: Action to record as `action` if it is not the sent one: an expert's own action
            when noise is added (DART). None: the same.
        label: The current skill, such as "pick up the apple"; empty: the task's own label.
        event: Requested event, handled after the action.
        episode: Episode that `DISCARD` and `REPLAY` refer to; None: the last.
        note: The operator's note on the episode that `KEEP` or `STOP` finishes.
        recorded: Whether the action makes a frame. It may be False before the first frame: the
            action then belongs to the start (of a policy to be corrected).
    """

    action: NDArray[Any] | None = None
    intended: NDArray[Any] | None = None
    label: str = ""
    event: Event | None = None
    episode: int | None = None
    note: str = ""
    recorded: bool = True


NOTHING = Command()
"""No action, no event: everything waits."""


class Device(Protocol):
    """See the module docstring for the order of calls.

    Attributes:
        name: Recorded with every episode: "browser", "keyboard", "gamepad", "expert", ...
        paced: Whether to run at the fixed rate, as people and real robots need; False runs as fast
            as the environment allows.
    """

    name: str
    paced: bool

    def open(self, env: "gymnasium.Env[Any, Any]") -> str:
        """Prepare the device.

        Args:
            env: The environment, unwrapped and already reset; its `action_space` defines actions.

        Returns:
            Text for the person at the terminal (an address, the keys); may be empty.

        Raises:
            robo.errors.UserError: It cannot work here; the message says what to do.
        """
        ...

    def begin(self, start: EpisodeStart) -> None:
        """The environment was reset; an episode, or a replay, may begin."""
        ...

    def act(self, tick: Tick) -> Command:
        """Answer at once: taking longer than a period misses a deadline."""
        ...

    def end(self, kept: bool) -> None:
        """The episode is over; `kept` says whether it is in the dataset."""
        ...

    def close(self) -> None:
        """Release everything; safe to call twice."""
        ...
