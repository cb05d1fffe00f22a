"""What OKX still tells of the past of a swap.

Candles go back for years and settled funding for three months, the statistics
for the last 1440 five minutes only: five days. A candle is stamped with its
start. A statistic is stamped with the instant it was counted at, a full five
minutes, and so closes the five minutes that end there. Both bounds of a request
are left out of its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from analytics.lake.schema import BAR
from collector.venues.json_reading import entries, moment, number, rows
from collector.venues.venue import History, Question, Read, Row

TOP_TRADERS_OF = 50
"""Instruments whose top traders are asked for: live, two more requests each in five minutes."""


def read_candles(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/api/v5/market/history-candles``: the last but one figure is the volume in USD."""
    for row in entries(payload, "data"):
        if not isinstance(row, list) or len(row) < 9 or row[8] != "1":
            continue
        yield (
            venue_id,
            {
                "ts": moment(row[0]),
                "open": number(row[1]),
                "high": number(row[2]),
                "low": number(row[3]),
                "close": number(row[4]),
                "volume_usd": number(row[7]),
            },
        )


def read_open_interest(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``open-interest-history``: time, contracts, coins, USD.

    Coins, not contracts: those were of another size where OKX has changed it since.
    """
    for row in entries(payload, "data"):
        if isinstance(row, list) and len(row) >= 4:
            fields = {"oi_units": number(row[2]), "oi_venue_usd": number(row[3])}
            yield venue_id, {"ts": moment(row[0]), **fields}


def read_ratios(column: str) -> Read:
    """Return the reader of one of the ratios under ``/api/v5/rubik/stat/contracts``."""

    def read(payload: Any, venue_id: str | None) -> Iterator[Row]:
        for row in entries(payload, "data"):
            if isinstance(row, list) and len(row) >= 2:
                yield venue_id, {"ts": moment(row[0]), column: number(row[1])}

    return read


def read_funding(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/api/v5/public/funding-rate-history``: ``realizedRate`` is what was paid."""
    for row in rows(payload, "data"):
        paid, stated = number(row.get("realizedRate")), number(row.get("fundingRate"))
        rate = stated if paid is None else paid
        yield venue_id, {"ts": moment(row.get("fundingTime")), "funding_rate": rate}


def between(after: str, before: str) -> Callable[[str, int, int], Mapping[str, int]]:
    """Return what makes the parameters *after* and *before*, neither of them included."""
    return lambda _venue_id, first_ms, last_ms: {after: first_ms - 1, before: last_ms + 1}


def statistic(
    title: str, ending: str, read: Read, limit: str, *columns: str, top: int | None = None
) -> History:
    """Return a history under ``/api/v5/rubik/stat/contracts``."""
    return History(
        question=Question(
            title,
            f"publicGetRubikStatContracts{ending}",
            read,
            columns=columns,
            params={"period": "5m", "limit": 100},
            asks_for="instId",
            weights={limit: 1},
            may_be_empty=True,
            top=top,
        ),
        asked=between("begin", "end"),
        page=100,
        stamp="end",
        reach=1440 * BAR,
    )


HISTORY = (
    History(
        question=Question(
            "klines",
            "publicGetMarketHistoryCandles",
            read_candles,
            columns=("open", "high", "low", "close", "volume_usd"),
            params={"bar": "5m", "limit": 300},
            asks_for="instId",
            weights={"history_candles": 1},
            may_be_empty=True,
        ),
        # "before" and "after" speak of the order of OKX's pages: the newest come first.
        asked=between("before", "after"),
        page=300,
        stamp="start",
    ),
    statistic(
        "open interest",
        "OpenInterestHistory",
        read_open_interest,
        "oi_history",
        *("oi_base", "oi_usd"),
    ),
    statistic(
        "long/short accounts",
        "LongShortAccountRatioContract",
        read_ratios("ls_accounts"),
        "rubik",
        "ls_accounts",
    ),
    History(
        question=Question(
            "funding",
            "publicGetPublicFundingRateHistory",
            read_funding,
            columns=("funding_rate", "funding_interval_h"),
            params={"limit": 100},
            asks_for="instId",
            weights={"funding_history": 1},
            may_be_empty=True,
        ),
        asked=between("before", "after"),
        page=100,
        stamp="payment",
        reach=timedelta(days=90),
    ),
    statistic(
        "top traders' accounts",
        "LongShortAccountRatioContractTopTrader",
        read_ratios("ls_top_accounts"),
        "rubik",
        "ls_top_accounts",
        top=TOP_TRADERS_OF,
    ),
    statistic(
        "top traders' positions",
        "LongShortPositionRatioContractTopTrader",
        read_ratios("ls_top_positions"),
        "rubik",
        "ls_top_positions",
        top=TOP_TRADERS_OF,
    ),
)
