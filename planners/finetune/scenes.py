"""Random start states of the kitchen, and distances for them."""

import random
from collections.abc import Sequence
from typing import Final

from planners.finetune.nouns import NAMES
from planners.world import HAND, TRASH, USER, Thing, World

OBJECTS: Final = tuple(NAMES)
PLACES: Final = (
    "table",
    "close counter",
    "far counter",
    TRASH,
    "top drawer",
    "bottom drawer",
    USER,
)
SURFACES: Final = PLACES[:3]
DRAWERS: Final = ("top drawer", "bottom drawer")
MAX_INSTANCES: Final = 3

_WHERE: Final = (0.27, 0.26, 0.26, 0.02, 0.07, 0.06, 0.06)
_ROBOT: Final = (0.2, 0.17, 0.17, 0.06, 0.07, 0.05, 0.28)
_SPOTS: Final = {
    "table": (-1.63, -0.45),
    "close counter": (1.63, 0.45),
    "far counter": (-0.85, 1.63),
    "trash": (-0.55, -1.63),
    "top drawer": (0.85, 1.24),
    "bottom drawer": (0.85, 1.24),
    "user": (1.63, -1.08),
}


def distance(a: str, b: str) -> float:
    """Metres between two places in a room with roughly the kitchen's layout."""
    (ax, ay), (bx, by) = _SPOTS[a], _SPOTS[b]
    return float(((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5)


def random_place(rng: random.Random, exclude: Sequence[str] = ()) -> str:
    """A place for a thing, mostly a table or a counter."""
    pairs = [(p, w) for p, w in zip(PLACES, _WHERE, strict=True) if p not in exclude]
    return rng.choices([p for p, _ in pairs], [w for _, w in pairs])[0]


def random_world(
    rng: random.Random,
    required: Sequence[tuple[str, str]],
    held: str | None = None,
    robot: str | None = None,
    drawers: dict[str, bool] | None = None,
    forbidden: Sequence[str] = (),
    crowd: int | None = None,
) -> World:
    """A kitchen with the required things among others.

    Args:
        rng: Random generator.
        required: Objects that must be there, and where.
        held: The object in the hand.
        robot: Where the robot stands; random if None.
        drawers: Which drawers are open; random if not given.
        forbidden: Objects that must not be added.
        crowd: At most how many things to add; random if None.
    """
    things = list(required)
    if crowd is None:
        crowd = rng.choices((0, 1, 2, 3, 4, 5, 6, 8, 10), (6, 14, 18, 18, 14, 12, 8, 6, 4))[0]
    for _ in range(crowd):
        repeat = bool(things) and rng.random() < 0.12
        name = rng.choice(things)[0] if repeat else rng.choice(OBJECTS)
        count = sum(other == name for other, _ in things) + (held == name)
        if name in forbidden or count >= MAX_INSTANCES:
            continue
        things.append((name, random_place(rng)))
    rng.shuffle(things)
    everything = [Thing(*thing) for thing in things]
    if held is not None:
        everything.append(Thing(held, HAND))
    where = robot or rng.choices(PLACES, _ROBOT)[0]
    is_open = {drawer: rng.random() < 0.15 for drawer in DRAWERS} | (drawers or {})
    return World(tuple(everything), where, is_open, PLACES)


def scene_order(world: World, thing: int) -> tuple[int, int]:
    """Sort key: the hand first, then places in the order of a scene, the trash last."""
    place = world.things[thing].place
    if place == HAND:
        return (-1, thing)
    return (len(PLACES) if place == TRASH else PLACES.index(place), thing)
