"""Goals: what counts as done."""

import pytest

from planners.examples import parse_label
from planners.goal import Goal, GoalError
from planners.symbolic import SymbolicKitchen
from planners.world import FLOOR, HAND
from tests.planners.kitchens import DRAWERS, OBJECTS, PLACES, distance, kitchen


def goal(data: object) -> Goal:
    return Goal.from_dict(data, OBJECTS, PLACES, DRAWERS)


def test_two_entries_need_two_instances() -> None:
    two = goal({"any": [{"on": [["apple", "trash"], ["apple", "trash"]]}]})
    start = kitchen(("apple", "table"), ("apple", "close counter"))
    assert not two.reached(start, start.moved(0, "trash"))
    assert two.reached(start, start.moved(0, "trash").moved(1, "trash"))


def test_any_alternative_will_do_but_all_of_one_is_needed() -> None:
    either = goal(
        {"any": [{"on": [["apple", "user"]]}, {"held": "sponge", "robot_at": "close counter"}]}
    )
    start = kitchen(("apple", "table"), ("sponge", "table"))
    assert either.reached(start, start.moved(0, "user"))
    assert not either.reached(start, start.moved(1, HAND).with_robot_at("table"))
    assert either.reached(start, start.moved(1, HAND).with_robot_at("close counter"))


def test_with_the_user_is_also_what_the_gripper_holds_there() -> None:
    given_to_user = goal({"any": [{"on": [["apple", "user"]]}]})
    start = kitchen(("apple", "table"))
    held = start.moved(0, HAND)
    assert given_to_user.reached(start, held.with_robot_at("user"))
    assert not given_to_user.reached(start, held.with_robot_at("table"))


def test_what_is_to_be_kept_must_lie_where_it_began() -> None:
    keeping = goal({"any": [{"robot_at": "table"}], "keep": [["apple", "table"]]})
    start = kitchen(("apple", "table"), ("apple", "close counter"), robot="table")
    assert keeping.reached(start, start)
    assert not keeping.reached(start, start.moved(0, FLOOR))
    swapped = start.moved(0, "close counter").moved(1, "table")
    assert not keeping.reached(start, swapped)


def test_visited_places_count_in_any_order_and_the_start_does_not() -> None:
    both = goal({"any": [{"visited": ["table", "trash"]}]})
    start = kitchen(robot="table")
    symbolic = SymbolicKitchen(start, distance)
    symbolic.execute(parse_label("go to the trash"))
    assert not both.reached(start, symbolic.world)
    symbolic.execute(parse_label("go to the table"))
    assert both.reached(start, symbolic.world)


def test_drawers_have_to_be_as_asked() -> None:
    opened = goal({"any": [{"drawers": {"top drawer": "open", "bottom drawer": "closed"}}]})
    assert opened.reached(kitchen(), kitchen(open_drawers=("top drawer",)))
    assert not opened.reached(kitchen(), kitchen(open_drawers=DRAWERS))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "must be an object"),
        ({"any": []}, "at least one"),
        ({"any": [{}]}, "empty"),
        ({"any": [{"on": [["kiwi", "table"]]}]}, "unknown object 'kiwi'"),
        ({"any": [{"on": [["apple", "moon"]]}]}, "unknown place 'moon'"),
        ({"any": [{"on": ["apple"]}]}, "pairs"),
        ({"any": [{"drawers": {"top drawer": "ajar"}}]}, "open"),
        ({"any": [{"drawers": {"top drawer": []}}]}, "open"),
        ({"any": [{"robot": "table"}]}, "unknown key 'robot'"),
        ({"any": [{"held": "apple"}], "never": []}, "unknown key 'never'"),
    ],
)
def test_a_malformed_goal_is_refused_in_one_sentence(data: object, message: str) -> None:
    with pytest.raises(GoalError, match=message):
        goal(data)
