"""Solved examples for models that were not trained on this kitchen.

Seventeen, as in SayCan's prompt, but with this kitchen's skills. Their feedback comes from running
each plan in the symbolic kitchen, so the two cannot disagree.
"""

from collections.abc import Sequence
from typing import Final

from planners.prompts import Step
from planners.skills import Distance, Skill, Verb
from planners.symbolic import SymbolicKitchen
from planners.world import World, start_world

Objects = tuple[tuple[str, str], ...]

SOLVED: Final[tuple[tuple[str, Objects, str], ...]] = (
    (
        "How would you bring me a coke can?",
        (("coke can", "table"),),
        "find the coke can, pick up the coke can, bring it to you",
    ),
    (
        "How would you put an energy bar on the table?",
        (("energy bar", "close counter"),),
        "find the energy bar, pick up the energy bar, go to the table, put down the energy bar",
    ),
    (
        "I spilled my coke on the table, how would you throw it away and bring me something "
        "to clean with?",
        (("coke can", "table"), ("sponge", "far counter")),
        "find the coke can, pick up the coke can, go to the trash, put down the coke can, "
        "find the sponge, pick up the sponge, bring it to you",
    ),
    (
        "How would you bring me a fruit?",
        (("banana", "far counter"), ("tea", "table")),
        "find the banana, pick up the banana, bring it to you",
    ),
    ("Go to the close counter.", (), "go to the close counter"),
    ("Can you pick up the orange?", (("orange", "table"),), "find the orange, pick up the orange"),
    (
        "How would you open the bottom drawer?",
        (),
        "go to the bottom drawer, open the bottom drawer",
    ),
    (
        "I'm thirsty, bring me something without sugar.",
        (("pepsi can", "table"), ("water bottle", "close counter")),
        "find the water bottle, pick up the water bottle, bring it to you",
    ),
    (
        "How would you throw away the jalapeno chips?",
        (("jalapeno chips", "far counter"),),
        "find the jalapeno chips, pick up the jalapeno chips, go to the trash, "
        "put down the jalapeno chips",
    ),
    (
        "Move the redbull can from the table to the far counter.",
        (("redbull can", "table"),),
        "find the redbull can, pick up the redbull can, go to the far counter, "
        "put down the redbull can",
    ),
    (
        "Put the tea in the top drawer.",
        (("tea", "close counter"),),
        "go to the top drawer, open the top drawer, find the tea, pick up the tea, "
        "go to the top drawer, put down the tea",
    ),
    (
        "How would you bring me a snack and something to drink?",
        (("rice chips", "table"), ("lime soda", "far counter")),
        "find the rice chips, pick up the rice chips, bring it to you, find the lime soda, "
        "pick up the lime soda, bring it to you",
    ),
    (
        "Check the far counter, then come back to me.",
        (),
        "go to the far counter, go to the user",
    ),
    (
        "Get me the apple from the bottom drawer.",
        (("apple", "bottom drawer"),),
        "go to the bottom drawer, open the bottom drawer, find the apple, pick up the apple, "
        "bring it to you",
    ),
    (
        "I would like some caffeine.",
        (("sprite can", "table"), ("redbull can", "close counter")),
        "find the redbull can, pick up the redbull can, bring it to you",
    ),
    (
        "Clear the cans off the table into the trash.",
        (("7up can", "table"), ("sprite can", "table")),
        "find the 7up can, pick up the 7up can, go to the trash, put down the 7up can, "
        "find the sprite can, pick up the sprite can, go to the trash, put down the sprite can",
    ),
    (
        "How would you put the sponge on the close counter and then bring me the blue chip bag?",
        (("sponge", "table"), ("blue chip bag", "far counter")),
        "find the sponge, pick up the sponge, go to the close counter, put down the sponge, "
        "find the blue chip bag, pick up the blue chip bag, bring it to you",
    ),
)


def parse_label(label: str) -> Skill:
    """The skill that a label names.

    Raises:
        ValueError: No skill has such a label.
    """
    for verb in Verb:
        if label == verb.value:
            return Skill(verb)
        if label.startswith(f"{verb.value} the "):
            return Skill(verb, label.removeprefix(f"{verb.value} the "))
    raise ValueError(f"{label!r} is not a skill's label")


def solved_examples(
    places: Sequence[str], drawers: Sequence[str], distance: Distance, count: int | None = None
) -> tuple[tuple[str, tuple[Step, ...]], ...]:
    """The first `count` examples with each step's feedback, `done` last."""
    return tuple(
        (
            instruction,
            _solve(start_world(objects, "user", None, {}, places, drawers), plan, distance),
        )
        for instruction, objects, plan in SOLVED[:count]
    )


def _solve(world: World, plan: str, distance: Distance) -> tuple[Step, ...]:
    kitchen = SymbolicKitchen(world, distance)
    steps = []
    for label in plan.split(", "):
        outcome = kitchen.execute(parse_label(label))
        if not outcome.success:
            raise ValueError(f"the example's step {label!r} {outcome.feedback}")
        steps.append(Step(label, outcome.feedback))
    return (*steps, Step(Verb.DONE.value, ""))
