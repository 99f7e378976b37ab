"""Shared by all tables of randomisation terms: selection by name, and printing."""

from collections.abc import Iterable, Mapping
from typing import Protocol


class _Drawn(Protocol):
    """The distribution of a term, as far as it is printed."""

    @property
    def kind(self) -> str: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def unit(self) -> str: ...


class _Line(Protocol):
    """A term, as far as it is printed."""

    @property
    def name(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def distribution(self) -> _Drawn: ...


def table(terms: Mapping[str, _Line]) -> list[tuple[str, str, str, str]]:
    """Rows for printing: name, what it changes, distribution, range."""
    return [
        (term.name, term.what, term.distribution.kind, _range(term.distribution))
        for term in terms.values()
    ]


def check_terms(names: Iterable[str], terms: Mapping[str, _Line]) -> tuple[str, ...]:
    """The names, or a single name, as a tuple in the table's order.

    Raises:
        ValueError: there is no such term.
    """
    chosen = {names} if isinstance(names, str) else set(names)
    unknown = sorted(chosen - set(terms))
    if unknown:
        raise ValueError(f"no randomisation term {unknown[0]!r}, choose from {', '.join(terms)}")
    return tuple(name for name in terms if name in chosen)


def _range(drawn: _Drawn) -> str:
    """Both ends and their unit, for printing."""
    return f"{drawn.low:g} to {drawn.high:g} {drawn.unit}".strip()
