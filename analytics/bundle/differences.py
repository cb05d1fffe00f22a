"""Where lines of JSON that should be the same differ first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

ALERT: Final = ("ts", "rule", "subject", "started_ts", "change")
"""What tells a change of an alert from others."""
TRADE: Final = ("signal_ts", "what", "venue", "symbol")
"""What tells a simulated trade from others."""

_Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place at which two lists of lines differ."""

    where: str
    """Which line: time, rule, subject and change, or time and pair."""
    field: str | None
    """What differs of what both have; None: one of the lists lacks it."""
    expected: Any
    found: Any

    @property
    def sentence(self) -> str:
        """What differs, in words."""
        if self.field is None:
            absent = "is in the bundle and does not follow from its rows"
            return f"{self.where}: {absent if self.found is None else _ADDED}"
        return (
            f"{self.where}: {self.field} is {self.expected} in the bundle, {self.found} by its rows"
        )


_ADDED = "follows from the bundle's rows and is not in it"


def first_difference(
    expected: Sequence[str], found: Sequence[str], keys: Sequence[str]
) -> Difference | None:
    """Return where the lines *expected* and those *found* differ first; None if they are the same.

    Both are in the order of *keys*, which tell a line from the others.

    Raises:
        ValueError: A line that differs has not these keys.
    """
    for stated, made in zip_longest(expected, found):
        if stated != made:
            return _difference(_parsed(stated, keys), _parsed(made, keys), keys)
    return None


def _difference(stated: _Fields | None, made: _Fields | None, keys: Sequence[str]) -> Difference:
    if stated is None or (made is not None and _place(made, keys) < _place(stated, keys)):
        return Difference(_named(made or {}, keys), None, None, made)
    if made is None or _place(stated, keys) < _place(made, keys):
        return Difference(_named(stated, keys), None, stated, None)
    for name in sorted({*stated, *made}):
        if stated.get(name) != made.get(name):
            return Difference(_named(stated, keys), name, stated.get(name), made.get(name))
    raise ValueError("a line is written in another way")


def _parsed(text: str | None, keys: Sequence[str]) -> _Fields | None:
    """Return the values of a line by name; those that a rule saw as ``seen_values.NAME``."""
    if text is None:
        return None
    fields = json.loads(text)
    if not isinstance(fields, dict) or not all(isinstance(fields.get(key), str) for key in keys):
        raise ValueError("a line lacks what names it")
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        inner = value if isinstance(value, dict) else {}
        flat |= {f"{name}.{key}": one for key, one in inner.items()} or {name: value}
    return flat


def _place(fields: _Fields, keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(fields[name] for name in keys)


def _named(fields: _Fields, keys: Sequence[str]) -> str:
    words = {name: fields[name] for name in keys if name != "started_ts"}
    return ", ".join(f"rule {word!r}" if name == "rule" else word for name, word in words.items())
