"""Named queries by hand: parameters written as text in, rows written as text out."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TextIO

import duckdb
import pyarrow as pa

from analytics import formats, query
from analytics.bases import bases
from analytics.errors import QueryError
from analytics.lake.clock import LakeClock
from analytics.lake.reader import Reader
from analytics.untrusted.spreadsheet import safe
from analytics.untrusted.visible import visible

SPANNED: Final = ("since", "earliest", "start")
"""Parameters that may be given as a span before now: ``24h``."""

_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Written(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def listing() -> str:
    """Return every query there is, a line each: its name and what it answers."""
    width = max(len(name) for name in query.NAMES)
    return "".join(
        f"{name:<{width}}  {query.sql(name).partition(chr(10))[0].removeprefix('-- ')}\n"
        for name in query.NAMES
    )


def ask(
    folder: Path, name: str, given: Sequence[str], written: Written, out: TextIO, *, wall: datetime
) -> int:
    """Write to *out* what the query called *name* answers; return the number of rows.

    Args:
        folder: Of the lake.
        name: Of a query.
        given: Its parameters as ``key=value``: a number, a time in ISO 8601 (UTC where it
            has no zone), a list like ``[okx,bybit]``, nothing for NULL, else text.
            ``now``, if it is not given, is what the lake's clock shows, and ``known_by`` is
            ``now``; nothing for it lets in what became known later. What ``SPANNED``
            names may be a span before now: ``90s``, ``30m``, ``24h``, ``7d``, ``2w``.
        written: How.
        out: Gets the rows and nothing else.
        wall: The wall time, by which the lake's clock is read. UTC.

    Raises:
        QueryError: The query or a parameter is wrong.
        LakeAbsent: Nothing has been published.
        LakeError: The lake cannot be read.
    """
    asked, texts = query.parameters(name), _texts(name, given)
    reader = Reader(folder)
    try:
        with reader.cursor() as cursor:
            params = _bound(name, texts, lambda: lake_time(cursor, wall))
            if "now" in asked and "now" not in params:
                params["now"] = lake_time(cursor, wall)
            rows = _counted(query.table(cursor, name, **params), cursor, params)
    finally:
        reader.close()
    _WRITERS[written](rows, out)
    return int(rows.num_rows)


def lake_time(cursor: duckdb.DuckDBPyConnection, wall: datetime) -> datetime:
    """Return what the lake's clock shows at the wall time *wall*; it may be a simulator's. UTC."""
    info = query.table(cursor, "lake_info")
    facts = dict(zip(info["key"].to_pylist(), info["value"].to_pylist(), strict=True))
    clock = LakeClock.of(facts)
    return wall if clock is None else clock.at(wall)


def _counted(rows: pa.Table, cursor: duckdb.DuckDBPyConnection, params: dict[str, Any]) -> pa.Table:
    """Return *rows* with the bases that instruments are counted under then, as pages have them."""
    now = params.get("now")
    if not (isinstance(now, datetime) and {"venue", "symbol", "base"} <= set(rows.column_names)):
        return rows
    found = bases(cursor, now, params.get("known_by", now) or query.ANY_TIME)
    keys = zip(*(rows[key].to_pylist() for key in ("venue", "symbol", "base")), strict=True)
    names = pa.array([found.name(*pair) for pair in keys], pa.string())
    return rows.set_column(rows.column_names.index("base"), "base", names)


def _texts(name: str, given: Sequence[str]) -> dict[str, str]:
    """Return what was *given*, by parameter; raise unless the query has those."""
    texts = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise QueryError(f"{text}: a parameter is written as key=value")
        if key in texts:
            raise QueryError(f"{name}: parameter {key} is given twice")
        texts[key] = value
    asked = query.parameters(name)
    if unknown := sorted(texts.keys() - asked):
        has = ", ".join(sorted(asked)) or "none"
        raise QueryError(f"{name}: it knows no parameter {', '.join(unknown)}; it has {has}")
    if missing := sorted(asked - texts.keys() - {"now", "known_by"}):
        raise QueryError(f"{name}: parameter {', '.join(missing)} is missing")
    return texts


def _bound(name: str, texts: dict[str, str], clock: Callable[[], datetime]) -> dict[str, object]:
    """Return *texts* as values; spans are taken back from now, given or by the *clock*."""
    params: dict[str, object] = {key: _typed(text) for key, text in texts.items()}
    spans = {key: _SPAN.fullmatch(texts[key]) for key in SPANNED if key in texts}
    for key, span in spans.items():
        if span is None:
            continue
        now = params["now"] if "now" in params else clock()
        if not isinstance(now, datetime):
            raise QueryError(f"{name}: now={texts['now']} is not a time")
        try:
            params[key] = now - timedelta(seconds=float(span[1]) * _SECONDS[span[2]])
        except OverflowError as error:
            raise QueryError(f"{name}: {key}={texts[key]} is before all time") from error
    return params


def _typed(text: str) -> object:
    """Return what *text* says: nothing, a list, a number, a time or itself."""
    if not text:
        return None
    if text.startswith("[") and text.endswith("]"):
        return [part.strip() for part in text[1:-1].split(",") if part.strip()]
    if _NUMBER.fullmatch(text):
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return text


def _rows(table: pa.Table) -> Iterator[list[Any]]:
    """Yield the rows of *table*: times as text, what is absent or no finite number as None."""
    for batch in table.to_batches():
        columns = [[_plain(value) for value in column.to_pylist()] for column in batch.columns]
        yield from (list(row) for row in zip(*columns, strict=True))


def _plain(value: Any) -> Any:
    """Return *value* as JSON can say it."""
    if isinstance(value, datetime):
        # The lake's times are UTC, and have no zone.
        return f"{value.isoformat(timespec='milliseconds')}Z"
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _write_csv(table: pa.Table, out: TextIO) -> None:
    """Write as Export does what a spreadsheet would run, and as a table what a terminal would."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in _rows(table):
        cells = ((value, _cell(value, "")) for value in row)
        writer.writerow([safe(text) if isinstance(value, str) else text for value, text in cells])


def _write_json(table: pa.Table, out: TextIO) -> None:
    """Write one object a row, as a list of them."""
    for number, row in enumerate(_rows(table)):
        pairs = dict(zip(table.column_names, row, strict=True))
        out.write(",\n" if number else "[\n")
        # Written out as JSON would write it, what acts unseen is the same text to who reads it.
        out.write(visible(json.dumps(pairs, ensure_ascii=False, allow_nan=False)))
    out.write("\n]\n" if table.num_rows else "[]\n")


def _write_table(table: pa.Table, out: TextIO) -> None:
    """Write columns as wide as they need to be, numbers to the right."""
    types = table.schema.types
    is_number = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in types]
    lines = [table.column_names, *([_cell(v, formats.ABSENT) for v in row] for row in _rows(table))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    out.writelines(f"{_aligned(line, widths, is_number).rstrip()}\n" for line in lines)


def _aligned(line: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> str:
    cells = zip(line, widths, is_number, strict=True)
    return "  ".join(f"{cell:{'>' if right else '<'}{width}}" for cell, width, right in cells)


def _cell(value: Any, absent: str) -> str:
    """Return a plain *value* as the text of a cell; nothing in it acts on a terminal."""
    if value is None:
        return absent
    if isinstance(value, bool | list):
        return visible(json.dumps(value, ensure_ascii=False))
    return visible(str(value))


_WRITERS: Final = {
    Written.TABLE: _write_table,
    Written.CSV: _write_csv,
    Written.JSON: _write_json,
}
