"""One instrument, or one base asset over its venues, bar by bar: all that a chart of it draws.

A base asset has the price of its instrument with the most open interest, the sums of
amounts and flows, and means of ratios weighted by open interest. Sums and means are
absent where one of the instruments behind them is: a venue that falls silent for an
hour must not look like a market that lost its open interest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics import indicators
from analytics.panel import TIMEFRAMES, Pair, Panel
from analytics.tiers import Z_REACH, z_oi

Floats = NDArray[np.float64]
Line = NDArray[np.float64]
"""One value a bar. (T,)"""

METRICS: Final = (
    "open",
    "high",
    "low",
    "close",
    "index",
    "volume_usd",
    "oi_usd",
    "funding_rate",
    "funding_interval_h",
    "ls_accounts",
    "ls_top_accounts",
    "ls_top_positions",
    "book_imbalance",
    "taker_buy_usd",
    "taker_sell_usd",
    "liq_long_usd",
    "liq_short_usd",
)
"""What a history is made of; a metric that the panel was loaded without counts as absent."""

WARM_UP_BARS: Final = max(Z_REACH + 2, 5 * 14 + 1)
"""Bars before the first one shown that its indicators look back on: z_oi's reach, and five of the
RSI's periods, from which on its beginning is forgotten. [bars]"""

_SUMMED: Final = (
    "oi_usd",
    "traded_usd",
    "taker_buy_usd",
    "taker_sell_usd",
    "liq_long_usd",
    "liq_short_usd",
)
_AVERAGED: Final = (
    "funding_8h_pct",
    "ls_accounts",
    "ls_top_accounts",
    "ls_top_positions",
    "book_imbalance_pct",
)
_OF_PRICE: Final = ("open", "high", "low", "close", "basis_pct")
_COMPARED: Final = ("close", "oi_usd", "funding_8h_pct", "ls_accounts", "basis_pct")
_OF_WHOLE_BARS: Final = (
    "bollinger_upper",
    "bollinger_middle",
    "bollinger_lower",
    "rsi_14",
    "z_oi",
)
"""What is not told of a bar that is not over: of a part of it they are something else."""
_OVER_AFTER: Final = timedelta(days=1)
"""An instrument that has been silent for longer than this counts as gone, not as missing."""


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a subject over a stretch of time."""

    times: NDArray[np.datetime64]
    """Start of every bar, UTC, without a hole. (T,)"""
    timeframe: str
    price_of: Pair
    """Whose price, bands, RSI and basis these are."""
    instruments: tuple[Pair, ...]
    """Whose sums and means the other lines are."""
    lines: Mapping[str, Line]
    """By name, in GLOSSARY.md's units; all NaN where nothing is known."""
    without: Mapping[str, tuple[Pair, ...]]
    """By line, the instruments that know nothing of it in the panel, and so are not in it."""
    others: Mapping[Pair, Mapping[str, Line]]
    """The base's other instruments, to compare with; prices per unit that *price_of* quotes."""

    def known(self, *names: str) -> int:
        """Return how many bars know at least one of the lines called *names*."""
        known = [np.isfinite(self.lines[name]) for name in names]
        return int(np.logical_or.reduce(known).sum()) if known else 0


def history(
    panel: Panel, pair: tuple[str, str] | None, bars: int, multipliers: Mapping[Pair, float]
) -> History | None:
    """Return the last *bars* bars of an instrument, or of all instruments of *panel* as one.

    Args:
        panel: Of ``METRICS`` and of one base's instruments; ``WARM_UP_BARS`` more than
            *bars*, so that no indicator is blank where the stretch begins.
        pair: Venue and symbol of the instrument; None for all as one.
        bars: How many to return; fewer where the record is shorter. [bars]
        multipliers: Coins in a quoted unit, by instrument; 1 where it is not said.

    Returns:
        None where nothing is recorded of it in the panel. Bands, RSI and z are of bars that
        were over at the panel's time alone.
    """
    parts = _of_each(panel)
    mine = [n for n, one in enumerate(panel.instruments) if pair in (None, one[:2])]
    if not mine:
        return None
    lead = max(mine, key=lambda n: float(np.nansum(parts["oi_usd"][:, n])))
    whole = _one(parts, mine, lead, TIMEFRAMES[panel.timeframe])
    first = max(len(panel.times) - bars, 0)
    derived = _derived(whole)
    for name in _OF_WHOLE_BARS:
        derived[name][~_over(panel)] = np.nan
    lines = {name: line[first:] for name, line in {**whole, **derived}.items()}
    bought, sold = lines["taker_buy_usd"][:, None], lines["taker_sell_usd"][:, None]
    lines["cvd_usd"] = indicators.cvd_usd(bought, sold)[:, 0]
    leading = panel.instruments[lead]
    others = {
        one: _compared(parts, n, first, multipliers.get(leading, 1.0) / multipliers.get(one, 1.0))
        for n, one in enumerate(panel.instruments)
        if len(mine) > 1 or n not in mine
    }
    return History(
        panel.times[first:],
        panel.timeframe,
        leading,
        tuple(panel.instruments[n] for n in mine),
        lines,
        {
            name: tuple(panel.instruments[n] for n in mine if np.isnan(parts[name][:, n]).all())
            for name in (*_SUMMED, *_AVERAGED)
        },
        others,
    )


def _of_each(panel: Panel) -> dict[str, Floats]:
    """Return what is computed of each instrument by itself. (T, N) each"""
    absent = np.full(panel.shape, np.nan)
    metric = {
        name: np.where(np.isfinite(cells), cells, np.nan)
        for name in METRICS
        for cells in [panel.values.get(name, absent)]
    }
    # Bars from snapshots have no volume; what takers bought and sold is all that was traded.
    both = metric["taker_buy_usd"] + metric["taker_sell_usd"]
    volume = metric["volume_usd"]
    return {
        **metric,
        "traded_usd": np.where(np.isfinite(volume), volume, both),
        "funding_8h_pct": indicators.funding_8h_pct(
            metric["funding_rate"], metric["funding_interval_h"]
        ),
        "book_imbalance_pct": 100 * metric["book_imbalance"],
        "basis_pct": indicators.premium_pct(metric["close"], metric["index"]),
    }


def _one(
    parts: Mapping[str, Floats], mine: list[int], lead: int, width: timedelta
) -> dict[str, Line]:
    """Return the columns *mine* as one: prices of *lead*, sums, and means by open interest."""
    part = {name: cells[:, mine] for name, cells in parts.items()}
    silence = max(_OVER_AFTER // width, 1)
    lines = {name: parts[name][:, lead] for name in _OF_PRICE}
    for name in _SUMMED:
        complete = _complete(np.isfinite(part[name]), silence)
        lines[name] = np.where(complete, np.nansum(part[name], axis=1), np.nan)
    for name in _AVERAGED if len(mine) > 1 else ():
        lines[name] = _mean(part[name], part["oi_usd"], silence)
    for name in _AVERAGED if len(mine) == 1 else ():
        lines[name] = part[name][:, 0]
    return lines


def _mean(values: Floats, weights: Floats, silence: int) -> Line:
    both = np.isfinite(values) & np.isfinite(weights)
    weight = np.where(both, weights, 0.0).sum(axis=1)
    weighed = np.where(both, values * weights, 0.0).sum(axis=1)
    known = _complete(both, silence) & (weight > 0)
    mean = np.full(len(values), np.nan)
    np.divide(weighed, weight, out=mean, where=known)
    return mean


def _complete(known: NDArray[np.bool_], silence: int) -> NDArray[np.bool_]:
    """Return in which rows all are known that have begun and are not gone; at least one is.

    Args:
        known: By bar and instrument. (T, N)
        silence: Rows without a word at the end after which an instrument is gone. [bars]
    """
    begun = np.logical_or.accumulate(known, axis=0)
    speaks_later = np.logical_or.accumulate(known[::-1], axis=0)[::-1]
    gone = ~speaks_later & ((~speaks_later).sum(axis=0) > silence)
    missing = begun & ~gone & ~known
    complete: NDArray[np.bool_] = known.any(axis=1) & ~missing.any(axis=1)
    return complete


def _derived(whole: Mapping[str, Line]) -> dict[str, Line]:
    """Return the indicators of the lines *whole*."""
    column = {name: line[:, None] for name, line in whole.items()}
    bands = indicators.bollinger(column["close"])
    oi_delta_pct = indicators.delta_pct(column["oi_usd"])
    derived = {
        "bollinger_upper": bands.upper,
        "bollinger_middle": bands.middle,
        "bollinger_lower": bands.lower,
        "rsi_14": indicators.rsi(column["close"]),
        "oi_delta_pct": oi_delta_pct,
        "ls_delta_pct": indicators.delta_pct(column["ls_accounts"]),
        "z_oi": z_oi(oi_delta_pct),
        "taker_imbalance_pct": indicators.taker_imbalance_pct(
            column["taker_buy_usd"], column["taker_sell_usd"]
        ),
    }
    return {name: cells[:, 0] for name, cells in derived.items()}


def _over(panel: Panel) -> NDArray[np.bool_]:
    """Return which bars of *panel* were over at its time. (T,)"""
    now = np.datetime64(panel.now.astimezone(UTC).replace(tzinfo=None))
    over: NDArray[np.bool_] = panel.times + np.timedelta64(TIMEFRAMES[panel.timeframe]) <= now
    return over


def _compared(
    parts: Mapping[str, Floats], column: int, first: int, scale: float
) -> dict[str, Line]:
    """Return what one instrument is compared with others by; its price times *scale*."""
    return {
        name: parts[name][first:, column] * (scale if name == "close" else 1.0)
        for name in _COMPARED
    }
