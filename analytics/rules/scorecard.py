"""How rules did: price and open interest after firings, beside the same pairs at all other times.

What a firing is compared with, its base, is the same pair in the same hour of the day (UTC) at
every bar of the record at which the rule did not fire for it. Neighbouring outcomes overlap and
pairs move together, so that intervals come from whole blocks of time, of all pairs at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics import formats
from analytics.errors import QueryError
from analytics.indicators.arrays import Floats
from analytics.lake.schema import BAR
from analytics.panels.panel import TIMEFRAMES, Panel

HORIZONS: Final = ("5m", "15m", "1h", "4h", "1d")
"""How long after a firing its outcome is taken."""
MEASURES: Final = {"price_delta_pct": "close", "oi_delta_pct": "oi_usd"}
"""What is looked at, and the metric of the panel that it is the change of."""
METRICS: Final = tuple(MEASURES.values())
LEAST_EPISODES: Final = 20
"""Fewer independent episodes give a sentence instead of figures."""
LEAST_BLOCKS: Final = 5
"""So many blocks must fit into the record: fewer say nothing of how far blocks differ."""
RESAMPLES: Final = 2_499
"""The smallest p is 1/2500: two findings among 200 can still pass their correction."""
FIGURES: Final = (
    *("p10", "median", "p90", "base_median", "hit_pct", "hit_low_pct", "hit_high_pct"),
    *("mean_excess", "mean_low", "mean_high", "median_excess", "median_low", "median_high", "p"),
)
"""The columns that are absent where ``note`` says why."""

write_change: Final = formats.writer("pct", 3)
write_excess: Final = formats.writer("points", 3)
"""Five minutes move a price by hundredths of a percent."""

LEVEL: Final = (2.5, 97.5)
"""Of an interval. [percentiles]"""
_BLOCK_HORIZONS: Final = 3
"""With blocks of three horizons the variance of a mean of overlapping outcomes is 8/9 of the true
one; with blocks of one, 2/3."""
_LEAST_BLOCK: Final = timedelta(hours=4)
_CHUNK: Final = 500
"""Resamples whose weights are in memory together."""
_PER_HOUR: Final = timedelta(hours=1) // BAR
_PER_DAY: Final = timedelta(days=1) // BAR

Places = NDArray[np.intp]


def score(
    panel: Panel,
    fired: pd.DataFrame,
    rules: Sequence[str],
    *,
    measures: Sequence[str] = tuple(MEASURES),
    horizons: Sequence[str] = HORIZONS,
    seed: int = 1,
) -> pd.DataFrame:
    """Return how each of *rules* did, a row per rule, measure and horizon.

    A firing counts from the close of the first bar that ends at or after it. One of an asset, a
    venue or the market is one of each of its pairs. An outcome that is not over at the panel's
    ``now``, or not known, is absent.

    Args:
        panel: ``METRICS`` of 5-minute bars.
        fired: A row per firing: rule, per, venue, symbol, base and fired_ts.
        rules: The names to judge; p is corrected for all of them.
        measures: Of ``MEASURES``.
        horizons: Of ``HORIZONS``.
        seed: Of the resampling: the same gives the same figures.

    Returns:
        rule, measure, horizon; firing_count; outcome_count, of pairs whose outcome is known;
        episode_count, the independent ones: of one pair they do not overlap, and those that begin
        in one bar are one. p10, median and p90 of outcomes, base_median [all %]. hit_pct: the
        share of outcomes above the median of their base, ties count half; 50 % is no effect.
        mean_excess: mean of outcome less the mean of its base; median_excess: median of outcome
        less the median of its base [pp]. Bounds are 95 % intervals. p: of no mean excess,
        two-sided; q: p corrected over the whole table. note: why figures are absent.

    Raises:
        QueryError: The panel is of other bars.
    """
    if panel.timeframe != "5m":
        raise QueryError(f"timeframe: a scorecard is of 5m bars, not of {panel.timeframe}")
    cells = {rule: _cells(panel, fired[fired["rule"] == rule]) for rule in rules}
    draw = np.random.default_rng(seed)
    lines = [
        line
        for horizon in horizons
        for line in _of_horizon(panel, cells, (horizon, measures), draw)
    ]
    found = pd.DataFrame(lines, columns=[*_KEYS, *FIGURES, "note"])
    found = found.sort_values(
        ["rule", "measure"],
        key=lambda column: column.map((rules if column.name == "rule" else measures).index),
        kind="stable",
    )
    found["note"] = found["note"].astype(object).where(found["note"].notna(), None)
    found["q"] = benjamini_hochberg(found["p"].to_numpy(float))
    return found.reset_index(drop=True)


_KEYS: Final = ("rule", "measure", "horizon", "firing_count", "outcome_count", "episode_count")


def benjamini_hochberg(p: Floats) -> Floats:
    """Return *p* corrected for their number; NaN is no test.

    Benjamini & Hochberg (1995), "Controlling the false discovery rate", J. R. Stat. Soc. B 57.
    """
    corrected = np.full(p.shape, np.nan)
    tests = np.flatnonzero(np.isfinite(p))
    order = tests[np.argsort(-p[tests], kind="stable")]
    raised = p[order] * len(tests) / np.arange(len(tests), 0, -1)
    corrected[order] = np.minimum(np.minimum.accumulate(raised), 1)
    return corrected


@dataclass(frozen=True, slots=True)
class _Cells:
    """The bars and pairs at which a rule fired, each once, by pair and time."""

    count: int
    """Firings."""
    row: Places
    column: Places


def _cells(panel: Panel, fired: pd.DataFrame) -> _Cells:
    """Return where in the *panel* the firings are; a mark that is not over yet is nowhere."""
    times = fired["fired_ts"].dt.tz_convert(None).to_numpy("datetime64[ms]")
    ends = (panel.times + np.timedelta64(BAR)).astype("datetime64[ms]")
    rows = np.searchsorted(ends, times, "left")
    # Before the first bar it is of no bar of the panel.
    is_in = (rows < len(ends)) & (times > (ends[0] - np.timedelta64(BAR) if len(ends) else times))
    columns = _Columns(panel)
    keys = zip(*(fired[name].tolist() for name in ("per", "venue", "symbol", "base")), strict=True)
    per_row = max(len(panel.times), 1)
    found = [
        column * per_row + row
        for row, is_inside, key in zip(rows.tolist(), is_in.tolist(), keys, strict=True)
        if is_inside
        for column in columns.of(*key)
    ]
    column, row = np.divmod(np.unique(np.array(found, np.intp)), per_row)
    return _Cells(len(fired), row, column)


class _Columns:
    """The columns of a panel, by what a firing is about."""

    def __init__(self, panel: Panel) -> None:
        self._every = range(len(panel.instruments))
        self._of: dict[tuple[object, ...], list[int]] = {}
        for number, pair in enumerate(panel.instruments):
            keys = (("pair", *pair[:2]), ("venue", pair.venue), ("asset", pair.base))
            for key in keys:
                self._of.setdefault(key, []).append(number)

    def of(self, per: str, venue: object, symbol: object, base: object) -> Sequence[int]:
        match per:
            case "market":
                return self._every
            case "pair":
                return self._of.get(("pair", venue, symbol), ())
            case "venue":
                return self._of.get(("venue", venue), ())
            case _:
                return self._of.get(("asset", base), ())


@dataclass(frozen=True, slots=True)
class _Sample:
    """The known outcomes of one rule, measure and horizon."""

    rule: str
    measure: str
    firing_count: int
    episode_count: int
    row: Places
    outcome: Floats
    base_mean: Floats
    base_median: Floats

    @property
    def over_median(self) -> Floats:
        return self.outcome - self.base_median

    @property
    def hits(self) -> Floats:
        return (np.sign(self.over_median) + 1) / 2


def _of_horizon(
    panel: Panel,
    cells: dict[str, _Cells],
    of: tuple[str, Sequence[str]],
    draw: np.random.Generator,
) -> Iterator[dict[str, Any]]:
    horizon, measures = of
    bars = TIMEFRAMES[horizon] // BAR
    block = block_of(TIMEFRAMES[horizon]) // BAR
    samples = []
    for measure in measures:
        base = Base(changes_pct(panel.values[MEASURES[measure]], bars), panel.times)
        samples += [_sample(rule, measure, one, base, bars) for rule, one in cells.items()]
    notes = [_note(one, len(panel.times), block, horizon) for one in samples]
    judged = [one for one, note in zip(samples, notes, strict=True) if note is None]
    figures = iter(_figures(judged, len(panel.times), block, draw))
    for one, note in zip(samples, notes, strict=True):
        counts = (one.firing_count, len(one.row), one.episode_count)
        keys = (one.rule, one.measure, horizon, *counts)
        said: dict[str, Any] = dict(zip(_KEYS, keys, strict=True))
        yield said | (next(figures) if note is None else {}) | {"note": note}


def changes_pct(values: Floats, bars: int) -> Floats:
    """Return the change of *values* over the next so many *bars*; NaN while it is not over.

    (T, N) to (T, N) [%]
    """
    found = np.full(values.shape, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        found[:-bars] = 100 * (values[bars:] / values[:-bars] - 1)
    found[~np.isfinite(found)] = np.nan
    return found


def _sample(rule: str, measure: str, cells: _Cells, base: Base, bars: int) -> _Sample:
    known = np.isfinite(base.outcomes[cells.row, cells.column])
    row, column = cells.row[known], cells.column[known]
    mean, median = base.of_others(row, column)
    # Without another bar of its pair and hour there is nothing to compare it with.
    compared = np.isfinite(mean)
    row, column = row[compared], column[compared]
    outcome = base.outcomes[row, column]
    episodes = independent_count(row, column, bars)
    return _Sample(
        rule, measure, cells.count, episodes, row, outcome, mean[compared], median[compared]
    )


def independent_count(row: Places, column: Places, bars: int) -> int:
    """Return how many independent episodes there are.

    Of one pair an episode counts that begins so many *bars* after the last that counts, or later;
    those of several pairs that begin in one bar are one.

    Args:
        row: The bar of each firing.
        column: The pair of each; firings are by pair, then by bar.
        bars: Of the horizon.
    """
    if not len(row):
        return 0
    key = column * (int(row.max()) + bars + 1) + row
    following = np.searchsorted(key, key + bars).tolist()
    kept, at, end = [], 0, len(following)
    while at < end:
        kept.append(at)
        at = following[at]
    return len(np.unique(row[kept]))


class Base:
    """Outcomes by pair and hour of the day, to compare some of them with the others."""

    def __init__(self, outcomes: Floats, times: NDArray[np.datetime64]) -> None:
        """Sort *outcomes*, (T, N) with a row per 5-minute bar that starts at *times*. (T,)"""
        self.outcomes = outcomes
        # By the bar's end, when the outcome begins.
        mark = times.astype("datetime64[ms]").astype(np.int64) // (BAR // _MS) + 1
        self._hour = mark // _PER_HOUR % 24
        lead = int(mark[0] % _PER_DAY) if len(mark) else 0
        days = -(-(lead + len(mark)) // _PER_DAY)
        self._pairs = outcomes.shape[1]
        laid = np.full((days * _PER_DAY, self._pairs), np.nan)
        laid[lead : lead + len(mark)] = outcomes
        by_hour = laid.reshape(days, 24, _PER_HOUR, self._pairs).transpose(1, 3, 0, 2)
        self._sorted = np.sort(by_hour.reshape(24 * self._pairs, days * _PER_HOUR), axis=1)
        self._count = np.isfinite(self._sorted).sum(axis=1)
        self._sum = np.nansum(self._sorted, axis=1)

    def of_others(self, row: Places, column: Places) -> tuple[Floats, Floats]:
        """Return mean and median of what each cell is compared with; NaN where that is nothing.

        Args:
            row: The bar of each cell; each outcome is known.
            column: Its pair.
        """
        group = self._hour[row] * self._pairs + column
        value, size = self.outcomes[row, column], len(self._count)
        taken = np.bincount(group, minlength=size)
        left = self._count - taken
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (self._sum - np.bincount(group, value, minlength=size)) / left
        mean[left == 0] = np.nan
        order = np.lexsort((value, group))
        of, rank = group[order], self._freed(group[order], value[order])

        def kept(place: Places) -> Floats:
            # Of those that stay, the one at *place* has so many of the others before it.
            before = np.bincount(of, rank <= place[of], minlength=size).astype(np.intp)
            at = np.clip(place + before, 0, self._sorted.shape[1] - 1)
            return np.asarray(self._sorted[np.arange(size), at])

        median = (kept((left - 1) // 2) + kept(left // 2)) / 2
        median[left == 0] = np.nan
        return mean[group], median[group]

    def _freed(self, group: Places, value: Floats) -> Places:
        """Return how many stay before each of the cells that are taken out, by group and value."""
        number = np.arange(len(group))
        new_group = np.append(True, group[1:] != group[:-1])[: len(group)]
        new_value = new_group | np.append(True, value[1:] != value[:-1])[: len(group)]
        group_start = np.maximum.accumulate(np.where(new_group, number, 0))
        value_start = np.maximum.accumulate(np.where(new_value, number, 0))
        return np.asarray(self._rank(group, value) - (value_start - group_start))

    def _rank(self, group: Places, value: Floats) -> Places:
        """Return how many of its group are below each value: bisection of all at once."""
        low, high = np.zeros(len(group), np.intp), self._count[group]
        while (low < high).any():
            middle = (low + high) // 2
            below = (low < high) & (
                self._sorted[group, middle.clip(max=self._count.max() - 1)] < value
            )
            low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
        return low


_MS: Final = timedelta(milliseconds=1)


def _note(one: _Sample, bars: int, block: int, horizon: str) -> str | None:
    """Return why there are no figures; None if there are."""
    if not one.firing_count:
        return "did not fire"
    if one.episode_count < LEAST_EPISODES:
        found = formats.plural(one.episode_count, "independent episode")
        return f"{found}; at least {LEAST_EPISODES} are needed"
    if bars < LEAST_BLOCKS * block:
        least = formats.span(LEAST_BLOCKS * block * BAR)
        return f"{formats.span(bars * BAR)} of bars; {horizon} needs {least}"
    return None


def _figures(
    samples: Sequence[_Sample], bars: int, block: int, draw: np.random.Generator
) -> Iterator[dict[str, float]]:
    """Yield the figures of each sample, from the same resamples."""
    if not samples:
        return
    columns = [column for one in samples for column in _by_bar(one, bars)]
    means = block_means(np.stack(columns, axis=1), len(_TERMS), block, draw)
    for number, one in enumerate(samples):
        excess, hit, below = means[:, number * 3 : number * 3 + 3].T
        yield _of_sample(one, excess, hit, below)


_TERMS: Final = ("excess", "hit", "below")


def _by_bar(one: _Sample, bars: int) -> Iterator[Floats]:
    """Yield how many outcomes each bar has, and their sums of excess, hits and below the median."""
    over = one.over_median
    terms = (one.outcome - one.base_mean, one.hits, (over < np.median(over)).astype(float))
    yield np.bincount(one.row, minlength=bars).astype(float)
    for term in terms:
        yield np.bincount(one.row, term, minlength=bars).astype(float)


def block_of(overlap: timedelta) -> timedelta:
    """Return how long a block is for outcomes that overlap others for as long as *overlap*."""
    return max(_BLOCK_HORIZONS * overlap, _LEAST_BLOCK)


def block_means(sums: Floats, terms: int, block: int, draw: np.random.Generator) -> Floats:
    """Return resampled means by the circular block bootstrap.

    Blocks of *block* bars are drawn with replacement from the record, whose end is joined to its
    beginning, until they are as long as it is. All that falls into a block stays together, of all
    pairs. Politis & Romano (1992), "A circular block-resampling procedure for stationary data", in
    LePage & Billard, Exploring the Limits of Bootstrap; beside the stationary bootstrap of random
    block lengths in (1994), "The stationary bootstrap", J. Am. Stat. Assoc. 89.

    Args:
        sums: Per bar a count, then so many sums as there are *terms*; again for each sample.
            (T, K * (1 + terms))
        terms: How many sums follow each count.
        block: [bars]
        draw: Where chance comes from.

    Returns:
        Sum through count of each resample; NaN where it has nothing. (RESAMPLES, K * terms)
    """
    bars, needed = len(sums), -(-len(sums) // block)
    totals = np.cumsum(np.vstack([np.zeros((1, sums.shape[1])), sums, sums[: block - 1]]), axis=0)
    blocks = (totals[block:] - totals[:-block]).astype(np.float32)
    parts = []
    for first in range(0, RESAMPLES, _CHUNK):
        count = min(_CHUNK, RESAMPLES - first)
        starts = draw.integers(0, bars, (count, needed)) + bars * np.arange(count)[:, None]
        drawn = np.bincount(starts.reshape(-1), minlength=count * bars).reshape(count, bars)
        parts.append(drawn.astype(np.float32) @ blocks)
    found = np.vstack(parts).astype(float).reshape(RESAMPLES, -1, 1 + terms)
    with np.errstate(divide="ignore", invalid="ignore"):
        means: Floats = found[:, :, 1:] / found[:, :, :1]
    return means.reshape(RESAMPLES, -1)


def _of_sample(one: _Sample, excess: Floats, hit: Floats, below: Floats) -> dict[str, float]:
    """Return the figures of a sample from its means, resampled.

    The interval of the median is Woodruff's (1952, "Confidence intervals for medians and other
    position measures", J. Am. Stat. Assoc. 47): that of the share below it, read off the values.
    """
    p10, median, p90 = np.percentile(one.outcome, (10, 50, 90))
    over, mean = one.over_median, float((one.outcome - one.base_mean).mean())
    low, high = np.nanpercentile(excess, LEVEL)
    hit_low, hit_high = 100 * np.nanpercentile(hit, LEVEL)
    median_low, median_high = np.quantile(over, np.nanpercentile(below, LEVEL))
    return {
        **{"p10": p10, "median": median, "p90": p90, "base_median": one.base_median.mean()},
        **{"hit_pct": 100 * one.hits.mean(), "hit_low_pct": hit_low, "hit_high_pct": hit_high},
        **{"mean_excess": mean, "mean_low": low, "mean_high": high},
        **{"median_excess": float(np.median(over)), "median_low": median_low},
        **{"median_high": median_high, "p": _p(excess, mean)},
    }


def _p(means: Floats, mean: float) -> float:
    """Return how often resamples are as far from *mean* as that is from 0."""
    known = means[np.isfinite(means)]
    return float((1 + (np.abs(known - mean) >= abs(mean)).sum()) / (1 + len(known)))
