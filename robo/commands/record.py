"""`robo record`: demonstrations from a person or a script into a dataset."""

from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional, Union

import tyro

if TYPE_CHECKING:
    from rich.console import Console

    from robo.recording.device import Device
    from robo.recording.expert_episodes import ExpertReport
    from robo.recording.session import Summary

FAMILIES = ("find", "go to", "pick up", "put down", "bring it to you", "open", "close")
ALL = "all"
_TEACHING = "--hold-out, --after, --interrupted, --astray, --held-back and --half-open"


@dataclass(frozen=True)
class Record:
    """Record demonstrations into a dataset; the same command resumes.

    Each finished episode is on disk before the next begins. An interrupted one is recovered by the
    next recording, or by `robo data repair`.
    """

    dataset: Path
    """The dataset's folder; created if there is none."""

    task: str = ""
    """What to do, in words. Kitchen skills have success rules and random starts: "pick up the tea",
    a family such as "pick up", several of either separated by commas, or "all" (expert only). Not
    needed for single-task environments."""

    env: str = "robo/Kitchen-v1"
    """Gymnasium id, or "module:id"."""

    device: Literal["browser", "keyboard", "gamepad", "expert"] = "browser"
    """What drives the robot."""

    episodes: int = 50
    """Episodes of the task that the dataset should hold in the end; with "all", of each family."""

    seed: int = 0
    """Random seed of starts, randomisation and noise."""

    workers: int = 2
    """Processes of the expert; they do not change what is recorded."""

    noise: float = 0.2
    """Noise in the expert's sent actions, as a share of each motion; labels stay noise-free."""

    keep_failures: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Record the expert's failed episodes too."""

    scene: Optional[Path] = None
    """JSON file with the location of everything; by default skills draw it from the seed."""

    randomization: Union[None, tuple[str, ...]] = None
    """Names of the terms to randomise in every episode."""

    image_size: Optional[int] = None
    """Side of camera images in pixels, 0 for none; by default the environment's, or 96."""

    fps: Optional[int] = None
    """Actions and frames per second; by default the environment's own rate."""

    max_seconds: Optional[float] = None
    """Time limit of an episode."""

    port: Optional[int] = None
    """Loopback port of the browser page; by default 8765, or the next free one."""

    realtime: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Use real-time priority (Linux), so that no other program delays a frame."""

    hold_out: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Leave out the skill-object pairs that `robo rollout --split unseen` tests; set it for
    training data."""

    after: Optional[str] = None
    """Corrections: this policy (short name or folder) acts first, for up to 15 seconds per skill;
    then the expert takes over, and only that is recorded."""

    interrupted: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """With --after: before that, the policy is told something else and interrupted."""

    astray: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Corrections without a policy: hand or base is led astray at a random moment, and the expert's
    recovery is recorded."""

    held_back: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Hold the robot back for random spells, so that timing does not reveal what the expert does
    next."""

    half_open: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Drawers to be opened or closed begin half open, so that only the words tell what to do."""

    note: str = ""
    """Stored with every episode: who recorded, what was special."""

    def execute(self) -> int:
        """Run the command; returns 1 if there are fewer episodes than asked for."""
        from rich.console import Console

        from robo.arguments import check_seed
        from robo.data.errors import DatasetError
        from robo.errors import UserError, user_errors

        if self.episodes < 1 or self.workers < 1 or not 0 <= self.noise < inf:
            raise UserError("--episodes and --workers must be 1 or more, --noise 0 or more")
        if self.max_seconds is not None and not 0 < self.max_seconds < inf:
            raise UserError(f"--max-seconds is {self.max_seconds:g}; it must be more than 0")
        check_seed(self.seed)
        if self._teaches and self.device != "expert":
            raise UserError(f"{_TEACHING} are for the expert; leave them out")
        if self.after and self.astray:
            raise UserError("--after and --astray are two kinds of corrections; leave one out")
        if self.interrupted and not self.after:
            raise UserError("--interrupted is about a policy that acts first; name it with --after")
        if self.realtime:
            from robo.recording.realtime import take_realtime_priority

            if self.device == "expert":
                raise UserError("--realtime is for a person; an expert is never late, leave it out")
            take_realtime_priority()
        if self.port is not None:
            from robo.recording.ports import check_port

            if self.device != "browser":
                raise UserError(f"--port is for the browser; leave it out with {self.device}")
            check_port(self.port)
        console = Console(stderr=True, highlight=False)
        try:
            with user_errors(DatasetError):
                return self._experts(console) if self.device == "expert" else self._person(console)
        except OSError as error:
            raise UserError(f"{self.dataset}: {error.strerror}") from error

    @property
    def _teaches(self) -> bool:
        """Whether an option is given that only the kitchen's expert has."""
        corrects = self.after or self.interrupted or self.astray
        return any((self.hold_out, corrects, self.held_back, self.half_open))

    def _experts(self, console: "Console") -> int:
        from robo.errors import UserError
        from robo.progress import progress_bar
        from robo.recording.environments import has_expert, is_kitchen
        from robo.recording.expert_episodes import record_experts
        from robo.recording.expert_settings import ExpertSettings
        from robo.recording.kitchen import chain_of

        tasks = FAMILIES if self.task == ALL else (self._words(),)
        if is_kitchen(self.env) and any(chain_of(task) is None for task in tasks):
            raise UserError(
                f'the expert does not know "{self.task}"; give skills such as "pick up the apple", '
                f'several with commas between, one of {", ".join(FAMILIES)}, or "all"'
            )
        if not is_kitchen(self.env) and (not has_expert(self.env) or self.task == ALL):
            raise UserError(f'there is no expert for the env "{self.env}" and this task')
        if self.scene is not None or self.max_seconds is not None or self.fps is not None:
            raise UserError(
                "the expert draws its starts, ends by itself and acts at its own rate; "
                "leave out --scene, --max-seconds and --fps"
            )
        if self._teaches and not is_kitchen(self.env):
            raise UserError(f"{_TEACHING} are for the kitchen; leave them out")
        settings = ExpertSettings(
            self.env,
            self.seed,
            self.noise,
            self.randomization or (),
            self.image_size,
            self.keep_failures,
            self.note,
            self.hold_out,
            self.after or "",
            self.astray,
            self.held_back,
            self.half_open,
            self.interrupted,
        )
        with progress_bar("episodes", total=self.episodes * len(tasks)) as advance:
            report = record_experts(
                self.dataset,
                tasks,
                self.episodes,
                settings,
                self.workers,
                on_result=lambda result: advance() if result.success else None,
            )
        _say_report(console, report)
        return _say_set(console, self.dataset)

    def _person(self, console: "Console") -> int:
        import signal
        import sys

        from robo.errors import UserError
        from robo.recording.discarding import discard
        from robo.recording.environments import make_environment, make_task
        from robo.recording.recorder import Recorder
        from robo.recording.replacing import check_place, finish_replacing
        from robo.recording.session import Session

        if self.task == ALL:
            raise UserError('"all" is for the expert; say what is to be done')
        task = make_task(self.env, self._words(), self.seed, self.scene)
        check_place(self.dataset)
        made = make_environment(
            self.env,
            image_size=self.image_size,
            randomization=self.randomization or (),
            control_hz=self.fps,
        )
        finish_replacing(self.dataset)
        if self.dataset.exists():
            discard(self.dataset)
        # SIGTERM must leave the terminal and the journal in order.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        recorder = Recorder(
            made.env,
            self.dataset,
            task,
            fps=self.fps,
            device=self.device,
            arguments=made.arguments,
            names=made.names,
        )
        if recorder.writer.restored is not None:
            console.print(f"brought back episode {recorder.writer.restored.index}, cut off before")
        session = Session(
            recorder,
            _device(self.device, self.port),
            self.episodes,
            on_open=lambda text: console.print(text, soft_wrap=True) if text else None,
            seconds=self.max_seconds,
            note=self.note,
            linger=self.device == "browser",
        )
        summary = session.run()
        made.env.close()
        _say_summary(console, summary, recorder.fps)
        _say_set(console, self.dataset)
        return 0 if session.kept >= self.episodes else 1

    def _words(self) -> str:
        """The task's words, or the environment's own."""
        from robo.errors import UserError
        from robo.recording.environments import default_task

        words = self.task.strip() or default_task(self.env)
        if not words:
            raise UserError(f'say what is to be done in the env "{self.env}" with --task')
        return words


def _device(name: str, port: int | None) -> "Device":
    match name:
        case "keyboard":
            from robo.recording.keyboard import KeyboardDevice

            return KeyboardDevice()
        case "gamepad":
            from robo.recording.gamepad import GamepadDevice

            return GamepadDevice()
        case _:
            from robo.recording.browser import BrowserDevice

            return BrowserDevice(port)


def _say_report(console: "Console", report: "ExpertReport") -> None:
    tasks = list(dict.fromkeys(result.task for result in report.results))
    for task in tasks:
        results = [result for result in report.results if result.task == task]
        good = sum(result.success for result in results)
        console.print(f"{task}: {good} of {len(results)} starts succeeded", markup=False)
        for failed in (result for result in results if not result.success):
            console.print(f"    start {failed.number}: {failed.failure}", markup=False)
    if report.kept:
        frames = sum(result.frames for result in report.results if result.shard)
        minutes = report.wall_seconds / 60
        console.print(
            f"{report.kept} episodes, {frames} frames in {report.wall_seconds:.0f} s: "
            f"{report.kept / minutes:.1f} episodes a minute"
        )


def _say_summary(console: "Console", summary: "Summary", fps: int) -> None:
    console.print(
        f"kept {summary.kept} episodes, {summary.frames / fps:.0f} s, "
        f"{summary.missed} of {summary.frames} deadlines missed; "
        f"gave up {summary.skipped} starts, took out {summary.discarded} episodes"
    )


def _say_set(console: "Console", root: Path) -> int:
    from robo.data.layout import read_info

    info = read_info(root)
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    seconds = int(info.raw["total_frames"]) / info.fps
    console.print(
        f"{root} holds {info.total_episodes} episodes, {seconds / 60:.1f} minutes, "
        f"{size / 1e6:.1f} MB ({size / 1e6 / max(seconds / 60, 1e-9):.1f} MB a minute)",
        markup=False,
        soft_wrap=True,
    )
    return 0
