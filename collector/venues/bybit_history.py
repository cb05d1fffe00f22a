"""What Bybit still tells of the past of a linear contract.

Everything goes back to the listing, or nearly. A kline is stamped with its start.
Open interest and the ratio are stamped with the instant they were counted at, a
full five minutes, and so close the five minutes that end there. Open interest is
in quoted units only, of one side beside that of both: its worth in USD is worked out
from the bar's close.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from collector.venues.json_reading import entries, moment, number, one_side, quotient, rows
from collector.venues.venue import History, Question, Read, Row


def read_klines(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/v5/market/kline``: turnover is in the quote currency."""
    for row in entries(payload, "result", "list"):
        if not isinstance(row, list) or len(row) < 7:
            continue
        yield (
            venue_id,
            {
                "ts": moment(row[0]),
                "open": number(row[1]),
                "high": number(row[2]),
                "low": number(row[3]),
                "close": number(row[4]),
                "volume_usd": number(row[6]),
            },
        )


def read_open_interest(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/v5/market/open-interest``, in quoted units."""
    for row in rows(payload, "result", "list"):
        yield (
            venue_id,
            {
                "ts": moment(row.get("timestamp")),
                "oi_raw": one_side(row, "singleOpenInterest", "openInterest"),
            },
        )


def read_account_ratios(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/v5/market/account-ratio``: the shares of holders that are long and short."""
    for row in rows(payload, "result", "list"):
        yield (
            venue_id,
            {
                "ts": moment(row.get("timestamp")),
                "ls_accounts": quotient(number(row.get("buyRatio")), number(row.get("sellRatio"))),
            },
        )


def read_funding(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/v5/market/funding/history``: what was paid."""
    for row in rows(payload, "result", "list"):
        yield (
            venue_id,
            {
                "ts": moment(row.get("fundingRateTimestamp")),
                "funding_rate": number(row.get("fundingRate")),
            },
        )


def between(start: str, end: str) -> Callable[[str, int, int], Mapping[str, int]]:
    """Return what makes the parameters called *start* and *end*, both included."""
    return lambda _venue_id, first_ms, last_ms: {start: first_ms, end: last_ms}


def history(
    title: str,
    ending: str,
    read: Read,
    columns: tuple[str, ...],
    params: Mapping[str, str],
    page: int,
) -> History:
    """Return the history under ``/v5/market`` whose method ends in *ending*."""
    return History(
        question=Question(
            title,
            f"publicGetV5Market{ending}",
            read,
            columns=columns,
            params={"category": "linear", "limit": page, **params},
            asks_for="symbol",
            weights={"requests": 1},
            may_be_empty=True,
        ),
        asked=between("start", "end") if title == "klines" else between("startTime", "endTime"),
        page=page,
        stamp={"klines": "start", "funding": "payment"}.get(title, "end"),  # type: ignore[arg-type]
    )


HISTORY = (
    history(
        "klines",
        "Kline",
        read_klines,
        ("open", "high", "low", "close", "volume_usd"),
        {"interval": "5"},
        1000,
    ),
    history(
        "open interest",
        "OpenInterest",
        read_open_interest,
        ("oi_base", "oi_usd"),
        {"intervalTime": "5min"},
        200,
    ),
    history(
        "long/short accounts",
        "AccountRatio",
        read_account_ratios,
        ("ls_accounts",),
        {"period": "5min"},
        500,
    ),
    history(
        "funding", "FundingHistory", read_funding, ("funding_rate", "funding_interval_h"), {}, 200
    ),
)
