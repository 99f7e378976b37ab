"""The loop of `robo record`: a device acts, a recorder records, at a fixed rate for people.

Finished episodes are on disk at once. Discarded ones are removed when the session ends or, if it is
interrupted, when the next one begins.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter, sleep
from typing import Any

import numpy as np

from robo.data.episodes import Episode
from robo.recording.device import (
    Command,
    Device,
    EpisodeStart,
    Event,
    Phase,
    RecordedEpisode,
    Status,
    Tick,
)
from robo.recording.discarding import discard, read_discarded, write_discarded
from robo.recording.episode_list import recorded_episode, recorded_episodes, thumbnail_of
from robo.recording.origin import Origin
from robo.recording.pacing import Pacer
from robo.recording.recorder import Observation, Recorder
from robo.recording.replaying import SentActions, read_sent
from robo.recording.tasks import Start

IDLE_SECONDS = 0.001
"""An unpaced device that gives no action is asked again after this."""


@dataclass
class Summary:
    """What a session did.

    Attributes:
        kept: Episodes finished in it, including discarded ones.
        skipped: Starts given up.
        discarded: Episodes removed from the dataset at its end.
        missed: Deadlines missed in the kept episodes.
        frames: Frames in the kept episodes.
        stopped: Whether the device asked to stop before everything was recorded.
    """

    kept: int = 0
    skipped: int = 0
    discarded: int = 0
    missed: int = 0
    frames: int = 0
    stopped: bool = False


class Session:
    """Records episodes of one task until the dataset holds as many as wanted.

    Args:
        recorder: Has the environment, the dataset and the task.
        device: What acts.
        wanted: How many episodes of the task the dataset should hold.
        on_episode: Called after every kept episode.
        on_open: Called with the device's text for the person.
        seconds: Time limit of an episode; None: the device ends it.
        note: Stored with every episode, before the device's own.
        linger: Whether to go on when everything is recorded, until the device stops: a person may
            want to look at the last episode, or discard one and record it again.
    """

    def __init__(
        self,
        recorder: Recorder,
        device: Device,
        wanted: int,
        *,
        on_episode: Callable[[Episode], None] | None = None,
        on_open: Callable[[str], None] | None = None,
        seconds: float | None = None,
        note: str = "",
        linger: bool = False,
    ) -> None:
        self.recorder = recorder
        self.device = device
        self.wanted = wanted
        self.summary = Summary()
        self._on_episode = on_episode
        self._on_open = on_open
        self._limit = None if seconds is None else max(1, round(seconds * recorder.fps))
        self._note = note
        self._linger = linger
        self._pacer = Pacer(recorder.fps)
        self._discarded: frozenset[int] = frozenset()
        self._episodes: tuple[RecordedEpisode, ...] = ()
        self._ours: set[int] = set()
        self._message = ""
        self._replay: _Replay | None = None
        self._fresh: tuple[Observation, dict[str, Any]] | None = None
        self._words = recorder.task.text
        self._first = 0.0

    @property
    def kept(self) -> int:
        """Episodes of the task in the dataset, without discarded ones."""
        return len(self._ours - self._discarded)

    def run(self) -> Summary:
        """Record until everything is there or the device stops, then remove discarded episodes.

        Raises:
            UserError: The device cannot work here.
            DatasetWriteError: Writing failed.
        """
        root, finished = self.recorder.root, self.recorder.writer.episodes
        try:
            self._discarded = read_discarded(root)
            self._episodes = recorded_episodes(root, self._discarded)
            self._ours = {episode.index for episode in finished if self._is_ours(episode)}
            if self.kept < self.wanted:
                self._run()
        finally:
            self.device.close()
            self.recorder.close()
        self.summary.discarded = discard(root)
        self.summary.stopped &= self.kept < self.wanted
        return self.summary

    def record(self, number: int) -> Episode | None:
        """Record one draw of the task with a device that keeps or skips it by itself.

        The recorder and the device stay open.

        Returns:
            The episode, or None if the device skipped it.
        """
        finished = self.recorder.writer.episodes
        before = len(finished)
        start = self.recorder.task.start(number)
        self._fresh = self.recorder.reset(start=start)
        self.device.open(self.recorder.env.unwrapped)
        event = self._episode(start)
        while event is Event.AGAIN:
            event = self._episode(start)
        return finished[-1] if len(finished) > before else None

    def _run(self) -> None:
        number = self._first_number()
        start = self.recorder.task.start(number)
        self._fresh = self.recorder.reset(start=start)
        said = self.device.open(self.recorder.env.unwrapped)
        if self._on_open is not None:
            self._on_open(said)
        while not self.summary.stopped and (self._linger or self.kept < self.wanted):
            event = self._episode(start)
            if event in (Event.KEEP, Event.SKIP):
                number += 1
                start = self.recorder.task.start(number)

    def _first_number(self) -> int:
        """The draw after the dataset's last one of this task and seed."""
        episodes = self.recorder.writer.episodes
        ours = [Origin.of(episodes[index].info).draw for index in self._ours]
        like = self.recorder.task.start(0).draw
        numbers = [
            int(draw["number"])
            for draw in ours
            if "number" in draw and {**draw, "number": 0} == {**like, "number": 0}
        ]
        return max(numbers, default=-1) + 1

    def _is_ours(self, episode: Episode) -> bool:
        text = self.recorder.task.text
        return text in (Origin.of(episode.info).draw.get("task"), *episode.tasks)

    def _episode(self, start: Start) -> Event:
        """Run one episode, or a replay; returns how it ended."""
        observation, info = self._begin(start)
        done = self._linger and self.kept >= self.wanted
        phase = Phase.DONE if done else Phase.WAITING
        stepped = False
        while True:
            if self.device.paced:
                missed = self._pacer.missed
                self._pacer.wait()
                # Deadlines count from an episode's first frame to its last.
                if phase is not Phase.RECORDING and not stepped:
                    self._pacer.missed = missed
            began = perf_counter()
            if self._replay is not None:
                phase = Phase.REPLAYING
            stepped = False
            command = self.device.act(Tick(observation, info, self._status(phase)))
            if self._replay is not None:
                if self._replay_ends(command):
                    return Event.AGAIN
                observation, info = self._replay.step(self.recorder)
                continue
            if command.action is not None and phase in (Phase.WAITING, Phase.RECORDING):
                self._message = ""
                if command.recorded:
                    observation, info, over = self._step(command, began)
                    phase, stepped = Phase.OVER if over else Phase.RECORDING, True
                elif phase is Phase.WAITING:
                    observation, info = self.recorder.lead(command.action)
            elif not self.device.paced:
                sleep(IDLE_SECONDS)
            event = self._answer(command, phase)
            if event is not None:
                return event

    def _begin(self, start: Start) -> tuple[Observation, Mapping[str, Any]]:
        if self._replay is not None:
            origin = self._replay.sent.origin
            self._fresh = None
            shown = Start(self._replay.task, origin.seed or 0, origin.options)
            observation, info = self.recorder.reset(start=shown)
            for action in origin.lead:
                observation, info = self.recorder.show(np.asarray(action, np.float32))
            start = shown
        elif self._fresh is not None:
            (observation, info), self._fresh = self._fresh, None
        else:
            observation, info = self.recorder.reset(start=start)
        self._pacer.reset()
        number = len(self._episodes)
        self.device.begin(
            EpisodeStart(number, start.task, start.seed, start.options, observation, info)
        )
        self._words = start.task
        return observation, info

    def _step(self, command: Command, began: float) -> tuple[Observation, Mapping[str, Any], bool]:
        recorder = self.recorder
        if not recorder.frames:
            self._first = began
        # Unpaced devices are timed by the simulation, people by the clock.
        captured = began - self._first if self.device.paced else recorder.frames / recorder.fps
        observation, _, terminated, truncated, info = recorder.step(
            command.action,
            intended=command.intended,
            label=command.label,
            capture_time=captured,
        )
        over = self._limit is not None and recorder.frames >= self._limit
        return observation, info, terminated or truncated or over

    def _answer(self, command: Command, phase: Phase) -> Event | None:
        """Do what the device requests; returns an event that ends the episode."""
        match command.event:
            case Event.KEEP | Event.AGAIN | Event.SKIP if phase is Phase.DONE:
                return None
            case Event.KEEP if self.recorder.frames:
                self._keep(command.note)
            case Event.AGAIN:
                self._drop("recording it again")
            case Event.SKIP:
                self.summary.skipped += 1
                self._drop("on to the next start")
            case Event.STOP:
                self.summary.stopped = True
                if self.recorder.frames and self.recorder.success is not False:
                    self._keep(command.note)
                else:
                    self._drop("")
            case Event.DISCARD:
                self._discard(command.episode)
                now_done = self.kept >= self.wanted
                turned = now_done is not (phase is Phase.DONE)
                idle = phase in (Phase.WAITING, Phase.DONE)
                if not (self._linger and idle and turned):
                    return None
                self.device.end(False)
                return Event.AGAIN
            case Event.REPLAY if self._episodes:
                self._show(command.episode)
                return Event.AGAIN
            case _:
                return None
        return command.event

    def _keep(self, note: str) -> None:
        frames, missed = self.recorder.frames, self._pacer.missed
        picture = thumbnail_of(self.recorder.observation)
        words = "; ".join(text for text in (self._note, note) if text)
        # Without a rule, an episode that a person keeps is a success.
        episode = self.recorder.keep(words, success=self.device.paced)
        shown = recorded_episode(episode, self.recorder.fps, picture, missed=missed)
        self._episodes = (*self._episodes, shown)
        self._ours.add(episode.index)
        self.summary.kept += 1
        self.summary.frames += frames
        self.summary.missed += missed
        self._message = f"episode {episode.index} is kept"
        self.device.end(True)
        if self._on_episode is not None:
            self._on_episode(episode)

    def _drop(self, message: str) -> None:
        self.recorder.drop()
        self._message = message
        self.device.end(False)

    def _discard(self, number: int | None) -> None:
        index = self._index(number)
        if index is None:
            self._message = "there is no such episode"
            return
        self._discarded ^= {index}
        write_discarded(self.recorder.root, self._discarded)
        gone = index in self._discarded
        self._episodes = tuple(
            replace(shown, discarded=shown.index in self._discarded) for shown in self._episodes
        )
        self._message = f"episode {index} {'will be taken out' if gone else 'stays'}"

    def _show(self, number: int | None) -> None:
        index = self._index(number)
        self._drop("")
        if index is None:
            self._message = "there is no such episode"
            return
        sent = read_sent(self.recorder.root, self.recorder.writer.episodes[index])
        self._replay = _Replay(index, sent, self._episodes[index].task)
        self._message = f"replay of episode {index}"

    def _replay_ends(self, command: Command) -> bool:
        assert self._replay is not None
        asked = command.event in (Event.KEEP, Event.AGAIN, Event.STOP)
        if not asked and not self._replay.is_over:
            return False
        self.summary.stopped = self.summary.stopped or command.event is Event.STOP
        self._replay = None
        self._message = "the replay is over"
        self.device.end(False)
        return True

    def _index(self, number: int | None) -> int | None:
        index = len(self._episodes) - 1 if number is None else number
        return index if 0 <= index < len(self._episodes) else None

    def _status(self, phase: Phase) -> Status:
        recorder, replay = self.recorder, self._replay
        frames = recorder.frames if replay is None else replay.frame
        recording = phase is Phase.RECORDING
        return Status(
            phase=phase,
            task=self._words,
            episode=len(self._episodes) if replay is None else replay.episode,
            frames=frames,
            seconds=perf_counter() - self._first if recording else frames / recorder.fps,
            success=recorder.success,
            fps=recorder.fps,
            rate=self._pacer.rate if recording else 0.0,
            missed=self._pacer.missed if recording else 0,
            kept=self.kept,
            wanted=self.wanted,
            episodes=self._episodes,
            message=self._message,
        )


class _Replay:
    """A recorded episode being shown."""

    def __init__(self, episode: int, sent: SentActions, task: str) -> None:
        self.episode = episode
        self.sent = sent
        self.task = task
        self.frame = 0

    @property
    def is_over(self) -> bool:
        return self.frame >= len(self.sent.actions)

    def step(self, recorder: Recorder) -> tuple[Observation, Mapping[str, Any]]:
        observation, info = recorder.show(self.sent.actions[self.frame])
        self.frame += 1
        return observation, info
