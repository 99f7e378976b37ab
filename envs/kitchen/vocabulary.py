"""The names of the kitchen: what can be picked up and where things can be."""

from typing import Final

OBJECTS: Final[tuple[str, ...]] = (
    "coke can",
    "pepsi can",
    "7up can",
    "sprite can",
    "redbull can",
    "lime soda",
    "grapefruit soda",
    "tea",
    "water bottle",
    "apple",
    "orange",
    "banana",
    "sponge",
    "energy bar",
    "jalapeno chips",
    "multigrain chips",
    "rice chips",
    "sea salt chips",
    "blue chip bag",
)
"""Objects that the robot can pick up. A kitchen holds up to `MAX_INSTANCES` of each."""

DRAWERS: Final[tuple[str, ...]] = ("top drawer", "bottom drawer")
"""Both are in one cabinet, in different columns and at different heights."""

PLACES: Final[tuple[str, ...]] = (
    "table",
    "close counter",
    "far counter",
    "trash",
    *DRAWERS,
    "user",
)
"""Places where an object can lie and to which the robot can go."""

MAX_INSTANCES: Final[int] = 3
"""How many of the same object a kitchen may hold."""
