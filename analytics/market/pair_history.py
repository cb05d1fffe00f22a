"""One instrument, or one base over its venues, bar by bar: the lines of its chart.

A base asset has the price of its lead, the sums of amounts and flows, and means of ratios
weighted by open interest. Sums and means are absent where one of the instruments behind
them is: a venue that falls silent for an hour must not look like a market that lost its
open interest. The sum of open interest is chained, so that an instrument that joins or
leaves moves neither it nor its change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.indicators import (
    averages,
    bands,
    change,
    flow,
    funding,
    momentum,
    volatility,
    zscores,
)
from analytics.indicators.arrays import Floats, newest
from analytics.indicators.decomposition import oi_change_over
from analytics.market import totals
from analytics.panels.panel import FLOWS, LEAST_KNOWN, TIMEFRAMES, Pair, Panel, coverage, partial
from analytics.signals.tiers import Z_REACH, z_oi

Line = NDArray[np.float64]
"""One value a bar. (T,)"""

METRICS: Final = (
    "open",
    "high",
    "low",
    "close",
    "mark",
    "index",
    "oi_base",
    "oi_usd",
    "funding_rate",
    "funding_interval_h",
    "funding_settled",
    "ls_accounts",
    "ls_top_accounts",
    "ls_top_positions",
    "book_imbalance",
    *FLOWS,
    *map(coverage, FLOWS),
)
"""What a history is made of; a metric that the panel was loaded without counts as absent."""

_EMA_PERIODS: Final = (20, 50)
_WARM_UP_BARS: Final = max(Z_REACH + 2, 5 * 14 + 1, 50 + 5 * 51 // 2)
_DAY: Final = timedelta(days=1)


def warm_up_bars(timeframe: str) -> int:
    """Return how many bars before the first one shown its indicators look back on. [bars]

    z_oi's reach; five of the RSI's periods, and of half the longest EMA's, from which on their
    beginning is forgotten; and the day that VWAP is of.
    """
    return max(_WARM_UP_BARS, _DAY // TIMEFRAMES[timeframe])


_RATIOS: Final = ("ls_accounts", "ls_top_accounts", "ls_top_positions")
_AVERAGED: Final = ("funding_8h_pct", "book_imbalance_pct", *_RATIOS)
_OF_PRICE: Final = ("open", "high", "low", "close", "basis_pct", "last_premium_pct")
_COMPARED: Final = (
    "close",
    "oi_usd",
    "oi_base",
    "funding_8h_pct",
    "ls_accounts",
    "basis_pct",
    "last_premium_pct",
)
_OF_WHOLE_BARS: Final = (
    "bollinger_upper",
    "bollinger_middle",
    "bollinger_lower",
    *(f"ema_{period}" for period in _EMA_PERIODS),
    "rsi_14",
    "z_oi",
    "z_robust",
    "atr_14",
    "volatility_pct",
)
"""What is left out of a bar that is not over: of a part of a bar it would mislead."""
_OVER_AFTER: Final = _DAY
"""An instrument that has been silent for longer than this counts as gone, not as missing."""


@dataclass(frozen=True, slots=True)
class History:
    """The lines of a subject over a stretch of time."""

    times: NDArray[np.datetime64]
    """Start of every bar, UTC, without a hole. (T,)"""
    timeframe: str
    price_of: Pair
    """Whose price, bands, RSI and basis these are."""
    instruments: tuple[Pair, ...]
    """Whose sums and means the other lines are."""
    lines: Mapping[str, Line]
    """By name, in GLOSSARY.md's units; all NaN where there is no value."""
    coverage: Mapping[str, Line]
    """By line that is made of flows, how much of it is known. [%]"""
    without: Mapping[str, tuple[Pair, ...]]
    """By line, the instruments that know nothing of it in the panel, and so are not in it."""
    mixed_at: NDArray[np.datetime64]
    """Start of every bar from which on open interest is of other instruments than before."""
    others: Mapping[Pair, Mapping[str, Line]]
    """The base's other instruments, to compare with; prices per unit that *price_of* quotes."""

    def partial(self, name: str) -> NDArray[np.bool_]:
        """Return in which bars the line called *name* is of a part of its bar alone. (T,)"""
        if name not in self.coverage:
            return np.zeros(len(self.times), np.bool_)
        return partial(self.lines[name], self.coverage[name])

    def known(self, *names: str) -> int:
        """Return how many bars know at least one of the lines called *names*."""
        known = [np.isfinite(self.lines[name]) for name in names]
        return int(np.logical_or.reduce(known).sum()) if known else 0


def history(
    panel: Panel,
    pair: tuple[str, str] | None,
    bars: int,
    multipliers: Mapping[Pair, float],
    *,
    lead: tuple[str, str] | None = None,
    collected: Collection[tuple[str, str]] | None = None,
) -> History | None:
    """Return the last *bars* bars of an instrument, or of all instruments of *panel* as one.

    Args:
        panel: Of ``METRICS`` and of one base's instruments; ``warm_up_bars`` more than
            *bars*, so that no indicator is blank where the stretch begins.
        pair: Venue and symbol of the instrument; None for all as one.
        bars: How many to return; fewer where the data begins later. [bars]
        multipliers: Coins in a quoted unit, by instrument; 1 where it is not said.
        lead: Venue and symbol of the instrument whose price it is; where it is None or has no
            bars, the one with the most open interest in its newest bar.
        collected: Venue and symbol of those with data or expected now: any other has left,
            and is not missed after its last bar. None: who is silent for a day has left.

    Returns:
        None where nothing is recorded of it in the panel. Bands, RSI and z are of bars that
        were over at the panel's time alone.
    """
    parts = _of_each(panel)
    mine = [n for n, one in enumerate(panel.instruments) if pair in (None, one[:2])]
    if not mine:
        return None
    place = _lead(panel.instruments, parts["oi_usd"], mine, lead)
    leading = panel.instruments[place]
    whole = _one(parts, mine, place, panel, _silence(panel, mine, collected))
    for name in _OF_WHOLE_BARS:
        whole[name][~_over(panel)] = np.nan
    whole["funding_carried_8h_pct"] = _carried_funding(whole)
    first = max(len(panel.times) - bars, 0)
    known = _known_of_flows(parts, mine, first)
    whole["vwap"], vwap_known = _vwap(panel.times, parts, place)
    known["vwap"] = vwap_known[first:]
    lines = {name: line[first:] for name, line in whole.items()}
    _add_running(lines, known)
    return History(
        times=panel.times[first:],
        timeframe=panel.timeframe,
        price_of=leading,
        instruments=tuple(panel.instruments[n] for n in mine),
        lines=lines,
        coverage=known,
        without={
            name: tuple(panel.instruments[n] for n in mine if np.isnan(parts[name][:, n]).all())
            for name in ("oi_usd", "oi_base", *FLOWS, *_AVERAGED)
        },
        mixed_at=panel.times[first:][_mixed(parts["oi_usd"][first:, mine], lines["oi_usd"])],
        others={
            one: _compared(
                parts, n, first, multipliers.get(leading, 1.0) / multipliers.get(one, 1.0)
            )
            for n, one in enumerate(panel.instruments)
            if len(mine) > 1 or n not in mine
        },
    )


def _carried_funding(lines: Mapping[str, Line]) -> Line:
    """Return the last known funding of the bars that have none, up to the last with a price."""
    priced = np.isfinite(lines["close"])
    not_over = np.logical_or.accumulate(priced[::-1])[::-1]
    return np.where(not_over, funding.carried(lines["funding_8h_pct"]), np.nan)


def _vwap(
    times: NDArray[np.datetime64], parts: Mapping[str, Floats], lead: int
) -> tuple[Line, Line]:
    """Return the lead's average price of the day so far, and how much of its volume is known. [%]

    It is absent where less than ``LEAST_KNOWN`` is.
    """
    of_lead = [parts[name][:, [lead]] for name in ("high", "low", "close", "traded_usd")]
    average = averages.vwap(times, *of_lead)
    told = np.where(np.isfinite(average), parts[coverage("traded_usd")][:, [lead]], 0.0)
    bars = averages.since_midnight(times, np.ones(told.shape))
    known = averages.since_midnight(times, told) / bars
    return np.where(known >= 100 * LEAST_KNOWN, average, np.nan)[:, 0], known[:, 0]


def _lead(
    instruments: Sequence[Pair], oi_usd: Floats, mine: list[int], wanted: tuple[str, str] | None
) -> int:
    """Return which of the columns *mine* leads."""
    for n in mine:
        if instruments[n][:2] == wanted:
            return n
    return max(mine, key=lambda n: float(np.nan_to_num(newest(oi_usd[:, [n]])[0])))


def _of_each(panel: Panel) -> dict[str, Floats]:
    """Return what is computed of each instrument by itself. (T, N) each"""
    absent = np.full(panel.shape, np.nan)
    metric = {
        name: np.where(np.isfinite(cells), cells, np.nan)
        for name in METRICS
        for cells in [panel.values.get(name, absent)]
    }
    return {
        **metric,
        "funding_8h_pct": funding.funding_8h_pct(
            metric["funding_rate"], metric["funding_interval_h"]
        ),
        "book_imbalance_pct": 100 * metric["book_imbalance"],
        "basis_pct": funding.premium_pct(metric["mark"], metric["index"]),
        "last_premium_pct": funding.premium_pct(metric["close"], metric["index"]),
    }


def _silence(
    panel: Panel, mine: list[int], collected: Collection[tuple[str, str]] | None
) -> NDArray[np.intp]:
    """Return how long each of the columns *mine* may be silent before it counts as gone. [bars]"""
    a_day = max(_OVER_AFTER // TIMEFRAMES[panel.timeframe], 1)
    left = [collected is not None and panel.instruments[n][:2] not in collected for n in mine]
    return np.where(left, 0, a_day)


def _one(
    parts: Mapping[str, Floats], mine: list[int], lead: int, panel: Panel, silence: NDArray[np.intp]
) -> dict[str, Line]:
    """Return the columns *mine* as one: prices of *lead*, sums, means by open interest, and
    what is computed of them.
    """
    part = {name: cells[:, mine] for name, cells in parts.items()}
    lines = {name: parts[name][:, lead] for name in _OF_PRICE}
    for name in ("oi_usd", "oi_base"):
        lines[name] = _chained(part[name], silence)
    for name in FLOWS:
        lines[name] = _sum(part[name], silence)
    for name in _AVERAGED:
        lines[name] = _mean(name, part[name], part["oi_usd"], silence)
    price = {name: parts[name][:, [lead]] for name in ("high", "low", "close")}
    return {
        **lines,
        **_of_prices(price, panel.bars_per_year),
        **_of_interest(lines["oi_usd"]),
        **_split(part, lines["oi_usd"]),
        "ls_delta_pct": _ls_delta_pct(part, lines["ls_accounts"]),
        "taker_imbalance_pct": flow.taker_imbalance_pct(
            lines["taker_buy_usd"][:, None], lines["taker_sell_usd"][:, None]
        )[:, 0],
    }


def _chained(values: Floats, silence: NDArray[np.intp]) -> Line:
    """Return the sum of *values*, changed by nothing but the changes of what is in it.

    Where other instruments are known than in the complete row before, all earlier rows are
    scaled so that the step between the two is that of the instruments known in both. Where
    there are none, nothing is known of the step, and the earlier row is absent.
    """
    known = np.isfinite(values)
    line = _sum(values, silence)
    rows = np.flatnonzero(np.isfinite(line))
    for now in _mixed(values, line)[::-1]:
        then = rows[np.searchsorted(rows, now) - 1]
        both = known[then] & known[now]
        before, after = values[then][both].sum(), values[now][both].sum()
        all_before, all_after = np.nansum(values[then]), np.nansum(values[now])
        if before > 0 and after > 0:
            line[: then + 1] *= (before / all_before) * (all_after / after)
        else:
            line[then] = np.nan
    return line


def _mixed(values: Floats, line: Line) -> NDArray[np.intp]:
    """Return the rows of *line* that are of other instruments than the known row before."""
    rows = np.flatnonzero(np.isfinite(line))
    known = np.isfinite(values[rows])
    mixed: NDArray[np.intp] = rows[1:][(known[1:] != known[:-1]).any(axis=1)]
    return mixed


def _sum(values: Floats, silence: NDArray[np.intp]) -> Line:
    complete = _complete(np.isfinite(values), silence)
    return np.where(complete, np.nansum(values, axis=1), np.nan)


def _mean(name: str, values: Floats, weights: Floats, silence: NDArray[np.intp]) -> Line:
    """Return the mean by *weights*; of one instrument its own value, whatever its weight."""
    if values.shape[1] == 1:
        return values[:, 0]
    of = totals.weighted_ratio if name in _RATIOS else totals.weighted
    both = np.isfinite(values) & np.isfinite(weights)
    return np.where(_complete(both, silence), of(values, weights).value, np.nan)


def _ls_delta_pct(part: Mapping[str, Floats], line: Line) -> Line:
    """Return the change of the mean over those known in both bars, by the newer weights."""
    ratios, oi_usd = part["ls_accounts"], part["oi_usd"]
    if ratios.shape[1] == 1:
        return change.delta_pct(ratios)[:, 0]
    before = np.full(ratios.shape, np.nan)
    before[1:] = ratios[:-1]
    weights = np.where(np.isfinite(before) & np.isfinite(ratios), oi_usd, np.nan)
    now, then = (totals.weighted_ratio(one, weights).value for one in (ratios, before))
    delta_pct = np.full(len(line), np.nan)
    known = np.isfinite(line)
    known[1:] &= np.isfinite(line[:-1])
    np.divide(100 * (now - then), then, out=delta_pct, where=known & (then > 0))
    return delta_pct


def _split(part: Mapping[str, Floats], line: Line) -> dict[str, Line]:
    """Return the parts of the change of open interest that price and contracts account for."""
    parts = oi_change_over(part["oi_usd"], part["oi_base"])
    matched = np.isfinite(parts.total_usd)
    known = np.isfinite(line) & (matched & np.isfinite(parts.oi_price_usd)).any(axis=1)
    known[1:] &= np.isfinite(line[:-1])
    known &= ~(matched & np.isnan(parts.oi_price_usd)).any(axis=1)
    return {
        name: np.where(known, np.nansum(cells, axis=1), np.nan)
        for name, cells in (
            ("oi_price_usd", parts.oi_price_usd),
            ("oi_contracts_usd", parts.oi_contracts_usd),
        )
    }


def _known_of_flows(parts: Mapping[str, Floats], mine: list[int], first: int) -> dict[str, Line]:
    """Return how much is known of each flow over the columns *mine*: the mean of those in it."""
    known = {}
    for name in FLOWS:
        in_it = np.isfinite(parts[name][first:, mine])
        cells = np.where(in_it, parts[coverage(name)][first:, mine], 0.0)
        count = in_it.sum(axis=1)
        known[name] = np.where(count > 0, cells.sum(axis=1) / np.maximum(count, 1), 0.0)
    known["taker_imbalance_pct"] = np.minimum(known["taker_buy_usd"], known["taker_sell_usd"])
    return known


def _add_running(lines: dict[str, Line], known: dict[str, Line]) -> None:
    """Add to *lines* what adds up from the left edge, and to *known* how much of it is known."""
    column = {name: lines[name][:, None] for name in ("close", "traded_usd")}
    bought, sold = lines["taker_buy_usd"][:, None], lines["taker_sell_usd"][:, None]
    sums = {
        "cvd_usd": (flow.cvd_usd(bought, sold)[:, 0], known["taker_imbalance_pct"]),
        "obv_usd": (
            flow.obv(column["close"], column["traded_usd"])[:, 0],
            known["traded_usd"],
        ),
    }
    for name, (line, part) in sums.items():
        known[name] = _so_far(line, part)
        lines[name] = np.where(known[name] >= 100 * LEAST_KNOWN, line, np.nan)
    lines["cvd_oi_pct"] = flow.cvd_oi_pct(lines["cvd_usd"][:, None], lines["oi_usd"][:, None])[:, 0]
    known["cvd_oi_pct"] = known["cvd_usd"]


def _so_far(line: Line, known: Line) -> Line:
    """Return how much of a running sum is *known* since its first bar. [%] (T,)"""
    is_in = np.isfinite(line)
    begun = np.logical_or.accumulate(is_in)
    bars = np.maximum(np.cumsum(begun), 1)
    part: Line = np.cumsum(np.where(is_in, known, 0.0)) / bars
    return part


def _complete(known: NDArray[np.bool_], silence: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return in which rows all are known that have begun and are not gone; at least one is.

    Args:
        known: By bar and instrument. (T, N)
        silence: Rows without a word at the end after which an instrument is gone. [bars] (N,)
    """
    begun = np.logical_or.accumulate(known, axis=0)
    speaks_later = np.logical_or.accumulate(known[::-1], axis=0)[::-1]
    gone = ~speaks_later & ((~speaks_later).sum(axis=0) > silence)
    missing = begun & ~gone & ~known
    complete: NDArray[np.bool_] = known.any(axis=1) & ~missing.any(axis=1)
    return complete


def _of_prices(price: Mapping[str, Floats], bars_per_year: float) -> dict[str, Line]:
    """Return the indicators of the lead's prices. (T, 1) each"""
    close = price["close"]
    bollinger = bands.bollinger(close)
    derived = {
        "bollinger_upper": bollinger.upper,
        "bollinger_middle": bollinger.middle,
        "bollinger_lower": bollinger.lower,
        **{f"ema_{period}": averages.ema(close, period) for period in _EMA_PERIODS},
        "rsi_14": momentum.rsi(close),
        "atr_14": volatility.atr(price["high"], price["low"], close),
        "volatility_pct": volatility.volatility_pct(close, bars_per_year=bars_per_year),
    }
    return {name: cells[:, 0] for name, cells in derived.items()}


def _of_interest(oi_usd: Line) -> dict[str, Line]:
    """Return the change of open interest and how unusual it is."""
    oi_delta_pct = change.delta_pct(oi_usd[:, None])
    derived = {
        "oi_delta_pct": oi_delta_pct,
        "z_oi": z_oi(oi_delta_pct),
        "z_robust": z_oi(oi_delta_pct, zscores.z_robust),
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
