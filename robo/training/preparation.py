"""Everything that a run needs, built and checked before its first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from policies.base import Policy
from policies.checkpoint import describe, load
from policies.errors import PolicyError
from policies.registry import find_checkpoint, policy_class
from robo.data.errors import DatasetError
from robo.data.lerobot_reader import Dataset
from robo.data.windows import WindowReader
from robo.errors import UserError, user_errors
from robo.instructions import WIDTH
from robo.results import provenance
from robo.training import data
from robo.training.augmentation import Augmentation
from robo.training.batches import Batches, Instructions
from robo.training.config import TrainingConfig
from robo.training.policy_options import parsed_options, policy_config
from robo.training.processes import Processes
from robo.training.randomness import seed_torch
from robo.training.run_folder import RunFolder


@dataclass(frozen=True)
class Prepared:
    """A run before its first step.

    Attributes:
        policy: The policy on its device.
        batches: Training batches.
        validation: Held-out samples, if any.
        instructions: Instruction features, if the policy takes any.
        augmentation: Image augmentation.
        description: Initial content of training.json.
        notes: Messages to show before the first step.
    """

    policy: Policy
    batches: Batches
    validation: WindowReader | None
    instructions: Instructions | None
    augmentation: Augmentation
    description: dict[str, Any]
    notes: tuple[str, ...]


def prepare(
    name: str,
    root: Path,
    folder: RunFolder,
    config: TrainingConfig,
    options: Sequence[str],
    device: torch.device,
    processes: Processes,
) -> Prepared:
    """Check that everything fits and put it together.

    Args:
        name: Name of the policy.
        root: The dataset's folder.
        folder: Folder of the new or resumed run.
        config: How to train.
        options: Policy options.
        device: Device to train on.
        processes: The processes that train.

    Raises:
        UserError: Something does not fit.
    """
    with user_errors(PolicyError):
        kind = policy_class(name)
    parsed_options(kind, options)
    dataset = data.open_dataset(root)
    with user_errors(DatasetError):
        within = data.where_windows_end(dataset, config.within)
        words = data.words_of(dataset, within, data.read_phrasings(config.phrasings))
    seed_torch(config.seed, "weights")
    policy = _policy(kind, dataset, config, options, instructed=len(words.texts) > 1)
    data.check_fits(dataset, policy)
    with user_errors(DatasetError):
        described = data.description(dataset)
    if folder.before:
        config.check_resumes(folder.before["config"])
        folder.check_same(name, described, policy.config.to_json())
    with user_errors(DatasetError):
        firsts = data.originals(dataset)
    training, held = data.split_episodes(firsts, config.validation, config.seed)
    batches = Batches(
        data.windows_of(dataset, policy, within, training),
        config.batch_size,
        seed=config.seed,
        processes=processes,
        workers=config.workers,
        pinned=device.type == "cuda",
    )
    instructions = None
    notes: tuple[str, ...] = ()
    if policy.config.instruction_width:
        _check_width(policy.config.instruction_width)
        instructions = Instructions(words, device)
        if words.left_out:
            notes = (f"--phrasings: labels that the dataset lacks are left out ({words.left_out})",)
    description = {
        "policy": name,
        "dataset": described,
        "within": within,
        "episodes": {"training": training, "validation": held},
        "instructions": list(words.texts) if instructions else [],
        "policy_config": policy.config.to_json(),
        "options": list(options),
        "parameters": sum(p.numel() for p in policy.parameters()),
        **provenance(config.to_json(), config.seed),
        "processes": processes.count,
        "device": str(device),
        "threads": torch.get_num_threads(),
    }
    return Prepared(
        policy.to(device),
        batches,
        data.windows_of(dataset, policy, within, held) if held else None,
        instructions,
        Augmentation(config.shift, config.brightness, config.tint, config.mottle),
        description,
        notes,
    )


def _policy(
    kind: type[Policy],
    dataset: Dataset,
    config: TrainingConfig,
    options: Sequence[str],
    *,
    instructed: bool,
) -> Policy:
    """The policy, new or from the checkpoint to start from."""
    if config.start is not None:
        if options or config.inputs:
            raise UserError("--start brings its configuration; leave out --config and --inputs")
        with user_errors(PolicyError):
            found = find_checkpoint(config.start)
            if describe(found).policy != kind.name:
                raise UserError(f"{config.start} is {describe(found).policy}, not {kind.name}")
            policy = load(found)
            if config.encoder is not None:
                policy.load_encoder(config.encoder)
            return policy
    inputs = data.inputs_of(dataset, config.inputs or ())
    width = WIDTH if instructed else 0
    made = policy_config(kind, options, inputs, data.action_size(dataset), width)
    with user_errors(PolicyError, DatasetError):
        policy = kind(made)
        stats = {key: values.as_json() for key, values in dataset.stats.items()}
        policy.normalizer.set_stats(stats)
        if config.encoder is not None:
            policy.load_encoder(config.encoder)
    return policy


def _check_width(width: int) -> None:
    if width != WIDTH:
        raise UserError(
            f"instruction_width is {width}, features of instructions have {WIDTH} numbers; "
            f"give {WIDTH}, or 0 for none"
        )
