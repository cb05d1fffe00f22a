"""What browsers are told of monitored trades: a stop or target crossed, a funding flip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.lake.records import Trade
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from analytics.trades import worth
from dashboard.loaders import queries, trades
from dashboard.state.as_of import Moment

_BEFORE: Final = "trades_told"
_RUN: Final = "trades_told_run"
_LASTS_MS: Final = 24 * 3600 * 1000
"""A level of a trade is told once per browser in so long."""

State = tuple[str | None, bool | None]
"""Which level is crossed, and whether the funding rate is above 0."""


@dataclass(frozen=True, slots=True)
class Held:
    """What trades are open in."""

    pairs: frozenset[tuple[str, str]]
    """By venue and symbol."""
    bases: frozenset[str]

    def concerns(self, episodes: pd.DataFrame) -> pd.Series[bool]:
        """Return which *episodes* of alerts are of these pairs or assets."""
        names = episodes[["per", "venue", "symbol", "base"]].itertuples(index=False, name=None)
        about = [
            base in self.bases if per == "asset" else (venue, symbol) in self.pairs
            for per, venue, symbol, base in names
        ]
        return pd.Series(about, index=episodes.index, dtype=bool)


def held(shown: Moment) -> Held:
    """Return what trades are open in at the time *shown*."""
    open_now = [one.trade for one in trades.open_trades(shown)]
    pairs = frozenset((one.venue, one.symbol) for one in open_now)
    return Held(pairs, frozenset(one.base for one in open_now))


def trade_lines(shown: Moment, look: Colors) -> list[dict[str, Any]]:
    """Return a line for each level that is crossed, and each funding flip, since the last refresh.

    What was crossed before this browser looked is told, too.

    Args:
        shown: The present.
        look: The colours of the theme.
    """
    open_now = [one.trade for one in trades.open_trades(shown)]
    rows = queries.pairs(shown) if open_now else pd.DataFrame()
    states = {trade.id: _state(trade, rows) for trade in open_now}
    before: dict[str, State] = st.session_state.get(_BEFORE, {})
    # What is not known now is as it was.
    st.session_state[_BEFORE] = {
        number: (level, before.get(number, (None, None))[1] if positive is None else positive)
        for number, (level, positive) in states.items()
    }
    found = [
        line
        for trade in open_now
        for line in _lines(trade, states[trade.id], before.get(trade.id, (None, None)), look)
    ]
    if found:
        st.session_state[_RUN] = run() + 1
    return found


def run() -> int:
    """Return a number that is another one whenever there is a new line."""
    return int(st.session_state.get(_RUN, 0))


def _state(trade: Trade, rows: pd.DataFrame) -> State:
    mine = rows[(rows["venue"] == trade.venue) & (rows["symbol"] == trade.symbol)]
    if mine.empty:
        return None, None
    row = mine.iloc[0]
    price, rate = row["price"], row["funding_8h_pct"]
    level = None if pd.isna(price) else worth.crossed(trade, float(price))
    return level, None if pd.isna(rate) or rate == 0 else bool(rate > 0)


def _lines(trade: Trade, now: State, before: State, look: Colors) -> Iterator[dict[str, Any]]:
    name = f"{formats.pair(trade.symbol)} {formats.venue(trade.venue)} {trade.side}"
    level, positive = now
    same = {"path": "/monitor", "asks": {}, "stays": False}
    if level is not None and level != before[0]:
        price = trade.stop_price if level == "stop" else trade.target_price
        text = f"{name}: {level} {QUANTITIES['price'].write(price)} is crossed"
        color = look.alert if level == "stop" else look.up
        yield {**same, "text": text, "color": color, "lasts_ms": _LASTS_MS, "stays": True}
    if None not in (positive, before[1]) and positive != before[1]:
        pays = (trade.side == "long") == positive
        text = f"{name}: funding flipped, it now {'pays' if pays else 'receives'}"
        yield {**same, "text": text, "color": look.warning}
