"""The scripted experts of the two arms as a device, with noise in the sent actions (DART).

The expert sends absolute joint targets, so its next action corrects earlier noise; see
`robo.recording.expert`. The arms would smooth out white noise at 50 Hz, so each joint's offset
changes slowly.
"""

from typing import Any, Final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envs.aloha.env import AlohaEnv
from envs.aloha.experts import Expert, make_expert
from robo.errors import UserError
from robo.recording.device import Command, EpisodeStart, Event, Phase, Tick

EPISODE_SECONDS: Final = 20.0
"""An episode that takes longer (simulated) has failed."""

MEMORY: Final = 0.9
"""Share of a joint's offset that remains after a step: it halves in an eighth of a second."""

GRIPPERS: Final = (6, 13)
"""Indices of the action that get no noise."""


class AlohaExpertDevice:
    """Does the task once per episode; failed episodes are skipped.

    Args:
        noise: Standard deviation added to each joint's offset per step, as a share of its motion.
        keep_failures: Whether failed episodes are kept too; the rule marks them.
        note: Stored with every episode.

    Attributes:
        failure: Why the last episode failed, in a few words; None if it succeeded.
    """

    name = "expert"
    paced = False

    def __init__(self, noise: float = 0.0, *, keep_failures: bool = False, note: str = "") -> None:
        self.noise = noise
        self.keep_failures = keep_failures
        self.note = note
        self.failure: str | None = None

    def open(self, env: "gymnasium.Env[Any, Any]") -> str:
        """See `Device`."""
        if not isinstance(env, AlohaEnv):
            raise UserError("this expert is for the two arms; choose another --env")
        self._env = env
        return ""

    def begin(self, start: EpisodeStart) -> None:
        """See `Device`."""
        self.failure = None
        self._expert: Expert = make_expert(self._env.scene, start.seed)
        self._rng = np.random.default_rng([start.seed, 2])
        self._before: NDArray[np.float32] | None = None
        self._offset = np.zeros(self._env.action_space.shape or (), np.float32)

    def act(self, tick: Tick) -> Command:
        """See `Device`."""
        wanted = self._expert.act(self._env.aloha_state)
        if tick.info.get("unstable"):
            self.failure = "the simulation broke down"
        elif self._expert.failure is not None:
            self.failure = self._expert.failure
        elif tick.status.frames >= EPISODE_SECONDS * tick.status.fps:
            self.failure = "it takes too long"
        elif self._expert.finished and not tick.info["success"]:
            self.failure = "the rule says no"
        if self.failure is not None:
            kept = self.keep_failures and tick.status.frames
            return Command(event=Event.KEEP if kept else Event.SKIP, note=self.note)
        if self._expert.finished or tick.status.phase is Phase.OVER:
            return Command(event=Event.KEEP, note=self.note)
        if not self.noise:
            return Command(wanted)
        return Command(self._with_noise(wanted), intended=wanted)

    def end(self, kept: bool) -> None:
        """See `Device`."""

    def close(self) -> None:
        """See `Device`."""

    def _with_noise(self, wanted: NDArray[np.float32]) -> NDArray[np.float32]:
        motion = np.zeros_like(wanted) if self._before is None else wanted - self._before
        self._before = wanted
        drawn = self._rng.standard_normal(len(wanted)).astype(np.float32)
        self._offset = MEMORY * self._offset + self.noise * np.abs(motion) * drawn
        self._offset[list(GRIPPERS)] = 0.0
        return wanted + self._offset
