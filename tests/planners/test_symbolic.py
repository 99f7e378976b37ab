"""The symbolic kitchen: what is possible, what changes, what is said of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planners.examples import SOLVED, parse_label, solved_examples
from planners.skills import Skill, Verb, choose_instance, obstacle
from planners.symbolic import SymbolicKitchen
from planners.world import HAND, World, describe_scene
from tests.planners.kitchens import DRAWERS, OBJECTS, PLACES, SKILLS, distance, kitchen


def run(world: World, *labels: str) -> tuple[SymbolicKitchen, list[str]]:
    symbolic = SymbolicKitchen(world, distance)
    return symbolic, [symbolic.execute(parse_label(label)).feedback for label in labels]


def test_a_fetched_thing_ends_with_the_user_and_every_step_is_reported() -> None:
    symbolic, feedback = run(
        kitchen(("coke can", "table")),
        "find the coke can",
        "pick up the coke can",
        "bring it to you",
    )
    assert symbolic.world.things[0].place == "user"
    assert symbolic.world.holding is None
    assert feedback == [
        "coke can: found on the table",
        "coke can: picked up",
        "coke can: brought to you",
    ]


def test_what_is_in_a_closed_drawer_is_neither_described_nor_found_until_it_is_open() -> None:
    world = kitchen(("apple", "top drawer"))
    assert "apple" not in describe_scene(world)
    symbolic, feedback = run(
        world, "find the apple", "go to the top drawer", "open the top drawer", "find the apple"
    )
    assert feedback[0] == "failed: not in view"
    assert feedback[2] == "top drawer: open, apple"
    assert feedback[3] == "apple: found in the top drawer"
    assert "apple" in describe_scene(symbolic.world)


@pytest.mark.parametrize(
    ("world", "label", "reason"),
    [
        (kitchen(("apple", "table"), holding="sponge"), "pick up the apple", "the hand is full"),
        (kitchen(("apple", "table")), "pick up the apple", "out of reach"),
        (kitchen(), "pick up the apple", "not in view"),
        (kitchen(), "put down the apple", "not in the hand"),
        (kitchen(), "bring it to you", "the hand is empty"),
        (kitchen(), "open the top drawer", "out of reach"),
        (kitchen(robot="top drawer"), "close the top drawer", "already closed"),
        (
            kitchen(robot="top drawer", holding="apple"),
            "put down the apple",
            "the drawer is closed",
        ),
        (kitchen(robot="top drawer", holding="apple"), "open the top drawer", "the hand is full"),
    ],
)
def test_what_cannot_succeed_says_why_and_changes_nothing(
    world: World, label: str, reason: str
) -> None:
    symbolic, feedback = run(world, label)
    assert feedback == [f"failed: {reason}"]
    assert symbolic.world == world


def test_the_instance_meant_is_one_not_yet_handled_then_one_here_then_the_nearest() -> None:
    world = kitchen(("apple", "trash"), ("apple", "close counter"), ("apple", "table"))
    at_table = world.with_robot_at("table")
    assert choose_instance(at_table, "apple", distance) == 2
    symbolic, _ = run(at_table, "pick up the apple", "put down the apple")
    assert choose_instance(symbolic.world, "apple", distance) == 1


def test_both_drawers_are_at_one_cabinet() -> None:
    world = kitchen(robot="bottom drawer")
    assert obstacle(world, Skill(Verb.OPEN, "top drawer"), distance) is None


@given(st.lists(st.sampled_from(SKILLS), max_size=25))
def test_nothing_is_lost_or_doubled_whatever_is_tried(skills: list[Skill]) -> None:
    start = kitchen(
        ("apple", "table"), ("apple", "top drawer"), ("sponge", "trash"), holding="coke can"
    )
    symbolic = SymbolicKitchen(start, distance)
    for skill in skills:
        before = symbolic.world
        outcome = symbolic.execute(skill)
        assert outcome.success or symbolic.world == before
    end = symbolic.world
    assert [thing.name for thing in end.things] == [thing.name for thing in start.things]
    assert sum(thing.place == HAND for thing in end.things) <= 1
    assert all(thing.place in (*PLACES, HAND) for thing in end.things)


def test_labels_are_read_back() -> None:
    assert [parse_label(skill.label) for skill in SKILLS] == list(SKILLS)
    with pytest.raises(ValueError, match="not a skill"):
        parse_label("juggle the apple")


def test_every_example_can_be_carried_out() -> None:
    def anywhere(a: str, b: str) -> float:
        return 1.0

    places = (*PLACES, "far counter")
    examples = solved_examples(places, DRAWERS, anywhere)
    assert len(examples) == len(SOLVED) == 17
    assert all(steps[-1].label == "done" for _, steps in examples)
    assert not any(step.feedback.startswith("failed") for _, steps in examples for step in steps)
    assert OBJECTS
