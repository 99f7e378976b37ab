"""How likely a skill is to succeed now, from geometry and state.

Stands in for a learnt value function behind the same interface: skills and state in, one number
from 0 to 1 per skill out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from envs.kitchen.layout import SURFACES, distance
from envs.kitchen.state import KitchenState
from planners.skills import Skill, Verb, choose_instance, obstacle
from planners.world import World

REACH = 1.0
"""Objects within this distance of the base (m, horizontal) are in the arm's reach."""

FAR = 2.0
"""Objects from this distance of the base (m, horizontal) on are not, however the base shuffles."""

FULL = 0.1
"""How likely there is still room at a place that is filled to its capacity."""


def affordances(skills: Sequence[Skill], world: World, state: KitchenState) -> NDArray[np.float64]:
    """The affordance of every skill [n]; 0 if it cannot succeed, see `obstacle`."""
    return np.array([_affordance(skill, world, state) for skill in skills])


def _affordance(skill: Skill, world: World, state: KitchenState) -> float:
    if obstacle(world, skill, distance) is not None:
        return 0.0
    if skill.verb is Verb.PICK_UP:
        thing = choose_instance(world, skill.argument, distance)
        assert thing is not None
        return _in_reach(state, thing)
    if skill.verb in (Verb.PUT_DOWN, Verb.BRING):
        place = "user" if skill.verb is Verb.BRING else world.robot_at
        assert place is not None
        there = sum(thing.place == place for thing in world.things)
        return 1.0 if there < SURFACES[place].capacity else FULL
    return 1.0


def _in_reach(state: KitchenState, thing: int) -> float:
    away = float(np.hypot(*(state.objects[thing].position[:2] - state.base[:2])))
    return float(np.clip((FAR - away) / (FAR - REACH), 0.0, 1.0))
