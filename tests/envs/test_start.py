import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.kitchen.layout import SURFACES
from envs.kitchen.start import DEFAULT_START, StartState
from envs.kitchen.vocabulary import DRAWERS, MAX_INSTANCES, OBJECTS, PLACES

starts = st.builds(
    StartState,
    robot=st.sampled_from(PLACES),
    holding=st.none() | st.sampled_from(OBJECTS),
    objects=st.lists(
        st.tuples(st.sampled_from(OBJECTS), st.sampled_from(PLACES)),
        max_size=6,
        unique_by=lambda pair: pair[0],
    ).map(tuple),
    drawers=st.dictionaries(
        st.sampled_from(DRAWERS), st.sampled_from(["open", "closed", "half open"])
    ),
)


@given(starts)
def test_a_start_state_survives_json(start: StartState) -> None:
    assert StartState.from_dict(json.loads(json.dumps(start.to_dict()))) == start
    assert hash(StartState.from_dict(start.to_dict())) == hash(start)


@given(starts)
def test_ids_are_indices_and_the_held_object_comes_last(start: StartState) -> None:
    assert start.object_names[: len(start.objects)] == tuple(name for name, _ in start.objects)
    if start.holding is None:
        assert start.holding_id is None
    else:
        assert start.object_names[start.holding_id] == start.holding


def test_omitted_drawers_are_closed() -> None:
    start = StartState.from_dict({"drawers": {"top drawer": "open"}})
    assert dict(start.drawers) == {"top drawer": "open", "bottom drawer": "closed"}


def test_the_usual_kitchen_is_stocked() -> None:
    names = set(DEFAULT_START.object_names)
    assert {"sponge", "apple", "coke can", "water bottle", "sea salt chips"} <= names
    assert len(names) >= 12
    assert DEFAULT_START.robot == "user"
    assert DEFAULT_START.holding is None
    assert any(place in DRAWERS for _, place in DEFAULT_START.objects)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"robot": "moon"}, "'moon'"),
        ({"robot": None}, "None"),
        ({"holding": "sofa"}, "'sofa'"),
        ({"objects": [["sofa", "table"]]}, "'sofa'"),
        ({"objects": [["apple", "moon"]]}, "'moon'"),
        ({"objects": [["apple"]]}, "pairs"),
        ({"objects": "apple"}, "pairs"),
        ({"objects": [[["apple"], "table"]]}, "no object"),
        ({"drawers": {"left drawer": "open"}}, "'left drawer'"),
        ({"drawers": {"top drawer": "ajar"}}, "'ajar'"),
        ({"drawers": ["top drawer"]}, "drawers"),
        ({"walls": 4}, "walls"),
        ("apple", "must be an object"),
        ({"objects": [["apple", "table"]] * MAX_INSTANCES, "holding": "apple"}, "at most 3"),
        (
            {"objects": [[name, "trash"] for name in OBJECTS[: SURFACES["trash"].capacity + 1]]},
            "'trash'",
        ),
    ],
)
def test_bad_start_states_get_one_sentence(record: object, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        StartState.from_dict(record)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
