"""Current figures of one instrument, or of one base over its venues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from analytics.indicators import funding
from analytics.indicators.arrays import Floats
from analytics.market import totals
from analytics.market.figures import Change, oi_change
from analytics.panels.panel import Pair


@dataclass(frozen=True, slots=True)
class Stated:
    """A figure, and when the oldest value in it was stated."""

    value: float | None
    """None where no instrument knows it. [the figure's unit]"""
    ts: datetime | None
    instruments: int
    """That stand behind it."""


@dataclass(frozen=True, slots=True)
class PairFigures:
    """What stands on top of a chart. Means are weighted by open interest."""

    instruments: int
    """That there should be: those with data, and those of the universe without."""
    price: Stated
    """Of the instrument with the most open interest. [quote currency]"""
    price_24h_pct: float | None
    price_delta_pct: float | None
    """Over the timeframe. [%]"""
    price_delta_s: float | None
    """The time that it really covers. [s]"""
    oi_usd: Stated
    """Sum. [USD]"""
    oi_change: Change | None
    """Over the timeframe, of the instruments that are known now and then."""
    funding_8h_pct: Stated
    """Mean. [% per 8 h]"""
    funding_apr_pct: float | None
    """The same. [% per year]"""
    next_funding_ts: datetime | None
    """The next payment of any that is still ahead."""
    ls_accounts: Stated
    """Of the mean share of longs. [ratio]"""
    volume_24h_usd: Stated
    """Sum. [USD]"""

    @property
    def by_name(self) -> dict[str, Stated]:
        """Those that are stated, by the quantity's name."""
        names = ("price", "oi_usd", "funding_8h_pct", "ls_accounts", "volume_24h_usd")
        return {name: getattr(self, name) for name in names}


def pair_figures(
    rows: pd.DataFrame, quotes: pd.DataFrame, now: datetime, silent: int = 0
) -> PairFigures:
    """Return the figures of one or more instruments.

    Args:
        rows: As ``pairs.sql`` returns them, at least one; the lead first.
        quotes: As ``pair_quotes.sql`` returns them.
        now: The time they are of.
        silent: Instruments of the universe that are not among *rows*.
    """
    lead = rows.iloc[0]
    funding = _stated(_mean(rows, "funding_8h_pct"), rows, "funding_8h_pct", "funding_ts")
    return PairFigures(
        instruments=len(rows) + silent,
        price=Stated(_known(lead["price"]), _oldest(rows.iloc[:1], "price", "price_ts"), 1),
        price_24h_pct=_known(lead["price_24h_pct"]),
        price_delta_pct=_known(lead["price_delta_pct"]),
        price_delta_s=_known(lead["price_delta_s"]),
        oi_usd=_stated(totals.global_oi_usd(rows), rows, "oi_usd", "oi_usd_ts"),
        oi_change=oi_change(rows),
        funding_8h_pct=funding,
        funding_apr_pct=_apr_pct(funding.value),
        next_funding_ts=_next_funding(rows, quotes, now),
        ls_accounts=_stated(
            _mean(rows, "ls_accounts", totals.weighted_ratio), rows, "ls_accounts", "ls_ts"
        ),
        volume_24h_usd=_stated(
            totals.volume_24h_usd(rows), rows, "volume_24h_usd", "volume_24h_usd_ts"
        ),
    )


def lead_first(rows: pd.DataFrame, instruments: Sequence[Pair]) -> pd.DataFrame:
    """Return *rows* with the lead first: the one with the most open interest that has bars.

    Header and chart both ask here, so that they show one instrument's price.

    Args:
        rows: As ``pairs.sql`` returns them: largest open interest first.
        instruments: Those that have bars.
    """
    drawn = {one[:2] for one in instruments}
    keys = zip(rows["venue"], rows["symbol"], strict=True)
    has_no_bars = np.array([key not in drawn for key in keys], np.bool_)
    return rows.iloc[np.argsort(has_no_bars, kind="stable")]


def _next_funding(rows: pd.DataFrame, quotes: pd.DataFrame, now: datetime) -> datetime | None:
    mine = rows[["venue", "symbol"]].merge(quotes, on=["venue", "symbol"])["next_funding_ts"]
    ahead = mine[mine > now]
    return None if ahead.empty else ahead.min().to_pydatetime()


def _mean(
    rows: pd.DataFrame,
    name: str,
    mean: Callable[[Floats, Floats], totals.Aggregate] = totals.weighted,
) -> totals.Aggregate:
    """Return the *mean* by open interest; of one instrument what it says, whatever that knows."""
    values = totals.column(rows, name)
    return totals.total(values) if len(rows) == 1 else mean(values, totals.column(rows, "oi_usd"))


def _apr_pct(funding_8h_pct: float | None) -> float | None:
    if funding_8h_pct is None:
        return None
    return _known(funding.funding_apr_pct([funding_8h_pct / 100], [8.0])[0])


def _stated(figure: totals.Aggregate, rows: pd.DataFrame, name: str, ts: str) -> Stated:
    return Stated(_known(float(figure.value)), _oldest(rows, name, ts), int(figure.pairs))


def _oldest(rows: pd.DataFrame, name: str, ts: str) -> datetime | None:
    """Return the earliest *ts* of the rows that know *name*."""
    times = rows.loc[rows[name].notna(), ts].dropna()
    return None if times.empty else times.min().to_pydatetime()


def _known(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
