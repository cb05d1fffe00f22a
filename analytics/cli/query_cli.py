"""``perpscope query``: parameters as text in, rows as a table, CSV or JSON out."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, TextIO, cast

import duckdb
import pyarrow as pa

from analytics import formats, query
from analytics.errors import QueryError
from analytics.lake.reader import Reader
from analytics.panels.bases import Bases, bases
from analytics.untrusted.spreadsheet import safe
from analytics.untrusted.visible import visible

SPANNED: Final = ("since", "earliest", "silent_before", "start")
"""Parameters that may be given as a span before now: ``24h``."""

_GIVEN: Final = {"now", "known_by", "counted_pairs", "counted_names"}
"""Parameters that need not be given."""

Written = Literal["table", "csv", "json"]
"""How rows are written."""

_WHOLE_NUMBER: Final = re.compile(r"[+-]?\d{1,18}")
_DECIMAL: Final = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a parameter can be."""

    allowed: str
    """As a person would say it: ``a whole number``."""
    read: Callable[[str], object]
    """Returns what a text says; raises ValueError or OverflowError where it is of another kind."""


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
        given: Its parameters as ``key=value``, each of the kind that ``KINDS`` says: times are
            ISO 8601 (UTC where they have no zone), lists like ``[okx,bybit]``, and an empty
            list of names filters nothing. ``now``, if it is not given, is what the lake's clock
            shows, and ``known_by`` is ``now``; empty, it lets in what became known later. What
            ``SPANNED`` names may be a span before now: ``90s``, ``30m``, ``24h``, ``7d``, ``2w``.
        written: How.
        out: Gets the rows and nothing else.
        wall: The wall time, by which the lake's clock is read. UTC.

    Raises:
        QueryError: The query or a parameter is wrong.
        LakeAbsent: Nothing has been published.
        LakeError: The lake cannot be read.
    """
    asked, given_texts = query.parameters(name), texts(name, given)
    reader = Reader(folder)
    try:
        with reader.cursor() as cursor:
            params = bound(name, given_texts, lambda: query.lake_time(cursor, wall))
            if "now" in asked and "now" not in params:
                params["now"] = query.lake_time(cursor, wall)
            rows = answer(cursor, name, params, lambda: _bases(cursor, params))
    finally:
        reader.close()
    write(rows, written, out)
    return int(rows.num_rows)


def write(table: pa.Table, written: Written, out: TextIO) -> None:
    """Write the rows of *table* to *out*."""
    _WRITERS[written](table, out)


def _bases(cursor: duckdb.DuckDBPyConnection, params: dict[str, Any]) -> Bases:
    """Return what instruments are counted under at the time that *params* ask for."""
    now: datetime = params["now"]
    return bases(cursor, now, params.get("known_by", now) or query.ANY_TIME)


def answer(
    cursor: duckdb.DuckDBPyConnection,
    name: str,
    params: Mapping[str, object],
    counted: Callable[[], Bases],
    most_rows: int | None = None,
) -> pa.Table:
    """Return what the query called *name* answers, with the bases that pages have.

    *counted* returns what instruments are counted under then; it is called only if it is needed.

    Raises:
        QueryError: The query or a parameter is wrong, or there are more than *most_rows*.
        LakeError: The lake cannot be read.
    """
    if "counted_pairs" in query.parameters(name):
        params = {**counted().params, **params}
    rows = query.table(cursor, name, frozenset(), most_rows, **params)
    if not ("now" in params and {"venue", "symbol", "base"} <= set(rows.column_names)):
        return rows
    found = counted()
    keys = zip(*(rows[key].to_pylist() for key in ("venue", "symbol", "base")), strict=True)
    names = pa.array([found.name(*pair) for pair in keys], pa.string())
    return rows.set_column(rows.column_names.index("base"), "base", names)


def texts(name: str, given: Sequence[str], has: Collection[str] = _GIVEN) -> dict[str, str]:
    """Return what was *given*, by parameter; those that it *has* a value for need not be.

    Raises:
        QueryError: One is unknown, missing, given twice, or not written as ``KEY=VALUE``.
    """
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise QueryError(f"{text}: write a parameter as KEY=VALUE")
        if key in found:
            raise QueryError(f"{name}: parameter {key} is given twice")
        found[key] = value
    asked = query.parameters(name)
    if unknown := sorted(found.keys() - asked):
        known = ", ".join(sorted(asked)) or "none"
        raise QueryError(f"{name}: unknown parameter {', '.join(unknown)}; it has {known}")
    if missing := sorted(asked - found.keys() - set(has)):
        raise QueryError(f"{name}: parameter {', '.join(missing)} is missing")
    return found


def bound(name: str, texts: Mapping[str, str], clock: Callable[[], datetime]) -> dict[str, object]:
    """Return *texts* as values; spans are taken back from now, given or by the *clock*.

    Raises:
        QueryError: One is not of the kind that its parameter is.
    """
    params: dict[str, object] = {}
    # now first: spans are taken back from it.
    for key in sorted(texts, key=lambda key: key != "now"):
        span = _SPAN.fullmatch(texts[key]) if key in SPANNED else None
        if span is None:
            params[key] = _typed(name, key, texts[key])
            continue
        now = cast(datetime, params["now"]) if "now" in params else clock()
        try:
            params[key] = now - timedelta(seconds=float(span[1]) * _SECONDS[span[2]])
        except OverflowError as error:
            wrong = f"{name}: {key}={texts[key]}: the span begins before the year 1"
            raise QueryError(wrong) from error
    return params


def _typed(name: str, key: str, text: str) -> object:
    """Return *text* as a value of the kind that the parameter *key* is of.

    Raises:
        QueryError: It is none; the message says what is.
    """
    kind = _kind(name, key)
    if not text and (kind is _NAMES or key == "known_by"):
        return None
    try:
        return kind.read(text)
    except (ValueError, OverflowError) as error:
        raise QueryError(f"{name}: {key}={text}: not {allowed(name, key)}") from error


def allowed(name: str, key: str) -> str:
    """Return what the parameter *key* of the query called *name* can be, in words."""
    return _kind(name, key).allowed + ", or a span before now such as 24h" * (key in SPANNED)


def is_list_of_names(key: str) -> bool:
    """Return whether the parameter *key* is a list of names, and nothing stands for all."""
    return KINDS[key] is _NAMES


def _list(text: str) -> list[str]:
    if not (text.startswith("[") and text.endswith("]")):
        raise ValueError(text)
    return [part.strip() for part in text[1:-1].split(",") if part.strip()]


def _whole(text: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _wholes(text: str) -> list[int]:
    return [_whole(part) for part in _list(text)]


def _number(text: str) -> float:
    if not _DECIMAL.fullmatch(text):
        raise ValueError(text)
    return float(text)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


_TIME: Final = _Kind("a time such as 2026-03-01T12:00Z", query.utc_time)
_TEXT: Final = _Kind("a text", str)
_NAMES: Final = _Kind("a list such as [okx,bybit], or nothing for all", _list)
_WHOLE: Final = _Kind("a whole number", _whole)
_WHOLES: Final = _Kind("a list of whole numbers such as [300000,3600000]", _wholes)
_NUMBER: Final = _Kind("a number", _number)
_FLAG: Final = _Kind("true or false", _flag)

KINDS: Final[Mapping[str, _Kind]] = {
    **dict.fromkeys(("end", "known_by", "near", "now", "until", "wall", *SPANNED), _TIME),
    **dict.fromkeys(("bases", "metrics", "pairs", "symbols", "venues"), _NAMES),
    **dict.fromkeys(("counted_names", "counted_pairs"), _NAMES),
    **dict.fromkeys(("bar_ms", "bars", "closing_ms", "parts", "span_s"), _WHOLE),
    **dict.fromkeys(("ends", "firsts"), _WHOLES),
    **dict.fromkeys(("break_s", "every_s", "factor", "interval_s", "least_known"), _NUMBER),
    **dict.fromkeys(("origin", "venue"), _TEXT),
    **dict.fromkeys(("by_asset", "is_past"), _FLAG),
}
"""What each parameter of any query is."""


def _kind(name: str, key: str) -> _Kind:
    """Return what the parameter *key* of the query called *name* is."""
    # That query cuts several timeframes at once.
    many = name == "panel_bars_of_signals" and KINDS[key] is _WHOLE
    return _WHOLES if many else KINDS[key]


def plain_rows(table: pa.Table) -> Iterator[list[Any]]:
    """Yield the rows of *table*: times as text, what is absent or no finite number as None."""
    for batch in table.to_batches():
        columns = [[plain(value) for value in column.to_pylist()] for column in batch.columns]
        yield from (list(row) for row in zip(*columns, strict=True))


def plain(value: Any) -> Any:
    """Return *value* as JSON can say it."""
    if isinstance(value, datetime):
        # The lake's times are UTC, and have no zone.
        return utc_text(value)
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [plain(part) for part in value] if isinstance(value, list) else value


def _write_csv(table: pa.Table, out: TextIO) -> None:
    """Write as Export does what a spreadsheet would run, and as a table what a terminal would."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in plain_rows(table):
        cells = ((value, _cell(value, "")) for value in row)
        writer.writerow([safe(text) if isinstance(value, str) else text for value, text in cells])


def as_json(table: pa.Table) -> Iterator[str]:
    """Yield the rows of *table* as JSON objects; what is absent or no finite number is null."""
    for row in plain_rows(table):
        pairs = dict(zip(table.column_names, row, strict=True))
        # Written out as JSON would write it, what acts unseen is the same text to who reads it.
        yield visible(json.dumps(pairs, ensure_ascii=False, allow_nan=False))


def utc_text(at: datetime) -> str:
    """Return *at*, UTC with or without a zone, as ISO 8601 text: ``2026-03-01T12:00:00.000Z``."""
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _write_json(table: pa.Table, out: TextIO) -> None:
    """Write one object a row, as a list of them."""
    for number, row in enumerate(as_json(table)):
        out.write(",\n" if number else "[\n")
        out.write(row)
    out.write("\n]\n" if table.num_rows else "[]\n")


def _write_table(table: pa.Table, out: TextIO) -> None:
    """Write columns as wide as they need to be, numbers to the right."""
    types = table.schema.types
    is_number = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in types]
    lines = [
        table.column_names,
        *([_cell(v, formats.ABSENT) for v in row] for row in plain_rows(table)),
    ]
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


_WRITERS: Final[Mapping[Written, Callable[[pa.Table, TextIO], None]]] = {
    "table": _write_table,
    "csv": _write_csv,
    "json": _write_json,
}
