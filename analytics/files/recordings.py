"""Recordings of futuresboard, an earlier dashboard, from Binance USD-M futures.

Only what Binance said is taken: price, open interest, 24 h volume, and from its
CSV the long/short ratios with a stated window of five minutes. Deltas, scores,
RSI, CVD, funding and imbalance are that program's own and often constant, and
its SQLite ratios are mostly the constant 1, so none of these is taken.

The time at which a reading was recorded becomes its received_ts;
when Binance meant it is not known, so venue_ts and ls_ts are NULL. Prices were
rounded to cents: those of cheap contracts are coarse, and one below half a cent
was recorded as 0, which is refused.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.errors import ImportRefused
from analytics.files import contracts, reshape
from analytics.files.delimited import Delimited
from analytics.files.parsed import ParsedFile

MOCK = "mock value of the recorder"

_NOT_TAKEN = (
    "price, open interest and 24 h volume are taken; the recorder's own deltas, ratios, scores, "
    "RSI, CVD, funding and imbalance are left out"
)
_NOT_TAKEN_OF_CSV = (
    "price, open interest, 24 h volume and the long/short ratios of five minutes are taken; "
    "ratios of other windows and the change of the price are left out"
)
_ROUNDED = (
    "the recorder rounded prices to cents, so prices of cheap contracts are coarse and open "
    "interest in coins is left out below a price of 1 USD"
)

_FROM_CSV = {
    "price": "price",
    "volume_24h": "volume_24h_usd",
    "oi_usd": "oi_usd",
    "global_ls_5m": "ls_accounts",
    "top_ls_accounts": "ls_top_accounts",
    "top_ls_positions": "ls_top_positions",
}
"""Their column: ours."""

_FROM_SQLITE = ("price", "volume_24h", "oi_usd", "oi_abs_usd", "vol_usd")
COLUMNS = frozenset(("symbol", "timestamp", *_FROM_SQLITE))
"""By which the table ``metrics`` of a recording is known."""

# What the recorder made up to have something to show: only then did it fill volume_24h and
# oi_usd, with the rounded figures of the columns it otherwise fills.
_SELECT = """
    select
        rowid, symbol, timestamp, price, oi_abs_usd, vol_usd,
        coalesce(volume_24h = round(vol_usd) and oi_usd = round(oi_abs_usd), 0)
    from metrics
    order by rowid
"""
_SELECTED = {
    "rowid": pa.int64(),
    "name": pa.string(),
    "timestamp": pa.string(),
    "price": pa.float64(),
    "oi_usd": pa.float64(),
    "volume_24h_usd": pa.float64(),
    "mock": pa.int64(),
}
"""What that gives, in our words."""
_NOT_A_NUMBER = """
    select rowid from metrics
    where typeof(price) not in ('real', 'integer', 'null')
    or typeof(oi_abs_usd) not in ('real', 'integer', 'null')
    or typeof(vol_usd) not in ('real', 'integer', 'null')
    order by rowid
    limit 1
"""
_ROWS_PER_BATCH = 50_000
_MAX_ROW = 1_000_000
"""The most bytes that a value or a row may have."""

_SNAPSHOTS = """
    select
        'binance' as venue,
        contract.symbol,
        contract.base,
        reading.received_ts,
        reading.price,
        reading.volume_24h_usd,
        -- A cent is over one percent of a price below 1 USD: dividing by such a price
        -- would show steps of open interest that never were.
        case when reading.price >= 1
            then reading.oi_usd / reading.price * contract.multiplier
        end as oi_base,
        reading.oi_usd,
        reading.ls_accounts,
        reading.ls_top_accounts,
        reading.ls_top_positions,
        'imported' as flags
    from readings as reading
    join contracts as contract on reading.name = contract.name
    order by reading.nth
"""


def belongs(first_line: tuple[str, ...]) -> bool:
    """Return whether a CSV with this first line is one of the recorder's."""
    return {"timestamp", "symbol", "price", "oi_usd", "global_ls_5m"} <= set(first_line)


def read_csv(source: Delimited) -> ParsedFile:
    """Read the recorder's CSV; empty fields are NULL.

    Raises:
        ImportRefused: A line is not as the first one says.
    """
    kinds = {name: pa.float64() if name in _FROM_CSV else pa.string() for name in source.first_line}
    rows = source.table(kinds)
    received = source.moments(rows, "timestamp")
    absent = pa.nulls(rows.num_rows, pa.float64())
    readings = {
        ours: rows[theirs] if theirs in kinds else absent for theirs, ours in _FROM_CSV.items()
    }
    return _parsed(
        source.file,
        "futuresboard recording (CSV)",
        pa.table({"name": rows["symbol"], "received_ts": received, **readings}),
        Counter(),
        (_NOT_TAKEN_OF_CSV, *source.notes),
    )


def read_sqlite(file: Path) -> ParsedFile:
    """Read the recorder's SQLite file, its table ``metrics``.

    Raises:
        ImportRefused: It is damaged, has no such table, or holds text for a number.
    """
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            # What is in the file may be there to be run: only reading a table of short rows is.
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_ROW)
            database.execute("pragma trusted_schema = off")
            database.set_authorizer(_only_reading)
            _check_columns(file, database)
            rows = pa.concat_tables(_batches(database), promote_options="none")
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise ImportRefused(file, f"the SQLite file cannot be read ({error})") from error
    received = reshape.moments(rows["timestamp"])
    if received.null_count:
        row = pc.index(received.is_null(), value=True).as_py()
        said = rows["timestamp"][row].as_py()
        raise ImportRefused(
            file,
            f"row {rows['rowid'][row].as_py()} of table metrics: "
            f"timestamp should be a time, not {said!r}",
        )
    absent = pa.nulls(rows.num_rows, pa.float64())
    ratios = dict.fromkeys(("ls_accounts", "ls_top_accounts", "ls_top_positions"), absent)
    readings = rows.drop_columns(["rowid", "timestamp", "mock"])
    for name, values in {"received_ts": received, **ratios}.items():
        readings = readings.append_column(name, values)
    mocks = pc.sum(rows["mock"]).as_py() or 0
    return _parsed(
        file,
        "futuresboard recording (SQLite)",
        readings.filter(pc.equal(rows["mock"], 0)),
        Counter({MOCK: mocks}),
        (_NOT_TAKEN,),
    )


def _only_reading(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Allow what our own statements do, and nothing that a view or a trigger might."""
    allowed = (
        action == sqlite3.SQLITE_SELECT
        or (action == sqlite3.SQLITE_READ and first in ("metrics", "sqlite_master"))
        or (action == sqlite3.SQLITE_FUNCTION and second in ("coalesce", "round", "typeof"))
        or (action == sqlite3.SQLITE_PRAGMA and first == "table_info")
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _check_columns(file: Path, database: sqlite3.Connection) -> None:
    made = database.execute("select type, sql from sqlite_master where name = 'metrics'").fetchall()
    if any(kind != "table" or sql.lower().startswith("create virtual") for kind, sql in made):
        raise ImportRefused(file, "metrics is not a table; only tables are read")
    found = {name for _, name, *_ in database.execute("pragma table_info(metrics)")}
    missing = [name for name in ("symbol", "timestamp", *_FROM_SQLITE) if name not in found]
    if missing:
        raise ImportRefused(
            file,
            "a SQLite file needs the table metrics of a futuresboard recording; "
            f"columns missing: {', '.join(missing)}",
        )
    for (row,) in database.execute(_NOT_A_NUMBER):
        raise ImportRefused(file, f"row {row} of table metrics has text where a number is expected")


def _batches(database: sqlite3.Connection) -> Iterator[pa.Table]:
    schema = pa.schema(_SELECTED)
    yield schema.empty_table()
    cursor = database.execute(_SELECT)
    while rows := cursor.fetchmany(_ROWS_PER_BATCH):
        columns = zip(zip(*rows, strict=True), schema, strict=True)
        yield pa.table([pa.array(values, field.type) for values, field in columns], schema=schema)


def _parsed(
    file: Path, kind: str, readings: pa.Table, refused: Counter[str], notes: tuple[str, ...]
) -> ParsedFile:
    """Return *readings*, of the recorder's names, as snapshots of Binance's contracts."""
    known, unknown = contracts.of_names(pc.unique(readings["name"]).to_pylist(), contracts.of_asset)
    rows_read = readings.num_rows + refused.total()
    refused.update(contracts.count_refused(readings["name"], unknown))
    snapshots = reshape.run(
        _SNAPSHOTS,
        readings=readings.append_column("nth", [np.arange(readings.num_rows)]),
        contracts=contracts.table(known),
    )
    return ParsedFile(
        file=file,
        kind=kind,
        rows_read=rows_read,
        snapshots=snapshots,
        instruments=contracts.instruments(known.values(), snapshots["received_ts"]),
        refused=refused,
        notes=(_ROUNDED, *notes),
    )
