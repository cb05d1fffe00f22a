"""The market as a whole: from what each pair says to one figure for all of them.

A frame of *sums* has one row per venue and time, with columns that add up over
venues (``market_history.sql`` describes them). Figures are ratios of such sums,
so the same few lines serve the present, the past and any choice of venues.

Single figures of a frame of pairs or of a panel, each with its coverage, come from
``totals``, ``venue_shares`` and ``movers``, and are named here as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from analytics.movers import Movers, movers
from analytics.totals import (
    LS_KINDS,
    Aggregate,
    LongShort,
    breadth_pct,
    column,
    funding_8h_pct,
    global_oi_usd,
    long_short,
    of_venue,
    oi_volume_weighted_usd,
    volume_24h_usd,
    weighted,
    weighted_ratio,
)
from analytics.venue_shares import SHARED, VenueShares, venue_shares

__all__ = [
    "FIGURES",
    "LS_KINDS",
    "OLD_CYCLES",
    "SHARED",
    "Aggregate",
    "Figure",
    "LongShort",
    "Movers",
    "VenueShares",
    "breadth_pct",
    "figures",
    "funding_8h_pct",
    "global_oi_usd",
    "known",
    "liquidations_1h",
    "long_short",
    "market",
    "market_history",
    "movers",
    "of_venue",
    "oi_volume_weighted_usd",
    "stale",
    "venue_shares",
    "volume_24h_usd",
    "weighted_mean",
    "weighted_ratio",
    "whole_market",
]

FIGURES: Final = (
    "global_oi_usd",
    "oi_volume_weighted_usd",
    "volume_24h_usd",
    "funding_8h_pct",
    "ls_accounts",
    "breadth_pct",
)
"""The figures of a market. Two are sums over pairs; funding and long/short are means weighted
by open interest, oi_volume_weighted_usd is the mean open interest of a pair weighted by volume,
and breadth is over 24 hours."""

OLD_CYCLES: Final = 2
"""A value that is older than so many cycles is old, and says its age."""

_BAR: Final = timedelta(minutes=5)
_HOUR: Final = timedelta(hours=1)

_LEAST_COVERED: Final = 0.8
"""A past figure that less than this part of today's market stands behind is left out."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the market: its value now, its day, and how far it came in that."""

    value: float | None
    pairs: int
    """How many pairs stand behind the value."""
    past: pd.Series[float]
    """The figure by time, oldest first, the value now not among them; empty without history."""
    summed: timedelta | None = None
    """Of a sum of flows: how much time it is of; None of what is no such sum, or not known."""

    @property
    def since(self) -> datetime | None:
        """When the past begins."""
        return None if self.past.empty else self.past.index[0].to_pydatetime()

    @property
    def until(self) -> datetime | None:
        """When the past ends: a bar or two before the value, and of pairs that may differ."""
        return None if self.past.empty else self.past.index[-1].to_pydatetime()

    def within(self, span: timedelta) -> Figure:
        """Return the same with only the last *span* of its past, so that changes are over that."""
        if self.past.empty:
            return self
        return replace(self, past=self.past[self.past.index >= self.past.index[-1] - span])

    @property
    def change(self) -> float | None:
        """How much the past rose from ``since`` to ``until``. [the figure's unit]

        It does not run to the value, whose pairs are not those of the past: one that
        left the universe would look like a fall.
        """
        return None if len(self.past) < 2 else float(self.past.iloc[-1] - self.past.iloc[0])

    @property
    def change_pct(self) -> float | None:
        """How much the past rose from ``since`` to ``until``. [%]"""
        if len(self.past) < 2 or self.past.iloc[0] == 0:
            return None
        return float(100 * (self.past.iloc[-1] / self.past.iloc[0] - 1))


def figures(pairs: pd.DataFrame, history: pd.DataFrame) -> dict[str, Figure]:
    """Return every figure of the market by its name.

    Args:
        pairs: One row per pair, as ``pairs.sql`` returns them.
        history: Sums of the same venues, as ``market_history.sql`` returns them.
    """
    values, behind = market(pairs), known(pairs)
    past = market_history(history)
    return {
        name: Figure(
            value=None if pd.isna(values[name]) else float(values[name]),
            pairs=int(behind[name]),
            past=past[name].dropna(),
        )
        for name in FIGURES
    }


def whole_market(pairs: pd.DataFrame, history: pd.DataFrame) -> dict[str, Figure]:
    """Return what :func:`figures` does, and ``liquidations_1h_usd`` beside it."""
    return {**figures(pairs, history), "liquidations_1h_usd": liquidations_1h(history)}


def liquidations_1h(history: pd.DataFrame) -> Figure:
    """Return what was liquidated in the hour before the newest bar's end. [USD]

    Where the streams were listened to for a part of that hour only, it is the sum of that part;
    of its past only whole hours count. Absent where nobody listened at all.

    Args:
        history: Sums of venues, as ``market_history.sql`` returns them.
    """
    by_time = history.groupby("ts")
    flows = by_time[["liq_long_usd", "liq_short_usd"]].sum(min_count=1).sum(axis=1, min_count=1)
    heard = flows[flows.index > flows.index.max() - _HOUR].dropna()
    if heard.empty:
        return Figure(value=None, pairs=0, past=heard, summed=_HOUR)
    return Figure(
        value=float(heard.sum()),
        pairs=int(by_time["liq_count"].sum().loc[heard.index].max()),
        past=flows.rolling("1h", min_periods=_HOUR // _BAR).sum().dropna(),
        summed=len(heard) * _BAR,
    )


def market(pairs: pd.DataFrame) -> pd.Series[float]:
    """Return the figures of *pairs* now; NaN where no pair knows the quantity."""
    return pd.Series({name: float(figure.value) for name, figure in _now(pairs).items()})


def known(pairs: pd.DataFrame) -> pd.Series[int]:
    """Return how many of *pairs* stand behind each figure."""
    return pd.Series({name: int(figure.pairs) for name, figure in _now(pairs).items()})


def market_history(sums: pd.DataFrame) -> pd.DataFrame:
    """Return the figures by time; NaN where too little of today's market was recorded.

    Totals are those of today's pairs: what a row misses is taken to have moved
    like the rest, so an outage of one venue does not look like a fall.
    """
    whole = sums.groupby("venue")[["oi_newest_usd", "volume_newest_usd"]].first().sum()
    part = sums.drop(columns="venue").groupby("ts").sum()
    oi_share = part["oi_matched_usd"] / whole["oi_newest_usd"]
    volume_share = part["volume_matched_usd"] / whole["volume_newest_usd"]
    funding_share = part["funding_oi_usd"] / whole["oi_newest_usd"]
    ls_share = part["ls_oi_usd"] / whole["oi_newest_usd"]
    weighed_share = part["oi_volume_usd"] / whole["volume_newest_usd"]
    counted = part["compared_count"] / part["compared_count"].max()
    return pd.DataFrame(
        {
            "global_oi_usd": _covered(part["oi_usd"] / oi_share, oi_share),
            "oi_volume_weighted_usd": _covered(
                part["oi_times_volume"] / part["oi_volume_usd"], weighed_share
            ),
            "volume_24h_usd": _covered(part["volume_24h_usd"] / volume_share, volume_share),
            "funding_8h_pct": _covered(
                part["funding_times_oi"] / part["funding_oi_usd"], funding_share
            ),
            "ls_accounts": _covered(part["ls_times_oi"] / part["ls_oi_usd"], ls_share),
            "breadth_pct": _covered(100 * part["risen_count"] / part["compared_count"], counted),
        }
    )


def weighted_mean(values: pd.Series[float], weights: pd.Series[float]) -> float:
    """Return the mean of *values* by *weights*, over the rows that know both; else NaN."""
    x, weight = (np.asarray(given, np.float64) for given in (values, weights))
    return float(weighted(x, weight).value)


def stale(received: pd.Series[pd.Timestamp], now: datetime, cycle: timedelta) -> pd.Series[bool]:
    """Return which values are older than two cycles at *now*; *cycle* is how often they come."""
    return received < now - OLD_CYCLES * cycle


def _now(pairs: pd.DataFrame) -> dict[str, Aggregate]:
    """Return the figures of *pairs* and what stands behind them."""
    return {
        "global_oi_usd": global_oi_usd(pairs),
        "oi_volume_weighted_usd": oi_volume_weighted_usd(pairs),
        "volume_24h_usd": volume_24h_usd(pairs),
        "funding_8h_pct": funding_8h_pct(pairs),
        "ls_accounts": weighted_ratio(column(pairs, "ls_accounts"), column(pairs, "oi_usd")),
        "breadth_pct": breadth_pct(pairs),
    }


def _covered(values: pd.Series[float], part: pd.Series[float]) -> pd.Series[float]:
    """Return *values* where at least the least covered *part* stands behind them."""
    return values.where(part >= _LEAST_COVERED)
