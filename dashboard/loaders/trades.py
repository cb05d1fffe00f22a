"""Monitored trades as known at a time, and what they are worth then."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics.lake.records import Trade
from analytics.lake.schema import BAR
from analytics.panels.panel import Only, load
from analytics.trades import worth
from analytics.trades.worth import Conditions, Contract, Excursion, FundingPaid
from dashboard.loaders import bars, queries, source
from dashboard.state.as_of import Moment

MAX_BARS: Final = timedelta(days=90) // BAR
"""Of a trade that is open for longer, funding and excursions are of so many. [bars]"""
_FIELDS: Final = tuple(one.name for one in fields(Trade))


@dataclass(frozen=True, slots=True)
class Monitored:
    """A trade, and what the venue says of its contract."""

    trade: Trade
    contract: Contract | None
    """None where the venue's list lacks the pair: nothing can be computed."""


@dataclass(frozen=True, slots=True)
class Live:
    """What an open trade is worth at a time; None where the price or a rate is not known."""

    price: float | None
    """[quote currency]"""
    pnl_usd: float | None
    pnl_margin_pct: float | None
    liquidation_price: float | None
    """None where there is none, too. [quote currency]"""
    funding: FundingPaid
    funding_expected_usd: float | None
    next_funding_ts: datetime | None
    excursion: Excursion
    at_entry: Conditions
    now: Conditions


def monitored(shown: Moment) -> list[Monitored]:
    """Return all trades as they were at the time *shown*, open ones first."""
    rows = queries.read("trades", shown)
    return [_monitored(row) for row in rows.to_dict("records")]


def open_trades(shown: Moment) -> list[Monitored]:
    """Return those that were open at the time *shown*."""
    return [one for one in monitored(shown) if one.trade.closed_ts is None]


def price_at(venue: str, symbol: str, at: datetime, shown: Moment) -> float | None:
    """Return the close of the 5-minute bar that *at* lies in; None where it is not recorded."""
    count = max((shown.now - at) // BAR + 2, 1)
    if count > MAX_BARS:
        return None
    only = Only(instruments=((venue, symbol),))
    panel = bars.panel(("close",), "5m", shown, bars=count, only=only)
    starts = panel.times.astype("datetime64[ms]")
    place = int(starts.searchsorted(pd.Timestamp(at).tz_convert(None).to_datetime64(), "right")) - 1
    known = 0 <= place < len(starts) and bool(panel.instruments)
    return _known(panel.values["close"][place, 0]) if known else None


def past(trade: Trade, contract: Contract, shown: Moment) -> tuple[FundingPaid, Excursion]:
    """Return what a closed *trade* paid in funding, and how far the price went; each once."""
    return _past(source.folder(), trade, contract, shown.known_by)


@st.cache_data(ttl="1h", max_entries=1000, show_spinner=False)
def _past(
    folder: str, trade: Trade, contract: Contract, known_by: datetime
) -> tuple[FundingPaid, Excursion]:
    end = trade.closed_ts or trade.ts
    start = max(trade.opened_ts - BAR, end - MAX_BARS * BAR)
    only = Only(instruments=((trade.venue, trade.symbol),))
    with source.reader(folder).cursor() as cursor:
        panel = load(
            cursor, worth.METRICS, "5m", now=end, known_by=known_by, start=start, only=only
        )
    return worth.funding_paid(trade, panel, contract, end), worth.excursion(trade, panel, end)


def live(trade: Trade, contract: Contract, shown: Moment) -> Live:
    """Return what an open *trade* is worth at the time *shown*."""
    since = trade.opened_ts - worth.WARM_UP
    count = min(max((shown.now - since) // BAR, 1), MAX_BARS)
    only = Only(instruments=((trade.venue, trade.symbol),))
    panel = bars.panel(worth.METRICS, "5m", shown, bars=count, only=only)
    row = _row(queries.pairs(shown), trade)
    quote = _row(queries.read("pair_quotes", shown), trade)
    price, rate = _known(row.get("price")), _rate(row, quote)
    return Live(
        price=price,
        pnl_usd=None if price is None else worth.pnl_usd(trade, price, contract),
        pnl_margin_pct=None if price is None else worth.pnl_margin_pct(trade, price, contract),
        liquidation_price=worth.liquidation_price(trade, contract),
        funding=worth.funding_paid(trade, panel, contract, shown.now),
        funding_expected_usd=None
        if price is None or rate is None
        else worth.funding_usd(trade, rate, price, contract),
        next_funding_ts=_plain(quote.get("next_funding_ts")),
        excursion=worth.excursion(trade, panel, shown.now, price),
        at_entry=worth.conditions(panel, trade.opened_ts),
        now=worth.conditions(panel, shown.now),
    )


def _monitored(row: dict[Any, Any]) -> Monitored:
    trade = Trade(**{name: _plain(row[name]) for name in _FIELDS})
    multiplier, linear = _plain(row["multiplier"]), _plain(row["linear"])
    known = multiplier is not None and linear is not None
    return Monitored(trade, Contract(multiplier, bool(linear)) if known else None)


def _row(rows: pd.DataFrame, trade: Trade) -> dict[Any, Any]:
    """Return what *rows* say of the trade's pair; empty where they lack it."""
    mine = rows[(rows["venue"] == trade.venue) & (rows["symbol"] == trade.symbol)]
    return {} if mine.empty else mine.iloc[0].to_dict()


def _rate(row: dict[Any, Any], quote: dict[Any, Any]) -> float | None:
    """Return the running rate. [ratio per interval]"""
    per_8h = _known(row.get("funding_8h_pct"))
    hours = _known(quote.get("funding_interval_h"))
    return None if per_8h is None or hours is None else per_8h / 100 * hours / 8


def _known(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _plain(value: Any) -> Any:
    """Return a cell with Python's own time, and None for what is absent."""
    if value is None or pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        time: datetime = value.to_pydatetime()
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return value
