"""What is refused of a parsed table, value by value and row by row.

Each reader hands over its rows in the lake's words; here they all pass the same
questions. A value that cannot be true becomes NULL and is counted under its
column; a row without values, a duplicate or one from the future is left
out and counted under its reason.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.files import reshape
from analytics.files.parsed import TIMES
from analytics.lake.schema import BAR, KEYS, OPEN_INTEREST, RANGES, RATIOS

NOTHING_SAID = "no values"
STILL_TO_COME = "time in the future"
NOT_OVER = "bar not closed yet"
PRICES_DISAGREE = "open or close outside high and low"
REPEATED = "exact duplicate"
SECOND_READING = {
    "snapshots": "second reading of a pair in the same millisecond",
    "bars": "second row for the same bar of a pair",
}
OUTAGE = "0 in place of missing ratios"

_FIRST_OF_EACH = (
    "select * from rows qualify row_number() over (partition by {keys} order by nth) = 1"
)
_DISTINCT = "select count(*) as distinct_rows from (select distinct * exclude (nth) from rows)"
_HAVE_RATIOS = """
    select bool_or(usable) over (partition by venue, symbol) as has_ratios from rows order by nth
"""


@dataclass(frozen=True, slots=True)
class Validated:
    """Rows that passed, in order of time, and what did not."""

    rows: pa.Table
    refused: Counter[str]
    values_refused: Counter[str]


def validated(name: str, rows: pa.Table, now: datetime) -> Validated:
    """Return what of *rows*, meant for the table *name*, can be stored.

    Args:
        name: ``snapshots`` or ``bars``.
        rows: Any of that table's columns, its key and base among them.
        now: Nothing can have been received later than this. UTC.
    """
    rows, outages = _without_outages(rows)
    rows, values_refused = without_impossible_values(rows)
    refused: Counter[str] = Counter()
    kept = pa.chunked_array([np.ones(rows.num_rows, dtype=bool)])
    for reason, faulty in _faulty_rows(name, rows, now):
        newly = pc.and_(kept, pc.fill_null(faulty, fill_value=False))
        refused[reason] += pc.sum(newly).as_py() or 0
        kept = pc.and_not(kept, newly)
    ordered = numbered(reshape.only(rows, kept))
    ordered, repeats = first_of_each(ordered, KEYS[name], SECOND_READING[name])
    by_time = ordered.sort_by([(TIMES[name], "ascending"), ("nth", "ascending")])
    by_time = by_time.drop_columns(["nth"])
    return Validated(by_time, +(refused + repeats), outages + values_refused)


def without_impossible_values(rows: pa.Table) -> tuple[pa.Table, Counter[str]]:
    """Return *rows* with NULL for every number that cannot be true, and how many those were.

    The ranges are those that live values are held to.
    """
    refused: Counter[str] = Counter()
    for place, column in enumerate(rows.schema):
        if not pa.types.is_floating(column.type):
            continue
        values = rows.column(place)
        for reason, find in _OBJECTIONS.items():
            impossible = pc.fill_null(find(column.name, values), fill_value=False)
            count = pc.sum(impossible).as_py() or 0
            if count:
                refused[f"{column.name}: {reason}"] += count
                values = pc.if_else(impossible, pa.scalar(None, column.type), values)
        rows = rows.set_column(place, column, values)
    return rows, refused


def numbered(rows: pa.Table) -> pa.Table:
    """Return *rows* with their order in a column ``nth``."""
    return rows.append_column("nth", [np.arange(rows.num_rows)])


def first_of_each(
    rows: pa.Table, keys: Sequence[str], second: str
) -> tuple[pa.Table, Counter[str]]:
    """Return the first of *rows* for each of *keys*, and how many others there were.

    Args:
        rows: With their order in ``nth``.
        keys: The columns by which two rows are about the same thing.
        second: What a row is called whose key is there already and that says something else.
    """
    once = rows.group_by(list(keys)).aggregate([]).num_rows
    if once == rows.num_rows:
        return rows, Counter()
    distinct = reshape.run(_DISTINCT, rows=rows)["distinct_rows"][0].as_py()
    others = Counter({REPEATED: rows.num_rows - distinct, second: distinct - once})
    return reshape.run(_FIRST_OF_EACH.format(keys=", ".join(keys)), rows=rows), +others


def _without_outages(rows: pa.Table) -> tuple[pa.Table, Counter[str]]:
    """Return *rows* with NULL for an open interest of 0 beside ratios that are absent or 0.

    Only where the same instrument has ratios in other rows, or the row states impossible ones:
    of instruments without any, 0 may be true.
    """
    stated = [name for name in OPEN_INTEREST if name in rows.column_names]
    ratios = [rows[name] for name in RATIOS if name in rows.column_names]
    refused: Counter[str] = Counter()
    zeros = [pc.fill_null(pc.equal(rows[name], 0), fill_value=False) for name in stated]
    if not ratios or not zeros or not pc.any(zero := reduce(pc.or_, zeros)).as_py():
        return rows, refused
    usable = [pc.fill_null(pc.greater(one, 0), fill_value=False) for one in ratios]
    said = [one.is_valid() for one in ratios]
    any_usable = reduce(pc.or_, usable)
    elsewhere = numbered(rows.select(["venue", "symbol"]).append_column("usable", any_usable))
    has_ratios = reshape.run(_HAVE_RATIOS, rows=elsewhere)["has_ratios"]
    lost = pc.and_(pc.and_not(zero, any_usable), pc.or_(has_ratios, reduce(pc.or_, said)))
    for name, is_zero in zip(stated, zeros, strict=True):
        gone = pc.and_(lost, is_zero)
        refused[f"{name}: {OUTAGE}"] = pc.sum(gone).as_py()
        values = pc.if_else(gone, pa.scalar(None, pa.float64()), rows[name])
        rows = rows.set_column(rows.column_names.index(name), name, values)
    return rows, +refused


def _not_finite(_: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.invert(pc.is_finite(values))


def _of_wrong_sign(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    low, _ = RANGES[name]
    return pc.and_(pc.less(values, low), pc.less_equal(values, 0 if low >= 0 else -math.inf))


def _out_of_range(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    low, high = RANGES[name]
    return pc.or_(pc.less(values, low), pc.greater(values, high))


_OBJECTIONS = {
    "not a finite number": _not_finite,
    "zero or negative": _of_wrong_sign,
    "out of range": _out_of_range,
}
"""What a value can be refused for, and which of a column's values are."""


def _faulty_rows(name: str, rows: pa.Table, now: datetime) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """Yield each reason to leave rows out, and which rows it applies to."""
    limit = pa.scalar(now.astimezone(UTC).replace(tzinfo=None), pa.timestamp("ms"))
    times = rows[TIMES[name]]
    if name == "snapshots":
        yield STILL_TO_COME, pc.greater(times, limit)
    else:
        yield NOT_OVER, pc.greater(pc.add(times, pa.scalar(BAR, pa.duration("ms"))), limit)
    numbers = [rows[column.name] for column in rows.schema if pa.types.is_floating(column.type)]
    if numbers:
        yield NOTHING_SAID, reduce(pc.and_, (pc.is_null(values) for values in numbers))
    if {"open", "high", "low", "close"} <= set(rows.column_names):
        outside = (
            pc.or_kleene(pc.greater(rows[price], rows["high"]), pc.less(rows[price], rows["low"]))
            for price in ("open", "close")
        )
        yield PRICES_DISAGREE, reduce(pc.or_kleene, outside)
