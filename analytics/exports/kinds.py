"""The kinds of values in a table: their units, and how each is written on paper and in a sheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from analytics import formats

Kind = Literal[
    "text",
    "time",
    "usd",
    "price",
    "pct",
    "points",
    "share",
    "ratio",
    "count",
    "seconds",
    "milliseconds",
    "bytes",
    "bps",
    "flag",
]


@dataclass(frozen=True, slots=True)
class Writing:
    """How the values of one kind are written."""

    unit: str | None
    """For the header; None where there is none. A price is in the quote currency of its pair."""
    sheet: str
    """The spreadsheet's number format; ``{0}`` stands for the decimals."""
    digits: int
    """Decimals, unless a column asks for others."""
    paper: Callable[[Any, int], str]
    """Writes a value and its unit for people, given the decimals."""
    is_said: bool = True
    """Whether what ``paper`` writes says its unit, so that a heading need not."""


def _text(value: Any, _: int) -> str:
    return formats.ABSENT if value is None else str(value)


def _time(value: Any, _: int) -> str:
    return formats.ABSENT if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def _flag(value: Any, _: int) -> str:
    return formats.ABSENT if value is None else ("yes" if value else "no")


def _share(value: Any, digits: int) -> str:
    return formats.ABSENT if value is None else f"{_ratio(value, digits)} %"


def _ratio(value: Any, digits: int) -> str:
    # Minus nought becomes nought.
    return formats.ABSENT if value is None else f"{round(value, digits) + 0.0:,.{digits}f}"


_PLAIN: Final = "#,##0{0}"
_SIGNED: Final = "+#,##0{0};-#,##0{0};0{0}"

KINDS: Final[dict[Kind, Writing]] = {
    "text": Writing(None, "@", 0, _text),
    "time": Writing("UTC", "yyyy-mm-dd hh:mm:ss", 0, _time, is_said=False),
    "usd": Writing("USD", _PLAIN, 2, lambda value, _: formats.usd(value)),
    # Up to twelve places, as many as the price has: from 98,123.4 to 0.0000123450.
    "price": Writing("quote", "#,##0.00##########", 2, lambda value, _: formats.price(value)),
    "pct": Writing("%", _SIGNED, 2, formats.pct),
    "points": Writing("pp", _SIGNED, 2, formats.points),
    "share": Writing("%", _PLAIN, 2, _share),
    "ratio": Writing(None, _PLAIN, 2, _ratio),
    "count": Writing(None, _PLAIN, 0, lambda value, _: formats.count(value)),
    "seconds": Writing("s", _PLAIN, 0, lambda value, _: formats.age(value)),
    "milliseconds": Writing("ms", _PLAIN, 0, lambda value, _: formats.latency(value)),
    "bytes": Writing("B", _PLAIN, 0, lambda value, _: formats.size(value)),
    "bps": Writing("bps", _PLAIN, 2, _ratio, is_said=False),
    "flag": Writing(None, "General", 0, _flag),
}


def written(kind: Kind, value: Any, digits: int | None = None) -> str:
    """Write *value* as people read it; ``–`` where it is None."""
    how = KINDS[kind]
    return how.paper(value, how.digits if digits is None else digits)
