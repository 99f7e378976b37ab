"""What people call the things and places of the kitchen."""

from typing import Final

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "coke can": ("a coke can", "a coke", "a can of coke", "a coca-cola", "a coca cola", "a Coke"),
    "pepsi can": ("a pepsi can", "a pepsi", "a can of pepsi", "a Pepsi", "some pepsi"),
    "7up can": ("a 7up can", "a 7up", "a can of 7up", "a seven up", "a 7-up", "some 7 up"),
    "sprite can": ("a sprite can", "a sprite", "a can of sprite", "a Sprite", "some sprite"),
    "redbull can": (
        "a redbull can",
        "a redbull",
        "a red bull",
        "a can of redbull",
        "a Red Bull",
        "a red bull can",
    ),
    "lime soda": (
        "a lime soda",
        "a lime drink",
        "a sparkling lime",
        "some lime soda",
        "a lime flavored soda",
        "a can of lime soda",
    ),
    "grapefruit soda": (
        "a grapefruit soda",
        "a grapefruit drink",
        "some grapefruit soda",
        "a soda with grapefruit",
        "a sparkling grapefruit",
    ),
    "tea": ("some tea", "a tea", "a bottle of tea", "an iced tea", "a tea bottle", "a cup of tea"),
    "water bottle": (
        "a water bottle",
        "a bottle of water",
        "some water",
        "a water",
        "a bottled water",
    ),
    "apple": ("an apple", "an apple", "an apple", "a fresh apple"),
    "orange": ("an orange", "an orange", "an orange", "a fresh orange"),
    "banana": ("a banana", "a banana", "a banana", "a ripe banana"),
    "sponge": ("a sponge", "a sponge", "a sponge", "a kitchen sponge", "a cleaning sponge"),
    "energy bar": (
        "an energy bar",
        "an energy bar",
        "a protein bar",
        "a granola bar",
        "a snack bar",
        "a power bar",
    ),
    "jalapeno chips": (
        "some jalapeno chips",
        "a bag of jalapeno chips",
        "a jalapeno chip bag",
        "some jalapeño chips",
        "some jalapeno crisps",
        "some spicy jalapeno chips",
    ),
    "multigrain chips": (
        "some multigrain chips",
        "a bag of multigrain chips",
        "a multigrain chip bag",
        "some multigrain crisps",
        "some whole grain chips",
    ),
    "rice chips": (
        "some rice chips",
        "a bag of rice chips",
        "a rice chip bag",
        "some rice crisps",
        "a packet of rice chips",
    ),
    "sea salt chips": (
        "some sea salt chips",
        "a bag of sea salt chips",
        "some salted chips",
        "some sea salt crisps",
        "a sea salt chip bag",
    ),
    "blue chip bag": (
        "a blue chip bag",
        "a blue bag of chips",
        "a blue chips bag",
        "a blue bag",
        "a bag of chips in blue",
    ),
}
"""Names of each object, with their articles; the canonical name comes first."""

PLACE_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "table": ("the table", "the table", "the table", "the kitchen table", "the dining table"),
    "close counter": (
        "the close counter",
        "the close counter",
        "the near counter",
        "the counter near you",
        "the nearby counter",
        "the closest counter",
        "the counter that is close by",
        "the nearer counter",
    ),
    "far counter": (
        "the far counter",
        "the far counter",
        "the other counter",
        "the counter over there",
        "the distant counter",
        "the counter that is further away",
        "the farther counter",
        "the counter at the far end",
        "the counter on the far side",
    ),
    "trash": (
        "the trash",
        "the trash can",
        "the bin",
        "the garbage",
        "the rubbish bin",
        "the trash bin",
        "the waste basket",
        "the garbage can",
    ),
    "top drawer": (
        "the top drawer",
        "the top drawer",
        "the upper drawer",
        "the first drawer",
        "the drawer on top",
        "the topmost drawer",
        "the higher drawer",
    ),
    "bottom drawer": (
        "the bottom drawer",
        "the bottom drawer",
        "the lower drawer",
        "the second drawer",
        "the drawer at the bottom",
        "the lowest drawer",
        "the drawer below",
    ),
    "user": ("me", "me", "my place", "where I am", "the user", "my side"),
}

ON: Final[dict[str, tuple[str, ...]]] = {
    "surface": ("on", "on", "onto", "on top of"),
    "inside": ("in", "into", "inside"),
}
"""Prepositions of a destination."""

QUANTITIES: Final[dict[int, tuple[str, ...]]] = {
    2: ("two", "both", "2", "a couple of", "a pair of"),
    3: ("three", "all three", "3"),
}

PLURALS: Final[dict[str, tuple[str, ...]]] = {
    "coke can": ("coke cans", "cokes", "cans of coke"),
    "pepsi can": ("pepsi cans", "pepsis", "cans of pepsi"),
    "7up can": ("7up cans", "7ups", "cans of 7up"),
    "sprite can": ("sprite cans", "sprites", "cans of sprite"),
    "redbull can": ("redbull cans", "redbulls", "red bulls"),
    "lime soda": ("lime sodas",),
    "grapefruit soda": ("grapefruit sodas",),
    "tea": ("teas", "bottles of tea"),
    "water bottle": ("water bottles", "bottles of water", "waters"),
    "apple": ("apples",),
    "orange": ("oranges",),
    "banana": ("bananas",),
    "sponge": ("sponges",),
    "energy bar": ("energy bars", "protein bars"),
    "jalapeno chips": ("bags of jalapeno chips", "jalapeno chip bags"),
    "multigrain chips": ("bags of multigrain chips", "multigrain chip bags"),
    "rice chips": ("bags of rice chips", "rice chip bags"),
    "sea salt chips": ("bags of sea salt chips", "sea salt chip bags"),
    "blue chip bag": ("blue chip bags", "blue bags of chips"),
}


def bare(phrase: str) -> str:
    """A noun phrase without its article: "a can of coke" -> "can of coke"."""
    first, _, rest = phrase.partition(" ")
    return rest if first in {"a", "an", "some", "the", "any", "my", "that"} and rest else phrase


def definite(phrase: str) -> str:
    """The same noun with "the"."""
    return f"the {bare(phrase)}"
