"""A `WalkBatch` as an rsl-rl-lib environment, and its mirror image."""

from collections.abc import Mapping
from typing import Any

import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict
from torch import Tensor

from envs.humanoid import observations
from envs.humanoid.batch import Observation, WalkBatch
from envs.humanoid.robots import RobotConfig

IMITATED = "imitated"
"""Observation group in the storage: the teacher's actions."""

_BATCH, _OBSERVED, _LENGTHS = "batch/", "observed/", "episode lengths"


class WalkEnv(VecEnv):  # type: ignore[misc]
    """An auto-resetting batch, in tensors.

    `step` also returns, in its extras:

        "time_outs": [n], which copies timed out;
        "timed_out": [k], their indices, and "final_observation": their last observations [k, …],
            whose value to bootstrap from;
        "info": `Step.info`.

    Args:
        batch: Batch to step; it is reset, with the copies' first episodes staggered.
    """

    def __init__(self, batch: WalkBatch) -> None:
        self.batch = batch
        self.num_envs, self.num_actions = batch.copies, len(batch.robot.joints)
        self.max_episode_length = batch.steps_per_episode
        self.episode_length_buf = torch.zeros(batch.copies, dtype=torch.long)
        self.device = "cpu"
        self.cfg: dict[str, Any] = {}
        self._observations = _tensors(batch.reset(stagger=True), batch.copies)

    def get_observations(self) -> TensorDict:
        """Current observations of all copies."""
        return self._observations

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs, by name."""
        return {
            **{_BATCH + name: torch.from_numpy(v) for name, v in self.batch.state().items()},
            **{_OBSERVED + name: self._observations[name] for name in observations.TERMS},
            _LENGTHS: self.episode_length_buf,
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Resume where an environment with an identical batch was when it gave `state`.

        Raises:
            KeyError: A value is missing.
            ValueError: A value has another shape.
        """
        length = len(_BATCH)
        kept = {name[length:]: v.numpy() for name, v in state.items() if name.startswith(_BATCH)}
        self.batch.restore(kept)
        groups = {name: state[_OBSERVED + name] for name in observations.TERMS}
        self._observations = TensorDict(groups, [self.num_envs])
        self.episode_length_buf = state[_LENGTHS]

    def step(self, actions: Tensor) -> tuple[TensorDict, Tensor, Tensor, dict[str, Any]]:
        """Take actions [n, m]; return observations, rewards [n], dones [n] and extras."""
        step = self.batch.step(actions.numpy())
        self._observations = _tensors(step.observation, self.num_envs)
        truncated = torch.from_numpy(step.truncated)
        dones = torch.from_numpy(step.terminated) | truncated
        self.episode_length_buf = (self.episode_length_buf + 1) * ~dones
        final = step.info["final_observation"]
        late = step.truncated[final["copies"]]
        groups = {name: final[name][late] for name in step.observation}
        extras = {
            "time_outs": truncated,
            "timed_out": torch.from_numpy(final["copies"][late]),
            "final_observation": _tensors(groups, int(late.sum())),
            "info": step.info,
        }
        rewards = torch.from_numpy(step.reward).float()
        return self._observations, rewards, dones, extras


class Mirror:
    """Mirrored samples: what a robot would see and do, reflected in the x-z plane.

    Mittal et al. "Symmetry considerations for learning task symmetric robot policies" (2024).
    """

    def __init__(self, robot: RobotConfig) -> None:
        self._actions = _image(robot.mirror_joints, robot.mirror_signs)
        self._groups = {
            name: _image(*observations.mirror(robot, name)) for name in observations.TERMS
        } | {IMITATED: self._actions}

    def image(self, name: str, values: Tensor) -> Tensor:
        """The mirror image of a group [..., p]."""
        order, signs = self._groups[name]
        return values[..., order] * signs

    def __call__(
        self, env: VecEnv, obs: TensorDict | None, actions: Tensor | None
    ) -> tuple[TensorDict | None, Tensor | None]:
        """Samples [n, …] followed by their mirror images, [2 n, …]; as rsl-rl-lib calls it."""
        if obs is not None:
            groups = {
                name: _doubled(obs[name], *image)
                for name, image in self._groups.items()
                if name in obs.keys()  # noqa: SIM118 (a TensorDict)
            }
            obs = TensorDict(groups, [2 * len(obs)])
        return obs, None if actions is None else _doubled(actions, *self._actions)


def _image(order: Any, signs: Any) -> tuple[Tensor, Tensor]:
    return torch.as_tensor(order), torch.as_tensor(signs, dtype=torch.float32)


def _doubled(values: Tensor, order: Tensor, signs: Tensor) -> Tensor:
    return torch.cat((values, values[:, order] * signs))


def _tensors(observation: Observation, count: int) -> TensorDict:
    return TensorDict({name: torch.from_numpy(v) for name, v in observation.items()}, [count])
