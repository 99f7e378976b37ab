"""What acts while `robo record` records: the one interface of browser, keyboard, gamepad, expert.

The session owns the environment, the clock and the dataset; a device only looks and answers. All
its methods are called from the session's one thread, in this order:

    open(env)
    begin(start)  act(tick) act(tick) ...  end(kept)      once for every episode
    close()                                               always, after an error too

At a tick the session hands over what is seen now and gets a `Command`. With an action the frame
(this observation, this action) is recorded, the environment steps, and the next tick comes one
period later. Without one nothing is recorded and the environment stands still, so an episode begins
with the device's first action. An action and an event together are done in that order.

A device never steps or resets the environment. It may read it (`env` is unwrapped: a MuJoCo
environment has `.data` and `.scene.model`) inside its methods; what its own threads show must be
copied there, because the session steps the environment between the calls.
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
    """The environment ended the episode (or its time is up): actions are ignored, an event is
    waited for."""
    REPLAYING = "replaying"
    """A recorded episode is shown; actions are ignored, KEEP, AGAIN and STOP end the replay (STOP
    ends the session too)."""
    DONE = "done"
    """All that was wanted is recorded; the device may still show and discard. STOP ends it."""


class Event(StrEnum):
    """What a device asks for."""

    KEEP = "keep"
    """Finish the open episode, go on to the next start. Without a frame: nothing happens."""
    AGAIN = "again"
    """Throw the open episode away and record it again, from the same start."""
    SKIP = "skip"
    """Throw the open episode away and go on to the next start."""
    STOP = "stop"
    """End the session. The open episode is kept where its success rule holds or it has none,
    else dropped."""
    DISCARD = "discard"
    """Take the finished episode `Command.episode` (the last one when None) out of the set; asked
    for again, put it back. The open episode goes on."""
    REPLAY = "replay"
    """Show the finished episode `Command.episode` (the last one when None). The open episode is
    thrown away; then its start comes again."""


@dataclass(frozen=True)
class EpisodeStart:
    """How an episode begins.

    Attributes:
        number: Its index in the set, should it be kept.
        task: What is to be done, in words.
        seed: Of the environment's reset.
        options: Of the environment's reset, such as the kitchen's `start`.
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
    """An episode of the set, for a list.

    Attributes:
        index: Its number in the set.
        task: What was to be done.
        frames: How many.
        seconds: How long it lasts when played at the set's rate.
        success: What the success rule said; None where there is no rule.
        missed: Deadlines that were missed; None of episodes of earlier sessions.
        thumbnail: A small picture (H, W, 3) uint8 from its end; None where there is no camera.
        discarded: Whether it will be taken out when the session ends.
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
    """How the session stands, for people.

    Attributes:
        phase: What the session is doing.
        task: What is to be done, in words.
        episode: Index in the set of the episode that is open, or shown in a replay.
        frames: Of the open episode so far.
        seconds: Since its first frame, by the clock.
        success: Whether the success rule holds now; None where there is no rule.
        fps: The rate that is wanted.
        rate: The rate of the last second or so, measured; 0 while waiting.
        missed: Deadlines missed in the open episode.
        kept: Episodes of this task that the set holds, the discarded ones left out.
        wanted: How many it is to hold.
        episodes: All episodes of the set. The same tuple until something changes.
        message: What to tell the person now, such as "kept episode 12"; or empty.
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
    """What a device is given to answer.

    Attributes:
        observation: As the environment gives it: `state` (n,), `images/<camera>` (H, W, 3) uint8.
            Not to be changed.
        info: Of the last step or reset.
        status: How the session stands.
    """

    observation: Mapping[str, NDArray[Any]]
    info: Mapping[str, Any]
    status: Status


@dataclass(frozen=True)
class Command:
    """A device's answer.

    Attributes:
        action: Shape of the environment's action space, to be sent as it is; None: not now.
        intended: What is recorded as `action` where that is not what is sent: an expert's
            correction when noise was added to what it does (DART). None: the same.
        label: The skill that is being carried out, such as "pick up the apple"; empty: the task.
        event: What is asked for, after the action.
        episode: Which episode `DISCARD` and `REPLAY` are about; None: the last.
        note: The operator's note to the episode that `KEEP` or `STOP` finishes.
        recorded: Whether the action makes a frame. Before an episode's first frame it need not:
            what is sent then belongs to the start (a policy that is to be corrected).
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
    """See the module's text for the order of calls.

    Attributes:
        name: As recorded with every episode: "browser", "keyboard", "gamepad", "expert", ...
        paced: Whether a person or a robot's clock needs the fixed rate; False goes as fast as the
            environment does, and `act` is called again at once.
    """

    name: str
    paced: bool

    def open(self, env: "gymnasium.Env[Any, Any]") -> str:
        """Make ready.

        Args:
            env: The environment, unwrapped, reset once already; its `action_space` says what an
                action is.

        Returns:
            What to tell the person on the terminal (an address, the keys); may be empty.

        Raises:
            robo.errors.UserError: It cannot work here; the text says what to do.
        """
        ...

    def begin(self, start: EpisodeStart) -> None:
        """The environment was reset; an episode, or a replay, may begin."""
        ...

    def act(self, tick: Tick) -> Command:
        """Answer at once: what takes longer than a period is a missed deadline."""
        ...

    def end(self, kept: bool) -> None:
        """The episode is over, finished into the set or not."""
        ...

    def close(self) -> None:
        """Let go of everything; safe to call twice."""
        ...
