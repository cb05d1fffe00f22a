"""Panels and signals for tests of simulated trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import numpy as np

from analytics.panels.panel import Pair, Panel
from analytics.trades.simulated.signals import Signals

START = datetime(2026, 1, 1, 7, 0, tzinfo=UTC)
WIDTHS = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1)}


def panel(
    values: Mapping[str, np.ndarray], *, start: datetime = START, timeframe: str = "5m"
) -> Panel:
    """A panel of (T, N) arrays; pairs are called C0, C1 and so on, of Binance."""
    bars, pairs = next(iter(values.values())).shape
    first = np.datetime64(start.replace(tzinfo=None), "ms")
    times = first + np.arange(bars) * np.timedelta64(WIDTHS[timeframe])
    names = tuple(Pair("binance", f"C{n}/USDT:USDT", f"C{n}") for n in range(pairs))
    of_pairs = {name: np.asfortranarray(cells) for name, cells in values.items()}
    now = start + bars * WIDTHS[timeframe]
    return Panel(times, names, MappingProxyType(of_pairs), timeframe, now)


def column(values: Sequence[float]) -> np.ndarray:
    """One pair's values as an array of shape (T, 1)."""
    return np.array(values, np.float64)[:, None]


def at(bars: int, *places: int, pairs: int = 1) -> np.ndarray:
    """Flags that are set at *places* of every pair."""
    flags = np.zeros((bars, pairs), np.bool_)
    flags[list(places)] = True
    return flags


def longs(entry: np.ndarray, exit_: np.ndarray) -> Signals:
    """Signals of longs alone."""
    none = np.zeros_like(entry)
    return Signals(entry, exit_, none, none)


def market(bars: int, pairs: int, seed: int, *, gaps: bool = True) -> Panel:
    """Random walks whose opens are not the closes before, with gaps in the record."""
    draw = np.random.default_rng(seed)
    close = 100 * np.exp(draw.normal(0, 0.01, (bars, pairs)).cumsum(axis=0))
    open_ = np.vstack([close[:1], close[:-1]]) * np.exp(draw.normal(0, 0.002, (bars, pairs)))
    reach = np.exp(abs(draw.normal(0, 0.004, (2, bars, pairs))))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    values = {"open": open_, "high": high, "low": low, "close": close}
    values["traded_usd"] = draw.exponential(1e5, (bars, pairs))
    values["spread_bps"] = draw.exponential(3, (bars, pairs))
    if gaps:
        for pair in range(pairs):
            for first in draw.integers(0, bars, 3):
                for cells in values.values():
                    cells[first : first + draw.integers(1, 8), pair] = np.nan
    return panel(values)


def random_signals(of: Panel, seed: int, share: float = 0.1) -> Signals:
    """Signals at random, no more than *share* of the bars each."""
    draw = np.random.default_rng(seed)
    return Signals(*(draw.random((4, *of.shape)) < share))


def hours(of: Panel, seed: int, *, missing: float = 0.1) -> Panel:
    """The 1h bars of the same pairs with funding every 1, 2, 4 or 8 hours, some not recorded."""
    draw = np.random.default_rng(seed)
    bars, pairs = -(-of.shape[0] // 12) + 1, of.shape[1]
    rate = draw.normal(0, 3e-4, (bars, pairs))
    rate[draw.random((bars, pairs)) < missing] = np.nan
    interval = np.broadcast_to(draw.choice([1.0, 2.0, 4.0, 8.0], pairs), (bars, pairs))
    price = np.full((bars, pairs), 100.0)
    values = {"funding_rate": rate, "funding_interval_h": interval, "mark": price, "close": price}
    return panel(values, start=of.times[0].astype(datetime).replace(tzinfo=UTC), timeframe="1h")
