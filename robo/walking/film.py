"""Films a walker, or the same walker in several simulators side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from envs.humanoid.batch import WalkBatch
from envs.humanoid.pictures import WalkCamera
from robo.closing import Closing
from robo.video import VideoWriter, with_caption

SIZE: Final = (360, 480)
"""Height and width of each robot's picture, pixels."""
FPS: Final = 25


class WalkFilm(Closing):
    """Films the first copy of one or several batches into an mp4 that plays in real time.

    Args:
        path: The file.
        batches: Batches to film, from left to right.
        titles: Title of each.

    Raises:
        RenderingUnavailableError: No GL library can render here.
    """

    def __init__(self, path: Path, batches: Sequence[WalkBatch], titles: Sequence[str]) -> None:
        self.every = round(batches[0].control_hz) // FPS
        self._titles = list(titles)
        self._cameras = [WalkCamera(batch, *SIZE) for batch in batches]
        self._writer = VideoWriter(path, FPS)

    def shoot(self, lines: Sequence[str]) -> None:
        """Append a frame of the robots as they are now, a line of text under each."""
        pictures = [
            with_caption(camera.picture(), title, line)
            for camera, title, line in zip(self._cameras, self._titles, lines, strict=True)
        ]
        self._frame = np.ascontiguousarray(np.concatenate(pictures, axis=1))
        self._writer.add(self._frame)

    def hold(self, seconds: float) -> None:
        """Hold the last frame for a while."""
        for _ in range(round(seconds * FPS)):
            self._writer.add(self._frame)

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
        for camera in self._cameras:
            camera.close()
