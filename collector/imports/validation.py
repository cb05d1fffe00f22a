"""What is refused of a parsed table, value by value and row by row.

Each reader hands over its rows in the lake's words; here they all pass the same
questions. A value that cannot be true becomes NULL and is counted under its
column; a row that says nothing, says it twice or speaks of the future is left
out and counted under its reason.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collector.imports import reshape
from collector.imports.parsed import TIMES
from collector.validation import LARGEST, RANGES

BAR = timedelta(minutes=5)

NOTHING_SAID = "no value in it"
STILL_TO_COME = "of a time still to come"
NOT_OVER = "of five minutes that are not over"
PRICES_DISAGREE = "open or close outside high and low"
REPEATED = "an exact repeat"
SECOND_READING = {
    "snapshots": "a second reading of a pair in the same millisecond",
    "bars": "a second row for the same five minutes of a pair",
}

_OF_BARS = dict.fromkeys(("open", "high", "low", "close"), RANGES["price"])
_AMOUNT = (0.0, LARGEST)
"""Open interest, volumes and flows: whatever has no range of its own."""

_KEYS = {
    "snapshots": "select count(distinct (venue, symbol, received_ts)) as keys from rows",
    "bars": "select count(distinct (venue, symbol, ts)) as keys from rows",
}
_FIRST_OF_EACH = {
    "snapshots": """
        select * from rows
        qualify row_number() over (partition by venue, symbol, received_ts order by nth) = 1
    """,
    "bars": """
        select * from rows
        qualify row_number() over (partition by venue, symbol, ts order by nth) = 1
    """,
}
_DISTINCT = "select count(*) as distinct_rows from (select distinct * exclude (nth) from rows)"


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
        now: Nothing can have been heard later than this. UTC.
    """
    rows, values_refused = without_impossible_values(rows)
    refused: Counter[str] = Counter()
    kept = pa.chunked_array([np.ones(rows.num_rows, dtype=bool)])
    for reason, faulty in _faulty_rows(name, rows, now):
        newly = pc.and_(kept, pc.fill_null(faulty, fill_value=False))
        refused[reason] += pc.sum(newly).as_py() or 0
        kept = pc.and_not(kept, newly)
    rows, repeats = _first_of_each(name, rows.filter(kept))
    return Validated(rows, +(refused + repeats), values_refused)


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


def _range(name: str) -> tuple[float, float]:
    return _OF_BARS.get(name) or RANGES.get(name, _AMOUNT)


def _not_finite(_: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.invert(pc.is_finite(values))


def _of_wrong_sign(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    low, _ = _range(name)
    return pc.and_(pc.less(values, low), pc.less_equal(values, 0 if low >= 0 else -math.inf))


def _out_of_range(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    low, high = _range(name)
    return pc.or_(pc.less(values, low), pc.greater(values, high))


_OBJECTIONS = {
    "not a finite number": _not_finite,
    "zero or negative where it cannot be": _of_wrong_sign,
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


def _first_of_each(name: str, rows: pa.Table) -> tuple[pa.Table, Counter[str]]:
    """Return *rows* by time, the first of each key, and how many others there were."""
    ordered = rows.append_column("nth", [np.arange(rows.num_rows)])
    keys = reshape.run(_KEYS[name], rows=rows)["keys"][0].as_py()
    others: Counter[str] = Counter()
    if keys < rows.num_rows:
        distinct = reshape.run(_DISTINCT, rows=ordered)["distinct_rows"][0].as_py()
        others = Counter(
            {REPEATED: rows.num_rows - distinct, SECOND_READING[name]: distinct - keys}
        )
        ordered = reshape.run(_FIRST_OF_EACH[name], rows=ordered)
    by_time = ordered.sort_by([(TIMES[name], "ascending"), ("nth", "ascending")])
    return by_time.drop_columns(["nth"]), others
