"""A camera's images by frame index, from videos, a cache of decoded videos, or single images.

Small images (up to 160 x 160 pixels after scaling) are decoded once, a whole video at a time, into
plain arrays on disk that all processes map into memory; larger ones are decoded on demand.
"""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from robo.data.errors import DatasetFormatError
from robo.data.frame_cache import FrameCache
from robo.data.layout import FileNumber
from robo.data.lerobot_reader import Dataset
from robo.data.video_decoding import VideoFile

SMALL = 160 * 160
OPEN_FILMS = 16


class FrameStore:
    """A camera's images.

    Args:
        dataset: The dataset.
        camera: The camera's key.
        size: (height, width) to scale to; as recorded by default.
        cache: Folder for decoded small images; None caches nothing.

    Attributes:
        size: (height, width) of the images returned.
    """

    def __init__(
        self,
        dataset: Dataset,
        camera: str,
        size: tuple[int, int] | None = None,
        cache: Path | None = None,
    ) -> None:
        if camera not in dataset.cameras:
            raise DatasetFormatError(
                f'{dataset.root} has no camera "{camera}"; it has {", ".join(dataset.cameras)}'
            )
        self.camera = camera
        self.size = size or dataset.features[camera].size
        small = self.size[0] * self.size[1] <= SMALL
        self._cache = FrameCache(cache) if cache and small else None
        self._info = dataset.info
        self._pictures = None
        if not dataset.features[camera].is_camera:
            self._pictures = dataset.table.column(camera)
            return
        films = [episode.films[camera] for episode in dataset.episodes]
        numbers = sorted({film.number for film in films})
        order = {number: place for place, number in enumerate(numbers)}
        self._numbers: Sequence[FileNumber] = numbers
        lengths = [episode.length for episode in dataset.episodes]
        starts = np.array([round(film.start * dataset.fps) for film in films], int)
        begins = np.array([episode.start for episode in dataset.episodes], int)
        # For each frame of the dataset: its video, and its image in that video.
        self._film = np.repeat([order[film.number] for film in films], lengths).astype(int)
        self._image = np.arange(len(dataset)) + np.repeat(starts - begins, lengths)
        self._lengths = np.zeros(len(numbers), int)
        np.maximum.at(self._lengths, self._film, self._image + 1)
        self._forget()

    def images(self, indices: np.ndarray) -> np.ndarray:
        """Images (n, H, W, 3), uint8, RGB.

        Args:
            indices: Dataset frame indices (n,).

        Raises:
            DatasetFormatError: A video is missing, damaged or too short.
            DatasetWriteError: The cache cannot be written.
        """
        frames, places = np.unique(indices, return_inverse=True)
        if self._pictures is not None:
            return np.stack([self._picture(int(i)) for i in frames])[places]
        if os.getpid() != self._process:
            self._forget()  # files opened by a parent process share their position with it
        result = np.empty((len(frames), *self.size, 3), np.uint8)
        films = self._film[frames]
        begins = np.flatnonzero(np.append(True, films[1:] != films[:-1])[: len(frames)])
        for begin, end in zip(begins, [*begins[1:], len(frames)], strict=True):
            film, wanted = int(films[begin]), self._image[frames[begin:end]]
            if self._cache is not None:
                result[begin:end] = self._decoded(film)[wanted]
            else:
                for place, number in enumerate(wanted, int(begin)):
                    result[place] = self._open(film).image(int(number))
        return result if len(places) == len(frames) and _sorted(places) else result[places]

    @property
    def films_to_cache(self) -> range:
        """Video numbers for `warm_up`; empty if nothing is cached."""
        cached = self._pictures is None and self._cache is not None
        return range(len(self._numbers) if cached else 0)

    def warm_up(self, film: int) -> None:
        """Decode a video into the cache now."""
        self._decoded(film)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_films": OrderedDict(), "_process": -1}

    def _forget(self) -> None:
        self._process = os.getpid()
        self._names: dict[int, str] = {}
        self._films: OrderedDict[int, VideoFile] = OrderedDict()

    def _path(self, film: int) -> Path:
        return self._info.video_path(self.camera, self._numbers[film])

    def _open(self, film: int) -> VideoFile:
        if film in self._films:
            self._films.move_to_end(film)
        else:
            self._films[film] = VideoFile(self._path(film), self._info.fps, self.size)
            if len(self._films) > OPEN_FILMS:
                self._films.popitem(last=False)[1].close()
        return self._films[film]

    def _decoded(self, film: int) -> np.ndarray:
        assert self._cache is not None
        if film not in self._names:
            self._names[film] = self._name(film)
        shape = (int(self._lengths[film]), *self.size, 3)
        return self._cache.film(self._names[film], shape, partial(self._decode, film))

    def _decode(self, film: int, file: BinaryIO) -> None:
        with VideoFile(self._path(film), self._info.fps, self.size) as video:
            for image in video.images(range(int(self._lengths[film]))):
                file.write(image.tobytes())

    def _name(self, film: int) -> str:
        """A video's name in the cache: copies share it, as merged datasets have them."""
        path = self._path(film)
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise DatasetFormatError(f"there is no file {path}") from None
        except OSError as error:
            raise DatasetFormatError(f"{path} cannot be read: {error}") from error
        return f"{content} {self.size} {self._lengths[film]}"

    def _picture(self, index: int) -> np.ndarray:
        assert self._pictures is not None
        value = self._pictures[index].as_py()
        data = np.frombuffer(value["bytes"] or b"", np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
        if image is None:
            raise DatasetFormatError(f"{self.camera}: the image of frame {index} cannot be decoded")
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        if image.shape[:2] != self.size:
            height, width = self.size
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(image, np.uint8)


def _sorted(places: np.ndarray) -> bool:
    return bool((places[1:] > places[:-1]).all())
