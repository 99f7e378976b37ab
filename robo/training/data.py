"""Training data for a policy from a dataset; whatever does not fit is refused here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from policies.base import ACTION, Policy, is_image
from robo.data.errors import DatasetError
from robo.data.features import STATE, SUBTASK
from robo.data.frame_cache import default_cache
from robo.data.lerobot_reader import Dataset
from robo.data.windows import WindowReader
from robo.errors import UserError, user_errors
from robo.training.randomness import numpy_generator

Within = Literal["skill", "episode"]


def open_dataset(root: Path) -> Dataset:
    """Open a dataset to learn from.

    Raises:
        UserError: It is not a dataset, is damaged or empty, or has no actions.
    """
    with user_errors(DatasetError):
        dataset = Dataset(root)
        if not len(dataset):
            raise UserError(f"{root} has no episodes to learn from; record some first")
        if ACTION not in dataset.features:
            raise UserError(f'{root} has no "{ACTION}", so there is nothing to imitate')
    return dataset


def inputs_of(dataset: Dataset, wanted: Sequence[str] = ()) -> dict[str, tuple[int, ...]]:
    """Shapes of a policy's inputs.

    Args:
        dataset: The dataset.
        wanted: Their keys; `observation.state` and all cameras by default.

    Raises:
        UserError: One is not in the dataset or not an observation, or there are none.
    """
    keys = list(wanted) or [
        key for key in dataset.features if key == STATE or key in dataset.cameras
    ]
    possible = [key for key in dataset.features if key.startswith("observation.")]
    for key in keys:
        if key not in possible:
            raise UserError(
                f'{dataset.root} has no input "{key}"; it has {", ".join(possible) or "none"}'
            )
    if not keys:
        raise UserError(f"{dataset.root} has no {STATE} and no camera; a policy needs something")
    return {key: tuple(dataset.features[key].shape) for key in keys}


def action_size(dataset: Dataset) -> int:
    """Dimension of an action."""
    return int(np.prod(dataset.features[ACTION].shape))


def check_fits(dataset: Dataset, policy: Policy) -> None:
    """Refuse a dataset that lacks what a policy was built for.

    Raises:
        UserError: A key is missing or has another shape; images of any size fit.
    """
    for key, shape in policy.config.needs.items():
        feature = dataset.features.get(key)
        if feature is None:
            raise UserError(
                f'the policy needs "{key}", which {dataset.root} lacks; it has '
                f"{', '.join(dataset.features)}"
            )
        found = tuple(feature.shape)
        if found != shape and not (is_image(shape) and is_image(found)):
            raise UserError(
                f'"{key}" has shape {found} in {dataset.root}, the policy takes {tuple(shape)}'
            )


def where_windows_end(dataset: Dataset, within: str) -> Within:
    """Whether samples stay within a skill or within an episode.

    Raises:
        UserError: Skills were asked for, but the dataset has no skill labels.
    """
    labelled = SUBTASK in dataset.features and any(dataset.labels)
    if within == "auto":
        return "skill" if labelled else "episode"
    if within == "skill" and not labelled:
        raise UserError(f"{dataset.root} has no skill labels; leave out --within skill")
    return "skill" if within == "skill" else "episode"


def originals(dataset: Dataset) -> list[int]:
    """For each episode, the first with the same states and actions: itself unless it repeats one.

    Datasets merged more than once, to weigh them more, have repeats.
    """
    columns = [dataset.column(key) for key in (STATE, ACTION) if key in dataset.features]
    seen: dict[bytes, int] = {}
    firsts = []
    for number, episode in enumerate(dataset.episodes):
        content = hashlib.sha256()
        for column in columns:
            content.update(column[episode.start : episode.stop].tobytes())
        firsts.append(seen.setdefault(content.digest(), number))
    return firsts


def split_episodes(
    originals: Sequence[int], share: float, seed: int
) -> tuple[list[int], list[int]]:
    """Training and validation episodes, drawn from the seed; repeats are where their original is.

    Without repeats, a single episode is for training; of several, each part gets at least one
    unless the share is 0.

    Args:
        originals: See `originals`.
        share: Share of the distinct episodes for validation.
        seed: Random seed.
    """
    distinct = sorted(set(originals))
    count = min(max(1, round(share * len(distinct))), len(distinct) - 1) if share else 0
    order = numpy_generator(seed, "split").permutation(len(distinct))
    held = {distinct[place] for place in order[:count]}
    parts: tuple[list[int], list[int]] = ([], [])
    for number, original in enumerate(originals):
        parts[original in held].append(number)
    return parts


@dataclass(frozen=True)
class Words:
    """The instruction of each frame.

    Attributes:
        texts: The distinct instructions, followed by their paraphrases.
        choices: For each instruction, indices of the texts that may stand for it, itself first.
        instruction: Index of each frame's instruction (frames,).
        left_out: Number of instructions with phrasings that the dataset does not have.
    """

    texts: tuple[str, ...]
    choices: tuple[tuple[int, ...], ...]
    instruction: np.ndarray
    left_out: int


def words_of(
    dataset: Dataset, within: Within, phrasings: Mapping[str, Sequence[str]] | None = None
) -> Words:
    """Instructions by frame: the skill's label, or the task if there is none.

    Phrasings for instructions that the dataset does not have are left out.

    Raises:
        UserError: There are phrasings, but none for an instruction of the dataset.
    """
    tasks = np.asarray(dataset.column("task_index"))
    labels = np.full(len(dataset), -1)
    if within == "skill":
        labels = np.asarray(dataset.column(SUBTASK))
    numbers: dict[str, int] = {}
    instruction = np.zeros(len(dataset), int)
    for label, task in np.unique(np.stack([labels, tasks], 1), axis=0).tolist():
        text = dataset.labels[label] if 0 <= label < len(dataset.labels) else ""
        text = text or dataset.tasks[task]
        number = numbers.setdefault(text, len(numbers))
        instruction[(labels == label) & (tasks == task)] = number
    texts = list(numbers)
    choices = [[number] for number in range(len(texts))]
    asked = phrasings or {}
    fitting = {text: others for text, others in asked.items() if text in numbers}
    if asked and not fitting:
        raise UserError(
            f"--phrasings names no instruction that {dataset.root} has; "
            f"name some of these: {', '.join(list(numbers)[:8])}"
        )
    for text, others in fitting.items():
        choices[numbers[text]] += range(len(texts), len(texts) + len(others))
        texts += others
    left_out = len(asked) - len(fitting)
    return Words(tuple(texts), tuple(map(tuple, choices)), instruction, left_out)


def read_phrasings(path: Path | None) -> dict[str, list[str]]:
    """Read the file given by --phrasings.

    Raises:
        UserError: It cannot be read or is invalid.
    """
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--phrasings {path} cannot be read: {error}") from None
    if not isinstance(content, dict) or not all(
        isinstance(others, list) and all(isinstance(text, str) for text in others)
        for others in content.values()
    ):
        raise UserError(f'--phrasings {path} must be {{"instruction": ["other words", …]}}')
    return content


def windows_of(
    dataset: Dataset, policy: Policy, within: Within, episodes: Iterable[int]
) -> WindowReader:
    """The samples of some episodes, with images in the policy's size.

    Raises:
        UserError: The policy needs a feature that the dataset lacks, or images of several sizes.
    """
    sizes = {policy.config.inputs[camera][:2] for camera in policy.config.cameras}
    if len(sizes) > 1:
        raise UserError(
            "the cameras have images of different sizes; give them one with --config image_size=…"
        )
    size = next(iter(sizes), None)
    with user_errors(DatasetError):
        return WindowReader(
            dataset,
            policy.windows(),
            within=within,
            episodes=episodes,
            image_size=None if size is None else (size[0], size[1]),
            cache=default_cache(),
        )


def fingerprint(dataset: Dataset) -> str:
    """A hash of a dataset's content: fps, features, texts, all numbers, sizes of the videos.

    It does not depend on where the dataset is stored.
    """
    sha = hashlib.sha256()
    shapes = {key: [f.dtype, list(f.shape)] for key, f in sorted(dataset.features.items())}
    episodes = [[episode.length, list(episode.tasks)] for episode in dataset.episodes]
    sha.update(json.dumps([dataset.fps, shapes, episodes, dataset.labels]).encode())
    for key, feature in sorted(dataset.features.items()):
        if feature.is_numeric:
            sha.update(np.ascontiguousarray(dataset.column(key)).tobytes())
        elif feature.is_camera:
            films = {dataset.info.video_path(key, e.films[key].number) for e in dataset.episodes}
            sizes = [path.stat().st_size for path in sorted(films) if path.is_file()]
            sha.update(json.dumps([key, sizes]).encode())
    return sha.hexdigest()[:16]


def description(dataset: Dataset) -> dict[str, Any]:
    """The dataset's description for checkpoints."""
    rules = sorted({e.info.success_rule_version for e in dataset.episodes} - {""})
    return {
        "path": str(dataset.root),
        "fingerprint": fingerprint(dataset),
        "episodes": len(dataset.episodes),
        "frames": len(dataset),
        "fps": dataset.fps,
        "success_rules": rules,
        "environments": sorted({e.info.environment for e in dataset.episodes} - {""}),
    }
