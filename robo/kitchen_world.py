"""The planner's view of the kitchen's true state, as judged by the success rules."""

from envs.kitchen import rules
from envs.kitchen.layout import distance
from envs.kitchen.state import KitchenState
from envs.kitchen.vocabulary import DRAWERS, PLACES
from planners.skills import Skill, Verb, choose_instance
from planners.world import FLOOR, HAND, Thing, World

EXPERT_NAMES = {
    Verb.FIND: "find",
    Verb.GO_TO: "go_to",
    Verb.PICK_UP: "pick_up",
    Verb.PUT_DOWN: "put_down",
    Verb.BRING: "bring",
    Verb.OPEN: "open",
    Verb.CLOSE: "close",
}
"""The experts' names for the verbs."""


def world_of_state(
    state: KitchenState,
    robot_at: str | None,
    visited: tuple[str, ...] = (),
    handled: frozenset[int] = frozenset(),
) -> World:
    """The planner's view of a state.

    Args:
        state: The true state.
        robot_at: Where the robot was last sent; decides between several places at one spot.
        visited: The places where it has been, in order.
        handled: The objects that it has put down.
    """
    return World(
        things=tuple(
            Thing(thing.name, HAND if rules.held(state, i) else rules.place_of(state, i) or FLOOR)
            for i, thing in enumerate(state.objects)
        ),
        robot_at=robot_place(state, robot_at),
        drawers={drawer: _is_open(state, drawer) for drawer in DRAWERS},
        places=PLACES,
        visited=visited,
        handled=handled,
    )


def robot_place(state: KitchenState, sent_to: str | None) -> str | None:
    """Where the robot stands; of several places at one spot, the one it was sent to."""
    here = rules.robot_places(state)
    return sent_to if sent_to in here else next(iter(here), None)


def _is_open(state: KitchenState, drawer: str) -> bool | None:
    """None for half open."""
    if rules.is_open(state, drawer):
        return True
    return False if rules.is_closed(state, drawer) else None


def skill_target(world: World, skill: Skill) -> tuple[int | None, str | None]:
    """The instance that a skill handles and the place that it concerns, if any."""
    thing = world.holding if skill.verb in (Verb.PUT_DOWN, Verb.BRING) else None
    match skill.verb:
        case Verb.FIND | Verb.PICK_UP:
            thing = choose_instance(world, skill.argument, distance)
            return thing, None if thing is None else world.things[thing].place
        case Verb.PUT_DOWN:
            return thing, world.robot_at
        case Verb.BRING:
            return thing, "user"
        case _:
            return None, skill.argument
