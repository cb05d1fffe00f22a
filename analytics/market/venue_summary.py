"""Figures of each venue side by side, and the spread of the venues' funding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from analytics.indicators import funding
from analytics.indicators.arrays import Floats
from analytics.market.figures import Figure, figures
from analytics.market.totals import column, weighted
from analytics.market.venue_shares import venue_shares

_REBASED_H: Final = 8.0
_LEVEL: Final = 4
"""Decimals of a percent to which funding is stated: what is closer than these is level."""


@dataclass(frozen=True, slots=True)
class VenueSummary:
    """One venue: the figures of its pairs, and what it holds of the market."""

    venue: str
    figures: Mapping[str, Figure]
    """Of ``aggregate.FIGURES``, of this venue's pairs alone."""
    oi_share_pct: float
    """Of the open interest of all venues; NaN where the venue's is not known. [%]"""
    volume_share_pct: float
    """Of what was traded on all venues in 24 hours. [%]"""
    funding_apr_pct: float
    """The mean funding for a year. [%]"""
    basis_pct: float
    """Mean of mark over index, less one, weighted by open interest. [%]"""
    pairs: int
    expected: int
    """Pairs of its universe; more than those with data if some have none."""
    received_ts: datetime
    """Time of the newest data of any of its pairs."""


@dataclass(frozen=True, slots=True)
class FundingSpread:
    """How far the funding of several instruments is apart."""

    points: float
    """The highest less the lowest, both rebased to 8 hours. [percentage points]"""
    highest: tuple[str, str]
    """Venue and symbol where longs pay most."""
    lowest: tuple[str, str]

    @property
    def is_level(self) -> bool:
        """Whether they are all the same, as far as venues state it."""
        return round(self.points, _LEVEL) == 0


def quoted(pairs: pd.DataFrame, quotes: pd.DataFrame) -> pd.DataFrame:
    """Return *pairs* with what their figures stand beside.

    Args:
        pairs: As ``pairs.sql`` returns them.
        quotes: As ``pair_quotes.sql`` returns them.

    Returns:
        The rows of *pairs* in their order, with the columns of *quotes*, and basis_pct [%]
        and funding_apr_pct [% per year].
    """
    rows = pairs.merge(quotes, on=["venue", "symbol"], how="left")
    rows["basis_pct"] = funding.premium_pct(column(rows, "basis_mark"), column(rows, "basis_index"))
    rows["funding_apr_pct"] = _yearly(column(rows, "funding_8h_pct"))
    return rows


def venue_summaries(
    pairs: pd.DataFrame,
    history: pd.DataFrame,
    span: timedelta,
    silent: pd.DataFrame,
    market: pd.DataFrame | None = None,
) -> tuple[VenueSummary, ...]:
    """Return what each venue of *pairs* stands at, the one with most open interest first.

    Args:
        pairs: As :func:`quoted` returns them.
        history: Sums of the same venues, as ``market_history.sql`` returns them.
        span: What changes are over.
        silent: The pairs of the universe that are not among *pairs*.
        market: What shares are of: the pairs of these venues, and of all others. None means
            that there are no others.
    """
    market = pairs if market is None else market
    oi, volume = venue_shares(market), venue_shares(market, "volume_24h_usd")
    shown = set(pairs["venue"])
    found = []
    for nth, venue in enumerate(oi.venues):
        if venue not in shown:
            continue
        rows = pairs[pairs["venue"] == venue]
        missing = int((silent["venue"] == venue).sum())
        mine = figures(rows, history[history["venue"] == venue], span, missing)
        basis = weighted(column(rows, "basis_pct"), column(rows, "oi_usd"))
        found.append(
            VenueSummary(
                venue=venue,
                figures=mine,
                oi_share_pct=float(oi.share_pct[nth]),
                volume_share_pct=float(volume.share_pct[nth]),
                funding_apr_pct=float(_yearly(_number(mine["funding_8h_pct"]))[()]),
                basis_pct=float(basis.value),
                pairs=len(rows),
                expected=len(rows) + missing,
                received_ts=rows["received_ts"].max().to_pydatetime(),
            )
        )
    return tuple(
        sorted(found, key=lambda one: -np.nan_to_num(_number(one.figures["global_oi_usd"])))
    )


def funding_spread(pairs: pd.DataFrame) -> FundingSpread | None:
    """Return how far the funding of *pairs* is apart; None where fewer than two know it."""
    known = pairs.dropna(subset="funding_8h_pct")
    if len(known) < 2:
        return None
    by_rate = known.sort_values("funding_8h_pct", kind="stable")
    lowest, highest = by_rate.iloc[0], by_rate.iloc[-1]
    return FundingSpread(
        float(highest["funding_8h_pct"] - lowest["funding_8h_pct"]),
        (str(highest["venue"]), str(highest["symbol"])),
        (str(lowest["venue"]), str(lowest["symbol"])),
    )


def _yearly(funding_8h_pct: object) -> Floats:
    rates = np.asarray(funding_8h_pct, np.float64) / 100
    return funding.funding_apr_pct(rates, np.full_like(rates, _REBASED_H))


def _number(figure: Figure) -> float:
    return np.nan if figure.value is None else figure.value
