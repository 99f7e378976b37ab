"""Images from videos, by frame number."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from robo.closing import Closing
from robo.data.errors import DatasetFormatError

TOLERANCE = 1e-4
"""How far a frame may be off its nominal time, in seconds; the same as LeRobot's loader."""
_NEAR = 8
"""Up to this many frames ahead, decoding on is assumed to be faster than seeking."""


class VideoFile(Closing):
    """A video, open for reading frames in any order; ascending order is fastest.

    Args:
        path: The file.
        fps: Frames per second of the dataset; the file's own by default.
        size: (height, width) to scale images to; unscaled by default.

    Raises:
        DatasetFormatError: The file is missing or not a video.
    """

    def __init__(
        self, path: Path, fps: int | None = None, size: tuple[int, int] | None = None
    ) -> None:
        self.path = path
        try:
            self._container = av.open(str(path))
        except FileNotFoundError:
            raise DatasetFormatError(f"there is no file {path}") from None
        except (av.error.FFmpegError, OSError) as error:
            raise DatasetFormatError(f"{path} cannot be read: {error}") from error
        if not self._container.streams.video:
            raise DatasetFormatError(f"{path} holds no video")
        self._stream = self._container.streams.video[0]
        self._stream.codec_context.thread_count = 1
        self.rate = float(self._stream.average_rate or 0)
        self._fps = fps or self.rate
        if not self._fps or self._stream.time_base is None:
            raise DatasetFormatError(f"{path} does not say its frame rate")
        self._second = float(1 / self._stream.time_base)
        self._size = size
        self._frames: Iterator[VideoFrame] | None = None
        self._position = 0

    @property
    def frames(self) -> int:
        """Number of frames according to the file."""
        return self._stream.frames

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its images."""
        return self._stream.height, self._stream.width

    def images(self, numbers: Iterable[int]) -> Iterator[np.ndarray]:
        """Frames (H, W, 3), uint8, RGB, by their number in the file.

        Raises:
            DatasetFormatError: The video is damaged, or has no frame within 1e-4 s of that time.
        """
        for number in numbers:
            yield self.image(number)

    def image(self, number: int) -> np.ndarray:
        """One frame (H, W, 3)."""
        if self._frames is None or not 0 <= number - self._position <= _NEAR:
            pts = round(number / self._fps * self._second)
            self._container.seek(max(0, pts), stream=self._stream)
            self._frames = self._container.decode(self._stream)
        wanted = number / self._fps
        nearest = None
        while (frame := self._next(self._frames)) is not None:
            time = (frame.pts or 0) / self._second
            if abs(time - wanted) < TOLERANCE:
                self._position = number + 1
                return self._array(frame)
            nearest = time
            if time > wanted:
                break
        self._frames = None
        found = "it ends before" if nearest is None or nearest < wanted else f"next {nearest:.4f} s"
        raise DatasetFormatError(
            f"{self.path} has no frame at {wanted:.4f} s (frame {number} at {self._fps:g} a "
            f"second; {found})"
        )

    def close(self) -> None:
        """Close the file."""
        self._frames = None
        self._container.close()

    def _next(self, frames: Iterator[VideoFrame]) -> VideoFrame | None:
        try:
            return next(frames, None)
        except av.error.FFmpegError as error:
            raise DatasetFormatError(f"{self.path} is damaged: {error}") from error

    def _array(self, frame: VideoFrame) -> np.ndarray:
        if self._size is None or self._size == (frame.height, frame.width):
            return frame.to_ndarray(format="rgb24")
        height, width = self._size
        return frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")
