"""What passes between the server and a venue's wire format: a query in, a body out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

Json: TypeAlias = "str | int | float | bool | None | Sequence[Json] | Mapping[str, Json]"
Row: TypeAlias = dict[str, Json]
Endpoint: TypeAlias = "Callable[[Query, int], Json]"
"""Takes the query and the time in Unix ms, gives the body."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a venue."""

    body: Json
    status: int = 200


class RefusedError(Exception):
    """The venue refuses the request; *answer* says why in its own words."""

    def __init__(self, answer: Answer) -> None:
        """Refuse with *answer*."""
        super().__init__(str(answer.body))
        self.answer = answer


class WireFormat(Protocol):
    """The REST interface of one venue."""

    name: str

    live_paths: frozenset[str]
    """Paths whose answers change with every millisecond and must not be kept."""

    def answer(self, path: str, query: Mapping[str, str], now_ms: int) -> Answer:
        """Answer one request."""

    def unknown_symbol(self) -> Answer:
        """Return what the venue says when it does not know the symbol."""


class Query:
    """The parameters of one request. *refuse* makes the venue's error about a parameter."""

    def __init__(self, values: Mapping[str, str], refuse: Callable[[str], RefusedError]) -> None:
        """Wrap *values* as they came in the URL."""
        self._values = values
        self._refuse = refuse

    def text(self, name: str) -> str | None:
        """Return a parameter, or None if it is absent or empty."""
        return self._values.get(name) or None

    def number(self, name: str) -> int | None:
        """Return a whole number, or None if it is absent."""
        value = self.text(name)
        if value is None:
            return None
        if not value.isascii() or not value.lstrip("-").isdigit():
            raise self._refuse(name)
        return int(value)

    def limit(self, usual: int, most: int) -> int:
        """Return how many rows are asked for, between 1 and *most*."""
        found = self.number("limit")
        if found is None:
            return usual
        if found < 1:
            raise self._refuse("limit")
        return min(found, most)

    def choice(self, name: str, choices: Mapping[str, T], usual: str | None = None) -> T:
        """Return what *choices* has for the parameter; refuse what it does not have."""
        value = self.text(name) or usual
        if value is None or value not in choices:
            raise self._refuse(name)
        return choices[value]


def decimal(value: float, decimals: int | None) -> str:
    """Write a number as venues do; None keeps every digit that it has."""
    if decimals is None:
        return repr(value)
    return f"{value:.{max(decimals, 0)}f}"
