"""The public recorder: steps an environment and records observations and actions.

    with Recorder(env, root, task="swing up") as recorder:
        observation, info = recorder.reset(seed=0)
        for _ in range(200):
            observation, *_ = recorder.step(policy(observation))
        recorder.keep()

A kept episode is on disk, readable by any reader, when `keep` returns. An interrupted one is
recovered up to its last second by the next recorder (or `robo data repair`).
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from numpy.typing import NDArray

from robo.closing import Closing
from robo.data.episodes import Episode
from robo.data.errors import DatasetFormatError
from robo.data.features import (
    ACTION,
    AUTOMATIC,
    RECORDED,
    Features,
    dataset_key,
    features_of_spaces,
    vector,
)
from robo.data.layout import INFO, read_info
from robo.data.lerobot_writer import DatasetWriter, create_dataset
from robo.recording.origin import Origin
from robo.recording.tasks import PlainTask, Start, Task

SENT_ACTION = "sent_action"
"""The column of the sent action where `action` holds the intended one (DART). Its name does not
begin with "action", because LeRobot predicts every such column."""

Observation = Mapping[str, NDArray[Any]]
Step = tuple[Observation, float, bool, bool, dict[str, Any]]


class Recorder(Closing):
    """Records episodes of an environment into a dataset, created if there is none.

    Args:
        env: With a Dict observation of `state` (n,) and `images/<camera>` (H, W, 3) uint8, or one
            vector, which becomes `state`.
        root: The dataset's folder.
        task: The task: words, or a `Task` that also draws starts and judges success.
        fps: Frames per second; the environment's own rate when None.
        device: Name of what acts, recorded with every episode.
        arguments: The environment's `gymnasium.make` arguments; needed to replay.
        names: Names of the elements of a column, by key.
        with_sent_action: Whether the dataset has the column `sent_action`.
        restore: False drops the unfinished episode of an earlier recorder.

    Attributes:
        env: The environment.
        writer: The dataset's writer.
        fps: Frames per second.
        frames: Frames of the open episode.
        success: Whether the success rule holds now; None without a rule.
        observation: The latest observation.

    Raises:
        DatasetError: It is no dataset or has other features, or another process records into it.
    """

    def __init__(
        self,
        env: "gymnasium.Env[Any, Any]",
        root: Path,
        task: str | Task,
        *,
        fps: int | None = None,
        device: str = "policy",
        arguments: Mapping[str, Any] | None = None,
        names: Mapping[str, list[str]] | None = None,
        with_sent_action: bool = False,
        restore: bool = True,
    ) -> None:
        self.env = env
        self.root = root
        self.task: Task = PlainTask(task) if isinstance(task, str) else task
        self.device = device
        self.fps = fps or rate_of(env)
        self.frames = 0
        self.success: bool | None = None
        self._arguments = dict(arguments or {})
        self._id = env.spec.id if env.spec is not None else ""
        features = features_of_env(env, names or {}, with_sent_action=with_sent_action)
        if not (root / INFO).exists():
            kind = type(env.unwrapped).__name__.removesuffix("Env").lower()
            create_dataset(root, self.fps, features.values(), kind)
        check_same(root, features, self.fps)
        self.writer = DatasetWriter(root, restore=restore)
        self._start: Start | None = None
        self._lead: list[list[float]] = []
        self.observation: Observation = {}
        self._waiting: _Frame | None = None
        self._began = 0.0

    @property
    def sends_otherwise(self) -> bool:
        """Whether the dataset has a column for the sent action."""
        return SENT_ACTION in self.writer.info.features

    def reset(
        self,
        seed: int | None = None,
        options: Mapping[str, Any] | None = None,
        start: Start | None = None,
    ) -> tuple[Observation, dict[str, Any]]:
        """Reset the environment; an open episode is dropped.

        Args:
            seed: Seed of the reset. Without one the episode cannot be replayed.
            options: Options of the reset, plain JSON values.
            start: Both, as drawn by the task.
        """
        self.drop()
        if start is not None:
            seed, options = start.seed, start.options
        self._start, self._lead = start, []
        self._seed, self._options = seed, dict(options or {})
        observation, info = self.env.reset(seed=seed, options=self._options or None)
        self.observation = as_dict(observation)
        self.task.begin(self.env.unwrapped, self._words)
        self.success = self.task.judge(self.env.unwrapped, info)
        # Now, because creating the journal takes longer than a period.
        self._open_episode()
        return self.observation, info

    def step(
        self,
        action: Any,
        *,
        intended: NDArray[Any] | None = None,
        label: str = "",
        capture_time: float | None = None,
    ) -> Step:
        """Send an action and record the frame: the observation before it, and the action.

        Args:
            action: Action to send, as the environment takes it.
            intended: Action to record as `action` if it differs; the sent one then goes to the
                column `sent_action`.
            label: The current skill; the task's own label when empty.
            capture_time: When the observation was made, in seconds since the episode's first
                frame; by the clock when None.

        Returns:
            What the environment's `step` returns, with the observation as a dictionary.
        """
        now = time.perf_counter()
        if not self.writer.is_recording:
            raise RuntimeError("no episode is open: call reset first")
        if not self.frames:
            self._began = now
            if self._lead:
                self.writer.discard_episode()
                self._open_episode()
        captured = now - self._began if capture_time is None else capture_time
        sent = np.atleast_1d(np.asarray(action, np.float32)).reshape(-1)
        # Copied, because an environment may write its next observation into the same arrays.
        columns = {dataset_key(key): np.array(value) for key, value in self.observation.items()}
        columns[ACTION] = sent if intended is None else np.asarray(intended, np.float32)
        if self.sends_otherwise:
            columns[SENT_ACTION] = sent
        elif intended is not None:
            raise ValueError(
                f'the dataset has no column "{SENT_ACTION}"; make the recorder with one'
            )
        label = label or self.task.label
        # The action is sent as rounded for the dataset.
        exact = action_of_row(self.env.action_space, sent)
        observation, reward, terminated, truncated, info = self.env.step(exact)
        self.success = self.task.judge(self.env.unwrapped, info)
        self._flush()
        self._waiting = _Frame(columns, bool(self.success), label, captured)
        self.frames += 1
        self.observation = as_dict(observation)
        return self.observation, float(reward), bool(terminated), bool(truncated), info

    def lead(self, action: Any) -> tuple[Observation, dict[str, Any]]:
        """Send an action before the first frame; it is kept with the episode's start.

        Args:
            action: Shape (n,).
        """
        self._lead.append([float(number) for number in np.asarray(action, np.float32)])
        return self.show(self._lead[-1])

    def show(self, action: Any) -> tuple[Observation, dict[str, Any]]:
        """Send an action without recording it, for a replay.

        Args:
            action: As stored in a dataset, shape (n,).
        """
        sent = action_of_row(self.env.action_space, action)
        observation, _, _, _, info = self.env.step(sent)
        self.success = self.task.judge(self.env.unwrapped, info)
        self.observation = as_dict(observation)
        return self.observation, info

    def keep(self, note: str = "", *, success: bool | None = None) -> Episode:
        """Finish the open episode.

        Args:
            note: The operator's note.
            success: Whether the task was done, if no rule decides.

        Raises:
            DatasetWriteError: Writing failed; the episode is whole in the journal.
        """
        if self._waiting is not None:
            said = self.success if self.success is not None else bool(success)
            self._flush(success=said)
        episode = self.writer.finish_episode(operator_note=note)
        self.frames = 0
        return episode

    def drop(self) -> None:
        """Drop the open episode, if there is one."""
        self._waiting = None
        self.frames = 0
        if self.writer.is_recording:
            self.writer.discard_episode()

    def close(self) -> None:
        """Release the dataset; the open episode stays in the journal, for recovery."""
        if self.frames:
            self._flush()
        else:
            self.drop()
        self.writer.close()

    @property
    def _words(self) -> str:
        return self.task.text if self._start is None else self._start.task

    def _open_episode(self) -> None:
        draw = self._start.draw if self._start is not None else {}
        origin = Origin(self._id, self._arguments, self._seed, self._options, draw, self._lead)
        self.writer.begin_episode(self._words, origin.info(self.device, self.task.rule_version))

    def _flush(self, success: bool | None = None) -> None:
        """Write the last frame, held back because `keep` may set its success."""
        frame, self._waiting = self._waiting, None
        if frame is not None:
            self.writer.add_frame(
                frame.columns,
                success=frame.success if success is None else success,
                label=frame.label,
                capture_time=frame.captured,
            )


class _Frame(NamedTuple):
    columns: dict[str, NDArray[Any]]
    success: bool
    label: str
    captured: float


def as_dict(observation: Any) -> Observation:
    """An observation as a dictionary; a single vector is `state`."""
    return observation if isinstance(observation, Mapping) else {"state": observation}


def action_of_row(space: "gymnasium.Space[Any]", numbers: NDArray[Any]) -> Any:
    """A recorded action as the environment takes it.

    Args:
        space: The environment's action space.
        numbers: As stored in a dataset, shape (n,).
    """
    if isinstance(space, gymnasium.spaces.Discrete):
        return int(numbers[0])
    return np.asarray(numbers, space.dtype).reshape(space.shape or (-1,))


def rate_of(env: "gymnasium.Env[Any, Any]") -> int:
    """Steps per second of an environment: its `control_hz`, else its `render_fps`.

    Raises:
        DatasetFormatError: It gives neither.
    """
    inner = env.unwrapped
    rate = getattr(inner, "control_hz", None) or inner.metadata.get("render_fps")
    if not rate:
        raise DatasetFormatError(
            f"{type(inner).__name__} does not say its rate: set metadata['render_fps'] in its "
            "class (robo record has --fps, too)"
        )
    return round(float(rate))


def features_of_env(
    env: "gymnasium.Env[Any, Any]",
    names: Mapping[str, list[str]],
    *,
    with_sent_action: bool,
) -> Features:
    """The columns and cameras of an environment's dataset.

    Raises:
        DatasetFormatError: The environment's observation lacks our keys.
    """
    spaces = env.observation_space
    if isinstance(spaces, gymnasium.spaces.Box) and len(spaces.shape) == 1:
        spaces = gymnasium.spaces.Dict({"state": spaces})
    if not isinstance(spaces, gymnasium.spaces.Dict):
        raise DatasetFormatError(
            f"{type(env.unwrapped).__name__} observes {spaces}; recording needs a Dict of `state` "
            "(n,) and `images/<camera>` (height, width, 3)"
        )
    features = features_of_spaces(spaces, env.action_space)
    for key, listed in names.items():
        if key in features:
            features[key] = vector(key, features[key].shape[0], listed)
    if with_sent_action:
        action = features[ACTION]
        features[SENT_ACTION] = vector(SENT_ACTION, action.shape[0], action.names)
    return features


def check_same(root: Path, features: Features, fps: int) -> None:
    """Refuse a dataset whose features or rate differ from those to be recorded.

    Raises:
        DatasetFormatError: They differ; the message names the first difference.
    """
    info = read_info(root)
    if info.fps != fps:
        raise DatasetFormatError(
            f"{root} has {info.fps} frames a second, this would be {fps}; choose another --dataset"
        )
    automatic = AUTOMATIC.keys() | RECORDED.keys()
    there = {key: f for key, f in info.features.items() if key not in automatic}
    for key in {**there, **features}:
        one, other = there.get(key), features.get(key)
        if (one and (one.dtype, one.shape)) != (other and (other.dtype, other.shape)):
            raise DatasetFormatError(
                f'"{key}" is {_shape(one)} in {root} and {_shape(other)} here; '
                "record the same or choose another --dataset"
            )


def _shape(feature: Any) -> str:
    return "missing" if feature is None else f"{feature.dtype} {feature.shape}"
