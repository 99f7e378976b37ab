"""Merging a run's recorded episodes from its processes' shards into one dataset."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from robo.data.assembling import assemble, check_alike
from robo.data.errors import DatasetError
from robo.data.layout import INFO
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter
from robo.errors import UserError, user_errors
from robo.recording.origin import Origin
from robo.recording.replacing import check_place, finish_replacing, new_place, replace_set
from robo.rollouts.folder import Result

SHARDS = "recording"


def check_fits(root: Path, folder: Path, results: Iterable[Result]) -> bool:
    """Refuse early to continue a run whose episodes could not be added to the dataset in the end.

    Args:
        root: The dataset's folder, existing or new.
        folder: The run's folder.
        results: The results so far.

    Returns:
        Whether there was a recorded episode to check.

    Raises:
        UserError: The dataset has another fps or other features, or is damaged.
    """
    shards = {folder / SHARDS / result["shard"] for result in results if result["shard"]}
    shard = next((shard for shard in shards if (shard / INFO).exists()), None)
    if shard is None:
        return False
    if (root / INFO).exists():
        try:
            check_alike(Dataset(root), Dataset(shard))
        except DatasetError as error:
            raise UserError(
                f"{error}; choose another --record, what was recorded stays in {folder}"
            ) from error
    return True


def put_together(root: Path, folder: Path, results: Iterable[Result]) -> int:
    """Append recorded episodes to a dataset, which is created if there is none.

    Episodes that the dataset already holds are left out, so this may be repeated after a crash.

    Args:
        root: The dataset's folder.
        folder: The run's folder.
        results: The results, in the order in which their episodes are appended.

    Returns:
        How many were added.

    Raises:
        UserError: `root` is not a dataset or has other features, or writing failed; the recorded
            episodes stay in the run's folder.
    """
    recorded = [r for r in results if r["shard"] and (folder / SHARDS / r["shard"]).exists()]
    if not recorded:
        return 0
    with user_errors(DatasetError):
        finish_replacing(root)
        check_place(root)
        names = dict.fromkeys(r["shard"] for r in recorded)
        shards = {name: Dataset(folder / SHARDS / name) for name in names}
        picks = [(shards[r["shard"]], [int(r["shard_episode"])]) for r in recorded]
        if (root / INFO).exists():
            with DatasetWriter(root) as writer:
                there = {_identity(e.info) for e in Dataset(root).episodes}
                picks = [
                    (shard, [index])
                    for shard, (index,) in picks
                    if _identity(shard.episodes[index].info) not in there
                ]
                before = range(len(writer.episodes))
                _make([(Dataset(root), before), *picks] if before else picks, root, len(picks))
        else:
            root.parent.mkdir(parents=True, exist_ok=True)
            _make(picks, root, len(picks))
    shutil.rmtree(folder / SHARDS, ignore_errors=True)
    return len(picks)


def _make(picks: list[Any], root: Path, added: int) -> None:
    if added:
        new = new_place(root)
        assemble(picks, new)
        replace_set(root, new)


def _identity(info: object) -> tuple[object, ...]:
    """What identifies a rollout's episode: when it was recorded, its seed and its draw."""
    draw = Origin.of(info).draw  # type: ignore[arg-type]
    return (info.recorded_at, info.seed, tuple(sorted(draw.items())))  # type: ignore[attr-defined]
