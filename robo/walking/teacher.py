"""The teacher that a student imitates."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tensordict import TensorDict
from torch import Tensor

from envs.humanoid.observations import POLICY, PRIVILEGED
from policies.walker.mlp import MLPActor
from robo.data.errors import DatasetError
from robo.data.storage import read_json
from robo.errors import UserError
from robo.training.checkpoints import STATE, TRAINING, WEIGHTS
from robo.walking.actor import Walker, load_walker


@dataclass(frozen=True)
class Teacher:
    """A trained teacher, with what a student can take over.

    Attributes:
        walker: The teacher as a walker.
        network: Its actor, on policy and privileged observations.
        critic: Weights and statistics of its critic; empty if the folder has only the actor.
        state: State of its training, as in a checkpoint's state.json; may be empty.
    """

    walker: Walker
    network: MLPActor
    critic: dict[str, Tensor]
    state: dict[str, Any]

    @property
    def summary(self) -> dict[str, Any]:
        """A few values that identify it."""
        metadata = self.walker.metadata
        return {key: metadata.get(key) for key in ("steps", "seed", "command", "git_commit")}

    def act(self, obs: TensorDict) -> Tensor:
        """Its mean actions [n, m]."""
        with torch.no_grad():
            mean: Tensor = self.network(torch.cat((obs[POLICY], obs[PRIVILEGED]), dim=-1))
        return mean


def load_teacher(folder: Path, robot: str) -> Teacher:
    """Load the teacher from the folder of a run, of one or both stages, or of a checkpoint.

    Raises:
        UserError: No walker is there, or it is not a teacher, of another robot, or damaged.
    """
    within = folder / "teacher"
    walker = load_walker(str(within if within.is_dir() else folder))
    if walker.robot.name != robot:
        raise UserError(
            f"the teacher in {folder} walks {walker.robot.name}, the student is to walk {robot}; "
            "give a teacher of the same --robot"
        )
    if not isinstance(walker.network, MLPActor) or not walker.is_teacher:
        raise UserError(
            f"{folder} holds no teacher but what sees what a robot senses; give the folder of "
            "`robo train walk --stage teacher`"
        )
    training = walker.folder / TRAINING
    critic, state = {}, {}
    if (training / WEIGHTS).is_file():
        head = "critic."
        try:
            weights = load_file(training / WEIGHTS)
            state = read_json(training / STATE)
        except (SafetensorError, DatasetError, OSError) as error:
            raise UserError(
                f"{training} is damaged ({error}); remove it, and the student begins with the "
                "teacher's actor alone"
            ) from error
        critic = {k.removeprefix(head): v for k, v in weights.items() if k.startswith(head)}
    return Teacher(walker, walker.network, critic, state)


__all__ = ["Teacher", "load_teacher"]
