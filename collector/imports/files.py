"""Files into the lake: which reader a file belongs to, and the way from there.

A file is parsed and validated whole before the first row of it is stored. Rows
then go in by time, at most ``CHUNK`` to a commit, so that a collector that owns
the lake gets its turn in between. Doing it again stores nothing twice, and
finishes what an interruption left undone.

Readings go into snapshots, and every five minutes they touch get a bar made of
the snapshots stored by then, ours among them: they count as known when the readings
were received, by any program. Rows that are bars already fill the bars there are and
change no value: what was collected wins. They count as known from the import on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from analytics import query
from analytics.files import reshape
from analytics.files.parsed import CHUNK, ParsedFile
from analytics.files.parsing import parse
from analytics.lake.bars import known_at
from analytics.lake.imports import Facts, Outcome
from analytics.lake.schema import BAR
from analytics.lake.writer import Lake
from collector.imports.summary import ImportSummary, Progress

TURN_S = 0.01
"""Pause between two uses of the lake. Locks are not fair: without it the next use takes the lake
before a cycle that waits for it wakes up. [wall s]"""


@dataclass(slots=True)
class Stored:
    """What has been stored so far."""

    rows: Counter[str] = field(default_factory=Counter)
    """New rows by table."""
    bars_filled: int = 0
    replaced: int = 0
    """Rows of earlier imports of the same source that were corrected."""
    differing: int = 0
    """Rows that differ from what is stored, which wins."""
    number: int | None = None
    """The id by which it can be taken back; None where nothing was stored."""

    def take(self, table: str, outcome: Outcome) -> None:
        """Count the *outcome* of rows that the file has for *table*."""
        self.rows[table] += outcome.added
        self.bars_filled += outcome.changed
        self.replaced += outcome.replaced
        self.differing += outcome.differing


def import_file(
    lake: Lake,
    path: Path,
    progress: Progress,
    *,
    now: datetime | None = None,
    read: Callable[[Path, datetime], ParsedFile] | None = None,
) -> ImportSummary:
    """Import one file, blocking until all of it is stored.

    Args:
        lake: Where to; other threads may append to it meanwhile.
        path: A recording, an archive file or a table of ours.
        progress: Called with the rows stored and the total, before and after every commit.
            What it raises stops the import there.
        now: Rows later than this are refused; the wall time if None. UTC.
        read: Reads and checks the file; ``parse`` if None, in this process.

    Raises:
        ImportRefused: The file is not what it claims to be; nothing of it was stored.
        LakeError: The lake took no more; what was stored stays, and importing again is safe.
    """
    now = now or datetime.now(UTC)
    parsed = (read or parse)(path, now)
    stored = store(parsed, lake, progress, now)
    return _summary(parsed, stored)


def store(parsed: ParsedFile, lake: Lake, progress: Progress, now: datetime) -> Stored:
    """Store what *parsed* holds, and the bars of the five minutes it touches.

    Five minutes that are not over at *now* get their bar from the collector.
    """
    stored = Stored()
    if parsed.readings is None:
        return stored
    name, rows = parsed.readings
    touched = touched_bars(rows, now) if name == "snapshots" else None
    done, total = 0, rows.num_rows + (0 if touched is None else touched.num_rows)

    def beat() -> None:
        progress(done, total)

    beat()
    if parsed.instruments is not None:
        stored.rows.update(lake.append(("instruments", parsed.instruments)))
    under_way = lake.importing(_facts(parsed, now))
    for start in range(0, rows.num_rows, CHUNK):
        piece = rows.slice(start, CHUNK)
        if name == "snapshots":
            stored.take(name, under_way.add_snapshots(piece))
        else:
            stored.take(name, under_way.fill_bars(known_at(piece, now)))
        done += piece.num_rows
        beat()
        time.sleep(TURN_S)
    for bars in () if touched is None else bars_made(lake, touched, beat):
        made = under_way.renew_bars(bars)
        stored.rows["bars"] += made.added
        stored.bars_filled += made.changed
        done += bars.num_rows
        beat()
    stored.number = under_way.number
    return stored


def _facts(parsed: ParsedFile, now: datetime) -> Facts:
    """Return what is written down of the import of *parsed*."""
    span = parsed.span
    return Facts(
        source=parsed.source,
        kind=parsed.kind,
        file=parsed.file.name,
        sha256=parsed.sha256,
        stored_ts=now.astimezone(UTC).replace(tzinfo=None),
        first_ts=span["min"],
        last_ts=span["max"],
    )


_TOUCHED = """
    select
        venue,
        symbol,
        time_bucket(interval 5 minutes, received_ts)::timestamp_ms as ts,
        time_bucket(interval 6 hours, received_ts)::timestamp_ms as stretch
    from readings
    group by all
    order by stretch, venue
"""
_TOUCHED_ONLY = "select made.* from made semi join touched using (venue, symbol, ts)"


def touched_bars(readings: pa.Table, now: datetime) -> pa.Table:
    """Return venue, symbol and ts of every five minutes with a reading that are over at *now*."""
    touched = reshape.run(_TOUCHED, readings=readings)
    over = pa.scalar((now.astimezone(UTC) - BAR).replace(tzinfo=None), pa.timestamp("us"))
    return touched.filter(pc.less_equal(touched["ts"].cast(pa.timestamp("us")), over))


def bars_made(lake: Lake, touched: pa.Table, beat: Callable[[], None]) -> Iterator[pa.Table]:
    """Yield the bars of the *touched* five minutes, made of the snapshots stored by now.

    Stretch by stretch, so that the lake is never held for long; gathered to
    about ``CHUNK`` rows, so that a year does not become a thousand small files.
    *beat* is called at every stretch.
    """
    gathered: list[pa.Table] = []
    stretches = touched.group_by(["venue", "stretch"]).aggregate([("ts", "min_max")])
    for one in stretches.to_pylist():
        beat()
        start, last = one["ts_min_max"]["min"], one["ts_min_max"]["max"]
        with lake.cursor() as cursor:
            made = query.table(
                cursor,
                "bars_from_snapshots",
                venues=[one["venue"]],
                start=start.replace(tzinfo=UTC),
                end=last.replace(tzinfo=UTC) + BAR,
                origin="import",
            )
        time.sleep(TURN_S)
        gathered.append(reshape.run(_TOUCHED_ONLY, made=made, touched=touched))
        if sum(bars.num_rows for bars in gathered) >= CHUNK // 2:
            yield pa.concat_tables(gathered)
            gathered.clear()
    if gathered:
        yield pa.concat_tables(gathered)


def _summary(parsed: ParsedFile, stored: Stored) -> ImportSummary:
    venues, span, known = "", parsed.span, 0
    if parsed.readings is not None:
        name, table = parsed.readings
        venues = ", ".join(sorted(pc.unique(table["venue"]).to_pylist()))
        changed = stored.replaced + stored.differing
        changed += stored.bars_filled if name == "bars" else 0
        known = max(table.num_rows - stored.rows[name] - changed, 0)
    return ImportSummary(
        file=str(parsed.file),
        kind=parsed.kind,
        rows_read=parsed.rows_read,
        stored={"snapshots": 0, "bars": 0, **stored.rows},
        bars_filled=stored.bars_filled,
        already_there=known,
        replaced=stored.replaced,
        differing=stored.differing,
        number=stored.number,
        refused=dict(parsed.refused),
        values_refused=dict(parsed.values_refused),
        venue=venues,
        first_ts=_utc(span["min"]),
        last_ts=_utc(span["max"]),
        notes=parsed.notes,
    )


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
