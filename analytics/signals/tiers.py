"""The conditions of the six tiers, for every instrument and bar at once.

A condition is true (1), false (0) or unknown (NaN), where its input is absent.
All of several is false as soon as one is false, and otherwise unknown as soon as
one is unknown: what is not known never fires, and never counts as calm either.
Every threshold must be exceeded: a value that equals it is false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analytics.indicators.arrays import Floats
from analytics.indicators.change import delta_pct
from analytics.indicators.funding import funding_8h_pct
from analytics.indicators.zscores import z_score
from analytics.panels.panel import Pair, Panel
from analytics.signals.oi_share import oi_shares
from analytics.signals.thresholds import Level, Thresholds

METRICS: Final = (
    "close",
    "oi_usd",
    "ls_accounts",
    "book_imbalance",
    "taker_buy_usd",
    "taker_sell_usd",
    "funding_rate",
    "funding_interval_h",
    "funding_settled",
)
"""What the tiers read of a panel; a metric that it was not loaded with counts as absent."""

Z_BARS: Final = 20
"""Known bars that z_oi and z_oi_share compare a bar with, the bar itself not among them."""

Z_REACH: Final = 2 * Z_BARS
"""How far back those bars may lie. Past a longer gap z is absent, so that no answer depends on
how much history was loaded."""

_TIER_2: Final[tuple[Level, ...]] = ("z_oi", "ls_accounts", "book_imbalance_pct")
"""What must be beyond its threshold at once."""

FUNDING_DIGITS: Final = 9
"""Funding is compared to this many digits: a rate of exactly 0.01 % must not exceed 0.01 %
because it was rebased. [% per 8 h]"""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a signal is about: an instrument, a venue's part of a base, or the whole market."""

    venue: str | None = None
    symbol: str | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier's answer for K subjects, and what it saw."""

    number: int
    subjects: tuple[Subject, ...]
    fired: Floats
    """1, 0 or NaN. (T, K)"""
    seen: Mapping[str, Floats]
    """By name, in GLOSSARY.md's units. (T, K) each"""
    thresholds: Mapping[str, Floats]
    """Those that it compared with. (K,), or () where one is the same for all"""


@dataclass(frozen=True, slots=True)
class Confluence:
    """How many of the three conditions of tier 2 hold."""

    share: Floats
    """Share of true among those that are known, 0 to 1; NaN where none is. (T, N)"""
    known: Floats
    """How many are known, 0 to 3; a share of 1 means tier 2 only where all three are. (T, N)"""


def bars_needed(thresholds: Thresholds) -> int:
    """Return how many rows a panel must have for all that can be known of its last one. [bars]"""
    return Z_REACH + 2 + thresholds.cluster_bars - 1


def tiers(panel: Panel, thresholds: Thresholds) -> tuple[Tier, ...]:
    """Return the answers of all six tiers for every bar of *panel*."""
    metric = _Metrics(panel)
    with np.errstate(all="ignore"):
        oi_delta_pct = delta_pct(metric["oi_usd"])
        subjects = tuple(Subject(*pair) for pair in panel.instruments)
        z = z_oi(oi_delta_pct)
        unusual, all_three = _tiers_1_and_2(metric, oi_delta_pct, z, thresholds, subjects)
        return (
            unusual,
            all_three,
            _tier_3(metric, oi_delta_pct, thresholds, subjects),
            _tier_4(metric, oi_delta_pct, thresholds, panel.instruments),
            _tier_5(metric, thresholds, panel.instruments),
            _tier_6(all_three.fired, thresholds, panel.instruments),
        )


def z_oi(oi_delta_pct: Floats, score: Callable[[Floats, int], Floats] = z_score) -> Floats:
    """Return z_oi: how unusual a bar's change of open interest is beside the 20 before it.

    Args:
        oi_delta_pct: Change since the bar before. [%] (T, N)
        score: ``z_score``, or ``z_robust`` for the quantity of that name.

    Returns:
        z over the previous 20 known bars, as long as they lie among the previous 40;
        the bar itself is in neither mean nor deviation. (T, N)
    """
    known = np.isfinite(oi_delta_pct)
    before = np.zeros((Z_REACH + 1, known.shape[1]), dtype=np.intp)
    counts = np.concatenate([before, known.cumsum(axis=0)])[: len(known) + Z_REACH]
    recent = counts[Z_REACH:] - counts[: len(known)]
    return np.where(recent >= Z_BARS, _finite(score(oi_delta_pct, Z_BARS)), np.nan)


def confluence(
    z_oi: Floats,
    ls_accounts: Floats,
    book_imbalance_pct: Floats,
    thresholds: Thresholds,
    bases: Sequence[str] = (),
) -> Confluence:
    """Return the share of true among the known of the three conditions, and how many those are.

    Args:
        z_oi: (T, N)
        ls_accounts: (T, N)
        book_imbalance_pct: [%] (T, N)
        thresholds: Those of ``z_oi``, ``ls_accounts`` and ``book_imbalance_pct``.
        bases: What the columns are of, where each base has thresholds of its own.
    """
    conditions = _conditions(z_oi, ls_accounts, book_imbalance_pct, thresholds, bases)
    known = 3.0 - np.isnan(conditions).sum(axis=0)
    share = np.full(known.shape, np.nan)
    np.divide(np.nansum(conditions, axis=0), known, out=share, where=known > 0)
    return Confluence(share, known)


def median_of_venue(values: Floats, instruments: Sequence[Pair], least: int) -> Floats:
    """Return, for each instrument, the median of its venue's known *values* in the same row.

    Args:
        values: By bar and instrument. (T, N)
        instruments: What the columns are of.
        least: Known values that a median needs; with fewer it is NaN.
    """
    medians = np.full(values.shape, np.nan)
    for venue in {pair.venue for pair in instruments}:
        mine = np.array([pair.venue == venue for pair in instruments])
        ordered = np.sort(values[:, mine], axis=1)  # NaN comes last
        count = np.isfinite(ordered).sum(axis=1, keepdims=True)
        low, high = (
            np.take_along_axis(ordered, np.maximum(middle, 0), axis=1)
            for middle in ((count - 1) // 2, np.minimum(count // 2, ordered.shape[1] - 1))
        )
        medians[:, mine] = np.where(count >= least, low + (high - low) / 2, np.nan)
    return medians


class _Metrics:
    """The metrics of a panel, absent where it was loaded without one or a value is infinite."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel

    def __getitem__(self, name: str) -> Floats:
        values = self._panel.values.get(name)
        if values is None:
            return np.full(self._panel.shape, np.nan)
        return _finite(values)


def _tiers_1_and_2(
    metric: _Metrics,
    oi_delta_pct: Floats,
    z: Floats,
    thresholds: Thresholds,
    subjects: tuple[Subject, ...],
) -> tuple[Tier, Tier]:
    """1: z_oi is over its threshold. 2: long/short and imbalance are over theirs, too."""
    ls_accounts, imbalance_pct = metric["ls_accounts"], _finite(100 * metric["book_imbalance"])
    bases = _bases(subjects)
    together = confluence(z, ls_accounts, imbalance_pct, thresholds, bases)
    seen = {
        "z_oi": z,
        "oi_delta_pct": oi_delta_pct,
        "oi_usd": metric["oi_usd"],
        "ls_accounts": ls_accounts,
        "book_imbalance_pct": imbalance_pct,
        "confluence": together.share,
        "confluence_known": together.known,
    }
    conditions = _conditions(z, ls_accounts, imbalance_pct, thresholds, bases)
    compared: dict[str, Floats] = {name: thresholds.of_bases(name, bases) for name in _TIER_2}
    return (
        Tier(1, subjects, conditions[0], seen, compared),
        Tier(2, subjects, _all(*conditions), seen, compared),
    )


def _tier_3(
    metric: _Metrics, oi_delta_pct: Floats, thresholds: Thresholds, subjects: tuple[Subject, ...]
) -> Tier:
    """Takers pushed the way the price went, and open interest rose: new positions drove it."""
    cvd_delta_usd = _finite(metric["taker_buy_usd"] - metric["taker_sell_usd"])
    price_delta_pct = delta_pct(metric["close"])
    least = thresholds.of_bases("oi_delta_pct", _bases(subjects))
    agrees = _above(np.sign(cvd_delta_usd) * np.sign(price_delta_pct), 0)
    return Tier(
        3,
        subjects,
        _all(agrees, _above(oi_delta_pct, least)),
        {
            "oi_delta_pct": oi_delta_pct,
            "price_delta_pct": price_delta_pct,
            "cvd_delta_usd": cvd_delta_usd,
        },
        {"oi_delta_pct": least},
    )


def _tier_4(
    metric: _Metrics, oi_delta_pct: Floats, thresholds: Thresholds, instruments: Sequence[Pair]
) -> Tier:
    """Longs pay more than they rest at and more than is usual on the venue, and positions close.

    Of the rate that ran: what a payment settled was known to nobody before it, so it is absent.
    """
    ran = np.where(metric["funding_settled"] == 1, np.nan, metric["funding_rate"])
    funding = funding_8h_pct(ran, metric["funding_interval_h"])
    funding = np.round(funding, FUNDING_DIGITS)
    median = median_of_venue(funding, instruments, thresholds.funding_instruments)
    excess = np.round(funding - median, FUNDING_DIGITS)
    least = thresholds.of_bases("funding_8h_pct", [pair.base for pair in instruments])
    return Tier(
        4,
        tuple(Subject(*pair) for pair in instruments),
        _all(
            _above(funding, least),
            _above(excess, thresholds.funding_excess_pct),
            _above(-oi_delta_pct, 0),
        ),
        {"funding_8h_pct": funding, "funding_excess_pct": excess, "oi_delta_pct": oi_delta_pct},
        {
            "funding_8h_pct": least,
            **_only(thresholds, "funding_excess_pct", "funding_instruments"),
        },
    )


def _tier_5(metric: _Metrics, thresholds: Thresholds, instruments: Sequence[Pair]) -> Tier:
    """A venue's share of a base's open interest changes as it did not in its own history."""
    shares = oi_shares(metric["oi_usd"], instruments, window=Z_BARS)
    return Tier(
        5,
        tuple(Subject(venue=venue, base=base) for venue, base in shares.holders),
        _above(np.abs(shares.z), thresholds.z_oi_share),
        {"oi_share_pct": shares.share_pct, "z_oi_share": shares.z},
        _only(thresholds, "z_oi_share"),
    )


def _tier_6(tier_2: Floats, thresholds: Thresholds, instruments: Sequence[Pair]) -> Tier:
    """Several bases had a tier-2 event within the window: the market, not a coin."""
    window = thresholds.cluster_bars
    events = np.concatenate([np.zeros((window, tier_2.shape[1]), dtype=np.bool_), tier_2 == 1])
    recent = np.any(sliding_window_view(events, window, axis=0)[1:], axis=-1)
    bases = np.array([pair.base for pair in instruments], np.str_)
    order = np.argsort(bases, kind="stable")
    _, starts = np.unique(bases[order], return_index=True)
    of_base = np.logical_or.reduceat(recent[:, order], starts, axis=1)
    count = of_base.sum(axis=1, keepdims=True).astype(np.float64)
    unknown = np.isnan(tier_2).all(axis=1, keepdims=True)
    enough = count >= thresholds.cluster_bases
    return Tier(
        6,
        (Subject(),),
        np.where(unknown & ~enough, np.nan, enough),
        {"tier_2_bases": count},
        _only(thresholds, "cluster_bases", "cluster_bars"),
    )


def _conditions(
    z_oi: Floats,
    ls_accounts: Floats,
    book_imbalance_pct: Floats,
    thresholds: Thresholds,
    bases: Sequence[str],
) -> Floats:
    """Return the three conditions of tier 2, one above the other. (3, T, N)"""
    values = (z_oi, ls_accounts, np.abs(book_imbalance_pct))
    return np.stack(
        [
            _above(one, thresholds.of_bases(name, bases))
            for name, one in zip(_TIER_2, values, strict=True)
        ]
    )


def _bases(subjects: Sequence[Subject]) -> list[str]:
    return [subject.base or "" for subject in subjects]


def _above(values: Floats, threshold: Floats | float) -> Floats:
    """Return where *values* exceed *threshold*: 1, 0, or NaN where either is absent."""
    return np.where(np.isnan(values) | np.isnan(threshold), np.nan, values > threshold)


def _all(*conditions: Floats) -> Floats:
    """Return where all *conditions* hold: 0 if any does not, else NaN if any is unknown."""
    least: Floats = np.fmin.reduce(conditions)
    unknown = np.isnan(conditions).any(axis=0)
    return np.where(unknown & (least != 0), np.nan, least)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def _only(thresholds: Thresholds, *names: str) -> dict[str, Floats]:
    return {name: np.array(float(getattr(thresholds, name))) for name in names}
