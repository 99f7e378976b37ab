"""Start states: where each object, the robot and the drawers are, and what is in the hand."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from envs.kitchen.layout import SURFACES
from envs.kitchen.vocabulary import DRAWERS, MAX_INSTANCES, OBJECTS, PLACES

_KEYS: Final = ("robot", "holding", "objects", "drawers")
_POSITIONS: Final = ("open", "closed", "half open")


@dataclass(frozen=True)
class StartState:
    """Start of an episode, checked on creation.

    Attributes:
        robot: the place at whose station the robot stands.
        holding: name of an extra object between the fingers, or None.
        objects: (name, place) pairs; instance ids are their indices, the held object comes last.
        drawers: "open", "closed" or "half open" for every drawer; omitted drawers are closed.

    Raises:
        ValueError: a name is unknown or there are too many objects; the message says what.
    """

    robot: str = "user"
    holding: str | None = None
    objects: tuple[tuple[str, str], ...] = ()
    drawers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _known(self.robot, PLACES, "place", "robot")
        if self.holding is not None:
            _known(self.holding, OBJECTS, "object", "holding")
        for name, place in self.objects:
            _known(name, OBJECTS, "object", "objects")
            _known(place, PLACES, "place", "objects")
        for drawer, position in self.drawers.items():
            _known(drawer, DRAWERS, "drawer", "drawers")
            _known(position, _POSITIONS, "position", "drawers")
        for name, count in Counter(self.object_names).items():
            if count > MAX_INSTANCES:
                raise ValueError(f"{count} of {name!r} in the start state, at most {MAX_INSTANCES}")
        for place, count in Counter(place for _, place in self.objects).items():
            if count > SURFACES[place].capacity:
                raise ValueError(
                    f"{count} objects at {place!r} in the start state, "
                    f"it holds at most {SURFACES[place].capacity}"
                )
        complete = {drawer: self.drawers.get(drawer, "closed") for drawer in DRAWERS}
        object.__setattr__(self, "drawers", MappingProxyType(complete))

    def __hash__(self) -> int:
        return hash((self.robot, self.holding, self.objects, tuple(self.drawers.items())))

    def __reduce__(self) -> tuple[Any, ...]:
        return StartState, (self.robot, self.holding, self.objects, dict(self.drawers))

    @property
    def object_names(self) -> tuple[str, ...]:
        """Names by instance id: objects in order, then the held one."""
        held = () if self.holding is None else (self.holding,)
        return (*(name for name, _ in self.objects), *held)

    @property
    def holding_id(self) -> int | None:
        """Instance id of the held object, or None."""
        return None if self.holding is None else len(self.objects)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "StartState":
        """Read the `start` of a scenario.

        Raises:
            ValueError: something in it is malformed or unknown; the message says what.
        """
        if not isinstance(record, Mapping):
            raise ValueError(f"the start state is {record!r}, it must be an object with {_KEYS}")
        unknown = sorted(set(map(str, record)) - set(_KEYS))
        if unknown:
            raise ValueError(f"the start state has unknown keys {unknown}, it takes {list(_KEYS)}")
        objects = record.get("objects", ())
        if not _is_list(objects) or not all(_is_list(o) and len(o) == 2 for o in objects):
            raise ValueError(f"start objects are {objects!r}, they must be [object, place] pairs")
        drawers = record.get("drawers") or {}
        if not isinstance(drawers, Mapping):
            raise ValueError(f'start drawers are {drawers!r}, they must map a drawer to "open"')
        return cls(
            robot=record.get("robot", "user"),
            holding=record.get("holding"),
            objects=tuple((name, place) for name, place in objects),
            drawers=dict(drawers),
        )

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON types; `from_dict` reads it back."""
        return {
            "robot": self.robot,
            "holding": self.holding,
            "objects": [list(pair) for pair in self.objects],
            "drawers": dict(self.drawers),
        }


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _known(name: object, names: Sequence[str], kind: str, where: str) -> None:
    if name not in names:
        raise ValueError(
            f"{name!r} in the start state's {where!r} is no {kind}, choose from {', '.join(names)}"
        )


DEFAULT_START: Final = StartState(
    robot="user",
    objects=(
        ("coke can", "table"),
        ("water bottle", "table"),
        ("apple", "table"),
        ("sea salt chips", "table"),
        ("sponge", "far counter"),
        ("pepsi can", "far counter"),
        ("banana", "far counter"),
        ("multigrain chips", "far counter"),
        ("orange", "close counter"),
        ("energy bar", "close counter"),
        ("7up can", "close counter"),
        ("jalapeno chips", "close counter"),
        ("rice chips", "top drawer"),
    ),
)
"""A stocked kitchen: something to drink, to eat and to clean with."""
