"""The account that trades make: its equity and exposure at the end of each bar."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from analytics.indicators.arrays import Floats
from analytics.panels.panel import Panel
from analytics.trades.money import price_pnl_usd
from analytics.trades.simulated.costs import Costed, Places, ends_ms
from analytics.trades.simulated.settlements import Settlements, spread

_CELLS: Final = 1_000_000
"""Bars of trades that are worked on together, which bounds the memory."""


def curves(
    panel: Panel, trades: Costed, start_usd: float, funding: Settlements | None
) -> tuple[pd.Series[float], pd.Series[float]]:
    """Return equity and exposure: at the start of the first bar, and at the end of each. [USD]"""
    bars = len(panel.times)
    booked = np.zeros(bars)
    np.subtract.at(booked, trades.entry, trades.entry_fee_usd)
    over = ~trades.is_open
    np.add.at(booked, trades.exit[over], (trades.moved_usd - trades.exit_fee_usd)[over])
    if funding is not None:
        np.add.at(booked, _bar_of(panel, trades, funding), np.nan_to_num(trades.paid_usd))
    unbooked, exposure = _open_positions(panel, trades)
    equity = start_usd + np.cumsum(booked) + unbooked
    index = _ends(panel)
    return (
        pd.Series(np.concatenate([[start_usd], equity]), index, name="equity_usd"),
        pd.Series(np.concatenate([[0.0], exposure]), index, name="exposure_usd"),
    )


def _bar_of(panel: Panel, trades: Costed, funding: Settlements) -> Places:
    """Return the bar at whose end each payment is booked, or within which."""
    ends = ends_ms(panel, np.arange(len(panel.times)))
    return np.searchsorted(ends, funding.ends_ms[trades.held.hour])


def _open_positions(panel: Panel, trades: Costed) -> tuple[Floats, Floats]:
    """Return unrealised PnL and exposure at each bar's end, of the positions open then."""
    bars = len(panel.times)
    unbooked, exposure = np.zeros(bars), np.zeros(bars)
    held = np.cumsum(trades.exit - trades.entry)
    parts = np.searchsorted(held, np.arange(_CELLS, held[-1] if len(held) else 0, _CELLS))
    for some in np.split(np.arange(len(held)), np.unique(parts)):
        of, bar = spread(trades.entry[some], trades.exit[some])
        of = some[of]
        price = _carried(panel.values["close"][bar, trades.column[of]], of, trades.entry_price[of])
        worth = price_pnl_usd(trades.sign[of], trades.units[of], trades.entry_price[of], price)
        unbooked += np.bincount(bar, worth, bars)
        exposure += np.bincount(bar, trades.units[of] * price, bars)
    return unbooked, exposure


def _carried(price: Floats, of: Places, entry_price: Floats) -> Floats:
    """Return *price*, of the bars of one trade after another, with the last one where none is."""
    known = np.isfinite(price)
    if known.all():
        return price
    place = np.arange(len(price))
    last = np.maximum.accumulate(np.where(known, place, -1))
    same = (last >= 0) & (of[last] == of)
    return np.where(same, price[last], entry_price)


def _ends(panel: Panel) -> pd.DatetimeIndex:
    ends = ends_ms(panel, np.arange(-1, len(panel.times)))
    return pd.DatetimeIndex(ends.astype("datetime64[ms]"), tz="UTC", name="ts")
