"""What Hyperliquid still tells of the past of a perpetual.

The last 5000 candles, which are 17 days, stamped with their start, and the
funding paid every hour. A candle's volume is in coins, so the volume in USD is
not known; open interest has no history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from collector.venues.json_reading import moment, number, rows
from collector.venues.venue import History, Question, Row


def read_candles(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``candleSnapshot``."""
    for row in rows(payload):
        yield (
            venue_id,
            {
                "ts": moment(row.get("t")),
                "open": number(row.get("o")),
                "high": number(row.get("h")),
                "low": number(row.get("l")),
                "close": number(row.get("c")),
            },
        )


def read_funding(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``fundingHistory``: what was paid; its time is some milliseconds late."""
    for row in rows(payload):
        yield (
            venue_id,
            {"ts": moment(row.get("time")), "funding_rate": number(row.get("fundingRate"))},
        )


def candles_between(venue_id: str, first_ms: int, last_ms: int) -> Mapping[str, Any]:
    """Return the request for the candles that start from *first_ms* to *last_ms*."""
    span = {"startTime": first_ms, "endTime": last_ms}
    return {"req": {"coin": venue_id, "interval": "5m", **span}}


def between(_venue_id: str, first_ms: int, last_ms: int) -> Mapping[str, int]:
    """Return the parameters that ask for the payments from *first_ms* to *last_ms*.

    To the end of that second: the payments are stamped a little late.
    """
    return {"startTime": first_ms, "endTime": last_ms + 999}


HISTORY = (
    History(
        question=Question(
            "klines",
            "publicPostInfo",
            read_candles,
            columns=("open", "high", "low", "close"),
            params={"type": "candleSnapshot"},
            # 20, and one for every 60 candles.
            weights={"weight": 29},
            may_be_empty=True,
        ),
        asked=candles_between,
        page=540,
        stamp="start",
        reach=timedelta(days=17),
    ),
    History(
        question=Question(
            "funding",
            "publicPostInfo",
            read_funding,
            columns=("funding_rate", "funding_interval_h"),
            params={"type": "fundingHistory"},
            asks_for="coin",
            # 20, and one for every 20 payments.
            weights={"weight": 30},
            may_be_empty=True,
        ),
        asked=between,
        page=200,
        stamp="payment",
        pays_every=timedelta(hours=1),
    ),
)
