"""What every question can say: when, of what, in which order and how much of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from analytics import query
from dashboard.api.problems import wrong

Timeframe = Literal["5m", "15m", "30m", "1h", "4h", "1d"]
MOST_ROWS: Final = 1000
"""Of one page."""


def _listed(value: object) -> object:
    """Return the parts of ``a,b``, or of several of them."""
    given = value if isinstance(value, list) else [value]
    return [part.strip() for one in given for part in str(one).split(",") if part.strip()]


def _time(value: object) -> datetime:
    text = str(value)
    try:
        if "T" not in text.upper() and " " not in text:
            raise ValueError(text)
        found = query.utc_time(text)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a time in ISO 8601, such as 2026-03-01T12:00Z") from error
    if found < datetime(1970, 1, 1, tzinfo=UTC):
        raise ValueError("must be a time since 1970; no data goes back that far")
    return found


Names = Annotated[list[str], BeforeValidator(_listed), Field(max_length=200)]
"""Several, as ``a,b`` or one after the other."""
Time = Annotated[
    datetime,
    BeforeValidator(
        _time,
        json_schema_input_type=Annotated[str, Field(json_schema_extra={"format": "date-time"})],
    ),
]
"""In ISO 8601; UTC where it has no zone."""


class Asked(BaseModel):
    """What any question can say. An unknown parameter is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    at: Time | None = None
    """The time that is answered for, as it was known then: 2026-03-01T12:00Z. Now if absent."""

    times: Literal["iso", "ms"] = "iso"
    """How times are written in JSON and CSV: ISO 8601 in UTC, or milliseconds since 1970."""

    columns: Names = []
    """Columns to return, in this order, separated by commas. All if absent."""


class Selected(Asked):
    """Of which venues, assets and pairs."""

    tf: Timeframe = "5m"
    """Timeframe, over which changes are."""

    venue: Names = []
    """Venues, separated by commas. All if absent."""

    base: Names = []
    """Assets, separated by commas: BTC,ETH. All if absent."""

    pair: Names = []
    """Symbols on every venue that has them, separated by commas: BTC/USDT:USDT. All if absent."""


class Paged(BaseModel):
    """Which part of the rows, and in which order."""

    sort: str | None = None
    """The column to sort by. Absent: the order that the description states."""

    order: Literal["asc", "desc"] = "desc"
    """Which way. What is absent comes last in both."""

    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 200
    """Rows to return."""

    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Rows to leave out before them."""


def refuse_repeated(request: Request) -> None:
    """Refuse a parameter that is given twice and can have one value only."""
    for name in request.query_params:
        if name not in _MANY and len(given := request.query_params.getlist(name)) > 1:
            raise wrong(name, ", ".join(given), "given more than once here")


_MANY: Final = frozenset(("columns", "venue", "base", "pair", "metrics"))


def refuse_unknown(name: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse the parameter *name* where one of *given* is not *known*; say what is like it.

    Where nothing is known, as before the record began, nothing is refused.
    """
    there = set(known)
    for one in given:
        if there and one not in there:
            raise wrong(name, one, like(one, there))


def like(given: str, known: Iterable[str]) -> str:
    """Return which of *known* are the likeliest to be meant by *given*, and how many others."""
    there = sorted(set(known))
    found = difflib.get_close_matches(given, there, 5) or there[:10]
    more = len(there) - len(found)
    return f"one of {', '.join(found)}{f' and {more:,} more' * (more > 0)}"
