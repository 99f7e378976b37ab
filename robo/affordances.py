"""How likely a skill is to succeed now, from geometry and state.

Stands in for a learned value function behind the same interface: skills and the state in, one
number from 0 to 1 a skill out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from envs.kitchen.layout import SURFACES, distance
from envs.kitchen.state import KitchenState
from planners.skills import Skill, Verb, choose_instance, obstacle
from planners.world import World

REACH = 1.0
"""Within this distance of the base (m, horizontal) the arm gets at a thing."""

FAR = 2.0
"""From this distance of the base (m, horizontal) on it does not, however the base shuffles."""

FULL = 0.1
"""How likely it is to find room at a place that holds as much as it is made for."""


def affordances(skills: Sequence[Skill], world: World, state: KitchenState) -> NDArray[np.float64]:
    """The affordance of every skill [n]: 0 where something stands in the way, see `obstacle`."""
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
