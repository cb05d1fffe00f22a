"""Trades, and signals without a fill, as tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.indicators.arrays import Floats
from analytics.panels.panel import Panel
from analytics.trades.money import moved_pct
from analytics.trades.simulated.costs import Costed, Places, ends_ms
from analytics.trades.simulated.result import TRADE_COLUMNS, UNFILLED_COLUMNS

Refused = tuple[int, int, str]
"""Column and bar of a signal, and why it was not filled."""


def trade_table(panel: Panel, trades: Costed, *, with_funding: bool) -> pd.DataFrame:
    """Return a row per trade, as ``SimulatedTrades.trades`` has them."""
    paid = trades.by_trade(np.nan_to_num(trades.paid_usd))
    due = trades.by_trade(np.ones(len(trades.paid_usd)))
    missing = trades.by_trade(np.isnan(trades.paid_usd).astype(np.float64))
    is_known = with_funding & ((due == 0) | (missing < due))
    pnl = trades.pnl_usd
    worst, best = _excursions(panel, trades)
    venue, symbol = _names(panel, trades.column)
    found = {
        "venue": venue,
        "symbol": symbol,
        "side": np.where(trades.sign > 0, "long", "short").astype(object),
        "signal_ts": _times(trades.entry_ms),
        "entry_ts": _times(trades.entry_ms),
        "entry_price": trades.entry_price,
        "exit_ts": _times(trades.exit_ms).where(~trades.is_open),
        "exit_price": trades.exit_price,
        "size_usd": trades.size_usd,
        "units": trades.units,
        "fee_usd": trades.entry_fee_usd + trades.exit_fee_usd,
        "slippage_usd": trades.slippage_usd,
        "funding_usd": np.where(is_known, paid, np.nan),
        "pnl_usd": pnl,
        "return_pct": 100 * pnl / trades.size_usd,
        "mae_pct": worst,
        "mfe_pct": best,
        "exit_reason": trades.reason,
        "settlements": due.astype(np.int64),
        "settlements_missing": missing.astype(np.int64),
    }
    return pd.DataFrame(found, columns=list(TRADE_COLUMNS))


def unfilled_table(panel: Panel, refused: Sequence[Refused]) -> pd.DataFrame:
    """Return a row per signal without a fill, by time, as ``SimulatedTrades.unfilled`` has them."""
    rows = sorted(refused, key=lambda one: (one[1], one[0]))
    venue, symbol = _names(panel, np.array([row[0] for row in rows], np.intp))
    bars = np.array([row[1] for row in rows], np.intp)
    found = {
        "venue": venue,
        "symbol": symbol,
        "signal_ts": _times(ends_ms(panel, bars)),
        "reason": np.array([row[2] for row in rows], object),
    }
    return pd.DataFrame(found, columns=list(UNFILLED_COLUMNS))


def _names(panel: Panel, column: Places) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    venues, symbols = (
        np.array([pair[place] for pair in panel.instruments], object) for place in (0, 1)
    )
    return venues[column], symbols[column]


def _times(milliseconds: NDArray[np.int64]) -> pd.Series[pd.Timestamp]:
    return pd.Series(pd.DatetimeIndex(milliseconds.astype("datetime64[ms]"), tz="UTC"))


def _excursions(panel: Panel, trades: Costed) -> tuple[Floats, Floats]:
    """Return MAE and MFE. [%]

    Of the bar within which a stop or target was reached only its fill counts: what its high and
    low are of may lie after it.
    """
    if not {"high", "low"} <= panel.values.keys():
        absent = np.full(len(trades.column), np.nan)
        return absent, absent
    low = _extreme(panel.values["low"], trades, np.fmin)
    high = _extreme(panel.values["high"], trades, np.fmax)
    reached = np.where(trades.is_open, trades.entry_price, trades.exit_price)
    moves = np.stack(
        [moved_pct(trades.sign, trades.entry_price, price) for price in (low, high, reached)]
    )
    return np.fmin(np.fmin.reduce(moves), 0), np.fmax(np.fmax.reduce(moves), 0)


def _extreme(prices: Floats, trades: Costed, of: np.ufunc) -> Floats:
    """Return the extreme of the whole bars that each trade was held; NaN where there is none."""
    bars = len(prices)
    by_pair = np.ascontiguousarray(prices.T).reshape(-1)
    order = np.lexsort((trades.entry, trades.column))
    first = (trades.column * bars + trades.entry)[order]
    last = (trades.column * bars + trades.exit)[order]
    found = np.full(len(order), np.nan)
    if len(order):
        # From each entry to its exit and from there to the next entry, in turns.
        edges = np.stack([first, last], axis=1).reshape(-1)
        edges = edges[:-1] if edges[-1] == len(by_pair) else edges
        extremes = of.reduceat(by_pair, edges)[::2]
        found[order] = np.where(last > first, extremes, np.nan)
    return found
