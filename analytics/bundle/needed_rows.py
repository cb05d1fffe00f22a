"""Which rows of the record a bundle needs, and writing them: the same rows give the same bytes.

Rules look back, and some compare with other pairs. So bars begin as far before the range as its
rules look, and where a rule ranks or compares, the other pairs are there too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from analytics.lake import schema
from analytics.lake.records import AlertEvent
from analytics.lake.schema import BAR
from analytics.lake.session import lake_errors
from analytics.panels.panel import TIMEFRAMES
from analytics.rules import columns, past_levels
from analytics.rules.frames import names_read
from analytics.rules.rules_file import Rule

_DAY: Final = timedelta(days=1)
_MARGIN: Final = timedelta(hours=3)
"""Passes look at hours that are over, and at two bars before them; silence is three cycles."""
_ROWS_BEFORE: Final = 6
"""Bars that are read before the first one looked at: some may be late, and a span cuts into one."""
_NEAR: Final = timedelta(minutes=5)
"""How far from a span before its time a page looks for a snapshot to compare with."""
_ROW_GROUP: Final = 100_000

Window = tuple[datetime, datetime]
"""After the first time, up to the second. UTC, without a zone."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a bundle shall be of."""

    start: datetime
    """Firings are after it. UTC."""
    end: datetime
    """The last time that is evaluated. UTC."""
    rules: tuple[Rule, ...]
    bases: tuple[str, ...] | None = None
    """Stored bases of the chosen pairs; None: all."""
    subjects: frozenset[str] | None = None
    """Pairs and assets that were chosen, in the record's words; None: all."""
    conditions: tuple[Rule, ...] = ()
    """Those of simulated trades: their bars are needed as well."""
    warm_up: timedelta = timedelta()
    """How far before the start the signals of simulated trades look."""

    @property
    def reads(self) -> tuple[Rule, ...]:
        """All that looks at bars."""
        return (*self.rules, *self.conditions)

    @property
    def first(self) -> datetime:
        """From when on bars are needed."""
        return self.start - max(look_back(self.reads), self.warm_up + _MARGIN)

    def concerns(self, event: AlertEvent) -> bool:
        """Return whether *event* is about what was chosen; market and venues always are."""
        is_all = self.subjects is None or event.per in ("market", "venue")
        return is_all or event.subject in (self.subjects or ())


def look_back(rules: Sequence[Rule]) -> timedelta:
    """Return how far before a time bars are read for *rules*, and for changes over a day."""
    spans = [_DAY]
    for (per, timeframe), names in names_read(rules).items():
        for name in names:
            column = columns.named(per, name, timeframe)
            if column.timeframe is None:
                spans.append((past_levels.reads([name])[1] + _ROWS_BEFORE) * BAR)
                continue
            quantity = "z_oi" if column.quantity == columns.CONFLUENCE else column.quantity
            bars = columns.looked_back([quantity])[1] + _ROWS_BEFORE
            spans.append(bars * TIMEFRAMES[column.timeframe])
    return max(spans) + _MARGIN


def look_back_at_others(rules: Sequence[Rule]) -> timedelta | None:
    """Return how far before a time *rules* read bars of pairs of any base; None: of no others."""
    if of_market := [rule for rule in rules if rule.per == "market"]:
        return look_back(of_market)
    compare = any(rule.scope.top or "funding_excess_pct" in rule.reads for rule in rules)
    return look_back(()) if compare else None


def write(cursor: duckdb.DuckDBPyConnection, wanted: Wanted, table: str, file: Path) -> int:
    """Write the rows of *table* that *wanted* needs as Parquet, a day after the other.

    Returns:
        How many rows there are.

    Raises:
        LakeError: The lake cannot be read.
    """
    count, stored = 0, schema.arrow_schema(table)
    with pq.ParquetWriter(file, stored, compression="zstd") as written:
        for rows in _parts(cursor, wanted, table):
            count += rows.num_rows
            written.write_table(rows.cast(stored), row_group_size=_ROW_GROUP)
    return count


def _parts(cursor: duckdb.DuckDBPyConnection, wanted: Wanted, table: str) -> Iterator[pa.Table]:
    keys, time = ", ".join(schema.KEYS[table]), _TIMES.get(table)
    within = f" and {time} > $since::timestamp_ms and {time} <= $until::timestamp_ms"
    where = f"{_WHERE[table]}{within if time else ''}"
    question = f"select {_COLUMNS.get(table, '*')} from {table} where {where} order by {keys}"  # noqa: S608 - our own names
    every = _parameters(wanted)
    params = {name: value for name, value in every.items() if f"${name}::" in question}
    for since, until in _by_day(_windows(wanted, table)) if time else [(None, None)]:
        bounds = {"since": since, "until": until} if time else {}
        with lake_errors("cannot read the rows of a bundle"):
            yield cursor.execute(question, params | bounds).to_arrow_reader(1_000_000).read_all()


_COLUMNS: Final = {
    # When it was listed last is known later, and changes with every look at the venue.
    "instruments": "* replace (least(last_seen_ts, $end::timestamp_ms) as last_seen_ts)",
}
_OF_PAIRS: Final = (
    "($bases::varchar[] is null or list_contains($bases::varchar[], base) or {others})"
)
_WITH_OTHERS: Final = _OF_PAIRS.format(others="$near::timestamp_ms is not null")
_TIMES: Final = {
    "snapshots": "received_ts",
    "bars": "ts",
    "cycles": "finished_ts",
    "liquidations": "received_ts",
}
_WHERE: Final = {
    "instruments": f"{_WITH_OTHERS} and first_seen_ts <= $end::timestamp_ms",
    "snapshots": _WITH_OTHERS,
    "bars": _OF_PAIRS.format(others="ts >= $near::timestamp_ms"),
    "cycles": "true",
    "liquidations": _WITH_OTHERS,
    "gaps": "ended_ts > $start::timestamp_ms - interval 1 day and started_ts <= $end::timestamp_ms",
    # Of what was before the start, that from which a pass at the start goes on.
    "alert_events": """
        list_contains($rules::varchar[], rule)
        and (
            $subjects::varchar[] is null
            or per in ('market', 'venue')
            or list_contains($subjects::varchar[], subject)
        )
        and ts <= $end::timestamp_ms
        and (
            ts > $start::timestamp_ms
            or (rule, version, subject, ts) in (
                select (rule, version, subject, max(ts)) from alert_events
                where ts <= $start::timestamp_ms
                group by rule, version, subject, change = 'resolved'
            )
        )""",
}


def _parameters(wanted: Wanted) -> dict[str, Any]:
    others = look_back_at_others(wanted.reads)
    return {
        "start": _plain(wanted.start),
        "end": _plain(wanted.end),
        "near": None if others is None else _plain(wanted.start - others),
        "bases": None if wanted.bases is None else list(wanted.bases),
        "rules": [rule.name for rule in wanted.rules],
        "subjects": None if wanted.subjects is None else sorted(wanted.subjects),
    }


def _windows(wanted: Wanted, table: str) -> list[Window]:
    """Return the times of the rows that are needed, one window after the other."""
    start, end = _plain(wanted.start), _plain(wanted.end)
    match table:
        case "bars":
            # A bar that is over at the end began a bar before.
            return [(_plain(wanted.first), end - BAR)]
        case "snapshots":
            then = [(start - span - _NEAR, end - span + _NEAR) for span in TIMEFRAMES.values()]
            return _joined([*then, (start - _MARGIN, end)])
        case _:
            return [(start - _DAY - _MARGIN, end)]


def _joined(windows: Sequence[Window]) -> list[Window]:
    """Return *windows* in order, with those that meet as one."""
    found: list[Window] = []
    for since, until in sorted(windows):
        if found and since <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], until)
        else:
            found.append((since, until))
    return found


def _by_day(windows: Sequence[Window]) -> Iterator[Window]:
    """Cut *windows* at midnight."""
    for since, until in windows:
        while until - since > _DAY:
            midnight = since.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
            yield since, midnight
            since = midnight
        yield since, until


def _plain(time: datetime) -> datetime:
    """Return *time* as the lake keeps it."""
    return time.astimezone(UTC).replace(tzinfo=None)
