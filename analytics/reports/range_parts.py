"""All parts of the report of a range: the cover, the chosen pages, alerts and simulated trades."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import duckdb
import pandas as pd

from analytics import formats, query
from analytics.errors import QueryError
from analytics.exports.exported_table import Column, Section
from analytics.exports.report import Figure, Report
from analytics.panels.bases import bases
from analytics.quantities import QUANTITIES
from analytics.reports import market_parts, pair_part
from analytics.reports.range_request import LONGEST, PARTS, SHORTEST, Asked, Source
from analytics.rules import episode_words

_BREAK_CYCLES: Final = 3
"""As on the pages: without data for more than so many cycles, a venue is silent."""
_MAX_GAPS: Final = 200
_MAX_ALERTS: Final = 500
_ORIGINS: Final[Mapping[str, str]] = {
    "live": "recorded from the exchanges",
    "simulator": "recorded from a simulated market",
    "studio": "an uploaded record",
}
_GAPS: Final = (
    Column("from_ts", "From", "time"),
    Column("to_ts", "To", "time"),
    Column("lasted_s", "Lasted", "span"),
    Column("venue", "Venue", "venue"),
    Column("what", "What is missing"),
    Column("outcome", "Repaired"),
)
_ALERTS: Final = (
    Column("fired_ts", "Fired", "time"),
    Column("ended_ts", "Until", "time"),
    Column("rule", "Rule"),
    Column("about", "Of"),
    Column("severity", "Severity"),
    Column("message", "Message"),
)


def parts(
    cursor: duckdb.DuckDBPyConnection, asked: Asked, trades: Sequence[Section] = ()
) -> list[Report]:
    """Return the parts of the report of a range, the cover first.

    Args:
        cursor: On the lake.
        asked: Range, pages and pairs.
        trades: Tables of simulated trades that belong to it.

    Raises:
        QueryError: The range is none of the record.
        LakeError: The lake cannot be read.
    """
    refuse_range(cursor, asked)
    info = query.fetch(cursor, "lake_info").set_index("key")["value"]
    counted = bases(cursor, asked.end, asked.known_by)
    source = Source(cursor, asked, info["origin"], counted)
    made: dict[str, Callable[[Source], Report]] = {
        "Overview": market_parts.overview,
        "Market": pair_part.market,
        "Heatmap": market_parts.heatmap,
        "Correlation": market_parts.correlation,
        "Exchanges": market_parts.exchanges,
        "Alerts": _alerts,
    }
    found = [made[name](source) for name in PARTS if name in asked.parts]
    if trades:
        found.append(source.part("Simulated trades", sections=trades))
    return [_cover(source, found), *found]


def refuse_range(cursor: duckdb.DuckDBPyConnection, asked: Asked) -> None:
    """Raise QueryError unless the range is one, and at least in part on record."""
    if asked.end <= asked.start:
        raise QueryError(f"{asked.words}: the end is not after the start")
    if not SHORTEST <= asked.span <= LONGEST:
        least, most = formats.span(SHORTEST), formats.span(LONGEST)
        raise QueryError(f"{asked.words}: a range lasts from {least} to {most}")
    (span,) = query.fetch(cursor, "record_span", near=asked.end).to_dict("records")
    if pd.isna(span["first_ts"]) or asked.end < span["first_ts"] or asked.start > span["last_ts"]:
        first, last = formats.moment(span["first_ts"]), formats.moment(span["last_ts"])
        raise QueryError(f"{asked.words} is not on record, which is from {first} to {last}")


def _cover(source: Source, found: Sequence[Report]) -> Report:
    asked, gaps = source.asked, _gaps(source)
    cycles = source.fetch("venue_steps", start=asked.start)
    mine = cycles[cycles["ended_ts"] > pd.Timestamp(asked.start)]
    state = {
        "Source": _ORIGINS.get(source.origin, source.origin),
        "Known": "with what was fetched later"
        if asked.known_by == query.ANY_TIME
        else "as it was known at the end of the range",
        "Venues": formats.venues(sorted({*mine["venue"]})) if len(mine) else "none collected live",
        "Pages": formats.listed([part.title for part in found], 9),
        "Pairs": formats.listed([formats.on_venue(s, v) for v, s in asked.pairs], 40) or "none",
    }
    alerts = source.fetch("alert_firings", start=asked.start, end=asked.end, parts=1)
    fired = int(alerts["firings"].sum())
    asked_for, stored = (int(mine[name].sum()) for name in ("asked", "answered"))
    figures = (
        Figure("Gaps of the record", formats.count(len(gaps))),
        Figure("Alerts that fired", formats.count(fired)),
        Figure(
            "Snapshots stored",
            QUANTITIES["share_pct"].write(100 * stored / asked_for)
            if asked_for
            else formats.ABSENT,
        ),
    )
    note = None if len(gaps) <= _MAX_GAPS else f"First {_MAX_GAPS} of {len(gaps):,}."
    sections = [Section("Gaps", gaps.head(_MAX_GAPS), _GAPS, note)]
    return source.part(f"Replay of {asked.words}", figures, (), sections, also=state)


def _gaps(source: Source) -> pd.DataFrame:
    """Return when venues, or single streams, gave nothing."""
    asked = source.asked
    silent = source.fetch(
        "record_gaps",
        start=asked.start,
        end=asked.end,
        break_s=_BREAK_CYCLES * asked.cycle.total_seconds(),
    )
    silent = silent.assign(what="All data", outcome=None)
    streams = source.fetch("stream_gaps", span_s=int(asked.span.total_seconds()))
    pairs = streams["symbol"].where(streams["symbol"] != "*", "all pairs").map(formats.pair)
    streams = streams.assign(what=streams["channel"] + ", " + pairs)
    rows = pd.concat([silent, streams]).rename(
        columns={"started_ts": "from_ts", "ended_ts": "to_ts"}
    )
    lasted = (rows["to_ts"] - rows["from_ts"]).dt.total_seconds()
    venues = rows["venue"].fillna("every venue")
    return rows.assign(lasted_s=lasted, venue=venues).sort_values("from_ts", kind="stable")


def _alerts(source: Source) -> Report:
    episodes = source.fetch("alert_episodes", since=source.asked.start)
    fired = episodes[episodes["fired_ts"] > pd.Timestamp(source.asked.start)]
    rows = fired.sort_values(["fired_ts", "rule", "subject"], kind="stable")
    words = [episode_words.subject(row) for row in rows.to_dict("records")]
    rows = rows.assign(about=words)
    few = "" if len(rows) <= _MAX_ALERTS else f"First {_MAX_ALERTS} of {len(rows):,}. "
    note = f"{few}As the collector stored them; one without an end was still firing."
    return source.part(
        "Alerts", sections=[Section("Alerts", rows.head(_MAX_ALERTS), _ALERTS, note)]
    )
