"""The text of an ``alerts.toml``, rule by rule: what an editor replaces, adds and takes out.

Comments stay where they are; those above a rule go with it when it is taken out.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from typing import Final

_HEAD: Final = re.compile(r"\s*\[\[\s*rule\s*\]\]")
_OUTSIDE: Final = re.compile(r"\s*(#.*)?$")
"""A line that belongs to no rule: a comment, or nothing."""


@dataclass(frozen=True, slots=True)
class RulesText:
    """A file's lines, and where each rule begins and ends in them."""

    text: str

    @property
    def rules(self) -> list[str]:
        """The ``[[rule]]`` tables, each from its head to its last key."""
        lines = self._lines
        return ["\n".join(lines[begin:end]) for begin, end in self._places]

    def with_rule(self, number: int | None, rule: str) -> str:
        """Return the text with *rule* in the place of that *number*; at the end for None."""
        lines, added = self._lines, rule.strip().splitlines()
        if number is None:
            return "\n".join([*_without_end(lines), "", *added, ""]).lstrip("\n")
        begin, end = self._places[number]
        return "\n".join([*lines[:begin], *added, *lines[end:], ""])

    def without_rule(self, number: int) -> str:
        """Return the text without the rule of that *number*, and the comments right above it."""
        lines, (begin, end) = self._lines, self._places[number]
        if number:
            begin = self._places[number - 1][1]
        return "\n".join([*_without_end(lines[:begin]), *lines[end:], ""])

    @property
    def _lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def _places(self) -> list[tuple[int, int]]:
        """First line of each rule, and the one after its last."""
        lines = self._lines
        heads = [n for n, line in enumerate(lines) if _HEAD.match(line)]
        ends = [*heads, len(lines)][1:]
        return [(head, _end(lines, head, end)) for head, end in zip(heads, ends, strict=True)]


def _end(lines: list[str], head: int, end: int) -> int:
    while end > head + 1 and _OUTSIDE.match(lines[end - 1]):
        end -= 1
    return end


def _without_end(lines: list[str]) -> list[str]:
    """Return *lines* without empty ones at their end."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return lines[:end]


def with_value(table: str, key: str, value: object) -> str:
    """Return the ``[[rule]]`` *table* with *value* under *key*; without the key for None.

    All other lines stay as they are. A table that is no TOML is returned as it is.

    Args:
        table: The text of one rule.
        key: Plain, as all keys of a rule are.
        value: A text, a whole number or a list of texts.
    """
    lines = table.splitlines()
    written = [] if value is None else [f"{key} = {json.dumps(value, ensure_ascii=False)}"]
    found = _places_of(lines, key)
    if found is None:
        return "\n".join([*_without_end(lines), *written])
    begin, end = found
    return "\n".join([*lines[:begin], *written, *lines[end:]])


def _places_of(lines: list[str], key: str) -> tuple[int, int] | None:
    """Return the first line of *key* and the one after its last: a value may be of several."""
    for begin, line in enumerate(lines):
        if not re.match(rf"\s*{re.escape(key)}\s*=", line):
            continue
        for end in range(begin + 1, len(lines) + 1):
            try:
                tomllib.loads("\n".join(lines[begin:end]))
            except tomllib.TOMLDecodeError:
                continue
            return begin, end
    return None
