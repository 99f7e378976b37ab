"""Videos: frames with a caption, written one by one."""

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from robo.closing import Closing
from robo.results import replacing, writing

Frame = NDArray[np.uint8]
"""An image (H, W, 3), RGB."""


class VideoWriter(Closing):
    """Writes H.264 to an mp4; the complete file appears on closing, and only if it has frames.

    Args:
        path: The file.
        fps: Frames per second.
    """

    def __init__(self, path: str | Path, fps: int) -> None:
        self.path = Path(path)
        self.fps = fps
        self.frames = 0
        self._files = ExitStack()
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None

    def add(self, frame: Frame) -> None:
        """Append a frame (H, W, 3); all frames have the first one's shape, with even sides.

        Raises:
            UserError: It cannot be written.
        """
        with writing(self.path):
            if self._container is None or self._stream is None:
                self._container, self._stream = self._open(*frame.shape[:2])
            image = av.VideoFrame.from_ndarray(frame, "rgb24")
            self._container.mux(self._stream.encode(image))
        self.frames += 1

    def close(self) -> None:
        """Finish the file.

        Raises:
            UserError: It cannot be written.
        """
        with self._files:
            if self._container is not None and self._stream is not None:
                container, self._container = self._container, None
                with container:
                    container.mux(self._stream.encode())

    def _open(self, height: int, width: int) -> tuple[OutputContainer, VideoStream]:
        partial = self._files.enter_context(replacing(self.path))
        container = av.open(str(partial), "w", format="mp4")
        stream = container.add_stream(
            "libx264", rate=Fraction(self.fps), options={"preset": "veryfast", "crf": "21"}
        )
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        return container, stream


def with_caption(frame: Frame, title: str, line: str) -> Frame:
    """A frame with two lines of text on a dark band at the bottom."""
    height, width = frame.shape[:2]
    band = max(44, height // 9)
    image = frame.copy()
    image[-band:] = (image[-band:] * 0.25).astype(np.uint8)
    scale = band / 44 * 0.5
    for text, y, colour in ((title, 0.42, (190, 200, 210)), (line, 0.84, (255, 255, 255))):
        fitted = _fit(text, width - 20, scale)
        position = (10, height - band + int(band * y))
        cv2.putText(
            image, fitted, position, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA
        )
    return image


def with_inset(frame: Frame, inset: Frame) -> Frame:
    """A frame with a smaller one in its top right corner."""
    image = frame.copy()
    height, width = inset.shape[:2]
    image[8 : 10 + height, -width - 10 : -8] = 255
    image[9 : 9 + height, -width - 9 : -9] = inset
    return image


def _fit(text: str, width: int, scale: float) -> str:
    """ASCII text, cut to a width in pixels."""
    text = text.encode("ascii", "replace").decode()
    while text and cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0] > width:
        text = text[:-4] + "..." if len(text) > 4 else ""
    return text
