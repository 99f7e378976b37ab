"""What a recording is worth: screens of the frames, episode by episode.

Thresholds are relative to the set, because units and rates differ from robot to robot.
"""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from robo.data.episodes import Episode
from robo.data.errors import DatasetFormatError
from robo.data.features import ACTION, CAPTURE_TIME, STATE, SUCCESS
from robo.data.findings import Finding, warning
from robo.data.frames import FrameStore
from robo.data.lerobot_reader import Dataset

SHORT_SECONDS = 0.5
LATE = 1.5
"""A frame is late from this many periods after the one before it."""
FROZEN_SECONDS = 1.0
MOVED = 0.25
"""The share of its range that an element of the state goes through when the robot "moves"; less may
well be out of a camera's sight."""
IDLE_SECONDS = 3.0
CLIPPED_SHARE = 0.2
JUMP_SPREADS = 10.0
"""A step is a jump from this many times the set's 95th percentile of steps..."""
JUMP_RANGE = 0.4
"""... and this share of the element's range."""
_TURN = 2 * np.pi
_BLOCKS = 24
_CHANGED = 3.0
"""Levels of 255 by which the mean of some square of an image must change for it to be a new one."""


class _Usual(NamedTuple):
    """Of each element of a table.

    Attributes:
        step: The 95th percentile of the steps from frame to frame.
        low: The smallest value.
        high: The largest.
        graded: Whether it takes more than a few values, as a switch does not.
    """

    step: np.ndarray
    low: np.ndarray
    high: np.ndarray
    graded: np.ndarray


class Screens:
    """The screens of a set; what they compare with is taken from all its frames.

    Args:
        dataset: A set whose columns can be read.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._first, _ = dataset.episode_bounds()
        self._state = self._table(STATE)
        self._action = self._table(ACTION)
        self._spread = _spread(self._state)
        self._usual_state = self._usual(self._state)
        self._usual_action = self._usual(self._action)
        self._seen: dict[str, int] = {}

    def screen(self, episode: Episode) -> Iterator[Finding]:
        """Findings in an episode's numbers."""
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
        """Findings in an episode's images of one camera, four of them a second.

        Raises:
            DatasetFormatError: The film is damaged.
        """
        # An even stride stays on keyframes, whose compression changes least from one to the next.
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
        """Whether some element of the state goes through much of its range from here to there."""
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
        for key, table, usual in (
            (STATE, self._state, self._usual_state),
            (ACTION, self._action, self._usual_action),
        ):
            if not table.shape[1] or episode.length < 2:
                continue
            steps = np.abs(np.diff(table[episode.start : episode.stop], axis=0))
            turned = np.abs(steps - _TURN) < 0.1 * _TURN  # an angle that goes round
            limit = np.maximum(JUMP_SPREADS * usual.step, JUMP_RANGE * (usual.high - usual.low))
            jumps = (steps > limit) & ~turned & usual.graded
            if jumps.any():
                frame, element = np.argwhere(jumps)[0]
                message = f"element {element} jumps by {steps[frame, element]:.3g} after frame "
                message += f"{frame}; steps are below {usual.step[element]:.3g} as a rule"
                if jumps.any(1).sum() > 1:
                    message += f"; {jumps.any(1).sum()} such frames"
                yield warning("jump", message, episode.index, key)

    def _usual(self, table: np.ndarray) -> _Usual:
        inner = self._first[1:] == self._first[:-1]
        steps = np.abs(np.diff(table, axis=0))[inner]
        none = np.zeros(table.shape[1])
        return _Usual(
            step=np.quantile(steps, 0.95, axis=0) if len(steps) else none,
            low=table.min(0) if len(table) else none,
            high=table.max(0) if len(table) else none,
            graded=_graded(table),
        )

    def _clipped(self, episode: Episode) -> Iterator[Finding]:
        if not self._action.shape[1]:
            return
        low, high = self._usual_action.low, self._usual_action.high
        values = self._action[episode.start : episode.stop]
        graded = self._usual_action.graded & (high > low)
        share = np.where(graded, ((values == low) | (values == high)).mean(0), 0.0)
        if (share > CLIPPED_SHARE).any():
            element = int(share.argmax())
            message = (
                f"element {element} is at the end of its range in {share[element]:.0%} of the "
            )
            message += "frames"
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
    """All screens on all episodes.

    Args:
        dataset: A set whose columns can be read.
        images: Whether to decode films, which takes most of the time.
    """
    screens = Screens(dataset)
    for episode in dataset.episodes:
        yield from screens.screen(episode)
        for camera in dataset.cameras if images else ():
            try:
                yield from screens.screen_images(episode, camera)
            except DatasetFormatError as problem:
                yield warning("film", str(problem), episode.index, camera, penalty=1.0)


def _spread(table: np.ndarray) -> np.ndarray:
    """Of each element, the width of its middle 98%."""
    if not len(table):
        return np.zeros(table.shape[1])
    low, high = np.quantile(table, (0.01, 0.99), axis=0)
    return np.asarray(high - low)


def _graded(table: np.ndarray) -> np.ndarray:
    return np.array([len(np.unique(column[:10_000])) > 8 for column in table.T], bool)


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Length and start of every run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(end - begin), int(begin)) for begin, end in edges.reshape(-1, 2)]


def _blocks(image: np.ndarray) -> np.ndarray:
    """Means of squares, grey: 24 along the shorter side."""
    block = max(1, min(image.shape[:2]) // _BLOCKS)
    height, width = (side - side % block for side in image.shape[:2])
    grey = image[:height, :width].mean(2, dtype=np.float32)
    return np.asarray(grey.reshape(height // block, block, -1, block).mean((1, 3)))


def _word(success: bool) -> str:
    return "a success" if success else "a failure"
