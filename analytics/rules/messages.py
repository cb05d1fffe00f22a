"""What an alert says, in the words and with the figures of the pages.

"OI +3.1 σ in 1h, crowd long (L/S 3.20)": a rule's own sentence, or else the values that it read.
The subject and the change stand beside it, wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from analytics import formats
from analytics.quantities import QUANTITIES
from analytics.rules.columns import COLUMNS, named
from analytics.rules.engine import Event
from analytics.rules.rules_file import Rule


def message(rule: Rule, event: Event) -> str:
    """Return what happened by *event* as *rule* says it, or as its values do."""
    if event.lost:
        return "no data any more: not collected, or out of scope"
    if rule.message is None:
        return ", ".join(_plain(rule, event)) or rule.name
    fields = {
        **{name: _Field(rule, name, value) for name, value in event.values.items()},
        **{"subject": str(event.key.subject), "rule": rule.name, "severity": rule.severity},
        "time": formats.moment(event.ts),
    }
    return rule.message.format_map(fields)


def written(rule: Rule, name: str, value: Any) -> str:
    """Return a *value* that *rule* reads as the pages write it, with its unit."""
    if COLUMNS[rule.per][name] == "text":
        return formats.venue(str(value)) if name == "venue" else str(value)
    quantity = QUANTITIES[named(rule.per, name, rule.timeframe).quantity]
    write = formats.sigmas if quantity.unit == "standard deviations" else quantity.write
    return write(value)


class _Field:
    """A value in a template, written as on the pages or with digits of its own."""

    def __init__(self, rule: Rule, name: str, value: Any) -> None:
        self._value, self._text = value, written(rule, name, value)

    def __format__(self, digits: str) -> str:
        if not digits or not isinstance(self._value, int | float):
            return self._text
        return format(float(self._value), digits)


def _plain(rule: Rule, event: Event) -> Iterator[str]:
    """Yield each number with its name: ``z of OI change +3.1 σ in 1h``."""
    for name, value in event.values.items():
        if COLUMNS[rule.per][name] == "text":
            continue
        column = named(rule.per, name, rule.timeframe)
        over = f" in {column.timeframe}" if column.timeframe else ""
        yield f"{QUANTITIES[column.quantity].title} {written(rule, name, value)}{over}"
