"""What a scorecard is made of: firings of rules, and the bars that they are judged by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import duckdb
import pandas as pd

from analytics import query
from analytics.panels.bases import bases
from analytics.panels.panel import Panel, load
from analytics.rules.history import replay
from analytics.rules.reading import mark
from analytics.rules.rules_file import Rule
from analytics.rules.scorecard import METRICS, score

_COLUMNS: Final = ("rule", "per", "venue", "symbol", "base", "fired_ts")


def looked_back(
    cursor: duckdb.DuckDBPyConnection,
    rules: Sequence[Rule],
    now: datetime,
    span: timedelta,
    *,
    known_by: datetime | None = None,
) -> pd.DataFrame:
    """Return when *rules* would have fired in the *span* before *now*, by five-minute bars.

    rule, per, venue, symbol, base and fired_ts, as ``scorecard.score`` takes them.

    Raises:
        QueryError: *now* has no zone.
        LakeError: The lake cannot be read.
    """
    per = {rule.name: rule.per for rule in rules}
    events = replay(cursor, rules, now, span, known_by=known_by)
    rows = [
        (one.key.rule, per[one.key.rule], *one.key.subject[:2], one.base, one.ts)
        for one in events
        if one.change == "firing"
    ]
    found = pd.DataFrame(rows, columns=list(_COLUMNS))
    return found.astype({"fired_ts": "datetime64[ms, UTC]"})


def recorded(
    cursor: duckdb.DuckDBPyConnection, rules: Iterable[Rule], now: datetime, span: timedelta
) -> pd.DataFrame:
    """Return when *rules*, as they are now, fired in the *span* before *now*, by the record.

    As :func:`looked_back`.

    Raises:
        LakeError: The lake cannot be read.
    """
    since = now - span
    return of_episodes(query.fetch(cursor, "alert_episodes", now=now, since=since), rules, since)


def of_episodes(episodes: pd.DataFrame, rules: Iterable[Rule], since: datetime) -> pd.DataFrame:
    """Return those of *episodes* that fired after *since*, of the versions that *rules* have."""
    versions = pd.MultiIndex.from_tuples(
        [(rule.name, rule.version) for rule in rules], names=["rule", "version"]
    )
    is_of = pd.MultiIndex.from_frame(episodes[["rule", "version"]]).isin(versions)
    fired = episodes["fired_ts"] > pd.Timestamp(since)
    return episodes.loc[is_of & fired, list(_COLUMNS)].reset_index(drop=True)


def outcomes(
    cursor: duckdb.DuckDBPyConnection,
    now: datetime,
    span: timedelta,
    *,
    known_by: datetime | None = None,
) -> Panel:
    """Return the bars of the *span* before *now*, by which firings are judged.

    Raises:
        QueryError: *now* has no zone.
        LakeError: The lake cannot be read.
    """
    end, seen = mark(now, "5m"), known_by or now
    counted = bases(cursor, end, seen)
    return load(cursor, METRICS, "5m", now=end, known_by=seen, start=end - span, counted=counted)


def scorecard(
    cursor: duckdb.DuckDBPyConnection,
    rules: Sequence[Rule],
    now: datetime,
    span: timedelta,
    *,
    known_by: datetime | None = None,
    as_recorded: bool = True,
) -> pd.DataFrame:
    """Return how *rules* did in the *span* before *now*, as ``scorecard.score`` does.

    Args:
        cursor: On the lake.
        rules: Which are judged together: p is corrected for all of them.
        now: With a zone.
        span: How far before *now* to begin.
        known_by: What became known later is not seen; None: at *now*.
        as_recorded: Whether alerts count that were recorded, else all that would have fired.

    Raises:
        QueryError: *now* has no zone.
        LakeError: The lake cannot be read.
    """
    if as_recorded:
        fired = recorded(cursor, rules, now, span)
    else:
        fired = looked_back(cursor, rules, now, span, known_by=known_by)
    panel = outcomes(cursor, now, span, known_by=known_by)
    return score(panel, fired, [rule.name for rule in rules])
