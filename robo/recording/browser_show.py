"""The thread that keeps the page up to date: 3-D scene, pictures, gizmos and numbers."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from robo.recording.browser_controls import Pose, View
from robo.recording.browser_scene import (
    Chase,
    Poses,
    SceneMirror,
    blend,
    body_poses,
    place_cameras,
)
from robo.recording.browser_server import PageServer

PUSH_HZ: Final = 25
JPEG_QUALITY: Final = 82
GIZMO_SCALE: Final = 0.22
NO_POSES: Final = np.zeros((0, 7))


@dataclass(frozen=True)
class Moment:
    """What the page shows for one tick.

    Attributes:
        poses: Copy of all body poses; empty without a model.
        gizmos: Gizmo poses while nobody drags them.
        visible: Whether gizmos are shown.
        pictures: Camera images, by camera.
        numbers: Values for the page's panel, plain types.
    """

    poses: Poses
    gizmos: Mapping[str, Pose]
    visible: bool
    pictures: Mapping[str, NDArray[np.uint8]]
    numbers: Mapping[str, Any]


class Show:
    """Shows moments at `PUSH_HZ`, moving smoothly from one to the next.

    Args:
        server: The page's server.
        on_drag: Called with (gizmo, pose) while a gizmo is dragged.
        on_release: Called with the gizmo when it is released.
    """

    def __init__(
        self,
        server: PageServer,
        on_drag: Callable[[str, Pose], None],
        on_release: Callable[[str], None],
    ) -> None:
        self._server = server
        self._on_drag, self._on_release = on_drag, on_release
        self._mirror = SceneMirror(server.viser)
        self._chase = Chase(server.viser)
        self._gizmos: dict[str, Any] = {}
        self._dragged: set[str] = set()
        self._lock = threading.Lock()
        self._before = NO_POSES
        self._gizmos_before: Mapping[str, Pose] = {}
        self._moment: Moment | None = None
        self._since = 0.0
        self._period = 0.1
        self._carrier: int | None = None
        self._looked = False
        self._sent: Moment | None = None
        self._error: BaseException | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._thread.start()

    def load(self, model: mujoco.MjModel, gizmos: Mapping[str, Pose]) -> None:
        """Show this model, if it looks different; poses follow with `tell`."""
        with self._lock:
            self._mirror.load(model)
            self._before, self._moment = NO_POSES, None
            for name, pose in gizmos.items():
                if name not in self._gizmos:
                    self._gizmos[name] = self._add_gizmo(name, pose)

    def look(self, view: View, *, again: bool) -> None:
        """Move all viewers to this view: only the first time, unless `again`."""
        with self._lock:
            if self._looked and not again:
                return
            self._looked = True
            self._carrier = view.carrier
            self._chase.forget()
            place_cameras(self._server.viser, view.position, view.target)

    def tell(self, moment: Moment, period: float) -> None:
        """Show this moment from now on, moving there within `period` seconds.

        Raises:
            Exception: The display thread has failed.
        """
        if self._error is not None:
            raise self._error
        with self._lock:
            old = self._moment
            now = time.monotonic()
            self._before = moment.poses if old is None else self._now(now)
            self._gizmos_before = {} if old is None else self._gizmos_now(now)
            self._moment, self._since, self._period = moment, now, period

    def stop(self) -> None:
        """Stop the thread."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        try:
            due = time.monotonic()
            while not self._stopping.is_set():
                self._push(time.monotonic())
                due = max(due + 1 / PUSH_HZ, time.monotonic())
                self._stopping.wait(due - time.monotonic())
        except BaseException as error:
            self._error = error

    def _push(self, now: float) -> None:
        with self._lock:
            moment = self._moment
            if moment is None:
                return
            if len(moment.poses):
                poses = self._now(now)
                self._mirror.push(poses)
                if self._carrier is not None:
                    self._chase.follow(poses[self._carrier], now)
            gizmos = self._gizmos_now(now)
            for name, gizmo in self._gizmos.items():
                gizmo.visible = moment.visible
                pose = gizmos.get(name)
                # The moment may predate the drag, and would pull the gizmo out of the hand.
                if pose is not None and name not in self._dragged:
                    gizmo.position, gizmo.wxyz = pose[:3], pose[3:]
        if moment is self._sent:
            return
        if self._server.pages:
            for camera, picture in moment.pictures.items():
                self._server.send_picture(camera, jpeg(picture))
        self._server.send("status", moment.numbers)
        self._sent = moment

    def _gizmos_now(self, now: float) -> dict[str, Pose]:
        """Gizmo poses, interpolated like the bodies: else they run ahead of the gripper."""
        assert self._moment is not None
        share = min(1.0, (now - self._since) / self._period)
        return {
            name: blend(self._gizmos_before.get(name, pose)[None], pose[None], share)[0]
            for name, pose in self._moment.gizmos.items()
        }

    def _now(self, now: float) -> Poses:
        assert self._moment is not None
        share = min(1.0, (now - self._since) / self._period)
        if share >= 1.0 or len(self._before) != len(self._moment.poses):
            return self._moment.poses
        return blend(self._before, self._moment.poses, share)

    def _add_gizmo(self, name: str, pose: Pose) -> Any:
        gizmo = self._server.viser.scene.add_transform_controls(
            f"/gizmo/{name}",
            scale=GIZMO_SCALE,
            line_width=3.0,
            depth_test=False,
            position=pose[:3],
            wxyz=pose[3:],
        )

        @gizmo.on_update
        async def _(event: Any) -> None:
            if event.phase in ("start", "update"):
                self._dragged.add(name)
                self._on_drag(name, np.concatenate([gizmo.position, gizmo.wxyz]))
            else:
                self._dragged.discard(name)
                self._on_release(name)

        return gizmo


def poses_of(data: mujoco.MjData | None) -> Poses:
    """A copy of all body poses; empty without a simulation."""
    return NO_POSES if data is None else body_poses(data)


def jpeg(picture: NDArray[np.uint8], width: int | None = None) -> bytes:
    """A picture (H, W, 3) as JPEG, scaled to `width` pixels if given."""
    if width is not None:
        height = max(1, round(picture.shape[0] * width / picture.shape[1]))
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
    colours = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", colours, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()
