"""Does the recording loop keep its rate? Two cameras at 50 Hz for five minutes.

    python benchmarks/record_loop.py [--fps 50] [--side 96] [--seconds 300] [--env robo/Kitchen-v1]
        [--slow-sync 2] [--realtime]

Without --env a stand-in environment gives moving pictures at almost no cost, so that the recorder
is measured: clock, journal, compression. Episodes last 15 seconds. Prints missed deadlines, the
CPU time of a tick, where the longest ticks spent theirs, how long finishing an episode takes, and
CPU load. --slow-sync delays every sync of the journal by so many seconds; --realtime is that of
`robo record`.
"""

import argparse
import gc
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from robo.data.features import CAPTURE_TIME
from robo.data.lerobot_reader import Dataset
from robo.recording.device import Command, EpisodeStart, Event, Tick
from robo.recording.environments import make_environment
from robo.recording.realtime import take_realtime_priority
from robo.recording.recorder import Recorder
from robo.recording.session import Session

EPISODE_SECONDS = 15
CAMERAS = ("head", "wrist")


class StandIn(gymnasium.Env[dict[str, np.ndarray], np.ndarray]):
    """Moving gradients; no physics."""

    def __init__(self, side: int, fps: int) -> None:
        self.metadata = {"render_fps": fps}
        image = spaces.Box(0, 255, (side, side, 3), np.uint8)
        self.observation_space = spaces.Dict(
            {"state": spaces.Box(-1, 1, (31,), np.float32)}
            | {f"images/{name}": image for name in CAMERAS}
        )
        self.action_space = spaces.Box(-1, 1, (11,), np.float32)
        wave = np.linspace(0, 4 * np.pi, side)
        picture = 127 + 60 * np.sin(wave)[:, None] + 60 * np.cos(wave)
        self._picture = np.repeat(picture[..., None], 3, axis=2).astype(np.uint8)
        self._count = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Begin."""
        super().reset(seed=seed)
        return self._observe(), {"success": False}

    def step(self, action: np.ndarray) -> Any:
        """Advance the pictures."""
        self._count += 1
        return self._observe(), 0.0, False, False, {"success": False}

    def _observe(self) -> dict[str, np.ndarray]:
        state = np.sin(np.arange(31) + 0.01 * self._count).astype(np.float32)
        images = {f"images/{n}": np.roll(self._picture, self._count, axis=1) for n in CAMERAS}
        return {"state": state, **images}


class Metronome:
    """A device that sends an action every tick and keeps an episode every 15 seconds.

    Attributes:
        finishing: Seconds from "keep" until the episode was finished.
    """

    name = "metronome"
    paced = True

    def __init__(self, env: "gymnasium.Env[Any, Any]", fps: int) -> None:
        self._action = np.zeros(env.action_space.shape or (1,), np.float32)
        self._frames = EPISODE_SECONDS * fps
        self._asked = 0.0
        self.finishing: list[float] = []

    def open(self, env: "gymnasium.Env[Any, Any]") -> str:
        """See `Device`."""
        return ""

    def begin(self, start: EpisodeStart) -> None:
        """See `Device`."""

    def act(self, tick: Tick) -> Command:
        """See `Device`."""
        if tick.status.frames >= self._frames:
            self._asked = time.perf_counter()
            return Command(event=Event.KEEP)
        return Command(self._action)

    def end(self, kept: bool) -> None:
        """See `Device`."""
        self.finishing.append(time.perf_counter() - self._asked)

    def close(self) -> None:
        """See `Device`."""


class Clock:
    """Times every call of one function of an object.

    Attributes:
        wall: Wall seconds.
        cpu: CPU seconds of the calling thread.
    """

    def __init__(self, owner: Any, name: str, slower: float = 0.0) -> None:
        self._owner, self._name, self._real = owner, name, getattr(owner, name)
        self._slower = slower
        self.wall: list[float] = []
        self.cpu: list[float] = []
        setattr(owner, name, self)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """The call itself."""
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            time.sleep(self._slower)
            return self._real(*arguments, **keywords)
        finally:
            self.wall.append(time.perf_counter() - wall)
            self.cpu.append(time.thread_time() - cpu)

    def undo(self) -> None:
        """Put the function back."""
        setattr(self._owner, self._name, self._real)


class GarbagePauses:
    """Pauses by garbage collection, except those between episodes.

    Attributes:
        wall: Seconds of each pause.
    """

    def __init__(self) -> None:
        self.wall: list[float] = []
        self._began = 0.0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        elif gc.get_freeze_count():  # Between episodes nothing is frozen.
            self.wall.append(time.perf_counter() - self._began)


def _ms(seconds: float) -> float:
    return round(1e3 * float(seconds), 3)


def main() -> None:
    """Record, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--fps", type=int, default=50)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--env")
    parser.add_argument("--slow-sync", type=float, default=0.0)
    parser.add_argument("--realtime", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    if options.realtime:
        take_realtime_priority()
    env: gymnasium.Env[Any, Any] = StandIn(options.side, options.fps)
    if options.env:
        env = make_environment(options.env, image_size=options.side, control_hz=options.fps).env
    device = Metronome(env, options.fps)
    episodes = max(1, options.seconds // EPISODE_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        recorder = Recorder(env, root, "hold still", fps=options.fps, device=device.name)
        clocks = {
            "step": Clock(recorder, "step"),
            "env step": Clock(env, "step"),
            "add_frame": Clock(recorder.writer, "add_frame"),
        }
        syncs = Clock(os, "fdatasync", slower=options.slow_sync)
        pauses = GarbagePauses()
        cpu, wall = time.process_time(), time.perf_counter()
        summary = Session(recorder, device, episodes).run()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        syncs.undo()
        dataset = Dataset(root)
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        gaps = [
            np.diff(dataset.column(CAPTURE_TIME)[episode.start : episode.stop]) * options.fps
            for episode in dataset.episodes
        ]
    periods = np.concatenate(gaps)
    minutes = summary.frames / options.fps / 60
    report = {
        "env": options.env or "stand-in",
        "realtime": options.realtime,
        "slow_sync_s": options.slow_sync,
        "fps": options.fps,
        "cameras": f"{len(CAMERAS)} of {options.side} x {options.side}",
        "seconds": round(summary.frames / options.fps),
        "frames": summary.frames,
        "missed_deadlines": summary.missed,
        "worst_period": round(float(periods.max()), 3),
        "periods_within_10_percent": round(float((np.abs(periods - 1) < 0.1).mean()), 5),
        "step cpu_ms_median": _ms(np.median(clocks["step"].cpu)),
        "step cpu_ms_worst": _ms(np.max(clocks["step"].cpu)),
        **{f"{name} wall_ms_worst": _ms(np.max(clock.wall)) for name, clock in clocks.items()},
        "sync_ms_worst": _ms(np.max(syncs.wall)),
        "garbage_ms_worst": _ms(max(pauses.wall, default=0.0)),
        "finish_episode_ms_median": _ms(np.median(device.finishing)),
        "finish_episode_ms_worst": _ms(np.max(device.finishing)),
        "cpu_share": round(cpu / wall, 3),
        "megabytes_a_minute": round(size / 1e6 / minutes, 2),
    }
    for key, value in report.items():
        print(f"{key:28} {value}")
    options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
