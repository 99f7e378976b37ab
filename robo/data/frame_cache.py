"""Decoded videos on disk, mapped by all processes; the least recently used are evicted."""

import hashlib
import math
import os
import shutil
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from robo.data.storage import write_errors

OPEN_MAPS: Final = 64
"""Files mapped at once: each costs a file descriptor, and a dataset may have thousands."""
SPARE: Final = 0.05
"""Share of the disk to keep free: old videos are evicted before a new one would use it."""
RECENT: Final = 3600.0
"""Videos used within this time (s) are kept: a training run may be reading them."""


def default_cache() -> Path:
    """The folder for decoded images: $ROBO_CACHE, or `robo` in the user's cache folder."""
    chosen = os.environ.get("ROBO_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "robo"


class FrameCache:
    """Videos by name, as arrays; each is decoded once for all processes.

    Args:
        folder: The cache's folder; videos are in its subfolder `frames`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "frames"
        self._maps: OrderedDict[str, np.ndarray] = OrderedDict()
        self._noted: dict[str, float] = {}

    def film(
        self, name: str, shape: tuple[int, int, int, int], decode: Callable[[BinaryIO], None]
    ) -> np.ndarray:
        """Images [n, H, W, 3], uint8, read-only.

        Args:
            name: Identifies the video and its size.
            shape: Shape of the images.
            decode: Writes them to a file if the cache lacks them.

        Raises:
            DatasetWriteError: The cache cannot be written.
        """
        if name in self._maps:
            self._maps.move_to_end(name)
            self._note_use(name)
            return self._maps[name]
        path = self._path(name)
        with write_errors(path, "set ROBO_CACHE to a folder that can be written to"):
            images = _mapped(path, shape)
            while images is None:
                self._make_room(math.prod(shape))
                _write(path, decode)
                images = _mapped(path, shape)
        self._maps[name] = images
        self._note_use(name)
        if len(self._maps) > OPEN_MAPS:
            self._maps.popitem(last=False)
        return images

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_maps": OrderedDict()}

    def _path(self, name: str) -> Path:
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.rgb"

    def _note_use(self, name: str) -> None:
        """Update the file's time now and then, for other processes that make room."""
        now = time.time()
        if now > self._noted.get(name, 0.0) + RECENT / 4:
            self._noted[name] = now
            with suppress(OSError):  # the cache is read-only or was deleted
                os.utime(self._path(name))

    def _make_room(self, size: int) -> None:
        """Evict the least recently used videos if `size` more bytes would leave too little room."""
        self._folder.mkdir(parents=True, exist_ok=True)
        disk = shutil.disk_usage(self._folder)
        lacking = SPARE * disk.total + size - disk.free
        if lacking <= 0:
            return
        # Free more than is lacking, so that not every video has to make room again.
        lacking += SPARE * disk.total
        for used, length, path in sorted(_films(self._folder)):
            if lacking <= 0 or used > time.time() - RECENT:
                return
            path.unlink(missing_ok=True)
            lacking -= length


def _films(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Time of last use, size in bytes and path of each video."""
    for path in folder.glob("*.rgb"):
        with suppress(FileNotFoundError):
            state = path.stat()
            yield state.st_mtime, state.st_size, path


def _mapped(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The cached images, if the file is complete."""
    with suppress(FileNotFoundError):
        if path.stat().st_size == math.prod(shape):
            return np.memmap(path, np.uint8, "r", shape=shape)
    return None


def _write(path: Path, decode: Callable[[BinaryIO], None]) -> None:
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            decode(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
