"""/api/history/{subject}: the bars of an asset over all venues, or of one pair."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from fastapi import APIRouter, Path
from pydantic import Field

from analytics.panels.panel import FLOWS, METRICS, TIMEFRAMES, Only, coverage
from analytics.query import ANY_TIME
from dashboard.api.answers import Table, add
from dashboard.api.encoding import time_value
from dashboard.api.parameters import Asked, Names, Time, Timeframe, like, refuse_unknown
from dashboard.api.problems import unknown, wrong
from dashboard.loaders import bars, queries
from dashboard.state.as_of import Moment

router: Final = APIRouter(tags=["market"])

MOST_BARS: Final = 10_000
"""Of one answer: a month of 5 minutes."""
_USUAL: Final = [
    *("open", "high", "low", "close", "oi_usd", "funding_rate", "funding_interval_h"),
    *("ls_accounts", "taker_buy_usd", "taker_sell_usd", "liq_long_usd", "liq_short_usd"),
]
_TOGETHER: Final = ("funding_rate", "funding_interval_h")
"""An asset's mean rate is of eight hours, so that both are needed for either."""


class HistoryAsked(Asked):
    """Which bars, and what of them."""

    tf: Timeframe = "5m"
    """Timeframe: how long a bar lasts."""

    metrics: Names = _USUAL
    """Metrics to return, separated by commas."""

    from_: Annotated[Time | None, Field(alias="from")] = None
    """The first bar starts then or later. A day before `to` if absent."""

    to: Time | None = None
    """The last bar is over by then. The time of the answer if absent, or if that is earlier."""


def history(asked: HistoryAsked, shown: Moment, subject: str) -> pd.DataFrame:
    """Return a row for each bar, from the first that is recorded; absent where nothing was.

    Raises:
        Problem: There is no such subject or metric, or there are too many bars.
    """
    refuse_unknown("metrics", asked.metrics, METRICS)
    only, by_asset = _only(subject, shown)
    end = _until(asked, shown)
    start = asked.from_ or end.now - timedelta(days=1)
    count = _count(asked, start, end)
    if count == 0:
        none = dict.fromkeys(asked.metrics, np.empty(0))
        return pd.DataFrame({"ts": pd.to_datetime([], utc=True), **none})
    # Of an asset, how much of a flow is known is of the flow.
    flows = [flow for flow in FLOWS if coverage(flow) in asked.metrics]
    wanted = [*dict.fromkeys((*asked.metrics, *flows, *_TOGETHER))]
    panel = bars.panel(wanted, asked.tf, end, bars=count, only=only, by_asset=by_asset)
    cells = {name: panel.values[name][:, :1].reshape(-1) for name in asked.metrics}
    return pd.DataFrame({"ts": pd.to_datetime(panel.times, utc=True), **cells})


def _only(subject: str, shown: Moment) -> tuple[Only, bool]:
    """Return which instruments *subject* is of, and whether it is an asset."""
    known = queries.known_pairs(shown)
    pairs = set(known["venue"] + ":" + known["symbol"])
    if subject in pairs:
        venue, _, symbol = subject.partition(":")
        return Only(instruments=((venue, symbol),)), False
    if subject in set(known["base"]):
        return Only(bases=(subject,)), True
    raise unknown("subject", subject, like(subject, pairs if ":" in subject else known["base"]))


def _until(asked: HistoryAsked, shown: Moment) -> Moment:
    """Return when the bars end, with what is known by the time of the answer."""
    if asked.to is None or asked.to >= shown.now:
        return shown
    later_too = shown.known_by == ANY_TIME
    age = shown.age + (shown.now - asked.to)
    return replace(shown, now=asked.to, mode="asked", age=age, later_too=later_too)


def _count(asked: HistoryAsked, start: datetime, end: Moment) -> int:
    """Return how many bars start at *start* or later and are over by *end*."""
    if start > end.now:
        raise wrong("from", time_value(start, "iso"), f"a time up to {time_value(end.now, 'iso')}")
    width = TIMEFRAMES[asked.tf]
    count = max((end.mark(asked.tf) - start) // width, 0)
    if count > MOST_BARS:
        earliest = time_value(end.mark(asked.tf) - MOST_BARS * width, "iso")
        allowed = f"a time since {earliest}: at most {MOST_BARS:,} bars are answered at once"
        raise wrong("from", time_value(start, "iso"), allowed)
    return count


_SUBJECT: Final[Any] = Annotated[
    str, Path(description="An asset, `BTC`, or a pair, `binance:BTC/USDT:USDT`")
]

add(
    router,
    Table(
        path="/history/{subject:path}",
        summary="Bars of an asset over its pairs on all venues, or of one pair",
        note=f"Oldest first; `ts` is the start of a bar. At most {MOST_BARS:,} bars; one of which "
        "nothing is recorded has `null`. Of an asset, sums and means are joined by the pairs that "
        "are known in both bars, and `funding_rate` is the mean of 8 hours.",
        item="bars",
        asked=HistoryAsked,
        columns=("ts", *METRICS),
        place={"subject": _SUBJECT},
        read=history,
    ),
)
