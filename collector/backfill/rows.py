"""Answers of a venue's history, as bars in the lake's words and units."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from analytics.lake.schema import arrow_schema
from collector.backfill.plan import LONGEST_PERIOD, SHORTEST_PERIOD, Piece
from collector.cycles.live_bars import BAR
from collector.venues.reading import product
from collector.venues.venue import Fields, Row

LATE = timedelta(seconds=30)
"""How far off its mark a stamp may be: payments are stamped some milliseconds late."""

_HOURS = tuple(period / timedelta(hours=1) for period in (SHORTEST_PERIOD, LONGEST_PERIOD))

_COLUMNS = frozenset(
    (
        *("venue", "symbol", "base", "ts", "snapshot_count", "origin"),
        *("open", "high", "low", "close", "volume_usd", "volume_24h_usd", "oi_base", "oi_usd"),
        *("funding_rate", "funding_interval_h"),
        *("ls_accounts", "ls_top_accounts", "ls_top_positions"),
        *("taker_buy_usd", "taker_sell_usd"),
    )
)
SCHEMA = pa.schema([field for field in arrow_schema("bars") if field.name in _COLUMNS])
"""What bars have that a history fills in, in stored order."""

Bar = dict[str, Any]
"""Values by column of ``bars``."""


def bars_of(piece: Piece, rows: Iterable[Row]) -> list[Bar]:
    """Return the bars of *piece* that *rows* of its answer speak of.

    A settled rate fills the whole period that it was paid for, with the length of
    that period: a bar's rate is what the running period was to pay, and that is
    what it paid, which nobody knew before. A row whose stamp cannot be read is left out.
    """
    stamped = [(stamp, fields) for _, fields in rows if (stamp := mark(fields.get("ts")))]
    found: Iterable[tuple[datetime, Fields]]
    match piece.history.stamp:
        case "start":
            found = ((stamp, fields) for stamp, fields in stamped)
        case "end":
            found = ((stamp - BAR, fields) for stamp, fields in stamped)
        case "payment":
            found = periods(stamped, piece.history.pays_every)
    return [
        _bar(piece, start, fields) for start, fields in found if piece.first <= start <= piece.last
    ]


def table(bars: Iterable[Bar]) -> pa.Table:
    """Return *bars* with every column that a history can fill, as the lake stores them."""
    return pa.Table.from_pylist(list(bars), schema=SCHEMA)


def _bar(piece: Piece, start: datetime, fields: Fields) -> Bar:
    instrument = piece.instrument
    said = {column: value for column, value in fields.items() if not isinstance(value, datetime)}
    if "oi_raw" in said:
        said["oi_units"] = product(said.pop("oi_raw"), instrument.contract_size)
    if "oi_units" in said:
        said["oi_base"] = product(said.pop("oi_units"), instrument.multiplier)
        said["oi_usd"] = said.pop("oi_venue_usd", None)
    return {
        "venue": instrument.venue,
        "symbol": instrument.symbol,
        "base": instrument.base,
        "ts": start.replace(tzinfo=None),
        "snapshot_count": 0,
        "origin": "backfill",
        **said,
    }


def periods(
    payments: Iterable[tuple[datetime, Fields]], every: timedelta | None = None
) -> Iterator[tuple[datetime, Fields]]:
    """Yield the five minutes of the period that each of *payments* settled, with what it paid.

    How long that was, the payment states as ``funding_interval_h``, or else the venue pays
    *every* so often always, or else the payment before tells it; see ``_told_length``. A
    period never reaches back beyond the payment before it.

    Args:
        payments: On five-minute marks, each with its ``funding_rate``, in any order.
        every: The time between two payments, where the venue never changes it.
    """
    ordered = sorted(payments, key=lambda payment: payment[0])
    marks = sorted({paid for paid, _ in ordered})
    for paid, fields in ordered:
        place = bisect_left(marks, paid)
        length = _stated_length(fields) or every or _told_length(marks, place)
        if length is None or fields["funding_rate"] is None:
            continue
        opened = max(paid - length, marks[place - 1]) if place else paid - length
        hours = length / timedelta(hours=1)
        said: Fields = {"funding_rate": fields["funding_rate"], "funding_interval_h": hours}
        for nth in range((paid - opened) // BAR):
            yield opened + nth * BAR, said


def _stated_length(fields: Fields) -> timedelta | None:
    """Return how long the payment says its period was; None where it says nothing possible."""
    hours = fields.get("funding_interval_h")
    if not isinstance(hours, float) or not _HOURS[0] <= hours <= _HOURS[1]:
        return None
    return timedelta(hours=hours)


def _told_length(marks: Sequence[datetime], place: int) -> timedelta | None:
    """Return how long the period was that was paid at *place* of *marks*; None if that is unclear.

    It began with the payment before, unless that one is missing: a period that is longer than
    the one before it is believed if the next one is as long. Else a payment is missing, and
    the last of the periods in between was as long as the one before them.
    """
    if not place:
        return None
    gap = marks[place] - marks[place - 1]
    before = marks[place - 1] - marks[place - 2] if place > 1 else None
    after = marks[place + 1] - marks[place] if place + 1 < len(marks) else None
    if not SHORTEST_PERIOD <= gap <= LONGEST_PERIOD:
        return None
    if before is None:
        return gap if after is None or gap <= after else None
    if gap <= before or gap == after:
        return gap
    return before if after is not None and not gap % before else None


def mark(stamp: object) -> datetime | None:
    """Return the five-minute mark that *stamp* is of, None where it is of none."""
    if not isinstance(stamp, datetime):
        return None
    off = timedelta(seconds=(stamp.timestamp() + LATE.total_seconds()) % BAR.total_seconds())
    return stamp + LATE - off if off <= 2 * LATE else None
