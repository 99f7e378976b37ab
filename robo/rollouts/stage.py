"""One column's environment: reset, stepped, judged, and optionally recorded or filmed."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from inspect import signature
from pathlib import Path
from typing import Any, Protocol

import cv2
import gymnasium
import numpy as np
from numpy.typing import NDArray

from envs.kitchen.env import KitchenEnv
from robo.closing import Closing
from robo.recording.environments import (
    MadeEnvironment,
    is_kitchen,
    made_again,
    make_environment,
)
from robo.recording.recorder import Observation, Recorder, action_of_row, as_dict
from robo.recording.tasks import Start, Task
from robo.rollouts.settings import RolloutSettings
from robo.rollouts.splits import SPLITS
from robo.video import VideoWriter, with_caption

FILM_HEIGHT = 480
"""Height of videos of observed cameras, pixels."""

IMAGES = "images/"


class Camera(Protocol):
    """Films an episode; `robo.film.Film` is one."""

    def shoot(self, env: Any) -> None:
        """Append a frame."""

    def close(self) -> None:
        """Finish the file."""


class Stage(Closing):
    """An environment in which episodes of one column are run.

    Args:
        settings: The run's settings.
        split: The column.
        cameras: Keys of the images that the policy sees; None for all, () for none.
        image_size: Height and width that suit the policy; None if any do.
        fps: Actions per second that the policy was trained with; None for the environment's own.
        recording: The folder of this process's shard to record into; None records nothing.
        filmed: Whether episodes may be filmed.

    Attributes:
        env: The environment.
        observation: The latest observation.
        success: Whether the success rule holds now; None if unknown.
        recorder: The recorder; None if nothing is recorded.
    """

    def __init__(
        self,
        settings: RolloutSettings,
        split: str,
        *,
        cameras: tuple[str, ...] | None,
        image_size: tuple[int, int] | None,
        fps: int | None,
        recording: Path | None,
        filmed: bool,
    ) -> None:
        shown = recording is not None or (filmed and not is_kitchen(settings.id))
        self._made = _made(settings, split, cameras, image_size, fps, shown)
        self.env = self._made.env
        self._recording = recording
        self.recorder: Recorder | None = None
        self.observation: Observation = {}
        self.success: bool | None = None
        self._task: Task | None = None

    def reset(self, task: Task, start: Start) -> Mapping[str, Any]:
        """Begin an episode; returns the environment's info."""
        self._task = task
        if self._recording is not None:
            recorder = self._recorder(self._recording, task)
            _, info = recorder.reset(start=start)
            self.observation, self.success = recorder.observation, recorder.success
            return info
        observation, info = self.env.reset(seed=start.seed, options=dict(start.options) or None)
        self.observation = as_dict(observation)
        task.begin(self.env.unwrapped, start.task)
        self.success = task.judge(self.env.unwrapped, info)
        return info

    def step(
        self, action: NDArray[np.float32], label: str
    ) -> tuple[float, bool, Mapping[str, Any]]:
        """Act; returns the reward, whether the environment ended the episode, and its info."""
        if self.recorder is not None:
            step = self.recorder.step(action, label=label)
            self.observation, self.success = self.recorder.observation, self.recorder.success
            return step[1], step[2] or step[3], step[4]
        assert self._task is not None
        exact = action_of_row(self.env.action_space, action)
        observation, reward, terminated, truncated, info = self.env.step(exact)
        self.observation = as_dict(observation)
        self.success = self._task.judge(self.env.unwrapped, info)
        return float(reward), bool(terminated or truncated), info

    def keep(self, note: str) -> int | None:
        """Finish the recorded episode; returns its index, or None if nothing was recorded."""
        if self.recorder is None or not self.recorder.frames:
            return None
        return self.recorder.keep(note).index

    def close(self) -> None:
        """Close the environment and the dataset."""
        if self.recorder is not None:
            self.recorder.close()
        self.env.close()

    def _recorder(self, root: Path, task: Task) -> Recorder:
        if self.recorder is None:
            made = self._made
            self.recorder = Recorder(
                made.env, root, task, device="policy", arguments=made.arguments, names=made.names
            )
        self.recorder.task = task
        return self.recorder


def _made(
    settings: RolloutSettings,
    split: str,
    cameras: tuple[str, ...] | None,
    image_size: tuple[int, int] | None,
    fps: int | None,
    shown: bool,
) -> MadeEnvironment:
    """The environment as suits the policy; `shown` keeps all cameras regardless."""
    terms = dict.fromkeys((*settings.randomization, *SPLITS[split].randomization))
    size = settings.image_size
    made = make_environment(settings.id, image_size=size, randomization=tuple(terms))
    changed = dict(made.arguments)
    accepted = signature(type(made.env.unwrapped)).parameters
    if size is None and "image_size" in changed:
        usual = changed["image_size"]
        if cameras == () and not shown:
            changed["image_size"] = None
        elif image_size is not None:
            drawn = observed_size(usual, image_size)
            if drawn != observed_size(usual, (0, 0)):
                changed["image_size"] = list(drawn)
    seen = [key.rpartition(".")[2] for key in cameras or ()]
    there = [name for name in seen if IMAGES + name in as_dict(made.env.observation_space)]
    if there and not shown and "cameras" in accepted:
        changed["cameras"] = there
    if fps is not None and "control_hz" in accepted:
        changed["control_hz"] = fps
    if changed == made.arguments:
        return made
    made.env.close()
    return made_again(settings.id, changed)


def observed_size(usual: Sequence[int] | int, wanted: tuple[int, int]) -> tuple[int, int]:
    """The size to render images in: that of datasets, unless the policy's is larger.

    The policy scales them to its own size, as the trainer did.

    Args:
        usual: Height and width in datasets, or one number for both.
        wanted: Height and width of the policy's images.
    """
    height, width = (usual, usual) if isinstance(usual, int) else usual
    return wanted if wanted[0] > height or wanted[1] > width else (height, width)


class CameraFilm:
    """Films the camera images of an observation, side by side."""

    def __init__(self, path: Path, title: str, fps: int, stage: Stage) -> None:
        self._stage = stage
        self._title = title
        self._writer = VideoWriter(path, fps)

    def shoot(self, env: "gymnasium.Env[Any, Any]") -> None:
        """See `Camera`."""
        images = [v for k, v in self._stage.observation.items() if k.startswith(IMAGES)]
        scaled = []
        for image in images:
            width = round(image.shape[1] * FILM_HEIGHT / image.shape[0] / 2) * 2
            scaled.append(cv2.resize(image, (width, FILM_HEIGHT), interpolation=cv2.INTER_CUBIC))
        if scaled:
            frame = with_caption(np.hstack(scaled).astype(np.uint8), self._title, "")
            self._writer.add(np.ascontiguousarray(frame))

    def close(self) -> None:
        """See `Camera`."""
        self._writer.close()


def camera_for(stage: Stage, path: Path, title: str, files: ExitStack) -> Camera:
    """What films a stage's episode: the room in the kitchen, the observed images elsewhere.

    Raises:
        UserError: No GL library can render here, or the environment observes no images.
    """
    from envs.rendering import RenderingUnavailableError
    from robo.errors import UserError, user_errors
    from robo.film import Film
    from robo.recording.recorder import rate_of

    fps = rate_of(stage.env)
    camera: Camera
    if isinstance(stage.env.unwrapped, KitchenEnv):
        with user_errors(RenderingUnavailableError):
            camera = Film(path, title, fps)
    elif not any(key.startswith(IMAGES) for key in stage.observation):
        raise UserError(
            f"{type(stage.env.unwrapped).__name__} observes no pictures to film; leave --video out"
        )
    else:
        camera = CameraFilm(path, title, fps, stage)
    files.callback(camera.close)
    return camera
