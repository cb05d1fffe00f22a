"""Levels of rules by bar, for a look back: what a live pass reads of newest snapshots."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Final

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics import query
from analytics.indicators import change
from analytics.indicators.arrays import Floats
from analytics.indicators.funding import funding_8h_pct, funding_apr_pct, premium_pct
from analytics.indicators.hours import BARS_NEEDED, LEAST_HOURS, hour_sums, z_of_hours
from analytics.lake.schema import BAR
from analytics.market import totals
from analytics.market.measures import MEASURES
from analytics.panels.panel import LEAST_KNOWN, Pair, Panel
from analytics.rules import columns
from analytics.rules.columns import CONFLUENCE, Column
from analytics.rules.levels import streams_down
from analytics.rules.rules_file import Per

Times = NDArray[np.datetime64]

_DAY: Final = timedelta(days=1) // BAR
_HOUR: Final = timedelta(hours=1) // BAR

_FUNDING: Final = (*columns.FUNDING, "funding_settled")
_SIDES: Final = ("liq_long_usd", "liq_short_usd")
_FLOWS: Final = MEASURES["liquidated_usd"].metrics
_READS: Final[Mapping[str, tuple[tuple[str, ...], int]]] = {
    "price": (("close",), 1),
    "price_24h_pct": (("close",), _DAY),
    "volume_24h_usd": (("volume_24h_usd",), 1),
    "oi_usd": (("oi_usd",), 1),
    "oi_base": (("oi_base",), 1),
    **dict.fromkeys(("funding_8h_pct", "funding_apr_pct", "funding_excess_pct"), (_FUNDING, 1)),
    "venue_spread_pp": ((*_FUNDING, "oi_usd"), 1),
    "funding_paid_8h_pct": (_FUNDING, columns.PAID_BARS),
    "ls_accounts": (("ls_accounts",), 1),
    "book_imbalance_pct": (("book_imbalance",), 1),
    "basis_pct": (("mark", "index"), 1),
    "spread_bps": (("spread_bps",), 1),
    "liquidations_1h_usd": (_FLOWS, _HOUR),
    "z_liquidations": (_FLOWS, BARS_NEEDED),
    "global_oi_usd": (("oi_usd",), 1),
    "oi_volume_weighted_usd": (("oi_usd", "volume_24h_usd"), 1),
    "breadth_pct": (("close",), _DAY),
    CONFLUENCE: (("ls_accounts", "book_imbalance"), 1),
}
"""Of each level: metrics of 5-minute bars, and how many bars before its own it looks at."""


def reads(names: Collection[str]) -> tuple[list[str], int]:
    """Return which metrics the levels called *names* need, and how many bars before. [bars]"""
    mine = [_READS[name] for name in sorted(names) if name in _READS]
    metrics = dict.fromkeys(metric for some, _ in mine for metric in some)
    return list(metrics), max((bars for _, bars in mine), default=1)


def levels(
    per: Per, pairs: Panel, subjects: Sequence[Pair], names: Collection[str], units: Floats
) -> dict[str, Floats]:
    """Return the levels called *names* of each bar and subject. (T, N) each

    Args:
        per: What the subjects are.
        pairs: 5-minute bars of all pairs, with the metrics of :func:`reads`.
        subjects: What the columns of the levels are of.
        names: Of ``columns.LEVELS``; a text is none.
        units: Coins in a quoted unit of each pair.
    """
    known = [name for name in names if name in _READS]
    match per:
        case "pair":
            return {name: _of_pair(name, pairs) for name in known}
        case "asset":
            return {name: _of_assets(name, pairs, subjects, units) for name in known}
        case _:
            return {name: _of_market(name, pairs)[:, None] for name in known}


def _of_pair(name: str, pairs: Panel) -> Floats:
    """Return a level of each pair; what has no formula is the metric of that name."""
    return _OF_PAIR[name](pairs) if name in _OF_PAIR else pairs.values[name]


def _of_assets(name: str, pairs: Panel, subjects: Sequence[Pair], units: Floats) -> Floats:
    """Return a level of each asset, as ``assets.sql`` makes it of the pairs that are known."""
    if name == "venue_spread_pp":
        return _spread_pp(pairs, subjects)
    if name == "z_liquidations":
        return z_of_hours(_of_assets("liquidations_1h_usd", pairs, subjects, units))
    values = _of_pair(name, pairs)
    if name == "liquidations_1h_usd":
        # Pairs that never know it are no part of the sum; of the others all must.
        ever = np.isfinite(values).sum(axis=0) >= LEAST_HOURS * _HOUR
        values = np.where(ever, np.nan_to_num(values, nan=-np.inf), np.nan)
    prices = pairs.values["close"] / units
    found = np.full((len(values), len(subjects)), np.nan)
    for n, subject in enumerate(subjects):
        mine = [m for m, pair in enumerate(pairs.instruments) if pair.base == subject.base]
        oi_usd = pairs.values["oi_usd"][:, mine]
        # Where nobody's open interest is known, all weigh alike.
        weights = np.where(np.isfinite(oi_usd).any(axis=1, keepdims=True), oi_usd, 1.0)
        found[:, n] = _of_asset(name, values[:, mine], weights, prices[:, mine])
    return found


def _of_asset(name: str, values: Floats, weights: Floats, prices: Floats) -> Floats:
    match name:
        case "oi_usd" | "oi_base" | "volume_24h_usd":
            return np.asarray(totals.total(values).value)
        case "liquidations_1h_usd":
            usd = np.nansum(values, axis=1)
            return np.where(np.isfinite(usd) & np.isfinite(values).any(axis=1), usd, np.nan)
        case "ls_accounts":
            return np.asarray(totals.weighted_ratio(values, weights).value)
        case "price":
            return np.asarray(totals.weighted(prices, weights).value)
        case "price_24h_pct":
            before = np.where(np.isfinite(values), prices / (1 + values / 100), np.nan)
            now = np.where(np.isfinite(values), prices, np.nan)
            ends = (np.asarray(totals.weighted(one, weights).value) for one in (now, before))
            return 100 * (next(ends) / next(ends) - 1)
        case _:
            return np.asarray(totals.weighted(values, weights).value)


def _of_market(name: str, pairs: Panel) -> Floats:
    oi_usd = pairs.values["oi_usd"]
    match name:
        case "global_oi_usd":
            found = totals.total(oi_usd)
        case "volume_24h_usd":
            found = totals.total(pairs.values[name])
        case "oi_volume_weighted_usd":
            found = totals.weighted(oi_usd, pairs.values["volume_24h_usd"])
        case "ls_accounts":
            found = totals.weighted_ratio(pairs.values[name], oi_usd)
        case "funding_8h_pct":
            found = totals.weighted(_running(pairs), oi_usd)
        case _:
            found = totals.risen_pct(_of_pair("price_24h_pct", pairs))
    return np.asarray(found.value)


def _yearly(funding_8h_pct: Floats) -> Floats:
    return funding_apr_pct(funding_8h_pct / 100, np.full_like(funding_8h_pct, 8.0))


def _running(panel: Panel) -> Floats:
    """Return the funding that ran: what a payment settled nobody knew before it."""
    rate, interval_h, settled = (panel.values[name] for name in _FUNDING)
    return funding_8h_pct(np.where(settled > 0, np.nan, rate), interval_h)


def _spread_pp(pairs: Panel, subjects: Sequence[Pair]) -> Floats:
    """Return how far funding is apart between venues, each by its pair with the most OI."""
    rates, oi_usd = _running(pairs), pairs.values["oi_usd"]
    held = np.where(np.isfinite(rates), np.nan_to_num(oi_usd, nan=-1.0), -np.inf)
    found = np.full((len(rates), len(subjects)), np.nan)
    for n, subject in enumerate(subjects):
        leads = [
            np.take_along_axis(rates[:, mine], held[:, mine].argmax(axis=1)[:, None], 1)
            for mine in _by_venue(pairs, subject.base)
        ]
        by_venue = np.hstack(leads)
        enough = np.isfinite(by_venue).sum(axis=1) > 1
        known = by_venue[enough]
        found[enough, n] = np.nanmax(known, axis=1) - np.nanmin(known, axis=1)
    return found


def _by_venue(pairs: Panel, base: str) -> list[list[int]]:
    found: dict[str, list[int]] = {}
    for n, pair in enumerate(pairs.instruments):
        if pair.base == base:
            found.setdefault(pair.venue, []).append(n)
    return list(found.values())


def _hours(pairs: Panel) -> Floats:
    """Return what was liquidated in the hour up to the end of each bar. [USD]"""
    return hour_sums(MEASURES["liquidated_usd"].of(pairs.values), LEAST_KNOWN)


_OF_PAIR: Final[Mapping[str, Callable[[Panel], Floats]]] = {
    "price": lambda panel: panel.values["close"],
    "price_24h_pct": lambda panel: change.delta_pct(panel.values["close"], _DAY),
    "funding_8h_pct": _running,
    "funding_apr_pct": lambda panel: _yearly(_running(panel)),
    "funding_excess_pct": lambda panel: columns.excess_pct(_running(panel), panel.instruments),
    "funding_paid_8h_pct": lambda panel: columns.paid_8h_pct(panel)[0],
    "book_imbalance_pct": lambda panel: 100 * panel.values["book_imbalance"],
    "basis_pct": lambda panel: premium_pct(panel.values["mark"], panel.values["index"]),
    "liquidations_1h_usd": _hours,
    "z_liquidations": lambda panel: z_of_hours(_hours(panel)),
}


def venues(
    cursor: duckdb.DuckDBPyConnection, marks: Times
) -> tuple[list[str], dict[Column, Floats], dict[Column, Times]]:
    """Return the venues, and the state of their data at each of *marks*."""
    first, last = (pd.Timestamp(marks[n]).tz_localize(UTC).to_pydatetime() for n in (0, -1))
    rows = query.fetch(cursor, "venue_steps", start=first, now=last)
    names = sorted(set(rows["venue"]))
    shape = (len(marks), len(names))
    found = {name: np.full(shape, np.nan) for name in columns.LEVELS["venue"]}
    for n, name in enumerate(names):
        mine = rows[rows["venue"] == name].set_index("ended_ts")
        for quantity, cells in _venue(mine, marks).items():
            found[quantity][:, n] = cells
    times = np.broadcast_to(marks[:, None], shape)
    values = {Column(name, None): cells for name, cells in found.items()}
    return names, values, dict.fromkeys(values, times)


def _venue(rows: pd.DataFrame, marks: Times) -> dict[str, Floats]:
    """Return the state of one venue's data at each mark, of *rows* of the five minutes before."""
    every = pd.date_range(rows.index.min(), pd.Timestamp(marks[-1], tz=UTC), freq=BAR)
    steps = rows.reindex(every)
    day = _DAY - 1
    newest, streams = (steps[name].ffill(limit=day) for name in ("newest_ts", "streams"))
    hour = steps[["asked", "answered"]].astype(float).rolling(_HOUR, min_periods=1).sum()
    at = steps.index.get_indexer(pd.DatetimeIndex(marks).tz_localize(UTC))
    down = [
        streams_down(text, ended.to_pydatetime()) if isinstance(text, str) else np.nan
        for text, ended in zip(streams.iloc[at], steps.index[at], strict=True)
    ]
    age_s = (steps.index.to_series() - newest).dt.total_seconds()
    coverage = 100 * hour["answered"] / hour["asked"].where(hour["asked"] > 0)
    return {
        "age_s": np.where(at < 0, np.nan, age_s.to_numpy()[at]),
        "coverage_pct": np.where(at < 0, np.nan, coverage.to_numpy()[at]),
        "streams_down": np.where(at < 0, np.nan, np.array(down, np.float64)),
    }
