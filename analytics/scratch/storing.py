"""Storing what was read as a lake: the newest stretch first, in one pass of SQL over Parquet.

Rows never pass through Python. Readings become snapshots, and the bars of those as a collector
makes them. Candles and values at the ends of bars become bars.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from analytics import query
from analytics.errors import ImportRefused, LakeError
from analytics.files.child_process import Answer, Tell
from analytics.files.funding_periods import periods
from analytics.lake import schema
from analytics.lake.clock import INTERVAL_FACT, LakeClock
from analytics.lake.writer import Lake
from analytics.scratch import relation, symbols
from analytics.scratch.aliases import plain
from analytics.scratch.file_plan import BAR_S, CANDLE, FLOWS, Plan, plan
from analytics.scratch.limits import ENGINE_MEMORY, MAX_TEXTS, said
from analytics.scratch.preview import Built, Mapping, Preview, Progress

WINDOW_ROWS = 400_000
"""So many rows, about, are stored in one commit."""
LONGEST_WINDOW = timedelta(days=366)
"""A folder is made for each day of it."""

_MAX_PAYMENTS = 1_000_000
_BATCH_ROWS = 50_000

NO_NUMBER = "not a number"
NO_TIME = "no time that can be"
NO_NAME = "no name of a pair"
TO_COME = "time in the future"
AFTER = "funding paid after the last price"
NOTHING = "no value that can be"
REPEATED = "second row of a pair with the same time"
INCOMPLETE = "candles of five minutes that are not complete"
LONG_CANDLES = (
    "{name}: candles of {minutes:.0f} minutes cannot be taken apart into five; only what held at "
    "their end is taken"
)


@dataclass(slots=True)
class Counts:
    """What became of rows so far."""

    done: int = 0
    snapshots: int = 0
    bars: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    values_refused: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Source:
    """One file on its way into the lake."""

    plan: Plan
    names: pa.Table
    hours: list[tuple[datetime, datetime, int]]
    """First and last time, and rows, of each hour with any. Times as the lake keeps them: UTC
    without a zone."""

    @property
    def rows(self) -> int:
        """How many have a time."""
        return sum(rows for *_, rows in self.hours)

    @property
    def first(self) -> datetime:
        """Its earliest time."""
        return self.hours[0][0]

    @property
    def last(self) -> datetime:
        """Its latest time."""
        return self.hours[-1][1]


def build(asked: Answer, tell: Tell) -> Answer:
    """Build the lake that is *asked* for; runs in the other process.

    Raises:
        ImportRefused: No row of the files can be used, or the lake cannot be written.
    """
    preview = msgspec.convert(asked["preview"], Preview)
    mapping = msgspec.convert(asked["mapping"], Mapping)
    folder = Path(asked["folder"])
    try:
        with Lake(folder, origin="live", memory_limit=ENGINE_MEMORY, threads=2) as lake:
            return {"built": msgspec.to_builtins(_Build(lake, preview, mapping, tell).run())}
    except (LakeError, duckdb.Error) as error:
        cause = error.__cause__ if isinstance(error, LakeError) else error
        if isinstance(cause, duckdb.OutOfMemoryException):
            raise cause from error
        raise ImportRefused(folder, f"the record cannot be built: {said(error)}") from error


class _Build:
    """One build."""

    def __init__(self, lake: Lake, preview: Preview, mapping: Mapping, tell: Tell) -> None:
        self.lake = lake
        self.tell = tell
        self.preview = preview
        self.plans = [plan(file, mapping) for file in preview.files]
        self.now = datetime.now(UTC).replace(tzinfo=None)
        self.counts = Counts()
        self.notes = [note for file in preview.files for note in file.notes]
        self.is_ready = False
        self.total = 0
        self.end = datetime.min  # noqa: DTZ901 - as Arrow has it

    def run(self) -> Built:
        """Store everything."""
        sources = [source for one in self.plans if (source := self._source(one)) is not None]
        if not sources:
            raise ImportRefused(self.lake.layout.folder, "no row has a time and a pair that can be")
        self.total = sum(one.rows for one in sources)
        # Funding alone goes on where the prices ended: nobody looks at that.
        priced = [one for one in sources if one.plan.shape != "payments"] or sources
        self.end = min(max(_end(one) for one in priced), self.now)
        self._state_facts(sources)
        readings = [one for one in sources if one.plan.shape == "snapshots"]
        self._store_snapshots(readings)
        for one in sources:
            if one.plan.shape == "payments":
                self._store_payments(one)
            elif one.plan.shape != "snapshots":
                self._store_bars(one)
        if not self.counts.snapshots + self.counts.bars:
            raise ImportRefused(self.lake.layout.folder, "no row has a value that can be")
        self.lake.publish()
        self._report(None)
        return self._built(sources)

    def _source(self, one: Plan) -> Source | None:
        """Return what *one* file has to store; None where that is nothing."""
        self.counts.refused.update(one.file.refused)
        self.counts.values_refused.update(one.file.values_refused)
        with self.lake.cursor() as cursor:
            cursor.execute("set TimeZone = 'UTC'")
            now = {"now": self.now}
            by_hour = cursor.execute(relation.hours_in(one), now).fetchall()
            for *_, later, untimed in by_hour:
                self.counts.refused.update({NO_TIME: untimed, TO_COME: later})
            hours = sorted((*span, count) for *span, count, _, _ in by_hour if count)
            found = cursor.execute(relation.names_in(one)).fetchmany(MAX_TEXTS + 1)
            figures, statement = relation.unreadable_in(one)
            for row in cursor.execute(statement).fetchall() if figures else ():
                unread = {
                    f"{name}: {NO_NUMBER}": count for name, count in zip(figures, row, strict=True)
                }
                self.counts.values_refused.update(unread)
        if len(found) > MAX_TEXTS:
            raise ImportRefused(
                Path(one.file.name), f"it has over {MAX_TEXTS:,} different names of pairs"
            )
        meanings = [(row, _meant(one, row)) for row in found]
        names = [{**_texts(row), **meant} for row, meant in meanings if meant]
        self.counts.refused[NO_NAME] += sum(row[2] for row, meant in meanings if not meant)
        if not names or not hours:
            return None
        step = one.file.step_s or 0
        if one.shape == "closes" and step > BAR_S and one.lasts:
            self.notes.append(LONG_CANDLES.format(name=one.file.name, minutes=step / 60))
        return Source(one, pa.Table.from_pylist(names, schema=_NAMES), hours)

    def _state_facts(self, sources: Sequence[Source]) -> None:
        """State the clock, which stands at the data's end, and the contracts."""
        clock = LakeClock(
            origin=self.end.replace(tzinfo=UTC), speed=0, started_at=self.end.replace(tzinfo=UTC)
        )
        pauses = [one.plan.file.pause_s for one in sources if one.plan.file.pause_s]
        facts = {"clock": clock.as_json()}
        if pauses:
            facts[INTERVAL_FACT] = str(min(max(min(pauses), 1.0), 3600.0))
        self.lake.set_info(**facts)
        rows = {
            (row["venue"], row["symbol"]): _instrument(row, one)
            for one in reversed(sources)
            for row in one.names.to_pylist()
        }
        self.lake.append(
            (
                "instruments",
                pa.Table.from_pylist(
                    list(rows.values()), schema=schema.arrow_schema("instruments")
                ),
            )
        )

    def _report(self, since: datetime | None) -> None:
        done = self.total if since is None else min(self.counts.done, self.total)
        self.tell(
            msgspec.to_builtins(
                Progress(
                    done=done,
                    total=self.total,
                    is_ready=self.is_ready,
                    since_ts=None if since is None else since.replace(tzinfo=UTC),
                )
            )
        )

    def _stored(self, since: datetime) -> None:
        """Publish the newest stretch once it is stored, and say how far this is."""
        if not self.is_ready and self.counts.snapshots + self.counts.bars:
            self.lake.publish()
            self.is_ready = True
        self._report(since)

    # Snapshots

    def _store_snapshots(self, sources: Sequence[Source]) -> None:
        for first, last in _windows(sources):
            with self.lake.bulk(("snapshots", "bars"), first, last) as cursor:
                self._store_window(cursor, sources, first, last)
            self._stored(first)

    def _store_window(
        self,
        cursor: duckdb.DuckDBPyConnection,
        sources: Sequence[Source],
        first: datetime,
        last: datetime,
    ) -> None:
        within = {"first": first, "last": last}
        figures = _raw(cursor, sources, within)
        ((read,),) = cursor.execute("select count(*) from raw").fetchall()
        self.counts.done += read
        self._count_impossible(cursor, figures)
        rows, kept = _keep(cursor, "snapshots", figures)
        self.counts.refused.update(rows)
        self.counts.snapshots += kept
        cursor.execute("insert into lake.main.snapshots by name from fresh")
        # Bars of what is at hand: to read it back would take as long again.
        cursor.execute("create temp view snapshots as from fresh")
        bars = cursor.execute(
            f"insert into lake.main.bars by name {query.sql('bars_from_snapshots')}",  # noqa: S608
            {"venues": None, "start": first, "end": last, "origin": "import"},
        ).fetchone()
        self.counts.bars += 0 if bars is None else bars[0]
        cursor.execute("drop view snapshots")
        cursor.execute("drop table fresh")
        cursor.execute("drop table raw")

    def _count_impossible(self, cursor: duckdb.DuckDBPyConnection, figures: Sequence[str]) -> None:
        reasons = [
            (f"{name}: {reason}", condition)
            for name in figures
            for reason, condition in relation.objection(name, name).items()
        ]
        counted = ", ".join(f"count(*) filter ({condition})" for _, condition in reasons)
        (row,) = cursor.execute(f"select {counted} from raw").fetchall()  # noqa: S608
        found = {name: count for (name, _), count in zip(reasons, row, strict=True) if count}
        self.counts.values_refused.update(found)

    # Bars

    def _store_bars(self, one: Source) -> None:
        for first, last in _windows([one]):
            with self.lake.cursor() as cursor:
                figures = _raw(cursor, [one], {"first": first, "last": last})
                ((read,),) = cursor.execute("select count(*) from raw").fetchall()
                self.counts.done += read
                self._count_impossible(cursor, figures)
                rows, _ = _keep(cursor, "bars", figures)
                self.counts.refused.update(rows)
                bars, incomplete = _bars(cursor, one.plan, figures)
                self.counts.refused[INCOMPLETE] += incomplete
            added, _ = self.lake.fill_bars(bars)
            self.counts.bars += added
            self._stored(first)

    def _store_payments(self, one: Source) -> None:
        with self.lake.cursor() as cursor:
            span = {"first": one.first, "last": one.last + timedelta(seconds=1)}
            figures = _raw(cursor, [one], span)
            self._count_impossible(cursor, figures)
            rows, _ = _keep(cursor, "bars", figures)
            self.counts.refused.update(rows)
            found = cursor.execute(
                "select venue, symbol, base, ts, funding_rate, funding_interval_h from fresh "
                "order by ts"
            ).fetchmany(_MAX_PAYMENTS)
        self.counts.done += one.rows
        by_pair: dict[tuple[str, str, str], list[tuple[datetime, dict[str, Any]]]] = {}
        for venue, symbol, base, paid, rate, hours in found:
            said = {"funding_rate": rate, "funding_interval_h": hours}
            by_pair.setdefault((venue, symbol, base), []).append((paid, said))
        bars = [
            {"venue": venue, "symbol": symbol, "base": base, **row, **_MADE}
            for (venue, symbol, base), payments in by_pair.items()
            for row in _settled(payments, self.end)
        ]
        self.counts.refused[AFTER] += sum(row[3] > self.end for row in found)
        if bars:
            columns = [schema.arrow_schema("bars").field(name) for name in bars[0]]
            table = pa.Table.from_pylist(bars, schema=pa.schema(columns))
            self.counts.bars += self.lake.fill_bars(table)[0]
        self._stored(one.first)

    def _built(self, sources: Sequence[Source]) -> Built:
        names = [row for one in sources for row in one.names.to_pylist()]
        with self.lake.cursor() as cursor:
            ((first, last),) = cursor.execute(
                "select min(ts), max(ts) from (select min(received_ts) as ts from snapshots union "
                "all select max(received_ts) from snapshots union all select min(ts) from bars "
                "union all select max(ts) + interval 5 minutes from bars)"
            ).fetchall()
        return Built(
            rows_read=sum(file.rows for file in self.preview.files),
            snapshots=self.counts.snapshots,
            bars=self.counts.bars,
            refused=dict(+self.counts.refused),
            values_refused=dict(+self.counts.values_refused),
            venues=tuple(sorted({row["venue"] for row in names})),
            symbols=len({(row["venue"], row["symbol"]) for row in names}),
            first_ts=first.replace(tzinfo=UTC),
            last_ts=min(last, self.end).replace(tzinfo=UTC),
            notes=tuple(dict.fromkeys(self.notes)),
        )


def _settled(
    payments: Sequence[tuple[datetime, dict[str, Any]]], end: datetime
) -> Iterator[dict[str, Any]]:
    """Yield the five minutes that *payments* settled by *end*: known once they were paid."""
    paid = [moment for moment, _ in payments]
    for start, fields in periods(payments):
        known = paid[bisect_left(paid, start + schema.BAR)]
        if known <= end:
            yield {"ts": start, "known_ts": known, **fields}


_MADE = {"snapshot_count": 0, "origin": "import"}
_NAMES = pa.schema(
    [
        *((name, pa.string()) for name in ("venue_text", "symbol_text", "venue", "symbol")),
        *(("base", pa.string()), ("multiplier", pa.float64()), ("quote", pa.string())),
    ]
)


def _texts(row: tuple[str, str, int]) -> dict[str, Any]:
    return {"venue_text": row[0], "symbol_text": row[1]}


def _meant(one: Plan, row: tuple[str, str, int]) -> dict[str, Any] | None:
    """Return the contract that the names of a venue and a pair in a file mean."""
    venue_text, symbol_text, _ = row
    venue = _venue(venue_text or one.answers.get("venue") or one.file.venue or "")
    text = symbol_text or one.answers.get("symbol") or one.file.symbol or ""
    found = symbols.named(text, one.quote(), venue)
    if venue is None or found is None:
        return None
    return {
        "venue": venue,
        "symbol": found.symbol,
        "base": found.base,
        "multiplier": found.multiplier,
        "quote": found.quote,
    }


def _venue(text: str) -> str | None:
    """Return the id of the venue that *text* names: ``binance`` for ``BINANCE_FUTURES``."""
    word = plain(text)
    known = next((one for one in symbols.VENUES if word.startswith(one)), None)
    if known is None and word and word[0].isalpha() and len(word) <= 50:  # noqa: PLR2004
        return word
    return known


def _instrument(row: dict[str, Any], one: Source) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("venue", "symbol", "base", "multiplier", "quote")},
        "venue_id": row["symbol_text"] or row["symbol"],
        "contract_size": float(one.plan.answers.get("contract_size", "1")),
        "linear": not row["symbol"].endswith(f":{row['symbol'].partition('/')[0]}"),
        "oi_unit": "quoted units",
        "in_universe": False,
        "first_seen_ts": one.first,
        "last_seen_ts": one.last,
    }


def _end(one: Source) -> datetime:
    """Return when the last row of *one* was known."""
    if one.plan.shape in ("snapshots", "payments"):
        return one.last
    return _floor(one.last) + schema.BAR


def _windows(sources: Sequence[Source]) -> list[tuple[datetime, datetime]]:
    """Return stretches of whole hours, the newest first, of about ``WINDOW_ROWS`` rows each."""
    counted: Counter[datetime] = Counter()
    for one in sources:
        for first, _, rows in one.hours:
            counted[first.replace(minute=0, second=0, microsecond=0)] += rows
    found: list[tuple[datetime, datetime]] = []
    rows = 0
    for hour in sorted(counted, reverse=True):
        end = found[-1][1] if found else None
        rows += counted[hour]
        if end is None or rows > WINDOW_ROWS or end - hour > LONGEST_WINDOW:
            found.append((hour, hour + timedelta(hours=1)))
            rows = counted[hour]
        else:
            found[-1] = hour, end
    return found


def _floor(moment: datetime) -> datetime:
    return moment - timedelta(
        minutes=moment.minute % 5, seconds=moment.second, microseconds=moment.microsecond
    )


def _raw(
    cursor: duckdb.DuckDBPyConnection, sources: Sequence[Source], within: dict[str, datetime]
) -> list[str]:
    """Keep, as ``raw``, what files have within a stretch of time; return the names of figures."""
    cursor.execute("set TimeZone = 'UTC'")
    parts = []
    for number, one in enumerate(sources):
        # As a table, of which it is known how small it is: else the rows may be hashed for it.
        cursor.register("named", one.names)
        cursor.execute(f"create or replace temp table names_{number} as from named")
        cursor.unregister("named")
        parts.append(
            f"select *, {number} as file from "  # noqa: S608
            f"({relation.rows(one.plan, f'names_{number}', within['first'], within['last'])})"
        )
    union = " union all by name ".join(parts)
    cursor.execute(
        f"create or replace temp table raw as from ({union}) "  # noqa: S608
        "where t >= $first::timestamp_ms and t < $last::timestamp_ms",
        within,
    )
    there = [row[0] for row in cursor.execute("describe raw").fetchall()]
    return [name for name in there if name not in ("venue", "symbol", "base", "t", "file")]


def _keep(
    cursor: duckdb.DuckDBPyConnection, table: str, figures: Sequence[str]
) -> tuple[Counter[str], int]:
    """Keep, as ``fresh``, what of ``raw`` can be stored.

    Returns:
        How many rows were left out, by reason, and how many were kept.
    """
    time = schema.TIMES[table]
    known = schema.arrow_schema(table)
    # Of snapshots a candle's close is the price, and of bars a price is the close.
    ours = {
        {"snapshots": {"close": "price"}, "bars": {"price": "close"}}[table].get(name, name): name
        for name in figures
    }
    ours = {name: theirs for name, theirs in ours.items() if name in known.names}
    values = [f"{relation.possible(theirs, theirs)} as {name}" for name, theirs in ours.items()]
    absent = [
        f"null::{schema.columns(table)[one.name].split()[0]} as {one.name}"
        for one in known
        if one.name not in (*ours, "venue", "symbol", "base", time, *_GIVEN[table])
    ]
    given = {"snapshots": "'imported' as flags", "bars": "0 as snapshot_count, 'import' as origin"}
    selected = ", ".join((*values, *absent, given[table]))
    is_known = " or ".join(f"{name} is not null" for name in ours) or "false"
    cursor.execute(
        f"create or replace temp table checked as select venue, symbol, base, t as {time}, file, "  # noqa: S608
        f"{selected}, {is_known} as is_known from raw"
    )
    ((nothing,),) = cursor.execute("select count(*) from checked where not is_known").fetchall()
    key = f"venue, symbol, {time}"
    cursor.execute(
        "create or replace temp table fresh as select * exclude (is_known, file) "  # noqa: S608
        "from checked where is_known "
        + (
            f"qualify row_number() over (partition by {key} order by file) = 1"
            if _has_repeats(cursor, key)
            else ""
        )
    )
    ((kept, all_rows),) = cursor.execute(
        "select (select count(*) from fresh), (select count(*) from checked)"
    ).fetchall()
    cursor.execute("drop table checked")
    repeated = all_rows - kept - nothing
    reasons = Counter({NOTHING: nothing, REPEATED: repeated})
    return +reasons, kept


_GIVEN = {"snapshots": ("flags",), "bars": ("snapshot_count", "origin")}


def _has_repeats(cursor: duckdb.DuckDBPyConnection, key: str) -> bool:
    ((rows, keys),) = cursor.execute(
        "select (select count(*) from checked where is_known), "  # noqa: S608
        f"(select count(*) from (select distinct {key} from checked where is_known))"
    ).fetchall()
    return bool(rows != keys)


def _bars(
    cursor: duckdb.DuckDBPyConnection, one: Plan, figures: Sequence[str]
) -> tuple[pa.Table, int]:
    """Return the bars of ``fresh``, and how many candles are of five minutes that lack some."""
    step = one.file.step_s or BAR_S
    if one.shape == "closes":
        left_out = [*CANDLE[:3], *FLOWS] if step > BAR_S else []
        replaced = ", ".join(f"null::double as {name}" for name in left_out)
        select = (
            f"select * replace ({replaced}) from fresh"  # noqa: S608
            if left_out
            else "from fresh"
        )
        return _fetched(cursor.execute(select)), 0
    wanted = round(BAR_S / step)
    last = [name for name in figures if name not in (*CANDLE[:3], *FLOWS)]
    last = ["close" if name == "price" else name for name in last]
    values = [f"arg_max({name}, ts) as {name}" for name in dict.fromkeys(last)]
    values += [f"sum({name}) as {name}" for name in FLOWS if name in figures]
    if "open" in figures:
        values.append("arg_min(open, ts) as open")
    values += [f"{how}({name}) as {name}" for name, how in _EXTREMES.items() if name in figures]
    cursor.execute(
        "select venue, symbol, any_value(base) as base, "  # noqa: S608
        f"time_bucket(interval 5 minutes, ts)::timestamp_ms as start, {', '.join(values)}, "
        "0 as snapshot_count, 'import' as origin, count(*) as candles from fresh group by all"
    )
    found = _fetched(cursor)
    found = found.rename_columns(["ts" if name == "start" else name for name in found.column_names])
    complete = pa.compute.equal(found["candles"], wanted)
    lacking = found.filter(pa.compute.invert(complete))["candles"]
    incomplete = pa.compute.sum(lacking).as_py() or 0
    return found.filter(complete).drop_columns(["candles"]), incomplete


def _fetched(result: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return all rows of *result*: in batches, as room is made for a whole one at once."""
    return result.to_arrow_reader(_BATCH_ROWS).read_all()


_EXTREMES = {"high": "max", "low": "min"}
