"""The market's figures: one value over all pairs, its change, and its course over the day.

A figure's value and its change are of the rows of ``pairs.sql``: the change compares the pairs
that know it at both ends, so that nobody who falls silent, comes back, joins or leaves looks
like a move. Its course is of *sums*, one row per venue and time, with columns that add up over
venues (``market_history.sql`` describes them).

The sums and means themselves, each with its coverage, are in ``totals``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from analytics.indicators.arrays import Floats
from analytics.lake.schema import BAR
from analytics.market.totals import (
    Aggregate,
    breadth_pct,
    column,
    funding_8h_pct,
    global_oi_usd,
    oi_volume_weighted_usd,
    risen_pct,
    total,
    volume_24h_usd,
    weighted,
    weighted_ratio,
)
from analytics.quantities import QUANTITIES

FIGURES: Final = (
    "global_oi_usd",
    "oi_volume_weighted_usd",
    "volume_24h_usd",
    "funding_8h_pct",
    "ls_accounts",
    "breadth_pct",
)
"""The figures of a market. Two are sums over pairs; funding is a mean weighted by open interest,
long/short the ratio of such a mean share of longs, oi_volume_weighted_usd the mean open interest
of a pair weighted by volume, and breadth is over 24 hours."""

OLD_CYCLES: Final = 2
"""A value that is older than so many cycles is old, and says its age."""

_SIDES: Final = ("liq_long_usd", "liq_short_usd")
SUMMED: Final = timedelta(hours=1)
"""How much time a sum of flows is of, where all of it is known."""
_HOUR_BARS: Final = SUMMED // BAR

_LEAST_COVERED: Final = 0.8
"""A past figure that less than this part of today's market stands behind is left out."""


Make = Callable[[Floats, Floats], Aggregate]
"""Makes a figure of values and weights, one of each a pair."""

_AMOUNTS: Final = ("oi", "volume", "weighed")
"""Of these a change is in percent, of the others a difference."""

_SUMMED: Final = {
    "global_oi_usd": "oi",
    "oi_volume_weighted_usd": "weighed",
    "volume_24h_usd": "volume",
    "funding_8h_pct": "funding",
    "ls_accounts": "longs",
    "breadth_pct": "risen",
}
"""What ``market_history.sql`` calls the sums of each figure."""

_COMPARED: Final[dict[str, tuple[str, str, str, str, Make]]] = {
    "global_oi_usd": ("oi_usd", "oi_usd", "oi", "oi_usd_ts", lambda x, _: total(x)),
    "oi_volume_weighted_usd": ("oi_usd", "volume_24h_usd", "oi", "oi_usd_ts", weighted),
    "volume_24h_usd": (
        *("volume_24h_usd", "volume_24h_usd", "volume", "volume_24h_usd_ts"),
        lambda x, _: total(x),
    ),
    "funding_8h_pct": ("funding_8h_pct", "oi_usd", "funding", "funding_ts", weighted),
    "ls_accounts": ("ls_accounts", "oi_usd", "ls", "received_ts", weighted_ratio),
    "breadth_pct": (
        "price_24h_pct",
        "price_24h_pct",
        "price",
        "price_ts",
        lambda x, _: risen_pct(x),
    ),
}
"""What of ``pairs.sql`` a figure's change is of: value, weight, the name of its span and the time
it was received, and what makes the figure."""


@dataclass(frozen=True, slots=True)
class Change:
    """How far a figure came, of the pairs that know it at both ends, with the weights of now."""

    difference: float
    """[the figure's unit]"""
    pct: float | None
    """None where the figure was nought. [%]"""
    pairs: int
    """How many pairs know it at both ends."""
    least: timedelta
    """The shortest time that any of them was compared over."""
    most: timedelta
    """The longest: not every pair has a row at the exact moment asked for."""
    until: datetime
    """When the newest of them was received."""

    def written(self, name: str) -> str:
        """Write it as the change of the figure called *name*: ``+1.20 %``, ``-0.0012 pp``."""
        quantity = QUANTITIES[name]
        return quantity.write_change(self.pct if quantity.change == "pct" else self.difference)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the market: its value now, its day, and how far it came in a span."""

    value: float | None
    pairs: int
    """How many pairs stand behind the value."""
    expected: int
    """How many pairs there should be: the universe's."""
    past: pd.Series[float]
    """The figure by time, oldest first, as :func:`market_history` makes it; empty without."""
    change: Change | None = None
    """None where no pair knows both ends."""
    summed: timedelta | None = None
    """Of a sum of flows: how much time it is of; None of what is no such sum."""
    summed_least: timedelta | None = None
    """Of how much time the pair is that was listened to least, of those behind the value."""
    of_bars: bool = False
    """Whether it is of bars that are over, and so five minutes younger than its newest value."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """What a sum is made of, by the quantity's name."""

    @property
    def is_whole(self) -> bool:
        """Whether all pairs that there should be stand behind the value, for all of its time."""
        return self.pairs == self.expected and self.summed == self.summed_least


def figures(
    pairs: pd.DataFrame, history: pd.DataFrame, span: timedelta, silent: int = 0
) -> dict[str, Figure]:
    """Return every figure of the market by its name.

    Args:
        pairs: One row per pair, as ``pairs.sql`` returns them for *span*.
        history: Sums of the same venues, as ``market_history.sql`` returns them.
        span: What changes are over.
        silent: Pairs of the universe that are not among *pairs*.
    """
    past, expected = market_history(history), len(pairs) + silent
    changes = {name: _change(pairs, *_COMPARED[name]) for name in _COMPARED}
    return {
        name: Figure(
            value=_number(now.value),
            pairs=int(now.pairs),
            expected=expected,
            past=past[name].dropna(),
            change=changes[name],
        )
        for name, now in _now(pairs).items()
    }


def whole_market(
    pairs: pd.DataFrame,
    history: pd.DataFrame,
    liquidated: pd.DataFrame,
    span: timedelta,
    silent: pd.DataFrame,
) -> dict[str, Figure]:
    """Return what :func:`figures` does, and ``liquidations_1h_usd`` beside it.

    Args:
        pairs: See :func:`figures`.
        history: See there.
        liquidated: Of the same span, as ``liquidated.sql`` returns it.
        span: What changes are over.
        silent: The pairs of the universe that are not among *pairs*.
    """
    keys = ["venue", "symbol"]
    universe = pd.concat([pairs[keys], silent[keys]])
    return {
        **figures(pairs, history, span, len(silent)),
        "liquidations_1h_usd": liquidations_1h(universe, liquidated, history, span),
    }


def liquidations_1h(
    universe: pd.DataFrame, liquidated: pd.DataFrame, history: pd.DataFrame, span: timedelta
) -> Figure:
    """Return what was liquidated in the hour before the newest bars' end. [USD]

    A pair whose stream was not listened to is not nought: it is no part of the sum, and of how
    many pairs and how much of the hour the sum is stands beside it. Its change is of the pairs
    that were listened to for the whole of both hours; its past is of the venues behind the
    value, and left out where one of them was not listened to for the whole of an hour.

    Args:
        universe: Venue and symbol of the pairs that there should be, each once.
        liquidated: As ``liquidated.sql`` returns it for *span*.
        history: As ``market_history.sql`` returns it.
        span: What its change is over.
    """
    mine = universe.merge(liquidated, on=["venue", "symbol"])
    heard = mine[mine["known_bars"] > 0]
    venues = sorted(set(heard["venue"]))
    bars = heard["known_bars"].to_numpy(np.int64)
    is_none = heard.empty
    return Figure(
        value=None if is_none else float(heard["liquidated_usd"].sum()),
        pairs=len(heard),
        expected=len(universe),
        past=_hours(history[history["venue"].isin(venues)]),
        change=_liquidation_change(mine, history, span),
        summed=SUMMED if is_none else int(bars.max()) * BAR,
        summed_least=timedelta() if is_none else int(bars.min()) * BAR,
        of_bars=True,
        parts={
            name: usd for name in _SIDES if not np.isnan(usd := float(heard[name].sum(min_count=1)))
        },
    )


def market(pairs: pd.DataFrame) -> pd.Series[float]:
    """Return the figures of *pairs* now; NaN where no pair knows the quantity."""
    return pd.Series({name: float(figure.value) for name, figure in _now(pairs).items()})


def known(pairs: pd.DataFrame) -> pd.Series[int]:
    """Return how many of *pairs* stand behind each figure."""
    return pd.Series({name: int(figure.pairs) for name, figure in _now(pairs).items()})


def market_history(sums: pd.DataFrame) -> pd.DataFrame:
    """Return the figures by time; NaN where too little of today's market was recorded.

    Each is what today's pairs make now, less how far those of them that are known then came
    since: what is missing then is taken to have moved like the rest, so that neither a silent
    venue nor a pair that joins or leaves makes a step. All weights are those of now. Which part
    of today's market is known then is measured in amounts of now as well.
    """
    part = sums.drop(columns="venue").groupby("ts").sum()
    made = {name: _course(sums, part, short) for name, short in _SUMMED.items()}
    longs = made["ls_accounts"]
    made["ls_accounts"] = (longs / (1 - longs)).where(longs.between(0, 1, inclusive="left"))
    return pd.DataFrame({**made, "breadth_pct": 100 * made["breadth_pct"]})


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


def oi_change(pairs: pd.DataFrame) -> Change | None:
    """Return how far the open interest of *pairs*, rows of ``pairs.sql``, came: see there."""
    return _change(pairs, *_COMPARED["global_oi_usd"])


def _course(sums: pd.DataFrame, part: pd.DataFrame, short: str) -> pd.Series[float]:
    """Return one figure by time, from the sums that ``market_history.sql`` calls *short*.

    Args:
        sums: By venue and time, for what does not depend on the time.
        part: By time.
        short: The figure's name in both.
    """
    whole = sums.groupby("venue")[[f"{short}_whole", f"{short}_whole_weight"]].first().sum()
    weight = whole[f"{short}_whole_weight"]
    then, now, known = (part[f"{short}_{kind}"] for kind in ("then", "now", "weight"))
    level = whole[f"{short}_whole"] / (1 if short in ("oi", "volume") else weight or np.nan)
    course = level * then / now if short in _AMOUNTS else level - (now - then) / known
    covered: pd.Series[float] = course.where(known >= _LEAST_COVERED * weight)
    return covered.replace([np.inf, -np.inf], np.nan)


def _change(
    pairs: pd.DataFrame, name: str, weight: str, short: str, time: str, make: Make
) -> Change | None:
    """Return how far the figure came that *make* makes of the column *name*."""
    now, then, weights = (column(pairs, one) for one in (name, f"{name}_then", weight))
    both = np.isfinite(now) & np.isfinite(then) & np.isfinite(weights)
    before = _number(make(then[both], weights[both]).value)
    after = _number(make(now[both], weights[both]).value)
    if before is None or after is None:
        return None
    spans = column(pairs, f"{short}_delta_s")[both]
    return Change(
        difference=after - before,
        pct=None if before == 0 else 100 * (after / before - 1),
        pairs=int(both.sum()),
        least=timedelta(seconds=float(spans.min())),
        most=timedelta(seconds=float(spans.max())),
        until=pairs.loc[both, time].max().to_pydatetime(),
    )


def _liquidation_change(
    mine: pd.DataFrame, history: pd.DataFrame, span: timedelta
) -> Change | None:
    is_whole = (mine["known_bars"] == _HOUR_BARS) & (mine["known_then_bars"] == _HOUR_BARS)
    both = mine[is_whole]
    if both.empty:
        return None
    difference = float((both["liquidated_usd"] - both["liquidated_then_usd"]).sum())
    until = history["ts"].max().to_pydatetime()
    return Change(difference, None, len(both), span, span, until)


def _hours(history: pd.DataFrame) -> pd.Series[float]:
    """Return what was liquidated in the hour before each time at which all venues had data."""
    if history.empty:
        return pd.Series(dtype=float)
    flows = history[["liq_long_usd", "liq_short_usd"]].sum(axis=1, min_count=1)
    by_venue = history.assign(usd=flows).pivot_table(
        index="ts", columns="venue", values="usd", aggfunc="sum", dropna=False
    )
    hours = by_venue.rolling("1h", min_periods=_HOUR_BARS).sum()
    return hours.sum(axis=1, skipna=False).dropna()


def _number(value: object) -> float | None:
    number = float(np.asarray(value, np.float64))
    return number if np.isfinite(number) else None
