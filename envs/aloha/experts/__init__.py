"""Scripted closed-loop experts for the two tasks, acting only through the 14-number action.

They read the true state, hence "experts": call `make_expert("transfer_cube", seed)`, then
`act(state)` at each step.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from envs.aloha.experts.pilot import Action, GiveUpError, Motion, Pilot
from envs.aloha.experts.scripts import insertion, transfer_cube
from envs.aloha.state import AlohaState

Script = Callable[[Pilot, np.random.Generator], Motion]

SCRIPTS: Final[dict[str, Script]] = {"transfer_cube": transfer_cube, "insertion": insertion}

PACES: Final = (0.92, 1.08)
"""Range of the factor on all speeds, drawn per episode."""


class Expert:
    """Executes one task.

    Attributes:
        failure: why it gave up, in a few words, or None.
        finished: whether it is done; it then holds still.
    """

    def __init__(self, script: Script, rng: np.random.Generator) -> None:
        self.failure: str | None = None
        self.finished = False
        self._script = script
        self._rng = rng
        self._pilot: Pilot | None = None
        self._motion: Motion | None = None

    def act(self, state: AlohaState) -> Action:
        """The next action, float32 of shape (14,)."""
        if self._pilot is None or self._motion is None:
            self._pilot = Pilot(state, float(self._rng.uniform(*PACES)))
            self._motion = self._script(self._pilot, self._rng)
            return next(self._motion)
        if not self.finished:
            try:
                return self._motion.send(state)
            except StopIteration:
                self.finished = True
            except GiveUpError as reason:
                self.failure = str(reason)
                self.finished = True
        return self._pilot.action()


def make_expert(scene: str, seed: int) -> Expert:
    """An expert for one episode.

    Args:
        scene: "transfer_cube" or "insertion".
        seed: random seed of waypoints and pace.

    Raises:
        ValueError: there is no such scene.
    """
    if scene not in SCRIPTS:
        raise ValueError(f"{scene!r} is no scene, choose from {', '.join(SCRIPTS)}")
    return Expert(SCRIPTS[scene], np.random.default_rng([seed, 1]))


__all__ = ["Expert", "make_expert"]
