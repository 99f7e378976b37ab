"""The browser device: a page on loopback with the scene in 3-D, the cameras, keys and a gizmo.

    device = BrowserDevice()
    print(device.open(env))   # the address, with its token

Whoever has the address can open the page. The session's thread calls the device; the page's own
threads only fill `Inputs` and show copies.
"""

from typing import Any

import gymnasium

from robo.errors import UserError
from robo.recording.browser_controls import Controls, Operator, Pose, controls_of
from robo.recording.browser_inputs import Inputs
from robo.recording.device import (
    Command,
    EpisodeStart,
    Event,
    Phase,
    RecordedEpisode,
    Status,
    Tick,
)
from robo.recording.ports import check_port

PORT = 8765
THUMBNAIL_WIDTH = 160
IMAGES = "images/"


class BrowserDevice:
    """A person at a page. See `device.Device`.

    Args:
        port: Loopback port; any free one when 0; `PORT` or the next free one when None.

    Attributes:
        address: The page's address, with its token, once opened.
    """

    name = "browser"
    paced = True

    def __init__(self, port: int | None = None) -> None:
        self.address = ""
        self._port = port
        self._inputs = Inputs()
        self._episodes: tuple[RecordedEpisode, ...] = ()
        self._open = False

    def open(self, env: "gymnasium.Env[Any, Any]") -> str:
        """Start the page's server; returns the text for the person."""
        if self._port:
            check_port(self._port)
        try:
            from robo.recording.browser_server import PageServer
            from robo.recording.browser_show import Show
        except ImportError as error:
            raise UserError(
                f"the page needs {error.name}: `pip install viser`, "
                "or record with --device keyboard"
            ) from error
        self._env = env
        self._controls: Controls = controls_of(env)
        self._server = PageServer(
            PORT if self._port is None else self._port,
            self._inputs.receive,
            self._inputs.leave,
            self._thumbnail,
        )
        self._show = Show(self._server, self._inputs.drag, self._inputs.release)
        self._open = True
        self.address = self._server.address
        return f"open this page in a browser: {self.address}"

    def begin(self, start: EpisodeStart) -> None:
        """Show the new scene; nothing moves until the person does something."""
        controls = self._controls
        self._inputs.begin(controls.begin(start.observation, start.info))
        data = self._data()
        if data is not None:
            self._show.load(data.model, controls.poses())
        self._show.look(controls.view(), again=False)
        self._server.send("setup", self._setup(start))

    def act(self, tick: Tick) -> Command:
        """The operator's action or event."""
        status = tick.status
        poses = self._controls.poses()
        operator, touched = self._inputs.operator(poses)
        self._controls.attend(operator, tick.observation)
        self._tell(tick, poses, operator)
        wish = self._inputs.wish()  # before label and note, which the page sent first
        label = self._inputs.label
        acting = status.phase is Phase.RECORDING or (status.phase is Phase.WAITING and touched)
        if wish is None:
            action = self._controls.action(operator, 1 / status.fps) if acting else None
            return Command(action, label=label)
        action = None
        if wish.event is Event.KEEP and status.phase is Phase.RECORDING:
            action = self._controls.goodbye(operator)
        return Command(
            action, label=label, event=wish.event, episode=wish.episode, note=self._inputs.note
        )

    def end(self, kept: bool) -> None:
        """A note belongs to one episode."""
        self._inputs.note = ""

    def close(self) -> None:
        """Close the page."""
        if self._open:
            self._open = False
            self._server.send("closed", True)
            self._show.stop()
            self._server.stop()

    def _tell(self, tick: Tick, poses: dict[str, Pose], operator: Operator) -> None:
        from robo.recording.browser_show import Moment, poses_of

        status = tick.status
        if self._inputs.view_asked:
            self._inputs.view_asked = False
            self._show.look(self._controls.view(), again=True)
        if status.episodes is not self._episodes:
            self._episodes = status.episodes
            self._server.send("episodes", [_row(episode) for episode in status.episodes])
        moment = Moment(
            poses=poses_of(self._data()),
            gizmos={name: pose for name, pose in poses.items() if name not in operator.targets},
            visible=not operator.driving and status.phase in (Phase.WAITING, Phase.RECORDING),
            pictures=_pictures(tick),
            numbers={**_numbers(status, operator), **self._controls.panel()},
        )
        self._show.tell(moment, 1 / status.fps)

    def _data(self) -> Any:
        return getattr(self._env, "data", None)

    def _setup(self, start: EpisodeStart) -> dict[str, Any]:
        controls = self._controls
        return {
            "cameras": [_camera(key) for key in start.observation if key.startswith(IMAGES)],
            "grippers": controls.grippers,
            "drives": controls.drives,
            "keys": controls.keys,
            "labels": controls.labels(),
            "sliders": [vars(slider) for slider in controls.sliders],
        }

    def _thumbnail(self, path: str) -> bytes | None:
        """The JPEG thumbnail of an episode, for a path such as `12.jpg`."""
        from robo.recording.browser_show import jpeg

        name, _, ending = path.partition(".")
        episodes = self._episodes
        if ending != "jpg" or not name.isdecimal() or int(name) >= len(episodes):
            return None
        thumbnail = episodes[int(name)].thumbnail
        return None if thumbnail is None else jpeg(thumbnail, THUMBNAIL_WIDTH)


def _pictures(tick: Tick) -> dict[str, Any]:
    """Copies of the camera images, by camera."""
    return {
        _camera(key): image.copy()
        for key, image in tick.observation.items()
        if key.startswith(IMAGES)
    }


def _camera(key: str) -> str:
    return key.removeprefix(IMAGES)


def _numbers(status: Status, operator: Operator) -> dict[str, Any]:
    return {
        "phase": status.phase.value,
        "task": status.task,
        "episode": status.episode,
        "frames": status.frames,
        "seconds": round(status.seconds, 1),
        "success": status.success,
        "fps": status.fps,
        "rate": round(status.rate, 1),
        "missed": status.missed,
        "kept": status.kept,
        "wanted": status.wanted,
        "message": status.message,
        "driving": operator.driving,
        "closed": sorted(operator.closed),
        "pulling": bool(operator.targets),
        "speed": operator.speed,
    }


def _row(episode: RecordedEpisode) -> dict[str, Any]:
    return {
        "index": episode.index,
        "task": episode.task,
        "frames": episode.frames,
        "seconds": round(episode.seconds, 1),
        "success": episode.success,
        "missed": episode.missed,
        "picture": episode.thumbnail is not None,
        "discarded": episode.discarded,
    }
