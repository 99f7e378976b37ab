"""Scripted closed-loop experts for the kitchen's skills, acting only by the 11-number action.

They read the true state, hence "experts", and are written for 10 actions a second: call
`make_expert(scene, "pick_up", object_id, place)`, then `act(state)` at each step.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from envs.kitchen.control import TERMINATE
from envs.kitchen.experts import drawers, skills
from envs.kitchen.experts.pilot import Action, GiveUpError, Motion, Pilot
from envs.kitchen.scene import Scene
from envs.kitchen.state import KitchenState


class Expert:
    """Executes one skill.

    Attributes:
        failure: why it gave up, in a few words, or None.
        finished: whether it has sent "terminate".
    """

    def __init__(self, scene: Scene, script: Callable[[Pilot], Motion]) -> None:
        self.failure: str | None = None
        self.finished = False
        self._scene = scene
        self._script = script
        self._pilot: Pilot | None = None
        self._motion: Motion | None = None

    def act(self, state: KitchenState) -> Action:
        """The next action, float32 of shape (11,); its mode is "terminate" at the end."""
        if not self.finished:
            try:
                if self._motion is None:
                    opening = 1.0 if state.holding is None else 0.0
                    self._pilot = Pilot(self._scene, state, opening)
                    self._motion = self._script(self._pilot)
                    return next(self._motion)
                return self._motion.send(state)
            except StopIteration:
                self.finished = True
            except GiveUpError as reason:
                self.failure = str(reason)
                self.finished = True
        opening = self._pilot.opening if self._pilot is not None else 1.0
        return np.array([0.0] * 6 + [opening] + [0.0] * 3 + [TERMINATE], dtype=np.float32)


SKILLS: Final[tuple[str, ...]] = (
    "find", "go_to", "pick_up", "put_down", "bring", "open", "close",
)  # fmt: skip


def make_expert(
    scene: Scene,
    skill: str,
    object_id: int | None,
    place: str | None,
    *,
    sees: skills.Sees | None = None,
    aside: float | None = None,
) -> Expert:
    """An expert for one skill.

    Args:
        scene: of the environment it will act in.
        skill: one of `SKILLS`.
        object_id: instance id for "find", "pick_up" and "put_down".
        place: place for "go_to", drawer for "open" and "close", and for "put_down" the place where
            the robot stands (None: whichever that is).
        sees: whether a camera, by name, sees an object, by id. Then "find" looks at one place after
            another until one does, and "pick_up" along its place; demonstrations do. None: they
            know where the object is.
        aside: how far to the side of an object "pick_up" stands, see there; demonstrations vary it.

    Raises:
        ValueError: an unknown skill, or one that lacks its object or place.
    """
    if skill not in SKILLS:
        raise ValueError(f"{skill!r} is no skill, choose from {', '.join(SKILLS)}")
    if object_id is None and skill in ("find", "pick_up", "put_down"):
        raise ValueError(f"the skill {skill!r} needs an object id")
    if place is None and skill in ("go_to", "open", "close"):
        raise ValueError(f"the skill {skill!r} needs a place")
    thing, where = object_id if object_id is not None else -1, place or ""
    scripts: Mapping[str, Callable[[Pilot], Motion]] = MappingProxyType(
        {
            "find": lambda pilot: (
                skills.search(pilot, thing, sees) if sees else skills.find(pilot, thing)
            ),
            "go_to": lambda pilot: skills.go_to(pilot, where),
            "pick_up": lambda pilot: skills.pick_up(pilot, thing, aside, sees),
            "put_down": lambda pilot: skills.put_down(pilot, thing, place),
            "bring": skills.bring,
            "open": lambda pilot: drawers.pull_open(pilot, where),
            "close": lambda pilot: drawers.push_closed(pilot, where),
        }
    )
    return Expert(scene, scripts[skill])


__all__ = ["SKILLS", "Expert", "make_expert"]
