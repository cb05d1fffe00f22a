"""Files of Binance's public archive, data.binance.vision, of USD-M futures.

One kind of file holds one part of a bar: ``klines`` the prices and flows (see
``binance_klines``), ``metrics`` the open interest and ratios, ``fundingRate``
what was paid. Each fills its columns of the bars and leaves the others alone.

A row of metrics describes one instant and so closes the bar that ends there; a
payment of funding fills the bars of the period that it settled, as a venue's own
history does. Two habits of the archive stand in the way. Times are up to some
seconds late, so an instant up to ``LATE`` off a mark counts as the mark, and one
further off is of none. And since the file of 2026-06-25 metrics are stamped with
the start of their five minutes, before it with their end. So a row of 06-25
00:00 can be of either; the rows around it tell, or the day of the file's name.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from analytics.errors import ImportRefused
from analytics.files import archive_name, binance_klines, contracts, reshape
from analytics.files.archive_name import ArchiveName
from analytics.files.content import Content
from analytics.files.delimited import Delimited
from analytics.files.funding_periods import LATE, periods
from analytics.files.parsed import ParsedFile
from analytics.files.row_checks import numbered
from analytics.lake.schema import arrow_schema

STAMPED_BY_START = datetime(2026, 6, 25)  # noqa: DTZ001 - as Arrow has it
"""From here on metrics are stamped with the start of their five minutes. UTC."""

OFF_MARK = f"time is over {LATE.total_seconds():.0f} s off a five-minute mark"
EITHER = f"stamped {STAMPED_BY_START:%Y-%m-%d %H:%M}, which could be either of two bars"

METRICS = (
    "create_time",
    "symbol",
    "sum_open_interest",
    "sum_open_interest_value",
    "count_toptrader_long_short_ratio",
    "sum_toptrader_long_short_ratio",
    "count_long_short_ratio",
    "sum_taker_long_short_vol_ratio",
)
FUNDING = ("calc_time", "funding_interval_hours", "last_funding_rate")
_PAID = {"funding_rate": "last_funding_rate", "funding_interval_h": "funding_interval_hours"}

_FIRST_LINES = {
    columns[0]: columns for columns in (METRICS, FUNDING, tuple(binance_klines.COLUMNS))
}
"""The first lines of archive files, by their first column."""

WIDTHS = frozenset(map(len, _FIRST_LINES.values()))
"""How many columns a file of the archive can have."""

_METRICS_BARS = """
    with marked as (
        select
            *,
            min(mark) over (partition by symbol) < change as any_before,
            max(mark) over (partition by symbol) > change as any_after,
            row_number() over (partition by symbol, mark order by nth) = 1 as first_of_mark,
            count(*) over (partition by symbol, mark) > 1 as other_of_mark
        from metrics, name
    ),

    stamped as (
        select
            * exclude (symbol),
            symbol as name,
            case
                when mark <> change then mark > change
                when any_before and not any_after then false
                when any_after and not any_before then true
                when any_before and other_of_mark then not first_of_mark
                when not any_before and file_day = change::date then true
                when not any_before and file_day < change::date then false
            end as by_start
        from marked
    ),

    instants as (
        select
            metric.nth,
            contract.symbol,
            contract.base,
            if(metric.by_start, metric.mark, metric.mark - interval 5 minutes) as ts,
            metric.sum_open_interest * contract.multiplier as oi_base,
            metric.sum_open_interest_value as oi_usd,
            metric.count_long_short_ratio as ls_accounts,
            metric.count_toptrader_long_short_ratio as ls_top_accounts,
            metric.sum_toptrader_long_short_ratio as ls_top_positions
        from stamped as metric
        join contracts as contract on metric.name = contract.name
        where metric.by_start is not null
    )

    select
        'binance' as venue, symbol, base, ts::timestamp_ms as ts,
        oi_base, oi_usd, ls_accounts, ls_top_accounts, ls_top_positions,
        0::integer as snapshot_count, 'import' as origin
    from instants
    order by nth
"""


def belongs(first_line: tuple[str, ...]) -> bool:
    """Return whether a CSV with this first line is from the archive."""
    return first_line[0] in _FIRST_LINES or first_line[0].isdecimal()


def read(source: Delimited, content: Content) -> ParsedFile:
    """Read one file of the archive.

    Raises:
        ImportRefused: It is not what its first line or its name says, or of a kind not taken.
    """
    name = archive_name.said_by(source.file, content)
    first = source.first_line
    if first[0].isdecimal():
        return binance_klines.read(source, name, header=False)
    if first != _FIRST_LINES[first[0]]:
        expected = ",".join(_FIRST_LINES[first[0]])
        raise ImportRefused(source.file, f"the header line should be {expected}", 1)
    if first == METRICS:
        return _metrics(source, name)
    if first == FUNDING:
        return _funding(source, name)
    return binance_klines.read(source, name, header=True)


def _metrics(source: Delimited, name: ArchiveName) -> ParsedFile:
    """Read open interest and ratios. The ratio of taker flows has no column here."""
    numbers = dict.fromkeys(METRICS[2:], pa.float64())
    rows = source.table({"create_time": pa.string(), "symbol": pa.string(), **numbers})
    refused, marked = _on_marks(rows, source.moments(rows, "create_time"))
    known, unknown = contracts.of_names(
        pc.unique(rows["symbol"]).to_pylist(), contracts.of_venue_id
    )
    bars = reshape.run(
        _METRICS_BARS,
        metrics=marked,
        contracts=contracts.table(known),
        name=pa.table(
            {
                "change": pa.array([STAMPED_BY_START], pa.timestamp("ms")),
                "file_day": pa.array([_day(name)], pa.date32()),
            }
        ),
    )
    unclear = pc.sum(pc.is_in(marked["symbol"], pa.array(known, pa.string()))).as_py() or 0
    return ParsedFile(
        file=source.file,
        kind="Binance archive: metrics",
        rows_read=rows.num_rows,
        bars=bars,
        instruments=contracts.instruments(known.values(), bars["ts"]),
        refused=+Counter(
            {
                **contracts.count_refused(rows["symbol"], unknown),
                OFF_MARK: refused,
                EITHER: unclear - bars.num_rows,
            }
        ),
        notes=source.notes,
    )


def _funding(source: Delimited, name: ArchiveName) -> ParsedFile:
    """Read settled funding rates; the name says whose."""
    contract = name.contract(source.file)
    rows = source.table(
        {
            "calc_time": pa.string(),
            "funding_interval_hours": pa.float64(),
            "last_funding_rate": pa.float64(),
        }
    )
    refused, marked = _on_marks(rows, source.moments(rows, "calc_time"))
    payments = [
        (row["mark"], {name: row[said] for name, said in _PAID.items()})
        for row in marked.to_pylist()
    ]
    key = {"venue": contracts.VENUE, "symbol": contract.symbol, "base": contract.base}
    made = {**key, "snapshot_count": 0, "origin": "import"}
    bars = pa.Table.from_pylist(
        [{**made, "ts": start, **fields} for start, fields in periods(payments)],
        schema=pa.schema([arrow_schema("bars").field(name) for name in (*made, "ts", *_PAID)]),
    )
    return ParsedFile(
        file=source.file,
        kind="Binance archive: funding",
        rows_read=rows.num_rows,
        bars=bars,
        instruments=contracts.instruments([contract], bars["ts"]),
        refused=+Counter({OFF_MARK: refused}),
        notes=source.notes,
    )


def _on_marks(rows: pa.Table, moments: pa.ChunkedArray) -> tuple[int, pa.Table]:
    """Return how many of *rows* are of no mark of five minutes, and the others with their mark."""
    late = pa.scalar(LATE, pa.duration("ms"))
    mark = pc.floor_temporal(pc.add(moments, late), 5, unit="minute")
    off = pc.subtract(pc.add(moments, late), mark)
    timely = pc.less_equal(off, pa.scalar(2 * LATE, pa.duration("ms")))
    kept = numbered(rows.append_column("mark", mark)).filter(timely)
    return rows.num_rows - kept.num_rows, kept


def _day(name: ArchiveName) -> date | None:
    """Return the day that the file's *name* says, None where it says a month or nothing."""
    try:
        return date.fromisoformat(name.day)
    except ValueError:
        return None
