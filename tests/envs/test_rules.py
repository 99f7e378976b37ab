from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.kitchen import layout, rules
from envs.kitchen.state import KitchenState, ObjectState
from envs.kitchen.vocabulary import DRAWERS, PLACES

numbers = st.floats(-3.0, 3.0)
positions = st.tuples(numbers, numbers, st.floats(0.0, 1.5))


def thing(position: tuple[float, ...], drawers: dict[str, float] | None = None) -> ObjectState:
    return ObjectState(
        id=0,
        name="apple",
        position=np.array(position),
        quaternion=np.array([1.0, 0.0, 0.0, 0.0]),
        speed=0.0,
        fingers=0,
        supported=True,
        place=layout.place_at(position, drawers),
    )


def kitchen(*objects: ObjectState, **changes: object) -> KitchenState:
    state = KitchenState(
        objects=objects,
        base=np.zeros(3),
        gripper_position=np.array([0.4, 0.0, 1.0]),
        gripper_quaternion=np.array([0.0, 1.0, 0.0, 0.0]),
        gripper_opening=0.08,
        holding=None,
        drawers=dict.fromkeys(DRAWERS, 0.0),
    )
    return replace(state, **changes)  # type: ignore[arg-type]


def above(place: str) -> tuple[float, float, float]:
    surface = layout.surface(place)
    return (*surface.extent.centre, surface.height + 0.03)


@given(positions, st.fixed_dictionaries(dict.fromkeys(DRAWERS, st.floats(0.0, 0.3))))
def test_a_thing_is_on_at_most_one_place(
    position: tuple[float, float, float], drawers: dict[str, float]
) -> None:
    state = kitchen(thing(position, drawers), drawers=drawers)
    places = [place for place in PLACES if rules.on(state, 0, place)]
    assert len(places) <= 1
    assert rules.place_of(state, 0) == (places[0] if places else None)


@pytest.mark.parametrize("place", PLACES)
def test_on_needs_the_right_place_rest_and_an_empty_hand(place: str) -> None:
    resting = thing(above(place))
    assert rules.on(kitchen(resting), 0, place)
    assert not any(rules.on(kitchen(resting), 0, other) for other in PLACES if other != place)
    assert not rules.on(kitchen(replace(resting, speed=0.2)), 0, place)
    assert not rules.on(kitchen(replace(resting, fingers=2)), 0, place)
    assert not rules.on(kitchen(resting, holding=0), 0, "table")


def test_a_thing_on_the_floor_or_high_above_is_on_nothing() -> None:
    for position in ((0.0, 0.0, 0.03), (*above("table")[:2], 1.2), (*above("table")[:2], 0.3)):
        assert rules.place_of(kitchen(thing(position)), 0) is None


@given(numbers, numbers)
def test_in_the_hand_counts_as_handed_over_within_reach_of_the_user(x: float, y: float) -> None:
    gripper = np.array([x, y, 1.0])
    state = kitchen(thing((x, y, 1.0)), holding=0, gripper_position=gripper)
    near = np.hypot(*(gripper[:2] - layout.USER_POSITION)) <= layout.USER_REACH
    assert rules.on(state, 0, "user") == near
    assert rules.place_of(state, 0) is None


@pytest.mark.parametrize("place", PLACES)
def test_the_robot_is_at_a_place_at_its_station(place: str) -> None:
    station = layout.STATIONS[place]
    state = kitchen(base=np.array([station.x, station.y, station.yaw]))
    expected = set(DRAWERS) if place in DRAWERS else {place}
    assert {other for other in PLACES if rules.robot_at(state, other)} == expected


@given(numbers, numbers, st.floats(-4, 4))
def test_the_robot_is_at_one_place_at_most_or_at_both_drawers(
    x: float, y: float, yaw: float
) -> None:
    places = rules.robot_places(kitchen(base=np.array([x, y, yaw])))
    assert places in [(), *((p,) for p in PLACES if p not in DRAWERS), DRAWERS]


def test_the_robot_stays_at_a_counter_when_it_moves_along_it() -> None:
    station = layout.STATIONS["far counter"]
    for shift in (-0.6, 0.0, 0.6):
        state = kitchen(base=np.array([station.x + shift, station.y, station.yaw]))
        assert rules.robot_at(state, "far counter")


@given(st.floats(0.0, 0.3))
def test_a_drawer_is_never_open_and_closed(opening: float) -> None:
    state = kitchen(drawers={"top drawer": opening, "bottom drawer": 0.0})
    assert not (rules.is_open(state, "top drawer") and rules.is_closed(state, "top drawer"))
    assert rules.is_closed(state, "bottom drawer")


def test_things_in_a_closed_drawer_and_in_the_hand_are_not_visible() -> None:
    inside = thing(above("top drawer"))
    assert not rules.visible(kitchen(inside), 0)
    drawers = {"top drawer": 0.3, "bottom drawer": 0.0}
    x, y, z = above("top drawer")
    assert rules.visible(kitchen(thing((x, y - 0.3, z), drawers), drawers=drawers), 0)
    assert rules.visible(kitchen(thing(above("table"))), 0)
    assert not rules.visible(kitchen(thing(above("table")), holding=0), 0)


def test_visited_looks_at_the_whole_history() -> None:
    history = []
    for place in ("table", "trash"):
        station = layout.STATIONS[place]
        history.append(kitchen(base=np.array([station.x, station.y, station.yaw])))
    assert rules.visited(history, "table")
    assert rules.visited(history, "trash")
    assert not rules.visited(history, "user")
    assert not rules.visited([], "table")
