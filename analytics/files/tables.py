"""Tables in this project's own words, as CSV or Parquet.

The first line, or the Parquet schema, names ``venue``, ``symbol`` and any other
columns of a stored table: with ``received_ts`` the rows are readings and become
snapshots, with ``ts`` they are five-minute bars. Numbers are in the units of
GLOSSARY.md. Times are ISO 8601 with a zone or in UTC, or milliseconds since 1970.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from analytics.asset_names import MAX_NAME, base_and_multiplier, is_name
from analytics.errors import ImportRefused
from analytics.files import contracts, reshape
from analytics.files.content import Data
from analytics.files.delimited import Delimited
from analytics.files.parsed import TIMES, ParsedFile
from analytics.lake.schema import arrow_schema

_KINDS = {"snapshots": "readings", "bars": "bars"}
_WRITTEN_BY_US = ("base", "flags", "snapshot_count", "origin")

_UNREAD = ("known_ts", "filled")
"""When a bar became known in another record says nothing of this one."""

_EARLIEST = pa.scalar(1_230_768_000_000, pa.timestamp("ms"))
_LATEST = pa.scalar(4_102_444_799_999, pa.timestamp("ms"))

_PANDAS_INDEX = re.compile(r"__index_level_\d+__|Unnamed: \d+|level_\d+")
"""What pandas calls an index without a name, in files and when it reads those again."""
_INDEX_LEFT_OUT = "the pandas index was ignored"

_SYMBOL = re.compile(r"[^/:\s]+/[^/:\s]+:[^/:\s-]+(?P<dated>-\S+)?")


class Source(Protocol):
    """Where rows come from, and how to say which of them is wrong."""

    @property
    def file(self) -> Path:
        """The file they were read from."""

    def refusal(self, row: int, reason: str) -> ImportRefused:
        """Return the refusal that names the place of *row*, counted from 0."""


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """A Parquet file; it has rows where text has lines."""

    file: Path

    def refusal(self, row: int, reason: str) -> ImportRefused:
        """Return the refusal that names *row*, counted from 1 as people do."""
        return ImportRefused(self.file, f"row {row + 1}: {reason}")


def read_csv(source: Delimited) -> ParsedFile:
    """Read readings or bars from CSV.

    Raises:
        ImportRefused: A column is missing or unknown, or a line is not as the first one says.
    """
    named = source.first_line[1:] if source.first_line[0] == "" else source.first_line
    named = tuple(column for column in named if not _PANDAS_INDEX.fullmatch(column))
    name = _table_meant(source.file, named, 1)
    kinds = {
        field.name: pa.string() if pa.types.is_timestamp(field.type) else field.type
        for field in arrow_schema(name)
    }
    kinds |= dict.fromkeys(_UNREAD, pa.string())
    rows = source.table({column: kinds.get(column, pa.string()) for column in source.first_line})
    rows, notes = _without_pandas_index(rows)
    return _parsed(source, name, rows, f"{_KINDS[name]} (CSV)", (*source.notes, *notes))


def read_parquet(file: Path, data: Data) -> ParsedFile:
    """Read readings or bars from Parquet.

    Raises:
        ImportRefused: It is damaged, or a column is missing, unknown or of another kind.
    """
    try:
        rows = parquet.read_table(pa.BufferReader(data))
        rows.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ImportRefused(file, "the Parquet file is damaged or cut short") from error
    rows, notes = _without_pandas_index(rows)
    name = _table_meant(file, rows.column_names)
    rows = rows.drop_columns([column for column in _UNREAD if column in rows.column_names])
    for field in arrow_schema(name):
        if field.name in rows.column_names and not pa.types.is_timestamp(field.type):
            place = rows.column_names.index(field.name)
            values = _of_kind(file, rows.column(place), field)
            rows = rows.set_column(place, field.name, values)
    return _parsed(ParquetFile(file), name, rows, f"{_KINDS[name]} (Parquet)", notes)


def _without_pandas_index(rows: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    """Return *rows* without the columns that pandas made of an index, and a note where it did.

    An index that was made a column is called ``index``, as the index price is; it counts the
    rows from 0, which no price does.
    """
    pandas = [name for name in rows.column_names if _PANDAS_INDEX.fullmatch(name)]
    if rows.column_names[:1] == [""]:
        pandas.append("")
    if rows.column_names.count("index") == 1 and _counts_rows(rows["index"]):
        pandas.append("index")
    return rows.drop_columns(pandas), (_INDEX_LEFT_OUT,) if pandas else ()


def _counts_rows(values: pa.ChunkedArray) -> bool:
    numeric = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    counted = numeric and len(values) and values[0].as_py() == 0
    return bool(counted) and pc.all(pc.equal(values, np.arange(len(values)))).as_py() is True


def _table_meant(file: Path, columns: Sequence[str], line: int | None = None) -> str:
    """Return which table has *columns*, or refuse the file saying what is wrong with them."""
    times = [name for name, time in TIMES.items() if time in columns]
    missing = [repr(name) for name in ("venue", "symbol") if name not in columns]
    if not times:
        missing.append("'ts' (start of a five-minute bar) or 'received_ts' (time of a reading)")
    if missing:
        raise ImportRefused(
            file, f"columns missing: {', '.join(missing)}; found: {', '.join(columns)[:200]}", line
        )
    if len(times) > 1:
        raise ImportRefused(
            file, "it has both ts and received_ts: split bars and readings into two files"
        )
    table = times[0]
    known = arrow_schema(table).names
    for column in columns:
        if column not in known:
            raise ImportRefused(
                file,
                f"unknown column {column!r} in {_KINDS[table]}, {_nearest(column, known)}",
                line,
            )
        if columns.count(column) > 1:
            raise ImportRefused(file, f"column {column!r} appears twice", line)
    return table


def _nearest(column: str, known: list[str]) -> str:
    return f"did you mean {get_close_matches(column, known, n=1, cutoff=0)[0]!r}?"


def _of_kind(file: Path, values: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    numeric = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    fits = pa.types.is_decimal(values.type) or pa.types.is_null(values.type) or numeric
    if field.type == pa.string() or fits:
        try:
            return values.cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    raise ImportRefused(file, f"column {field.name!r} has type {values.type}, not {field.type}")


def _parsed(
    source: Source, name: str, rows: pa.Table, kind: str, notes: tuple[str, ...]
) -> ParsedFile:
    if not rows.num_rows:
        return ParsedFile(file=source.file, kind=kind, rows_read=0, notes=notes)
    rows = rows.drop_columns([column for column in _UNREAD if column in rows.column_names])
    for field in arrow_schema(name):
        if field.name in rows.column_names and pa.types.is_timestamp(field.type):
            place = rows.column_names.index(field.name)
            values = _moments(source, rows.column(place), field)
            rows = rows.set_column(place, field.name, values)
    _check_key(source, name, rows)
    perpetual = _perpetual(source, rows["symbol"])
    named = rows.drop_columns([column for column in _WRITTEN_BY_US if column in rows.column_names])
    for column, values in _written_by_us(name, rows).items():
        named = named.append_column(column, values)
    kept = reshape.only(named, perpetual)
    return ParsedFile(
        file=source.file,
        kind=kind,
        rows_read=rows.num_rows,
        refused=+Counter({contracts.DATED: rows.num_rows - kept.num_rows}),
        notes=notes,
        **{name: kept},
    )


def _moments(source: Source, values: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    """Return *values* as times; what is no time refuses the file, what is absent only in a key."""
    if pa.types.is_date(values.type):
        raise ImportRefused(source.file, f"{field.name} has dates without a time of day")
    if pa.types.is_timestamp(values.type):
        moments = values.cast(field.type, safe=False)
        outside = pc.or_(pc.less(moments, _EARLIEST), pc.greater(moments, _LATEST))
        _refuse_first(source, outside, f"{field.name} is outside the years 2009 to 2099")
    else:
        written = _of_kind(source.file, values, field.with_type(pa.string()))
        moments = reshape.moments(written)
        unreadable = pc.and_(moments.is_null(), written.is_valid())
        _refuse_first(source, unreadable, f"{field.name} should be a time, not {{!r}}", written)
    if not field.nullable:
        _check_filled(source, moments, field.name)
    return moments


def _refuse_first(
    source: Source, wrong: pa.ChunkedArray, reason: str, said: pa.ChunkedArray | None = None
) -> None:
    """Refuse the file for the first row that is *wrong*, if there is one."""
    row = pc.index(wrong, value=True).as_py()
    if row >= 0:
        raise source.refusal(row, reason if said is None else reason.format(said[row].as_py()))


def _check_filled(source: Source, values: pa.ChunkedArray, column: str) -> None:
    _refuse_first(source, values.is_null(), f"{column} is empty")


def _check_key(source: Source, name: str, rows: pa.Table) -> None:
    """Refuse the file for a row that does not say whose figures it has, or of when."""
    for column in ("venue", "symbol"):
        _check_filled(source, rows[column], column)
    if name == "bars":
        _check_marks(source, rows["ts"])
    _check_venues(source, rows["venue"])
    for column in ("symbol", "base"):
        if column in rows.column_names:
            _check_names(source, rows[column], column)


def _check_marks(source: Source, times: pa.ChunkedArray) -> None:
    off_mark = pc.not_equal(pc.floor_temporal(times, 5, unit="minute"), times)
    reason = "ts is {}, not on a five-minute mark; put the time of a reading into received_ts"
    _refuse_first(source, off_mark, reason, times)


def _check_venues(source: Source, venues: pa.ChunkedArray) -> None:
    wrong = pc.invert(pc.match_substring_regex(venues, r"^[a-z][a-z0-9_]{0,50}$"))
    reason = "venue is {!r:.60}; use lower case, such as binance"
    _refuse_first(source, wrong, reason, venues)


def _check_names(source: Source, names: pa.ChunkedArray, column: str) -> None:
    for name in pc.unique(names.drop_null()).to_pylist():
        if not is_name(name):
            raise source.refusal(
                pc.index(names, value=name).as_py(),
                f"{column} is not a valid name: over {MAX_NAME} letters, or unprintable ones",
            )


def _perpetual(source: Source, symbols: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return which of *symbols* are perpetuals; one that is no symbol refuses the file."""
    dated = []
    for symbol in pc.unique(symbols).to_pylist():
        parts = _SYMBOL.fullmatch(symbol)
        if parts is None:
            raise source.refusal(
                pc.index(symbols, value=symbol).as_py(),
                f"symbol is {symbol!r}; use the form BTC/USDT:USDT",
            )
        if parts["dated"]:
            dated.append(symbol)
    return pc.invert(pc.is_in(symbols, pa.array(dated, pa.string())))


def _written_by_us(name: str, rows: pa.Table) -> dict[str, pa.ChunkedArray | pa.Array]:
    """Return the columns that say what a row is and where it is from."""
    base = _bases(rows["venue"], rows["symbol"])
    if "base" in rows.column_names:
        base = pc.coalesce(rows["base"], base)
    if name == "snapshots":
        return {"base": base, "flags": _imported(rows)}
    count = pa.nulls(rows.num_rows, pa.int32())
    if "snapshot_count" in rows.column_names:
        count = rows["snapshot_count"]
    return {
        "base": base,
        "snapshot_count": pc.fill_null(count, pa.scalar(0, pa.int32())),
        "origin": pa.repeat(pa.scalar("import"), rows.num_rows),
    }


def _bases(venues: pa.ChunkedArray, symbols: pa.ChunkedArray) -> pa.Array:
    """Return the asset beneath each symbol. Only Hyperliquid has names such as kPEPE."""
    named = pc.binary_join_element_wise(venues, symbols, " ")
    encoded = named.combine_chunks().dictionary_encode()
    keys = [name.split(" ", 1) for name in encoded.dictionary.to_pylist()]
    assets = [(symbol.partition("/")[0], venue) for venue, symbol in keys]
    bases = [base_and_multiplier(*asset, kilo_prefix=True)[0] for asset in assets]
    return pa.array(bases, pa.string()).take(encoded.indices)


def _imported(rows: pa.Table) -> pa.ChunkedArray | pa.Array:
    flag = pa.repeat(pa.scalar("imported"), rows.num_rows)
    if "flags" not in rows.column_names:
        return flag
    said = rows["flags"]
    both = pc.binary_join_element_wise(said, flag, " ", null_handling="skip")
    already = pc.fill_null(pc.match_substring(said, "imported"), fill_value=False)
    return pc.if_else(already, said, both)
