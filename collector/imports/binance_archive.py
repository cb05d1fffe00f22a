"""Files of Binance's public archive, data.binance.vision, of USD-M futures.

One kind of file holds one part of a bar: ``klines`` the prices and flows (see
``binance_klines``), ``metrics`` the open interest and ratios, ``fundingRate``
what was paid. Each fills its columns of the bars and leaves the others alone.

A row of metrics or funding describes one instant and so closes the bar that
ends there. Two habits of the archive stand in the way. Times are up to some
seconds late, so an instant up to 30 s after a mark counts as the mark.
And since the file of 2026-06-25 metrics are stamped with the start of their
five minutes, before it with their end; the file's range of times tells the two
apart (00:00 to 23:55, earlier 00:05 to 00:00).
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.errors import ImportRefused
from collector.imports import archive_name, binance_klines, contracts, reshape
from collector.imports.archive_name import ArchiveName
from collector.imports.content import Content
from collector.imports.delimited import Delimited
from collector.imports.parsed import ParsedFile
from collector.imports.validation import BAR

STAMPED_BY_START = date(2026, 6, 25)
"""The first day whose metrics are stamped with the start of their five minutes."""

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

_FIRST_LINES = {
    columns[0]: columns for columns in (METRICS, FUNDING, tuple(binance_klines.COLUMNS))
}
"""The first lines of archive files, by their first column."""

_FIRST_STAMPED_BY_START = pa.scalar(datetime(2026, 6, 25), pa.timestamp("ms"))  # noqa: DTZ001

_METRICS_BARS = """
    with instants as (
        select
            metric.nth,
            contract.symbol,
            contract.base,
            metric.moment,
            metric.sum_open_interest * contract.multiplier as oi_base,
            metric.sum_open_interest_value as oi_usd,
            metric.count_long_short_ratio as ls_accounts,
            metric.count_toptrader_long_short_ratio as ls_top_accounts,
            metric.sum_toptrader_long_short_ratio as ls_top_positions
        from metrics as metric
        join contracts as contract on metric.symbol = contract.name
    )

    select
        'binance' as venue, symbol, base,
        time_bucket(interval 5 minutes, moment - interval 30001 milliseconds)::timestamp_ms as ts,
        oi_base, oi_usd, ls_accounts, ls_top_accounts, ls_top_positions,
        0::integer as snapshot_count, 'import' as origin
    from instants
    order by nth
"""
_FUNDING_BARS = """
    select
        'binance' as venue, contract.symbol, contract.base,
        time_bucket(interval 5 minutes, payment.moment - interval 30001 milliseconds)::timestamp_ms
            as ts,
        payment.last_funding_rate as funding_rate,
        payment.funding_interval_hours as funding_interval_h,
        0::integer as snapshot_count, 'import' as origin
    from payments as payment, contracts as contract
    order by payment.nth
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
        raise ImportRefused(source.file, f"the first line should be {expected}", 1)
    if first == METRICS:
        return _metrics(source, name)
    if first == FUNDING:
        return _funding(source, name)
    return binance_klines.read(source, name, header=True)


def _metrics(source: Delimited, name: ArchiveName) -> ParsedFile:
    """Read open interest and ratios. The ratio of taker flows has no column here."""
    numbers = dict.fromkeys(METRICS[2:], pa.float64())
    rows = source.table({"create_time": pa.string(), "symbol": pa.string(), **numbers})
    moments = source.moments(rows, "create_time")
    if not name.day:
        by_start = pc.greater(moments, _FIRST_STAMPED_BY_START)
    else:
        by_start = pa.scalar(name.day >= STAMPED_BY_START.isoformat())
    described = pc.if_else(by_start, pc.add(moments, pa.scalar(BAR, pa.duration("ms"))), moments)
    known, unknown = contracts.sort_out(
        pc.unique(rows["symbol"]).to_pylist(), contracts.of_venue_id
    )
    bars = reshape.run(
        _METRICS_BARS,
        metrics=_numbered(rows.append_column("moment", described)),
        contracts=contracts.table(known),
    )
    return ParsedFile(
        file=source.file,
        kind="Binance archive: metrics",
        rows_read=rows.num_rows,
        bars=bars,
        instruments=contracts.instruments(known.values(), bars["ts"]),
        refused=Counter(contracts.count_refused(rows["symbol"], unknown)),
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
    moments = source.moments(rows, "calc_time")
    bars = reshape.run(
        _FUNDING_BARS,
        payments=_numbered(rows.append_column("moment", moments)),
        contracts=contracts.table({contract.venue_id: contract}),
    )
    return ParsedFile(
        file=source.file,
        kind="Binance archive: funding",
        rows_read=rows.num_rows,
        bars=bars,
        instruments=contracts.instruments([contract], bars["ts"]),
        notes=source.notes,
    )


def _numbered(rows: pa.Table) -> pa.Table:
    return rows.append_column("nth", [np.arange(rows.num_rows)])
