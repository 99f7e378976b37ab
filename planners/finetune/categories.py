"""Categories of objects, and how people refer to them."""

from dataclasses import dataclass
from typing import Final

CANS: Final = ("coke can", "pepsi can", "7up can", "sprite can", "redbull can")
SODAS: Final = (
    "coke can",
    "pepsi can",
    "7up can",
    "sprite can",
    "lime soda",
    "grapefruit soda",
)
FRUIT: Final = ("apple", "orange", "banana")
CHIPS: Final = (
    "jalapeno chips",
    "multigrain chips",
    "rice chips",
    "sea salt chips",
    "blue chip bag",
)
DRINKS: Final = (*SODAS, "redbull can", "tea", "water bottle")
SNACKS: Final = (*CHIPS, "energy bar")


@dataclass(frozen=True)
class Category:
    """A way to ask for one of several objects.

    Attributes:
        members: Objects in the category.
        fringe: Objects that will do if no member is there.
        indefinite: Phrases that ask for any one of them.
        definite: Phrases for the only one in the scene.
        plural: Phrases for all of them.
    """

    members: tuple[str, ...]
    fringe: tuple[str, ...] = ()
    indefinite: tuple[str, ...] = ()
    definite: tuple[str, ...] = ()
    plural: tuple[str, ...] = ()


CATEGORIES: Final[dict[str, Category]] = {
    "drink": Category(
        DRINKS,
        (),
        (
            "a drink",
            "something to drink",
            "a beverage",
            "any drink",
            "some kind of drink",
            "a refreshment",
            "anything drinkable",
            "something to sip on",
        ),
        ("the drink", "the beverage", "that drink", "my drink"),
        ("drinks", "beverages", "the drinks"),
    ),
    "soda": Category(
        SODAS,
        ("redbull can",),
        (
            "a soda",
            "a soft drink",
            "any soda",
            "some soda",
            "a fizzy drink",
            "something fizzy",
            "a carbonated drink",
            "something bubbly",
            "a pop",
            "a sugary drink",
        ),
        ("the soda", "the soft drink", "the fizzy drink", "the carbonated drink"),
        ("sodas", "soft drinks", "fizzy drinks"),
    ),
    "can": Category(
        CANS,
        ("lime soda", "grapefruit soda"),
        ("a can", "any can", "a drink in a can", "a canned drink"),
        ("the can", "that can", "the canned drink"),
        ("cans", "the cans", "canned drinks"),
    ),
    "cola": Category(
        ("coke can", "pepsi can"),
        (),
        ("a cola", "some cola", "a dark soda", "any kind of cola"),
        ("the cola",),
        ("colas",),
    ),
    "lemon-lime": Category(
        ("sprite can", "7up can"),
        ("lime soda",),
        (
            "a lemon-lime soda",
            "a clear soda",
            "a lemon lime drink",
            "a soda in a green can",
            "some lemonade-like soda",
        ),
        ("the lemon-lime soda", "the green can", "the clear soda"),
        (),
    ),
    "caffeine": Category(
        ("redbull can", "coke can", "pepsi can", "tea"),
        (),
        (
            "something with caffeine",
            "a caffeinated drink",
            "a drink with caffeine",
            "something caffeinated",
            "a caffeinated beverage",
            "anything with caffeine in it",
        ),
        ("the caffeinated drink", "the drink with caffeine"),
        ("caffeinated drinks",),
    ),
    "energy drink": Category(
        ("redbull can",),
        (),
        ("an energy drink", "a drink that gives me wings", "an energy drink can"),
        ("the energy drink", "that energy drink"),
        ("energy drinks",),
    ),
    "no caffeine": Category(
        ("water bottle", "7up can", "sprite can", "lime soda", "grapefruit soda"),
        (),
        (
            "a caffeine-free drink",
            "a drink without caffeine",
            "something to drink with no caffeine",
            "a decaffeinated drink",
        ),
        ("the caffeine-free drink",),
        (),
    ),
    "healthy drink": Category(
        ("water bottle", "tea"),
        (),
        (
            "a healthy drink",
            "a drink without sugar",
            "a sugar-free drink",
            "a drink with no sugar",
            "something healthy to drink",
            "an unsweetened drink",
            "a zero calorie drink",
            "something to drink that isn't a soda",
            "a drink that is not a soda",
            "a non-carbonated drink",
            "a drink without bubbles",
            "a still drink",
        ),
        ("the healthy drink", "the drink that isn't a soda"),
        (),
    ),
    "hydration": Category(
        ("water bottle",),
        (),
        (
            "plain water",
            "something to hydrate with",
            "H2O",
            "just some water",
            "something hydrating",
            "a plain drink",
        ),
        ("the bottle", "the plastic bottle"),
        ("bottles", "water bottles"),
    ),
    "warm drink": Category(
        ("tea",), (), ("a warm drink", "something brewed", "a hot beverage"), ("the brewed drink",)
    ),
    "lime": Category(("lime soda",), (), ("something with lime", "something lime flavored")),
    "grapefruit": Category(
        ("grapefruit soda",), (), ("something with grapefruit", "something grapefruit flavored")
    ),
    "fruity soda": Category(
        ("lime soda", "grapefruit soda"),
        (),
        (
            "a fruit soda",
            "a fruity soda",
            "a citrus soda",
            "a fruit flavored drink",
            "a drink with a fruit taste",
            "a sparkling fruit drink",
        ),
        ("the fruit soda", "the citrus soda"),
        ("fruit sodas", "fruity sodas"),
    ),
    "fruit": Category(
        FRUIT,
        (),
        (
            "a fruit",
            "some fruit",
            "a piece of fruit",
            "any fruit",
            "some kind of fruit",
            "a fresh fruit",
            "something fruity to eat",
            "something rich in vitamins",
        ),
        ("the fruit", "that fruit", "the piece of fruit"),
        ("fruits", "the fruit", "pieces of fruit"),
    ),
    "citrus": Category(
        ("orange",),
        (),
        (
            "a citrus fruit",
            "something with vitamin C",
            "a citrus",
            "an orange colored fruit",
            "a fruit to squeeze for juice",
        ),
        ("the citrus fruit", "the orange fruit"),
        ("citrus fruits",),
    ),
    "yellow fruit": Category(
        ("banana",),
        (),
        (
            "a yellow fruit",
            "a fruit you have to peel like a monkey",
            "a long yellow fruit",
            "something with potassium",
        ),
        ("the yellow fruit", "the yellow thing"),
        (),
    ),
    "red fruit": Category(
        ("apple",),
        (),
        ("a crunchy fruit", "a red fruit", "the kind of fruit that keeps the doctor away"),
        ("the red fruit", "the crunchy fruit"),
        (),
    ),
    "round fruit": Category(
        ("apple", "orange"),
        (),
        ("a round fruit", "a ball shaped fruit"),
        ("the round fruit",),
        ("round fruits",),
    ),
    "chips": Category(
        CHIPS,
        (),
        (
            "some chips",
            "a bag of chips",
            "chips",
            "any chips",
            "a chip bag",
            "some crisps",
            "a packet of crisps",
            "any kind of chips",
            "a pack of chips",
        ),
        ("the chips", "the bag of chips", "the chip bag", "the crisps", "that bag of chips"),
        ("chips", "bags of chips", "chip bags", "crisps"),
    ),
    "spicy": Category(
        ("jalapeno chips",),
        (),
        (
            "something spicy",
            "spicy chips",
            "a spicy snack",
            "something hot to eat",
            "some chips with a kick",
            "something with chili",
        ),
        ("the spicy chips", "the spicy snack", "the hot chips"),
        (),
    ),
    "salty": Category(
        CHIPS,
        (),
        (
            "something salty",
            "a salty snack",
            "something savory",
            "something crunchy and salty",
            "a savory snack",
            "something crispy",
        ),
        ("the salty snack", "the savory snack"),
        ("salty snacks",),
    ),
    "grain": Category(
        ("multigrain chips",),
        (),
        ("chips made of grains", "some wholegrain chips", "a healthier kind of chips"),
        ("the grain chips",),
    ),
    "snack": Category(
        SNACKS,
        FRUIT,
        (
            "a snack",
            "something to snack on",
            "something to munch on",
            "any snack",
            "some kind of snack",
            "a little snack",
            "a bite",
            "a nibble",
        ),
        ("the snack", "that snack", "my snack"),
        ("snacks", "the snacks"),
    ),
    "food": Category(
        (*SNACKS, *FRUIT),
        (),
        ("something to eat", "some food", "anything edible", "anything to eat"),
        ("the food",),
        ("things to eat", "food items", "the food"),
    ),
    "healthy snack": Category(
        FRUIT,
        ("energy bar", "multigrain chips"),
        (
            "a healthy snack",
            "something healthy to eat",
            "a nutritious snack",
            "something healthy",
            "a light and healthy bite",
        ),
        ("the healthy snack",),
        ("healthy snacks",),
    ),
    "energy snack": Category(
        ("energy bar",),
        (),
        ("a bar", "something with protein", "a snack for energy", "a workout snack", "a food bar"),
        ("the bar", "that bar", "the protein snack"),
        ("bars",),
    ),
    "cleaner": Category(
        ("sponge",),
        (),
        (
            "something to clean with",
            "something to wipe with",
            "something to clean this up",
            "a cleaning tool",
            "something to mop this up with",
            "something absorbent",
            "something to scrub with",
            "a thing to wash the dishes with",
            "a cleaning item",
        ),
        ("the cleaning tool", "the thing for wiping", "the yellow cleaning thing"),
        ("sponges", "cleaning things"),
    ),
    "red can": Category(("coke can",), (), ("a red can",), ("the red can", "the red soda can")),
    "blue can": Category(
        ("pepsi can",), ("redbull can",), ("a blue can",), ("the blue can", "the blue soda can")
    ),
    "green can": Category(
        ("7up can", "sprite can"), (), ("a green can",), ("the green can", "the green soda")
    ),
}
