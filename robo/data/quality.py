"""The quality of a recording: screening of the frames, episode by episode.

Thresholds are relative to the dataset, because units and rates differ between robots.
"""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from robo.data.elements import Element, Kind, elements_of, greatest_of_family
from robo.data.episodes import Episode
from robo.data.errors import DatasetFormatError
from robo.data.features import ACTION, CAPTURE_TIME, STATE, SUCCESS
from robo.data.findings import Finding, warning
from robo.data.frames import FrameStore
from robo.data.lerobot_reader import Dataset

SHORT_SECONDS = 0.5
LATE = 1.5
"""A frame is late if more than this many periods after the previous one."""
FROZEN_SECONDS = 1.0
MOVED = 0.25
"""The robot "moves" when an element of the state covers more than this share of its range; smaller
motion may well be out of a camera's view."""
IDLE_SECONDS = 3.0
FAMILY_RANGE = 0.05
"""An element that hardly moves in this dataset, such as the third joint of seven, does not jump
below this share of its family's greatest range..."""
FAMILY_RATE = 0.5
"""... or, if it is a rate, below this share of its family's usual range."""
CLIPPED_SHARE = 0.2
CLIPPED_RATE_SHARE = 0.9
"""A velocity command is often at its limit, but hardly ever all the time."""
JUMP_SPREADS = 10.0
"""A step is a jump above this many times the dataset's 95th percentile of steps..."""
JUMP_RANGE = 0.4
"""... and this share of the element's range."""
RATE_JUMP = 2.0
"""A rate may go from any usual value to any other at once; more than this many times its usual
range is a jump."""
_BLOCKS = 24
_CHANGED = 3.0
"""An image is new if the mean of some block changes by at least this many levels of 255."""


class _Column(NamedTuple):
    """A column and what is usual in it.

    Attributes:
        key: Its name.
        values: All its values, shape (frames, n).
        elements: Its elements.
        step: The 95th percentile of the steps from frame to frame, shape (n,).
        low: The smallest values, shape (n,).
        high: The largest values, shape (n,).
        limit: Steps above these are jumps, shape (n,).
    """

    key: str
    values: np.ndarray
    elements: list[Element]
    step: np.ndarray
    low: np.ndarray
    high: np.ndarray
    limit: np.ndarray

    def are(self, *kinds: Kind) -> np.ndarray:
        """Which elements are of these kinds, shape (n,)."""
        return np.array([element.kind in kinds for element in self.elements], bool)


class Screens:
    """The quality checks of a dataset; their references come from all its frames.

    Args:
        dataset: A dataset whose columns can be read.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._first, _ = dataset.episode_bounds()
        self._columns = [self._column(key) for key in (STATE, ACTION)]
        self._state, self._action = (column.values for column in self._columns)
        self._spread = _spread(self._state)
        self._seen: dict[str, int] = {}

    def screen(self, episode: Episode) -> Iterator[Finding]:
        """Findings in an episode's columns."""
        seconds = episode.length / self._dataset.fps
        if seconds < SHORT_SECONDS:
            yield warning("short", f"it lasts {seconds:.2f} s", episode.index, penalty=0.5)
        yield from self._late(episode)
        yield from self._jumps(episode)
        yield from self._clipped(episode)
        yield from self._idle(episode)
        yield from self._disagreement(episode)
        yield from self._duplicate(episode)

    def screen_images(self, episode: Episode, camera: str) -> Iterator[Finding]:
        """Findings in an episode's images from one camera, about four per second.

        Raises:
            DatasetFormatError: The video is damaged.
        """
        # An even stride stays on keyframes, between which compression artefacts differ least.
        stride = 2 * max(1, round(self._dataset.fps / 8))
        frames = range(episode.start, episode.stop, stride)
        images = FrameStore(self._dataset, camera)
        blocks = [_blocks(images.images(np.array([frame]))[0]) for frame in frames]
        same = [np.abs(now - then).max() < _CHANGED for then, now in pairwise(blocks)]
        stills = [
            (length, begin)
            for length, begin in _runs(np.array(same, bool))
            if length * stride >= FROZEN_SECONDS * self._dataset.fps
            and self._moved(frames[begin], frames[begin + length])
        ]
        if stills:
            length, begin = max(stills)
            seconds = length * stride / self._dataset.fps
            message = f"the image stands still for {seconds:.1f} s from frame {begin * stride} on "
            message += "while the robot moves"
            yield warning("frozen camera", message, episode.index, camera, penalty=0.5)
        dark = sum(bool(block.max() < 8) for block in blocks)
        if dark == len(frames):
            yield warning("dark camera", "all images are black", episode.index, camera, penalty=0.5)

    def _table(self, key: str) -> np.ndarray:
        if key not in self._dataset.features or not self._dataset.features[key].is_numeric:
            return np.zeros((len(self._dataset), 0))
        values = self._dataset.column(key).astype(float)
        return values.reshape(len(values), -1)

    def _moved(self, first: int, last: int) -> bool:
        """Whether some element of the state covers much of its range between these frames."""
        way = np.ptp(self._state[first : last + 1], axis=0)
        return bool((way > MOVED * self._spread)[self._spread > 0].any())

    def _late(self, episode: Episode) -> Iterator[Finding]:
        if CAPTURE_TIME not in self._dataset.features or episode.length < 2:
            return
        times = self._dataset.column(CAPTURE_TIME)[episode.start : episode.stop]
        steps = np.diff(times) * self._dataset.fps
        back = np.flatnonzero(steps <= 0)
        if len(back):
            message = f"time does not go on after frame {back[0]}"
            yield warning("capture time", message, episode.index, CAPTURE_TIME, penalty=0.3)
            return
        late = steps > LATE
        if late.any():
            share = float(late.mean())
            message = f"{late.sum()} frames late ({share:.1%}), the worst {steps.max():.1f} periods"
            penalty = min(0.4, 4 * share)
            yield warning("missed deadlines", message, episode.index, CAPTURE_TIME, penalty)
        rate = self._dataset.fps / float(np.median(steps))
        if abs(rate - self._dataset.fps) > 0.1 * self._dataset.fps:
            message = f"recorded at {rate:.1f} frames a second, declared {self._dataset.fps}"
            yield warning("rate", message, episode.index, CAPTURE_TIME, penalty=0.3)

    def _jumps(self, episode: Episode) -> Iterator[Finding]:
        for column in self._columns:
            if not column.elements or episode.length < 2:
                continue
            steps = np.diff(column.values[episode.start : episode.stop], axis=0)
            turn = np.array([element.turn for element in column.elements])
            size = np.where(
                turn > 0, np.minimum(np.abs(steps), turn - np.abs(steps)), np.abs(steps)
            )
            jumps = (size > column.limit) & ~column.are(Kind.SWITCH)
            # A gripper may go from one end to the other at once, but not there and back.
            back = np.zeros_like(jumps)
            back[:-1] = jumps[1:] & (steps[:-1] * steps[1:] < 0)
            jumps &= back | ~column.are(Kind.GRIPPER)
            if jumps.any():
                frame, element = np.argwhere(jumps)[0]
                message = f"{column.elements[element].label} jumps by {size[frame, element]:.3g} "
                message += f"after frame {frame}; steps are below {column.step[element]:.3g} as a "
                message += "rule"
                if jumps.any(1).sum() > 1:
                    message += f"; {jumps.any(1).sum()} such frames"
                yield warning("jump", message, episode.index, column.key)

    def _column(self, key: str) -> _Column:
        values = self._table(key)
        elements = []
        if values.size:
            elements = elements_of(self._dataset.features[key], values, command=key == ACTION)
        inner = self._first[1:] == self._first[:-1]
        steps = np.abs(_steps(values, elements))[inner]
        none = np.zeros(values.shape[1])
        step = np.quantile(steps, 0.95, axis=0) if len(steps) else none
        low = values.min(0) if len(values) else none
        high = values.max(0) if len(values) else none
        column = _Column(key, values, elements, step, low, high, none)
        if not elements:
            return column
        turn = np.array([element.turn for element in elements])
        limit = np.maximum(JUMP_SPREADS * step, JUMP_RANGE * (high - low))
        limit = np.where(turn > 0, JUMP_RANGE * turn, limit)  # half a turn is the longest step
        limit = np.maximum(limit, FAMILY_RANGE * greatest_of_family(elements, high - low))
        way = np.array([_way(numbers) for numbers in values.T])
        usual = np.maximum(RATE_JUMP * way, FAMILY_RATE * greatest_of_family(elements, way))
        if key != ACTION:  # a measured rate may be perturbed, a commanded one is bounded
            usual = np.maximum(usual, limit)
        return column._replace(limit=np.where(column.are(Kind.RATE), usual, limit))

    def _clipped(self, episode: Episode) -> Iterator[Finding]:
        column = self._columns[1]
        if not column.elements:
            return
        values = column.values[episode.start : episode.stop]
        may_be = ~column.are(Kind.SWITCH, Kind.GRIPPER) & (column.high > column.low)
        share = ((values == column.low) | (values == column.high)).mean(0)
        limit = np.where(column.are(Kind.RATE), CLIPPED_RATE_SHARE, CLIPPED_SHARE)
        over = np.where(may_be, share - limit, 0.0)
        if (over > 0).any():
            element = int(over.argmax())
            message = f"{column.elements[element].label} is at the end of its range in "
            message += f"{share[element]:.0%} of the frames"
            yield warning("clipped action", message, episode.index, ACTION)

    def _idle(self, episode: Episode) -> Iterator[Finding]:
        if episode.length < 2 or not (self._action.shape[1] and self._state.shape[1]):
            return
        rows = slice(episode.start, episode.stop)
        same = (np.diff(self._action[rows], axis=0) == 0).all(1)
        still = (np.abs(np.diff(self._state[rows], axis=0)) <= 1e-3 * self._spread).all(1)
        longest, begin = max(_runs(same & still), default=(0, 0))
        seconds = longest / self._dataset.fps
        if seconds >= IDLE_SECONDS:
            message = f"nothing happens for {seconds:.1f} s from frame {begin} on"
            yield warning("idle", message, episode.index, ACTION)

    def _disagreement(self, episode: Episode) -> Iterator[Finding]:
        if SUCCESS not in self._dataset.features or episode.info.success is None:
            return
        last = bool(self._dataset.column(SUCCESS)[episode.stop - 1])
        if last != episode.info.success:
            message = f"it is marked {_word(episode.info.success)}, the success rule says "
            message += f"{_word(last)} at its end"
            yield warning("success", message, episode.index, SUCCESS, penalty=0.4)

    def _duplicate(self, episode: Episode) -> Iterator[Finding]:
        rows = slice(episode.start, episode.stop)
        content = self._action[rows].tobytes() + self._state[rows].tobytes()
        if not content:
            return
        digest = hashlib.sha256(content).hexdigest()
        first = self._seen.setdefault(digest, episode.index)
        if first != episode.index:
            message = f"the same states and actions as episode {first}"
            yield warning("duplicate", message, episode.index, penalty=0.9)


def screen_set(dataset: Dataset, *, images: bool) -> Iterator[Finding]:
    """Run all quality checks on all episodes.

    Args:
        dataset: A dataset whose columns can be read.
        images: Whether to decode videos, which takes most of the time.
    """
    screens = Screens(dataset)
    for episode in dataset.episodes:
        yield from screens.screen(episode)
        for camera in dataset.cameras if images else ():
            try:
                yield from screens.screen_images(episode, camera)
            except DatasetFormatError as problem:
                yield warning("video", str(problem), episode.index, camera, penalty=1.0)


def _spread(table: np.ndarray) -> np.ndarray:
    """The width of each element's middle 98%, shape (n,)."""
    if not len(table):
        return np.zeros(table.shape[1])
    low, high = np.quantile(table, (0.01, 0.99), axis=0)
    return np.asarray(high - low)


def _steps(values: np.ndarray, elements: list[Element]) -> np.ndarray:
    """Differences from frame to frame; the shorter way round for angles."""
    steps = np.diff(values, axis=0)
    for place, element in enumerate(elements):
        if element.turn:
            steps[:, place] = (steps[:, place] + element.turn / 2) % element.turn - element.turn / 2
    return steps


def _way(values: np.ndarray) -> float:
    """Usual range of a rate, including 0, ignoring the times when it rests."""
    moving = values[values != 0]
    low, high = np.quantile(moving, (0.02, 0.98)) if len(moving) else (0.0, 0.0)
    return float(max(high, 0.0) - min(low, 0.0))


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Length and start of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(end - begin), int(begin)) for begin, end in edges.reshape(-1, 2)]


def _blocks(image: np.ndarray) -> np.ndarray:
    """Mean grey levels of square blocks, about 24 along the shorter side."""
    block = max(1, min(image.shape[:2]) // _BLOCKS)
    height, width = (side - side % block for side in image.shape[:2])
    grey = image[:height, :width].mean(2, dtype=np.float32)
    return np.asarray(grey.reshape(height // block, block, -1, block).mean((1, 3)))


def _word(success: bool) -> str:
    return "a success" if success else "a failure"
