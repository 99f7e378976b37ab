"""Skills in physics: they agree with the symbolic kitchen and report what the rules say."""

import numpy as np
import pytest

from envs.kitchen.layout import distance
from envs.kitchen.start import StartState
from planners.examples import parse_label
from planners.symbolic import SymbolicKitchen
from planners.world import describe_scene
from robo.kitchen_body import KitchenBody
from robo.planning import kitchen_skills
from robo.scenario import world_of

START = StartState(
    robot="user",
    objects=(("sponge", "far counter"), ("coke can", "table"), ("apple", "top drawer")),
)
PLAN = (
    "find the apple",  # it is in a closed drawer
    "go to the top drawer",
    "open the top drawer",
    "find the apple",
    "pick up the apple",
    "open the bottom drawer",  # the hand is full
    "bring it to you",
    "find the sponge",
    "pick up the sponge",
    "go to the top drawer",
    "put down the sponge",
    "close the top drawer",
    "find the coke can",
    "pick up the coke can",
    "go to the trash",
    "put down the coke can",
)


def test_a_plan_comes_out_in_physics_as_in_the_symbolic_kitchen() -> None:
    symbolic = SymbolicKitchen(world_of(START), distance)
    with KitchenBody(START, seed=0) as body:
        assert describe_scene(body.world) == describe_scene(symbolic.world)
        for label in PLAN:
            skill = parse_label(label)
            assert body.execute(skill) == symbolic.execute(skill), label
            assert body.world == symbolic.world, label


def test_the_same_seed_gives_the_same_episode_bit_for_bit() -> None:
    ends = []
    for _ in range(2):
        with KitchenBody(START, seed=5) as body:
            for label in ("find the coke can", "pick up the coke can"):
                body.execute(parse_label(label))
            ends.append((body.simulated_seconds, body.env.data.qpos.copy()))
    assert ends[0][0] == ends[1][0]
    np.testing.assert_array_equal(ends[0][1], ends[1][1])


def test_affordances_are_zero_for_what_stands_in_the_way_and_high_for_what_is_near() -> None:
    skills = kitchen_skills()
    with KitchenBody(START, seed=0) as body:
        values = dict(zip((s.label for s in skills), body.affordances(skills), strict=True))
        assert values["find the apple"] == 0
        assert values["pick up the coke can"] == 0
        assert values["bring it to you"] == 0
        assert values["find the coke can"] == values["done"] == 1
        body.execute(parse_label("find the coke can"))
        values = dict(zip((s.label for s in skills), body.affordances(skills), strict=True))
        assert values["pick up the coke can"] == pytest.approx(1.0, abs=0.2)


def test_a_simulation_that_breaks_down_is_reported_and_not_gone_on_with() -> None:
    with KitchenBody(START, seed=0) as body:
        body.env.data.qvel[:] = np.nan
        outcome = body.execute(parse_label("find the coke can"))
        assert not outcome.success
        assert body.unstable
        assert "broke down" in body.execute(parse_label("go to the table")).feedback
