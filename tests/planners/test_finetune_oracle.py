"""The oracle reaches what is asked for, from any state."""

import random

import pytest

from planners.finetune.oracle import Deed, Errand, Wish, finished, next_skill
from planners.finetune.scenes import DRAWERS, PLACES, distance
from planners.skills import DONE, Skill, Verb
from planners.symbolic import SymbolicKitchen
from planners.world import World, start_world


def kitchen(
    *objects: tuple[str, str],
    robot: str = "user",
    holding: str | None = None,
    open_drawers: tuple[str, ...] = (),
) -> World:
    return start_world(
        objects, robot, holding, dict.fromkeys(open_drawers, "open"), PLACES, DRAWERS
    )


def solve(world: World, *errands: Errand) -> list[str]:
    """Labels of the oracle's plan where nothing fails."""
    body = SymbolicKitchen(world, distance)
    past: list[Deed] = []
    while not past or past[-1].skill != DONE:
        assert len(past) < 40
        skill = next_skill(errands, body.world, past, distance)
        outcome = body.execute(skill)
        assert outcome.success, skill.label
        past.append(Deed(skill, True, outcome.feedback))
    assert finished(errands, body.world, past)
    return [deed.skill.label for deed in past]


def test_a_thing_is_found_picked_up_and_brought() -> None:
    plan = solve(kitchen(("apple", "table")), Errand(Wish.MOVE, (0,), "user"))
    assert plan == ["find the apple", "pick up the apple", "bring it to you", "done"]


def test_a_closed_drawer_is_opened_before_the_hand_is_full() -> None:
    plan = solve(
        kitchen(("apple", "table")),
        Errand(Wish.MOVE, (0,), "top drawer"),
        Errand(Wish.CLOSE, place="top drawer"),
    )
    assert plan == [
        "go to the top drawer",
        "open the top drawer",
        "find the apple",
        "pick up the apple",
        "go to the top drawer",
        "put down the apple",
        "close the top drawer",
        "done",
    ]


def test_what_is_in_the_way_is_put_down_first() -> None:
    plan = solve(
        kitchen(("apple", "table"), robot="far counter", holding="tea"),
        Errand(Wish.MOVE, (0,), "user"),
    )
    assert plan[:2] == ["put down the tea", "find the apple"]


def test_what_is_in_the_way_is_not_thrown_away() -> None:
    plan = solve(kitchen(("apple", "table"), robot="trash", holding="tea"), Errand(Wish.HOLD, (0,)))
    assert plan[:2] == ["go to the close counter", "put down the tea"]


def test_a_thing_that_is_not_in_view_is_looked_for_in_drawers() -> None:
    plan = solve(kitchen(("apple", "bottom drawer")), Errand(Wish.MOVE, (0,), "user"))
    assert plan[:4] == [
        "go to the top drawer",
        "open the top drawer",
        "open the bottom drawer",
        "find the apple",
    ]


def test_the_drawer_that_was_told_is_opened_at_once() -> None:
    plan = solve(kitchen(("apple", "bottom drawer")), Errand(Wish.MOVE, (0,), "user", told=True))
    assert plan[:2] == ["go to the bottom drawer", "open the bottom drawer"]


def test_of_two_apples_the_one_that_is_meant_is_taken() -> None:
    world = kitchen(("apple", "table"), ("apple", "far counter"), robot="table")
    plan = solve(world, Errand(Wish.MOVE, (1,), "user", told=True))
    assert plan == ["go to the far counter", "pick up the apple", "bring it to you", "done"]


def test_visits_are_made_in_order() -> None:
    visits = [Errand(Wish.VISIT, place=place) for place in ("table", "trash", "user")]
    assert solve(kitchen(), *visits) == [
        "go to the table",
        "go to the trash",
        "go to the user",
        "done",
    ]


@pytest.mark.parametrize(
    ("feedback", "again"),
    [
        ("failed: not in the gripper", "pick up the apple"),
        ("failed: out of reach", "find the apple"),
    ],
)
def test_a_failed_grasp_is_tried_again_or_looked_for_again(feedback: str, again: str) -> None:
    world = kitchen(("apple", "table"), robot="table")
    past = [
        Deed(Skill(Verb.FIND, "apple"), True, "apple: found on the table"),
        Deed(Skill(Verb.PICK_UP, "apple"), False, feedback),
    ]
    skill = next_skill([Errand(Wish.HOLD, (0,))], world, past, distance)
    assert skill.label == again


def test_random_wrong_turns_do_not_keep_the_oracle_from_the_goal() -> None:
    from planners.finetune.episodes import SKILLS
    from planners.skills import obstacle

    rng = random.Random(0)
    for _ in range(200):
        world = kitchen(("apple", "table"), ("tea", "close counter"), ("tea", "top drawer"))
        body, past = SymbolicKitchen(world, distance), []
        for _ in range(rng.randrange(6)):
            possible = [
                s for s in SKILLS if obstacle(body.world, s, distance) is None and s != DONE
            ]
            skill = rng.choice(possible)
            past.append(Deed(skill, body.execute(skill).success))
        errands = [Errand(Wish.MOVE, (0,), "user"), Errand(Wish.MOVE, (1,), "table")]
        for _ in range(30):
            skill = next_skill(errands, body.world, past, distance)
            past.append(Deed(skill, body.execute(skill).success))
            if skill == DONE:
                break
        assert finished(errands, body.world, past)
