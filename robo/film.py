"""Films an episode: the room, what the wrist sees, and what is being done."""

from pathlib import Path

import numpy as np

from envs.kitchen.env import KitchenEnv
from envs.rendering import VIDEO, CameraRenderer
from robo.closing import Closing
from robo.video import VideoWriter, with_caption, with_inset

SIZE = (480, 640)
INSET = (120, 120)
"""Height and width, pixels."""


class Film(Closing):
    """Shoots every step of an environment into an mp4 that plays in real time.

    Raises:
        RenderingUnavailableError: No GL library can draw here.
    """

    def __init__(self, path: Path, title: str, fps: int = 10) -> None:
        self.path = path
        self.title = title
        self.line = ""
        self._room = CameraRenderer(*SIZE, VIDEO)
        self._wrist = CameraRenderer(*INSET)
        self._writer = VideoWriter(path, fps)

    def caption(self, line: str) -> None:
        """What is being done from now on."""
        self.line = line

    def shoot(self, env: KitchenEnv) -> None:
        """Append a frame of the environment as it is now."""
        room = self._room.render(env.scene.model, env.data, "follow")
        wrist = self._wrist.render(env.scene.model, env.data, "wrist")
        frame = with_caption(with_inset(room, wrist), self.title, self.line)
        self._writer.add(np.ascontiguousarray(frame))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
        self._room.close()
        self._wrist.close()
