"""Checks of the lake: coverage, gaps, completeness, refused values, and whether units are right.

Every question is asked for a time, ``now``, and a span before it, and sees only what
was known then: rows received up to then, and bars that were over. What nobody could
expect is not counted as missing: a venue counts from its first row of the span or of
the week before, a metric only where its venue stated it once in that time.

All functions take these arguments, and raise ``QueryError`` that names the one that is wrong:

- ``cursor`` on the lake; a lake that cannot be read is a ``LakeError``.
- ``now``: with a zone.
- ``span``: how far before ``now`` to look, more than nothing.
- ``venues`` of ``VENUES`` and ``metrics`` of ``METRICS``: only these; None means all.
- ``known_by``: bars as they were known then; None means at ``now``.

They return frames, sorted by their first columns, times in UTC. A frame without rows has
the same columns; where ``now`` lies before the first row, all are such.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd

from analytics import query
from analytics.errors import QueryError
from analytics.lake.schema import BAR
from analytics.quality.history_reach import ANY_AGE, REACH, reach

VENUES: Final = tuple(REACH)
"""The venues that can be asked for."""

METRICS: Final = (
    *("price", "mark", "index", "volume_usd", "volume_24h_usd", "oi_base", "oi_usd"),
    *("funding_rate", "funding_interval_h"),
    *("ls_accounts", "ls_top_accounts", "ls_top_positions"),
    *("book_imbalance", "spread_bps"),
    *("taker_buy_usd", "taker_sell_usd", "liq_long_usd", "liq_short_usd"),
)
"""The quantities that a bar keeps; the price is the bar's close."""

LOOK_BACK: Final = timedelta(days=7)
"""How far before the span to look for what may be expected within it."""

AUDIT_BAND: Final = 0.2
"""How far open interest in USD may be from what the venue says itself. [ratio]"""

SIDES_BAND: Final = 1.6
"""A venue is doubted whose open interest for what is traded is so many times the others'. [ratio]

Between 1 and 2, which is what counting both sides makes of it; venues also differ truly.
"""

LEAST_BASES: Final = 3
"""With fewer bases in common nothing is said: one of them may be traded oddly."""

_EXACT: Final = 1e-9
"""How far a stored figure may be from the same one recomputed. [ratio]"""


def coverage(
    cursor: duckdb.DuckDBPyConnection,
    *,
    now: datetime,
    span: timedelta,
    venues: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    known_by: datetime | None = None,
) -> pd.DataFrame:
    """Return which share of the expected five-minute bars has a value.

    ``bar_gaps.sql`` says which bars are expected of an instrument.

    Returns:
        One row per venue and metric: venue, metric, pairs (instruments expected),
        expected [bars], present [bars], coverage_pct [%].
    """
    rows = _bar_gaps(cursor, now, span, venues, metrics, known_by)
    rows = rows.drop_duplicates(["venue", "symbol", "metric"])
    sums = rows.groupby(["venue", "metric"], as_index=False).agg(
        pairs=("symbol", "size"), expected=("expected", "sum"), present=("present", "sum")
    )
    return sums.assign(coverage_pct=100 * sums["present"] / sums["expected"])


def gaps(
    cursor: duckdb.DuckDBPyConnection,
    *,
    now: datetime,
    span: timedelta,
    venues: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    known_by: datetime | None = None,
) -> pd.DataFrame:
    """Return every stretch of expected five-minute bars without a value.

    A gap is repairable as far as the venue's own history still reaches at *now*
    (``analytics.quality.history_reach``); what is older than that is lost.

    Returns:
        One row per gap: venue, symbol, metric, base, start_ts and end_ts (of the first
        missing bar, and after the last), bars [bars], running (it goes on to the end of
        the span), repairable_bars [bars], repairable (whether there are any).
    """
    rows = _bar_gaps(cursor, now, span, venues, metrics, known_by)
    rows = rows[rows["gap_start_ts"].notna()]
    oldest = _oldest_given(rows, now)
    start, end = rows["gap_start_ts"], rows["gap_end_ts"]
    repairable = _bars_between(start.where(start > oldest, oldest.dt.ceil(BAR)), end)
    found = pd.DataFrame(
        {
            **{name: rows[name] for name in ("venue", "symbol", "metric", "base")},
            "start_ts": start,
            "end_ts": end,
            "bars": _bars_between(start, end),
            "running": end == rows["end_ts"],
            "repairable_bars": repairable,
            "repairable": repairable > 0,
        }
    )
    return found.reset_index(drop=True)


def refusals(
    cursor: duckdb.DuckDBPyConnection,
    *,
    now: datetime,
    span: timedelta,
    venues: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return what validation refused, by column and reason, most often first.

    Returns:
        One row per venue, metric and reason: venue, metric (the snapshot's column; ``row``
        for whole rows), reason, refused [values], cycles (in which that happened),
        first_ts and last_ts (ends of the first and the last of them).
    """
    return _fetch(cursor, "refusals", now, span, venues)


def unit_audit(
    cursor: duckdb.DuckDBPyConnection,
    *,
    now: datetime,
    span: timedelta,
    venues: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return how the newest open interest of each instrument came about, and whether it holds.

    Recomputed from the raw figure alone: quoted units are raw, raw x contract_size, or
    raw / mark, as the venue counts quoted units, contracts or USD; times the multiplier
    they are base coins, times the mark USD.

    Returns:
        One row per instrument: venue, symbol, base, received_ts, oi_raw [oi_unit], oi_unit,
        contract_size [quoted units], multiplier, mark [quote currency], oi_base [base
        coins], oi_usd [USD], oi_base_recomputed [base coins], oi_usd_recomputed [USD],
        oi_venue_usd [USD], venue_ratio (recomputed oi_usd over the venue's own), ok
        (whether that is within 20 % of 1; NA where the venue states no figure), as_stored
        (whether the recomputed figures are the stored ones; NA where none is stored).
    """
    rows = _fetch(cursor, "unit_audit", now, span, venues)
    # The band is of the venue's figure, as it is when a snapshot is validated.
    beside_venue = (rows["venue_ratio"] - 1).abs()
    off = pd.concat(
        [(rows[f"{name}_recomputed"] / rows[name] - 1).abs() for name in ("oi_base", "oi_usd")],
        axis=1,
    ).max(axis=1)
    return rows.assign(
        ok=(beside_venue <= AUDIT_BAND).astype("boolean").mask(beside_venue.isna()),
        as_stored=(off <= _EXACT).astype("boolean").mask(off.isna()),
    )


def oi_beside_volume(
    cursor: duckdb.DuckDBPyConnection,
    *,
    now: datetime,
    span: timedelta,
    venues: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return whether a venue's open interest may be of both sides, by what is traded on it.

    No venue's own figures show a factor of two in all of them alike; beside other venues it
    shows. It is a hint and corrects nothing: venues differ in what is traded on what is held.

    Returns:
        One row per venue that shares a base with another: venue, bases (that it shares), oi_days
        [days], oi_days_beside [ratio], ok (whether that is within 1 / 1.6 and 1.6; NA with
        fewer than three bases).
    """
    rows = _fetch(cursor, "oi_beside_volume", now, span, venues)
    beside = rows["oi_days_beside"]
    ok = beside.between(1 / SIDES_BAND, SIDES_BAND).astype("boolean")
    return rows.assign(ok=ok.mask(rows["bases"] < LEAST_BASES))


def completeness(
    cursor: duckdb.DuckDBPyConnection,
    *,
    now: datetime,
    span: timedelta,
    interval: timedelta,
    venues: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    known_by: datetime | None = None,
) -> pd.DataFrame:
    """Return how much is stored of what the cycles should have stored.

    Expected is the size of the universe times the cycles that should have run; the
    universe is what the cycles themselves asked of (``completeness.sql``). The cycle
    that is under way counts as far as its time has passed.

    Args:
        cursor: See the module.
        now: See the module.
        span: See the module.
        interval: Time between two cycles, as the collector was set to.
        venues: See the module.
        metrics: Of ``METRICS`` and ``snapshots``, which stands for the rows themselves.
        known_by: See the module.

    Returns:
        One row per venue and metric that was stated: venue, metric, universe [instruments],
        cycles_expected, cycles_stored, expected [values], stored [values],
        completeness_pct (at most 100) [%].

    Raises:
        QueryError: *interval* is not above 0, or a name is unknown.
    """
    if interval <= timedelta(0):
        raise QueryError(f"interval: must be positive, not {interval}")
    names = _known("metrics", metrics, ("snapshots", *METRICS))
    interval_s = interval.total_seconds()
    rows = _fetch(cursor, "completeness", now, span, venues, earliest=True, interval_s=interval_s)
    seen = {"known_by": known_by or now}
    stated = _fetch(cursor, "freshness", now, span, venues, earliest=True, **seen)
    said = pd.MultiIndex.from_frame(stated[["venue", "metric"]])
    is_said = pd.MultiIndex.from_frame(rows[["venue", "metric"]]).isin(said)
    chosen = is_said | (rows["metric"] == "snapshots")
    if names is not None:
        chosen &= rows["metric"].isin(names)
    return rows[chosen].reset_index(drop=True)


def _bar_gaps(
    cursor: duckdb.DuckDBPyConnection,
    now: datetime,
    span: timedelta,
    venues: Sequence[str] | None,
    metrics: Sequence[str] | None,
    known_by: datetime | None,
) -> pd.DataFrame:
    names, seen = _known("metrics", metrics, METRICS), {"known_by": known_by or now}
    return _fetch(cursor, "bar_gaps", now, span, venues, earliest=True, metrics=names, **seen)


def _fetch(
    cursor: duckdb.DuckDBPyConnection,
    name: str,
    now: datetime,
    span: timedelta,
    venues: Sequence[str] | None,
    *,
    earliest: bool = False,
    **params: object,
) -> pd.DataFrame:
    """Run the query called *name* over the *span* before *now*."""
    if now.tzinfo is None:
        raise QueryError(f"now: {now} has no time zone; pass UTC")
    if span <= timedelta(0):
        raise QueryError(f"span: must be positive, not {span}")
    try:
        since = now.astimezone(UTC) - span
        begin = since - LOOK_BACK
    except OverflowError as error:
        raise QueryError(f"span: {span} begins before the year 1") from error
    if earliest:
        params["earliest"] = begin
    wanted = _known("venues", venues, VENUES)
    return query.fetch(cursor, name, now=now, since=since, venues=wanted, **params)


def _known(argument: str, names: Sequence[str] | None, allowed: Sequence[str]) -> list[str] | None:
    """Return *names*, or raise QueryError that names the *argument* and what is allowed."""
    if names is None:
        return None
    given = [names] if isinstance(names, str) else list(names)
    for name in given:
        if name not in allowed:
            raise QueryError(f"{argument}: {name!r} is not one of {', '.join(allowed)}")
    return given


def _oldest_given(rows: pd.DataFrame, now: datetime) -> pd.Series[Any]:
    """Return, for each gap, from when on its venue still gives the metric; *now* for never."""
    first = datetime(1970, 1, 1, tzinfo=UTC)
    oldest = [
        first if (age := reach(venue, metric)) == ANY_AGE else now.astimezone(UTC) - age
        for venue, metric in zip(rows["venue"], rows["metric"], strict=True)
    ]
    return pd.Series(oldest, rows.index, dtype=rows["gap_start_ts"].dtype)


def _bars_between(start: pd.Series[Any], end: pd.Series[Any]) -> pd.Series[Any]:
    """Return how many five-minute bars start from *start* on and before *end*; 0 if it is later."""
    seconds = (end - start).dt.total_seconds()
    return (seconds // BAR.total_seconds()).clip(lower=0).astype(np.int64)
