"""What Binance still tells of the past of a USD-M contract.

Klines and settled funding go back to the listing, the statistics under
``/futures/data`` 30 days. A kline is stamped with its start. A statistic is
stamped with the instant it was counted at, a full five minutes, and so closes
the five minutes that end there; the public archive's metrics are the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from collector.venues.json_reading import NONSENSE, entries, moment, number, quotient, rows
from collector.venues.venue import History, Question, Read, Row

TOP_TRADERS_OF = 50
"""Instruments whose top traders are asked for: live, two more requests each in five minutes."""

DAILY = "data/futures/um/daily"
METRICS = f"{DAILY}/metrics/{{id}}/{{id}}-metrics-{{day}}.zip"
KLINES = f"{DAILY}/klines/{{id}}/5m/{{id}}-5m-{{day}}.zip"


def read_klines(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/fapi/v1/klines``; what takers did not buy, they sold."""
    for row in entries(payload):
        if not isinstance(row, list) or len(row) < 11:
            continue
        traded, bought = number(row[7]), number(row[10])
        sold = None if traded is None or bought is None else traded - bought
        yield (
            venue_id,
            {
                "ts": moment(row[0]),
                "open": number(row[1]),
                "high": number(row[2]),
                "low": number(row[3]),
                "close": number(row[4]),
                "volume_usd": traded,
                "taker_buy_usd": bought,
                "taker_sell_usd": sold,
            },
        )


def read_open_interest(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/futures/data/openInterestHist``: in quoted units, and in USD at the mark price."""
    for row in rows(payload):
        yield (
            venue_id,
            {
                "ts": moment(row.get("timestamp")),
                "oi_raw": number(row.get("sumOpenInterest")),
                "oi_venue_usd": number(row.get("sumOpenInterestValue")),
            },
        )


def read_funding(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/fapi/v1/fundingRate``: what was paid; its time is some milliseconds late."""
    for row in rows(payload):
        yield (
            venue_id,
            {
                "ts": moment(row.get("fundingTime")),
                "funding_rate": number(row.get("fundingRate")),
            },
        )


def read_ratios(column: str) -> Read:
    """Return the reader of one of the long/short ratios under ``/futures/data``."""

    def read(payload: Any, venue_id: str | None) -> Iterator[Row]:
        for row in rows(payload):
            yield venue_id, {"ts": moment(row.get("timestamp")), column: long_short_ratio(row)}

    return read


def long_short_ratio(row: dict[str, Any]) -> float | None:
    """Return long over short: as stated, unless the stated shares say otherwise.

    Where the ratio is more than 1 % away from the shares it claims to be made of, the
    shares count: they confirm each other by adding up to one, the ratio is confirmed
    by nothing. Where they do not add up either, the row says nothing readable.
    """
    stated = number(row.get("longShortRatio"))
    long, short = number(row.get("longAccount")), number(row.get("shortAccount"))
    if long is None or short is None:
        return stated
    shares = quotient(long, short)
    if stated is not None and shares is not None and abs(stated - shares) <= 0.01 * shares:
        return stated
    return shares if abs(long + short - 1) <= 0.01 else NONSENSE


def between(_venue_id: str, first_ms: int, last_ms: int) -> Mapping[str, int]:
    """Return the parameters that ask for the stamps from *first_ms* to *last_ms*.

    To the end of that second: payments of funding are stamped a little late.
    """
    return {"startTime": first_ms, "endTime": last_ms + 999}


def statistic(
    title: str, method: str, read: Read, *columns: str, top: int | None = None
) -> History:
    """Return a history under ``/futures/data``."""
    return History(
        question=Question(
            title,
            method,
            read,
            columns=columns,
            params={"period": "5m", "limit": 500},
            asks_for="symbol",
            weights={"futures_data": 1},
            may_be_empty=True,
            top=top,
        ),
        asked=between,
        page=500,
        stamp="end",
        reach=timedelta(days=30),
        archive=METRICS,
    )


HISTORY = (
    History(
        question=Question(
            "klines",
            "fapiPublicGetKlines",
            read_klines,
            columns=(
                *("open", "high", "low", "close"),
                *("volume_usd", "taker_buy_usd", "taker_sell_usd"),
            ),
            params={"interval": "5m", "limit": 1000},
            asks_for="symbol",
            weights={"weight": 5},
            may_be_empty=True,
        ),
        asked=between,
        page=1000,
        stamp="start",
        archive=KLINES,
    ),
    statistic(
        "open interest", "fapiDataGetOpenInterestHist", read_open_interest, "oi_base", "oi_usd"
    ),
    statistic(
        "long/short accounts",
        "fapiDataGetGlobalLongShortAccountRatio",
        read_ratios("ls_accounts"),
        "ls_accounts",
    ),
    History(
        question=Question(
            "funding",
            "fapiPublicGetFundingRate",
            read_funding,
            columns=("funding_rate", "funding_interval_h"),
            params={"limit": 1000},
            asks_for="symbol",
            weights={"funding": 1},
            may_be_empty=True,
        ),
        asked=between,
        page=1000,
        stamp="payment",
    ),
    statistic(
        "top traders' accounts",
        "fapiDataGetTopLongShortAccountRatio",
        read_ratios("ls_top_accounts"),
        "ls_top_accounts",
        top=TOP_TRADERS_OF,
    ),
    statistic(
        "top traders' positions",
        "fapiDataGetTopLongShortPositionRatio",
        read_ratios("ls_top_positions"),
        "ls_top_positions",
        top=TOP_TRADERS_OF,
    ),
)
