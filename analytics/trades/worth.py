"""What a monitored trade is worth: PnL, distances, liquidation price, funding, excursions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from analytics.indicators import change
from analytics.indicators.arrays import Floats
from analytics.indicators.funding import carried, funding_8h_pct
from analytics.lake.records import Trade
from analytics.lake.schema import BAR
from analytics.panels.panel import Panel
from analytics.signals.tiers import Z_REACH, z_oi
from analytics.trades.money import moved_pct, price_pnl_usd

METRICS: Final = (
    *("high", "low", "close", "mark", "oi_usd", "ls_accounts"),
    *("funding_rate", "funding_interval_h"),
)
"""What a panel of a trade's pair needs: 5-minute bars from ``WARM_UP`` before its entry."""

WARM_UP: Final = (Z_REACH + 2) * BAR
"""How long before the entry the bars begin, for z at the entry."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Contract:
    """What a trade's figures need to know of its contract."""

    multiplier: float
    """Coins in one quoted unit."""
    linear: bool
    """True where profit is paid in the quote currency, False for coin-margined."""


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """Payments since the entry."""

    usd: float | None
    """Sum of those whose rate is known; below 0: received. None where none is. [USD]"""
    known: int
    due: int | None
    """None where the pair's interval was never recorded."""


@dataclass(frozen=True, slots=True)
class Excursion:
    """How far the price went from the entry, in whole bars since then and by the last price."""

    mae_pct: float
    """Against the trade, at most 0. [%]"""
    mfe_pct: float
    """For it, at least 0. [%]"""
    known: int
    bars: int
    """Whole bars since the entry. [5-minute bars]"""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What was so around a pair in one bar; None where it is not known."""

    oi_usd: float | None
    """[USD]"""
    funding_8h_pct: float | None
    """[% per 8 h]"""
    ls_accounts: float | None
    """[ratio]"""
    z_oi: float | None
    """[standard deviations]"""


def pnl_usd(trade: Trade, price: float, contract: Contract) -> float:
    """Return what closing at *price* would bring, without fees and funding. [USD]"""
    units = _units(trade, contract)
    return price_pnl_usd(_sign(trade), units, trade.entry_price, price)


def pnl_margin_pct(trade: Trade, price: float, contract: Contract) -> float:
    """Return the PnL over the margin, both in what the contract is settled in. [%]

    leverage x (price / entry - 1), of an inverse contract leverage x (1 - entry / price).
    """
    moved = price / trade.entry_price - 1
    if not contract.linear:
        moved = 1 - trade.entry_price / price
    return 100 * _sign(trade) * trade.leverage * moved


def liquidation_price(trade: Trade, contract: Contract) -> float | None:
    """Return the mark price at which isolated margin falls to the maintenance margin.

    Margin + PnL = maintenance rate x notional at that price, with m the rate and L the leverage:
    a linear long entry x (1 - 1/L) / (1 - m), a linear short entry x (1 + 1/L) / (1 + m); an
    inverse long entry x (1 + m) / (1 + 1/L), an inverse short entry x (1 - m) / (1 - 1/L).
    Without fees, funding and the maintenance amounts of higher tiers, so an estimate. Source:
    Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts" and of COIN-M, for
    one isolated position in the first tier.

    Returns:
        None where there is none: a long without leverage, or an inverse short. [quote currency]
    """
    part, rate = _sign(trade) / trade.leverage, trade.maintenance_margin_pct / 100
    signed = _sign(trade) * rate
    if contract.linear:
        price = trade.entry_price * (1 - part) / (1 - signed)
        return price if price > 0 else None
    if part <= -1:
        return None
    return trade.entry_price * (1 + signed) / (1 + part)


def distance_pct(price: float, level: float) -> float:
    """Return how far the price has to go to *level*: (level / price - 1) x 100. [%]"""
    return 100 * (level / price - 1)


def crossed(trade: Trade, price: float) -> Literal["stop", "target"] | None:
    """Return which of the trade's levels *price* is at or beyond."""
    sign = _sign(trade)
    if trade.stop_price is not None and sign * (price - trade.stop_price) <= 0:
        return "stop"
    if trade.target_price is not None and sign * (price - trade.target_price) >= 0:
        return "target"
    return None


def funding_usd(trade: Trade, rate: float, price: float, contract: Contract) -> float:
    """Return what one payment costs the trade; below 0: brings. [USD]

    Rate x notional, which is units x *price*, of an inverse contract units x entry, which is fixed
    in USD. A long pays a positive rate.

    Args:
        trade: Whose position it is.
        rate: [ratio per interval]
        price: The mark price at the payment. [quote currency]
        contract: Of the trade.
    """
    notional = _units(trade, contract) * (price if contract.linear else trade.entry_price)
    return _sign(trade) * rate * notional


def funding_paid(trade: Trade, panel: Panel, contract: Contract, now: datetime) -> FundingPaid:
    """Return the payments from the entry on, up to the exit or *now*.

    Payments are at 00:00 UTC and every funding_interval_h after it. The rate of one is that of the
    last bar before it, and its price that bar's mark, else its close.

    Args:
        trade: Open or closed.
        panel: Of ``METRICS`` and of the trade's pair alone, 5-minute bars.
        contract: Of the trade.
        now: UTC.
    """
    end = now if trade.closed_ts is None else trade.closed_ts
    starts = _bar_starts(trade.opened_ts, end)
    lines = {name: _line(panel, name, starts) for name in METRICS}
    interval_h = _interval_h(lines["funding_interval_h"])
    if not np.isfinite(interval_h).any():
        return FundingPaid(None, 0, None)
    ends_s = (starts + 1) * BAR.total_seconds()
    is_due = ends_s % (3600 * interval_h) == 0
    price = np.where(np.isfinite(lines["mark"]), lines["mark"], lines["close"])
    costs = [
        funding_usd(trade, rate, at, contract)
        for rate, at in zip(lines["funding_rate"][is_due], price[is_due], strict=True)
    ]
    known = [cost for cost in costs if np.isfinite(cost)]
    usd = None if costs and not known else float(sum(known))
    return FundingPaid(usd, len(known), len(costs))


def excursion(trade: Trade, panel: Panel, now: datetime, price: float | None = None) -> Excursion:
    """Return MAE and MFE from the highs and lows of the whole bars since the entry, and the price.

    Args:
        trade: Open or closed; of a closed one the exit counts as well.
        panel: As for `funding_paid`.
        now: Likewise.
        price: The last of an open trade, which no bar may hold yet; None if unknown. [quote]
    """
    end = now if trade.closed_ts is None else trade.closed_ts
    # The bar that the entry lies in has a high and low from before it.
    starts = _bar_starts(trade.opened_ts + BAR - timedelta(milliseconds=1), end)
    high, low = _line(panel, "high", starts), _line(panel, "low", starts)
    known = np.isfinite(high) & np.isfinite(low)
    last = price if trade.exit_price is None else trade.exit_price
    ends = [one for one in (trade.entry_price, last) if one is not None]
    prices = np.concatenate([high[known], low[known], ends])
    moved = [
        moved_pct(_sign(trade), trade.entry_price, float(price))
        for price in (prices.min(), prices.max())
    ]
    return Excursion(min(moved), max(moved), int(known.sum()), len(starts))


def conditions(panel: Panel, at: datetime) -> Conditions:
    """Return what the last bar that was over *at* a time says.

    Args:
        panel: As for `funding_paid`.
        at: UTC.
    """
    place = np.array([int((at - _EPOCH) // BAR) - 1])
    changes = change.delta_pct(panel.values["oi_usd"])
    curves = {
        "oi_usd": panel.values["oi_usd"],
        "funding_8h_pct": funding_8h_pct(
            panel.values["funding_rate"], panel.values["funding_interval_h"]
        ),
        "ls_accounts": panel.values["ls_accounts"],
        "z_oi": z_oi(changes),
    }
    found = {name: float(_at(panel, cells, place)[0]) for name, cells in curves.items()}
    return Conditions(**{name: one if np.isfinite(one) else None for name, one in found.items()})


def _sign(trade: Trade) -> int:
    return 1 if trade.side == "long" else -1


def _units(trade: Trade, contract: Contract) -> float:
    """Return the size in what the price is of. [quoted units]"""
    return trade.size_base / contract.multiplier


def _bar_starts(since: datetime, until: datetime) -> NDArray[np.int64]:
    """Return the bars from the one of *since* on that end by *until*, counted since 1970."""
    first = int((since - _EPOCH) // BAR)
    return np.arange(first, max(int((until - _EPOCH) // BAR), first))


def _line(panel: Panel, name: str, bars: NDArray[np.int64]) -> Floats:
    return _at(panel, panel.values[name], bars)


def _at(panel: Panel, cells: Floats, bars: NDArray[np.int64]) -> Floats:
    """Return the pair's cells in *bars*, counted since 1970; NaN where the panel has none."""
    found = np.full(len(bars), np.nan)
    if not panel.times.size or not panel.instruments:
        return found
    width_ms = BAR // timedelta(milliseconds=1)
    first = int(panel.times[0].astype("datetime64[ms]").astype(np.int64)) // width_ms
    place = bars - first
    is_there = (place >= 0) & (place < len(panel.times))
    found[is_there] = cells[place[is_there], 0]
    return found


def _interval_h(stated: Floats) -> Floats:
    """Return the interval in each bar: the last stated one, before the first the first. [h]"""
    filled = np.where(np.isfinite(stated), stated, carried(stated))
    known = filled[np.isfinite(filled)]
    return np.where(np.isfinite(filled), filled, known[0] if known.size else np.nan)
