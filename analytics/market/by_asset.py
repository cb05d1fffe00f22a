"""A panel of assets: all instruments that are counted under one base as one column.

Sums and means are joined from bar to bar by the instruments known in both (GLOSSARY.md,
"chained"): a venue that is silent for a while is left out at both ends of each change, so that
neither its silence nor its return looks like a move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.indicators.arrays import Floats
from analytics.indicators.funding import funding_8h_pct
from analytics.market import totals
from analytics.market.measures import LATE
from analytics.panels.bases import Key
from analytics.panels.panel import COUNTS, FLOWS, Pair, Panel, coverage

Line = NDArray[np.float64]
"""One value a bar. (T,)"""

_PRICES: Final = ("open", "high", "low", "mark", "index")
_SUMS: Final = ("oi_usd", "oi_base", "volume_24h_usd", "oi_usd_open", "oi_usd_high", "oi_usd_low")
_RATIOS: Final = ("ls_accounts", "ls_top_accounts", "ls_top_positions")
_MEANS: Final = ("book_imbalance", "spread_bps", "funding_settled")
_FUNDING: Final = ("funding_rate", "funding_interval_h")
_REBASED_H: Final = 8.0


_Plain = Callable[[Floats, Floats], Floats]
"""Makes a figure of values and weights, (..., N) each."""


def asset(base: str) -> Pair:
    """Return what a column of *base* is of: an asset is on no venue and has no quote."""
    return Pair("", base, base)


def needed(metrics: Sequence[str]) -> tuple[str, ...]:
    """Return what a panel must be loaded with, so that :func:`by_asset` can make *metrics*.

    Means are weighted by open interest, other prices stand beside the close, and a flow says
    how much of it is known.
    """
    flows = [coverage(name) for name in metrics if name in FLOWS]
    return tuple(dict.fromkeys((*metrics, "close", "oi_usd", *flows)))


def by_asset(panel: Panel, multipliers: Mapping[Key, float]) -> Panel:
    """Return *panel* with one column for each base, named as :func:`asset` has it.

    Prices are per coin, weighted by open interest, which is a sum in coins and in USD; funding
    is the mean rate of 8 hours by open interest, and long/short the ratio of the mean share of
    longs. A flow is the sum over the instruments that know it, and its coverage the mean over
    those that ever do in the panel.

    Args:
        panel: With the metrics that :func:`needed` returns.
        multipliers: Coins in a quoted unit by venue and symbol, where that is not 1.
    """
    bases = sorted({pair.base for pair in panel.instruments})
    of_base = [
        [n for n, pair in enumerate(panel.instruments) if pair.base == base] for base in bases
    ]
    units = np.array([multipliers.get(pair[:2], 1.0) for pair in panel.instruments])
    columns = [_one(panel.values, mine, units[mine]) for mine in of_base]
    values = {
        name: np.stack([column[name] for column in columns]).T
        if columns
        else np.empty((len(panel.times), 0))
        for name in panel.values
    }
    for cells in values.values():
        cells.flags.writeable = False
    instruments = tuple(map(asset, bases))
    return replace(panel, instruments=instruments, values=MappingProxyType(values))


def _one(values: Mapping[str, Floats], mine: Sequence[int], units: Floats) -> dict[str, Line]:
    """Return the columns *mine* of *values* as one; *units* are their multipliers."""
    part = {name: cells[:, mine] for name, cells in values.items()}
    # Where nobody's open interest is known, as in old history, all weigh alike.
    is_weighed = np.isfinite(part["oi_usd"]).any(axis=1, keepdims=True)
    weights = np.where(is_weighed, part["oi_usd"], 1.0)
    close = _joined(part["close"] / units, weights, _mean, differs=False)
    lines = {"close": close}
    for name in part.keys() & {*_SUMS}:
        lines[name] = _joined(part[name], np.ones_like(part[name]), _sum, differs=False)
    for name in part.keys() & {*_RATIOS}:
        longs = _joined(part[name] / (1 + part[name]), weights, _mean, differs=True)
        lines[name] = np.where((longs > 0) & (longs < 1), longs, np.nan) / (1 - longs)
    for name in part.keys() & {*_MEANS}:
        lines[name] = _mean(part[name], weights)
    return {
        **lines,
        **_prices(part, weights, close),
        **_funding(part, weights),
        **_flows(part),
        **{name: part[name].sum(axis=1) for name in part.keys() & {*COUNTS}},
    }


def _prices(part: Mapping[str, Floats], weights: Floats, close: Line) -> dict[str, Line]:
    """Return the other prices beside *close*, of the instruments that know all of each bar."""
    names = [name for name in _PRICES if name in part]
    known = np.logical_and.reduce([np.isfinite(part[name]) for name in (*names, "close")])
    return {
        name: close * _mean(np.where(known, part[name] / part["close"], np.nan), weights)
        for name in names
    }


def _funding(part: Mapping[str, Floats], weights: Floats) -> dict[str, Line]:
    """Return the mean funding as a rate of eight hours."""
    if not part.keys() >= {*_FUNDING}:
        return {}
    pct = funding_8h_pct(*(part[name] for name in _FUNDING))
    rate = _joined(pct, weights, _mean, differs=True) / 100
    return dict(zip(_FUNDING, (rate, np.where(np.isfinite(rate), _REBASED_H, np.nan)), strict=True))


def _flows(part: Mapping[str, Floats]) -> dict[str, Line]:
    """Return the sums of the flows, and how much of each is known."""
    lines = {name: np.asarray(totals.total(part[name]).value) for name in part.keys() & {*FLOWS}}
    for name in part.keys() & {*FLOWS}:
        ever = np.isfinite(part[name]).any(axis=0)
        known = part[coverage(name)][:, ever]
        lines[coverage(name)] = known.mean(axis=1) if ever.any() else np.zeros(len(known))
    return lines


def _sum(values: Floats, _weights: Floats) -> Floats:
    return np.asarray(totals.total(values).value)


def _mean(values: Floats, weights: Floats) -> Floats:
    return np.asarray(totals.weighted(values, weights).value)


def _joined(values: Floats, weights: Floats, plain: _Plain, *, differs: bool) -> Line:
    """Return what *plain* makes of each bar, moved only by the changes of what is in it.

    From a bar to the next of other instruments the step is that of the instruments known in
    both, with the weights of the later bar. Where there are none, nothing is known of the step,
    and the bar that is further from the plain one is absent.

    Args:
        values: By bar and instrument. (T, N)
        weights: Likewise.
        plain: Makes the figure.
        differs: Whether a step is a difference; else it is a factor.
    """
    line = plain(values, weights)
    counts = np.isfinite(values) & np.isfinite(weights)
    rows = np.flatnonzero(np.isfinite(line))
    anchor = _anchor(counts, rows)
    mixed = np.flatnonzero((counts[rows[1:]] != counts[rows[:-1]]).any(axis=1))
    # By how much the plain step is too far, at the later bar of each.
    off = np.full(len(line), 0.0 if differs else 1.0)
    then, now = rows[mixed], rows[mixed + 1]
    both = counts[then] & counts[now]
    apart = ~both.any(axis=1)
    absent = np.where(now <= anchor, then, now)[apart]
    then, now, both = then[~apart], now[~apart], both[~apart]
    weighed = np.where(both, weights[now], np.nan)
    before, after = (plain(np.where(both, values[at], np.nan), weighed) for at in (then, now))
    if differs:
        off[now] = (line[now] - line[then]) - (after - before)
    else:
        off[now] = (line[now] / line[then]) / (after / before)
    line[absent] = np.nan
    if not len(rows):
        return line
    too_far: Line = np.cumsum(off) if differs else np.cumprod(off)
    moved: Line = line + too_far[anchor] - too_far if differs else line * too_far[anchor] / too_far
    return moved


def _anchor(counts: NDArray[np.bool_], rows: NDArray[np.intp]) -> int:
    """Return which of *rows* has its plain value: of the newest three the most complete.

    Venues do not write a bar at the same moment.
    """
    newest = rows[-1 - LATE :][::-1]
    return int(newest[np.argmax(counts[newest].sum(axis=1))]) if len(newest) else 0
