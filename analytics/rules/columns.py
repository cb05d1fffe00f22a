"""What a rule may name, by what it is about, and how each value by bar is computed.

A level is of the newest snapshot. A value by bar is of the last bar that is over, of the rule's
timeframe or of the one behind its name: ``oi_delta_pct_1h``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.indicators import bands, change, flow, zscores
from analytics.indicators.arrays import Floats
from analytics.indicators.funding import funding_8h_pct
from analytics.lake.schema import BAR
from analytics.market import totals
from analytics.market.by_asset import by_asset
from analytics.market.measures import MEASURES, Measure, by_bar
from analytics.panels.bases import Key
from analytics.panels.panel import TIMEFRAMES, Pair, Panel
from analytics.rules.expression import ColumnKind
from analytics.rules.rules_file import Per
from analytics.signals.oi_share import oi_shares
from analytics.signals.thresholds import Thresholds
from analytics.signals.tiers import (
    FUNDING_DIGITS,
    Z_BARS,
    Z_REACH,
    bars_needed,
    median_of_venue,
    tiers,
    z_oi,
)
from analytics.signals.tiers import METRICS as TIER_METRICS

TEXTS: Final[Mapping[Per, tuple[str, ...]]] = {
    "pair": ("venue", "symbol", "base"),
    "asset": ("base",),
    "market": (),
    "venue": ("venue",),
}
"""What names a subject of each kind."""

_OF_ALL: Final = ("volume_24h_usd", "funding_8h_pct", "ls_accounts")
_OF_ONE: Final = (
    *_OF_ALL,
    *("price", "price_24h_pct", "oi_usd", "oi_base", "funding_apr_pct", "book_imbalance_pct"),
    *("z_liquidations", "liquidations_1h_usd"),
)

LEVELS: Final[Mapping[Per, tuple[str, ...]]] = {
    "pair": (
        *_OF_ONE,
        *("funding_paid_8h_pct", "funding_excess_pct", "basis_pct", "spread_bps"),
    ),
    "asset": (*_OF_ONE, "venue_spread_pp"),
    "market": (*_OF_ALL, "global_oi_usd", "oi_volume_weighted_usd", "breadth_pct"),
    "venue": ("age_s", "coverage_pct", "streams_down"),
}
"""What does not depend on a timeframe."""

_REACH: Final = 83
"""With the two rows after it as many as the curves of Overview's table have: what looks far back
is the same in both. [bars]"""

_ROWS_PER_BATCH: Final = 512
"""[bars]"""

_TAKERS: Final = ("taker_buy_usd", "taker_sell_usd")


def _cvd(metric: Mapping[str, Floats]) -> Floats:
    """Of one bar: what takers bought in it less what they sold."""
    return metric["taker_buy_usd"] - metric["taker_sell_usd"]


_MEASURES: Final[Mapping[str, Measure]] = {
    measure.name: measure
    for measure in (
        *(
            MEASURES[name]
            for name in (
                *("oi_delta_pct", "price_delta_pct", "ls_delta_pct", "funding_delta_pp", "z_oi"),
                *("taker_imbalance_pct", "traded_usd", "liquidated_usd"),
            )
        ),
        replace(MEASURES["rsi_14"], warm_up=_REACH),
        Measure("oi_base_delta_pct", ("oi_base",), lambda m: m["oi_base"], "change", 1),
        Measure(
            "z_robust",
            ("oi_usd",),
            lambda m: z_oi(change.delta_pct(m["oi_usd"]), zscores.z_robust),
            "bars",
            Z_REACH + 2,
        ),
        Measure(
            "band_pct",
            ("close",),
            lambda m: 100 * bands.bollinger(m["close"]).position,
            "bars",
            _REACH,
        ),
        Measure("cvd_usd", _TAKERS, _cvd, "sum"),
        Measure(
            "cvd_oi_pct",
            (*_TAKERS, "oi_usd"),
            lambda m: flow.cvd_oi_pct(_cvd(m), m["oi_usd"]),
            "sum",
        ),
        Measure("liq_long_usd", ("liq_long_usd",), lambda m: m["liq_long_usd"], "sum"),
        Measure("liq_short_usd", ("liq_short_usd",), lambda m: m["liq_short_usd"], "sum"),
    )
}

_SHARES: Final = ("oi_share_pct", "z_oi_share")
_LEVELS_OF_PAIRS: Final = ("ls_delta_pct", "cvd_oi_pct")
"""What a chained sum or mean is not made into: its level moves when an instrument joins later."""
_PRICES: Final = ("price_delta_pct", "rsi_14", "band_pct", "funding_delta_pp")
"""What one column over all pairs is not made of: a market has no one price."""

CONFLUENCE: Final = "confluence"
"""Of a row's own values, newest or of its bar, whichever each of them is."""

BY_BAR: Final[Mapping[Per, tuple[str, ...]]] = {
    "pair": (*_MEASURES, *_SHARES, CONFLUENCE),
    "asset": (*(name for name in _MEASURES if name not in _LEVELS_OF_PAIRS), CONFLUENCE),
    "market": (
        *(name for name in _MEASURES if name not in (*_PRICES, *_LEVELS_OF_PAIRS)),
        *("price_delta_pct", "tier_2_bases"),
    ),
    "venue": ("tier_5_bases_pct",),
}
"""What is of one bar of a timeframe."""


class Column(NamedTuple):
    """A name as a rule writes it, taken apart."""

    quantity: str
    """As in GLOSSARY.md."""
    timeframe: str | None
    """None of a level and of a text."""


def named(per: Per, name: str, timeframe: str) -> Column:
    """Return what *name* means in a rule of *timeframe*."""
    if name in BY_BAR[per]:
        return Column(name, timeframe)
    quantity, _, suffix = name.rpartition("_")
    if suffix in TIMEFRAMES and quantity in BY_BAR[per]:
        return Column(quantity, suffix)
    return Column(name, None)


def _of(per: Per) -> dict[str, ColumnKind]:
    kinds: dict[str, ColumnKind] = dict.fromkeys(TEXTS[per], "text")
    numbers = [*LEVELS[per], *BY_BAR[per]]
    suffixed = [f"{name}_{timeframe}" for name in BY_BAR[per] for timeframe in TIMEFRAMES]
    return kinds | dict.fromkeys([*numbers, *suffixed], "number")


COLUMNS: Final[Mapping[Per, Mapping[str, ColumnKind]]] = {per: _of(per) for per in TEXTS}
"""What a rule may name, by what it is about."""


def metrics_needed(names: Iterable[str]) -> list[str]:
    """Return what a panel must have for the values by bar called *names*."""
    needed: list[str] = []
    for name in names:
        needed += _MEASURES[name].metrics if name in _MEASURES else _OTHERS[name]
    return list(dict.fromkeys(needed))


def looked_back(names: Iterable[str]) -> tuple[list[str], int]:
    """Return which metrics the values called *names* read of bars long before, and how many.

    The bar itself is not counted. [bars]
    """
    far = {name: bars for name in names if (bars := _bars_before(name)) > 1}
    metrics = dict.fromkeys(one for name in far for one in metrics_needed([name]))
    return [name for name in metrics if name in _FAR], max(far.values(), default=1)


def by_subject(
    per: Per, panel: Panel, names: Sequence[str], multipliers: Mapping[Key, float]
) -> tuple[Panel, dict[str, Floats]]:
    """Return *panel* with a column for each subject, and the values of each bar. (T, N) each

    Args:
        per: What the columns shall be of.
        panel: Of pairs, with :func:`metrics_needed`.
        names: Of ``BY_BAR``, but for the confluence.
        multipliers: Coins in a quoted unit, where that is not 1.
    """
    match per:
        case "pair":
            return panel, _values(panel, names)
        case "asset":
            assets = by_asset(panel, multipliers)
            return assets, _values(assets, names)
        case "venue":
            return _by_venue(panel)
        case _:
            one = tuple(pair._replace(base="") for pair in panel.instruments)
            market = by_asset(replace(panel, instruments=one), multipliers)
            plain = _values(market, [name for name in names if name not in _OF_MARKET])
            return market, plain | {
                name: _OF_MARKET[name](panel) for name in names if name in _OF_MARKET
            }


def _bars_before(name: str) -> int:
    if name in (*_SHARES, "tier_5_bases_pct"):
        return Z_BARS + 2
    return bars_needed(Thresholds()) if name == "tier_2_bases" else _MEASURES[name].warm_up


def _values(panel: Panel, names: Sequence[str]) -> dict[str, Floats]:
    found = {name: by_bar(panel, _MEASURES[name]).values for name in names if name in _MEASURES}
    return found | (_shares(panel) if any(name in _SHARES for name in names) else {})


def _shares(panel: Panel) -> dict[str, Floats]:
    """Return for each pair the share of its venue in its base, and how unusual that is."""
    shares = oi_shares(panel.values["oi_usd"], panel.instruments, window=Z_BARS)
    place = {holder: n for n, holder in enumerate(shares.holders)}
    columns = [place[pair.venue, pair.base] for pair in panel.instruments]
    return dict(zip(_SHARES, (shares.share_pct[:, columns], shares.z[:, columns]), strict=True))


def _by_venue(panel: Panel) -> tuple[Panel, dict[str, Floats]]:
    """Return the open interest of each venue, and of how many of its bases its share is in tier 5.

    Of those whose z is known. [%]
    """
    names = sorted({pair.venue for pair in panel.instruments})
    shares = oi_shares(panel.values["oi_usd"], panel.instruments, window=Z_BARS)
    unusual = np.abs(shares.z) > Thresholds().z_oi_share
    part, held = (np.full((len(panel.times), len(names)), np.nan) for _ in range(2))
    for n, name in enumerate(names):
        mine = [m for m, (venue, _) in enumerate(shares.holders) if venue == name]
        known = np.isfinite(shares.z[:, mine]).sum(axis=1)
        part[known > 0, n] = (100 * unusual[:, mine].sum(axis=1) / np.maximum(known, 1))[known > 0]
        pairs = [m for m, pair in enumerate(panel.instruments) if pair.venue == name]
        held[:, n] = totals.total(panel.values["oi_usd"][:, pairs]).value
    venues = replace(
        panel,
        instruments=tuple(Pair(name, "", "") for name in names),
        values={"oi_usd": held, "close": np.full_like(held, np.nan)},
    )
    return venues, {"tier_5_bases_pct": part}


def _mean_price_delta_pct(panel: Panel) -> Floats:
    moved = change.delta_pct(panel.values["close"])
    mean = totals.weighted(moved, panel.values["oi_usd"]).value
    return np.asarray(mean)[:, None]


def _tier_2_bases(panel: Panel) -> Floats:
    """Return how many bases were in tier 2 within the window. (T, 1)"""
    before = bars_needed(Thresholds()) - 1
    parts = []
    # A part at a time, to bound memory.
    for first in range(0, len(panel.times), _ROWS_PER_BATCH):
        begin = max(first - before, 0)
        rows = slice(begin, first + _ROWS_PER_BATCH)
        cells = {name: panel.values[name][rows] for name in TIER_METRICS}
        part = replace(panel, times=panel.times[rows], values=cells)
        parts.append(tiers(part, Thresholds())[-1].seen["tier_2_bases"][first - begin :])
    return np.concatenate([np.empty((0, 1)), *parts])


_OTHERS: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys((*_SHARES, "tier_5_bases_pct"), ("oi_usd",)),
    "price_delta_pct": ("close", "oi_usd"),
    "tier_2_bases": TIER_METRICS,
}
_FAR: Final = ("close", "oi_usd")
"""What values look at long before their own bar."""

_OF_MARKET: Final[Mapping[str, Callable[[Panel], Floats]]] = {
    "price_delta_pct": _mean_price_delta_pct,
    "tier_2_bases": _tier_2_bases,
}


# Values of a snapshot, which are computed from those of others or of before


def per_year(funding_8h_pct: pd.Series[float]) -> pd.Series[float]:
    """Return funding as a percentage per year of 365 days. [% per year]"""
    return 3 * 365 * funding_8h_pct


def excess_pct(funding_8h_pct: Floats, instruments: Sequence[Pair]) -> Floats:
    """Return by how much each rate is above the median of its venue, as tier 4 has it. (T, N)"""
    least = Thresholds().funding_instruments
    rates = np.round(funding_8h_pct, FUNDING_DIGITS)
    return np.round(rates - median_of_venue(rates, instruments, least), FUNDING_DIGITS)


FUNDING: Final = ("funding_rate", "funding_interval_h")
"""What :func:`paid_8h_pct` reads of a panel."""

PAID_BARS: Final = 8 * 12 + 3
"""The longest interval, and what :func:`paid_8h_pct` tolerates. [5-minute bars]"""


def paid_8h_pct(panel: Panel) -> tuple[Floats, NDArray[np.datetime64]]:
    """Return the funding that was paid last by the end of each bar, and when that was. (T, N) each

    It is the rate that ran when its period ended, as the bar that ended then has it, or one of
    the two before. Periods end at midnight UTC and every interval after it.

    Args:
        panel: Of ``FUNDING`` and of 5-minute bars; its first ``PAID_BARS`` rows are incomplete.
    """
    rate, interval_h = (panel.values[name] for name in FUNDING)
    funding = funding_8h_pct(rate, interval_h)
    ends = (panel.times + np.timedelta64(BAR)).astype("datetime64[m]").astype(np.int64)
    period = np.where(interval_h > 0, 60 * interval_h, np.nan)
    with np.errstate(invalid="ignore"):
        paid_at = ends[:, None] // period * period
    place = len(ends) - 1 - (ends[-1:] - np.nan_to_num(paid_at, nan=0.0)) // 5
    paid = np.full(funding.shape, np.nan)
    for late in range(_PAID_LATE + 1):
        rows = (place - late).astype(np.intp)
        there = np.isnan(paid) & np.isfinite(period) & (rows >= 0)
        of = np.nonzero(there)
        paid[of] = funding[rows[of], of[1]]
    return paid, np.nan_to_num(paid_at, nan=0.0).astype("datetime64[m]").astype("datetime64[ms]")


_PAID_LATE: Final = 2
"""So many bars before the end of a period may stand for its last. [5-minute bars]"""
