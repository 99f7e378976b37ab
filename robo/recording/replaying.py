"""Replays recorded actions in the environment: is the state reproduced?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from robo.data.episodes import Episode
from robo.data.errors import DatasetFormatError
from robo.data.features import ACTION, STATE, Feature
from robo.data.layout import read_info
from robo.data.tables import column_values, read_parquet
from robo.recording.origin import Origin
from robo.recording.recorder import SENT_ACTION, action_of_row, as_dict
from robo.recording.tasks import Task


@dataclass(frozen=True)
class SentActions:
    """An episode's sent actions and observed states.

    Attributes:
        origin: How it began.
        actions: Actions as sent, shape (frames, n).
        states: States before each of them, shape (frames, m); None if the dataset has none.
    """

    origin: Origin
    actions: NDArray[Any]
    states: NDArray[Any] | None


@dataclass(frozen=True)
class ReplayedEpisode:
    """How a replay went.

    Attributes:
        index: Index of the episode.
        task: The task, in words.
        frames: Number of actions sent.
        worst: The largest difference of a state element at any frame, in its own unit; None if
            dataset and environment have no state to compare.
        mean: The mean difference.
        worst_name: Name of that state element.
        worst_frame: At which frame.
        success: Result of the rule now; None without a rule.
        recorded_success: Success as recorded; None without a rule.
    """

    index: int
    task: str
    frames: int
    worst: float | None
    mean: float | None
    worst_name: str
    worst_frame: int
    success: bool | None
    recorded_success: bool | None

    @property
    def agrees(self) -> bool:
        """Whether success is as recorded, if both are known."""
        return None in (self.success, self.recorded_success) or (
            self.success == self.recorded_success
        )


def read_sent(root: Path, episode: Episode) -> SentActions:
    """Read an episode's start, actions and states.

    Raises:
        DatasetFormatError: A file or column is missing.
    """
    info = read_info(root)
    table = read_parquet(info.data_path(episode.data))
    rows = np.asarray(table["episode_index"].to_numpy()) == episode.index
    key = SENT_ACTION if SENT_ACTION in info.features else ACTION
    if key not in info.features:
        raise DatasetFormatError(f"{root} has no actions, so there is nothing to replay")

    def column(feature: Feature) -> NDArray[Any]:
        values = column_values(table, feature)
        return np.asarray(values.reshape(len(values), -1)[rows])

    return SentActions(
        Origin.of(episode.info),
        column(info.features[key]),
        column(info.features[STATE]) if STATE in info.features else None,
    )


def replay_episode(
    env: "gymnasium.Env[Any, Any]",
    root: Path,
    episode: Episode,
    task: Task,
    on_frame: Callable[[Mapping[str, NDArray[Any]]], None] | None = None,
) -> ReplayedEpisode:
    """Restore an episode's start, send its actions again, compare the states.

    Args:
        env: Environment made like the episode's.
        root: The dataset.
        episode: The episode.
        task: Judges success.
        on_frame: Called with every observation.

    Raises:
        DatasetFormatError: The dataset lacks what is needed.
    """
    sent = read_sent(root, episode)
    if sent.origin.seed is None:
        raise DatasetFormatError(
            f"episode {episode.index} of {root} has no seed, so its start cannot be made again"
        )
    words = episode.tasks[0] if episode.tasks else task.text
    observed, info = env.reset(seed=sent.origin.seed, options=dict(sent.origin.options) or None)
    task.begin(env.unwrapped, words)
    success = task.judge(env.unwrapped, info)
    for action in sent.origin.lead:
        sent_first = action_of_row(env.action_space, np.asarray(action, np.float32))
        observed, _, _, _, info = env.step(sent_first)
        success = task.judge(env.unwrapped, info)
    seen = []
    for number, action in enumerate(sent.actions):
        observation = as_dict(observed)
        if on_frame is not None:
            on_frame(observation)
        seen.append(np.array(observation.get("state", ()), float).reshape(-1))
        observed, _, terminated, truncated, info = env.step(action_of_row(env.action_space, action))
        success = task.judge(env.unwrapped, info)
        if (terminated or truncated) and number + 1 < len(sent.actions):
            break  # it ended earlier than in the recording; `frames` below says when
    errors = None
    if sent.states is not None and seen and len(seen[0]) == sent.states.shape[1]:
        errors = np.abs(np.array(seen) - sent.states[: len(seen)])
    frame, element = (0, 0) if errors is None else np.unravel_index(errors.argmax(), errors.shape)
    names = read_info(root).features[STATE].names if errors is not None else None
    return ReplayedEpisode(
        index=episode.index,
        task=words,
        frames=len(seen),
        worst=None if errors is None else float(errors.max()),
        mean=None if errors is None else float(errors.mean()),
        worst_name=str(names[element]) if isinstance(names, list) else f"state[{element}]",
        worst_frame=int(frame),
        success=success,
        recorded_success=episode.info.success if task.rule_version else None,
    )
