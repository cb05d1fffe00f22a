"""Answers of a venue's history, as bars in the lake's words and units."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from analytics.files.funding_periods import LATE, periods
from analytics.lake.schema import BAR, arrow_schema
from collector.backfill.plan import Piece
from collector.venues.json_reading import product
from collector.venues.venue import Fields, Row

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
    """Return the bars of *piece* that *rows* of its answer are about.

    A settled rate fills the whole period that it was paid for, with the length of
    that period: a bar's rate is what the running period was to pay, and that is
    what it paid, known only afterwards. A row whose stamp cannot be parsed is skipped.
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


def mark(stamp: object) -> datetime | None:
    """Return the five-minute mark that *stamp* is of, None where it is of none."""
    if not isinstance(stamp, datetime):
        return None
    off = timedelta(seconds=(stamp.timestamp() + LATE.total_seconds()) % BAR.total_seconds())
    return stamp + LATE - off if off <= 2 * LATE else None
