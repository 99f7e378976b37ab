"""Video of an episode: the room, the robot's view, and a caption of what is being done."""

from pathlib import Path
from typing import Protocol

import mujoco
import numpy as np

from envs.rendering import VIDEO, CameraRenderer
from robo.closing import Closing
from robo.video import VideoWriter, with_caption, with_inset

SIZE = (480, 640)
INSET = (120, 120)
"""Height and width, pixels."""


class Filmed(Protocol):
    """A kitchen to film: an environment, or a view."""

    @property
    def data(self) -> mujoco.MjData:
        """Its simulation state."""


class Film(Closing):
    """Films a kitchen into an mp4 that plays in real time.

    Args:
        path: The file.
        title: What was asked.
        fps: Frames per second.
        camera: The robot's camera, shown in the corner.

    Raises:
        RenderingUnavailableError: No GL library can render here.
    """

    def __init__(self, path: Path, title: str, fps: int = 10, camera: str = "wrist") -> None:
        self.path = path
        self.camera = camera
        self.title = title
        self.line = ""
        self._room = CameraRenderer(*SIZE, VIDEO)
        self._robot = CameraRenderer(*INSET)
        self._writer = VideoWriter(path, fps)

    def caption(self, line: str) -> None:
        """Set the caption from now on."""
        self.line = line

    def shoot(self, env: Filmed) -> None:
        """Append a frame of the kitchen as it is now."""
        data = env.data
        room = self._room.render(data.model, data, "follow")
        seen = self._robot.render(data.model, data, self.camera)
        frame = with_caption(with_inset(room, seen), self.title, self.line)
        self._writer.add(np.ascontiguousarray(frame))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
        self._room.close()
        self._robot.close()
