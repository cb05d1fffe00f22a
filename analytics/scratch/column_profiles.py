"""What is in rows that were staged: kinds, ranges, and what columns seem to be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from analytics.errors import ImportRefused
from analytics.lake.attach import quoted
from analytics.scratch import matching
from analytics.scratch.aliases import ALIASES, UNITS, plain
from analytics.scratch.limits import MAX_NAME, MAX_TEXTS, closed, said
from analytics.scratch.matching import Values
from analytics.scratch.preview import Column, FilePreview, Guess, Kind, Meaning
from analytics.scratch.staging import Staged
from analytics.scratch.symbols import FileName, said_by
from analytics.untrusted.visible import visible

SAMPLE_ROWS = 50_000
"""So many of the first rows are looked at for ranges and medians."""
_FIRST_ROWS = 8
_MAX_TEXT = 60
"""Of a value that is shown. [characters]"""
_MOSTLY = 0.6
"""The share of texts that have to be numbers, or times, for the column to be of those."""

_ZONE = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
_TIME_OF_DAY = r"[0-9]{1,2}:[0-9]{2}"
_START_NAMES = {"open_time", "start", "start_time"}


def look(file: Path, name: str, key: str, staged: Staged) -> FilePreview:
    """Return the preview of what was *staged* of *file*, which people know as *name*.

    Raises:
        ImportRefused: It cannot be read.
    """
    if staged.is_bundle:
        return FilePreview(
            key=key, name=name, format="bundle", rows=0, columns=(), is_bundle=True,
            staged=str(staged.path),
        )  # fmt: skip
    try:
        with pq.ParquetFile(staged.path) as opened:
            rows = opened.metadata.num_rows
        if not rows:
            raise ImportRefused(file, f"{staged.format} without rows")
        with closed(None, staged.path.parent) as engine:
            source = f"read_parquet({quoted(str(staged.path))})"
            engine.execute(
                f"create temp table sample as from {source} limit {SAMPLE_ROWS}"  # noqa: S608
            )
            return _looked(engine, source, rows, name, key, staged)
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, OSError, ValueError) as error:
        raise ImportRefused(
            file, f"the {staged.format} file is damaged or cut short: {said(error)}"
        ) from error


def _looked(
    engine: duckdb.DuckDBPyConnection,
    source: str,
    rows: int,
    name: str,
    key: str,
    staged: Staged,
) -> FilePreview:
    described = [
        (column, str(kind)) for column, kind, *_ in engine.execute("describe sample").fetchall()
    ]
    word = FileName() if staged.table else said_by(name)
    columns = [_column(engine, source, column, kind, staged) for column, kind in described]
    matched = tuple(columns) if staged.table else matching.each_once(columns, word)
    shown = ", ".join(f"{_identifier(column)}::varchar" for column, _ in described)
    first = engine.execute(
        f"select {shown} from sample limit {_FIRST_ROWS}"  # noqa: S608
    ).fetchall()
    step_s, pause_s = _steps_s(engine, matched)
    return FilePreview(
        key=key,
        name=name,
        format=staged.format,
        rows=staged.rows or rows,
        columns=matched,
        first_rows=tuple(tuple(_shown(value) for value in row) for row in first),
        looked_at=min(rows, SAMPLE_ROWS),
        step_s=step_s,
        pause_s=pause_s,
        venue=word.venue,
        symbol=word.symbol,
        stamped=_stamped(matched, word, staged),
        other_tables=tuple(visible(table) for table in staged.other_tables),
        notes=staged.notes,
        refused=staged.refused,
        values_refused=staged.values_refused,
        staged=str(staged.path),
    )


def _column(
    engine: duckdb.DuckDBPyConnection, source: str, name: str, stored: str, staged: Staged
) -> Column:
    """Return what is known of the column called *name*, and what it seems to be."""
    column = _identifier(name)
    kind = _kind(engine, column, stored)
    low: Any = None
    high: Any = None
    middle: float | None = None
    values = Values(kind)
    if kind == "number":
        low, high, middle = _row(
            engine,
            "select min(x), max(x), median(abs(x)) filter (x <> 0) from "  # noqa: S608
            f"(select try_cast({column} as double) as x from sample) where isfinite(x)",
        )
        values = Values(kind, low, high, middle)
    elif kind not in ("other", "boolean"):
        low, high = _row(
            engine,
            f"select min({column})::varchar, max({column})::varchar from sample",  # noqa: S608
        )
    (absent,) = _row(engine, f"select count(*) - count({column}) from sample")  # noqa: S608
    guess = _known(name, kind) if staged.table else matching.guess(name, values)
    return Column(
        name=name,
        kind=kind,
        is_text=stored in _TEXT,
        low=_shown(low),
        high=_shown(high),
        middle=middle,
        absent=absent,
        texts=_texts(engine, source, column) if guess.meaning.quantity in _NAMED else (),
        guess=guess,
    )


_NAMED = ("symbol", "venue")
_TEXT = ("VARCHAR", "ENUM")


def _known(name: str, kind: Kind) -> Guess:
    """Return what a column is that a reader of ours made."""
    if name in ("received_ts", "ts"):
        return Guess(Meaning("time", "date and time"), 1.0, "of a format that is known")
    if name not in UNITS:
        return Guess(Meaning(None), 0.0, "not needed")
    return Guess(Meaning(name, UNITS[name][0]), 1.0, "of a format that is known")


def _kind(engine: duckdb.DuckDBPyConnection, column: str, stored: str) -> Kind:
    base = stored.partition("(")[0]
    if stored.endswith("[]") or base in ("STRUCT", "MAP", "BLOB", "UNION", "LIST", "INTERVAL"):
        return "other"
    if base == "TIMESTAMP WITH TIME ZONE":
        return "zoned time"
    if base.startswith("TIMESTAMP"):
        return "time"
    if base in ("DATE", "BOOLEAN"):
        return "date" if base == "DATE" else "boolean"
    if base not in _TEXT:
        return "other" if base in ("TIME", "UUID", "BIT", "TIME WITH TIME ZONE") else "number"
    return _kind_of_text(engine, column)


def _kind_of_text(engine: duckdb.DuckDBPyConnection, column: str) -> Kind:
    written, numbers, times, zoned, with_clock = _row(
        engine,
        f"""
        select
            count(x),
            count(try_cast(x as double)),
            count(try_cast(x as timestamp)),
            count(*) filter (regexp_matches(x, '{_TIME_OF_DAY}') and regexp_matches(x, '{_ZONE}')),
            count(*) filter (regexp_matches(x, '{_TIME_OF_DAY}'))
        from (select trim({column}) as x from sample where {column} <> '')
        """,  # noqa: S608
    )
    if not written:
        return "text"
    if numbers >= _MOSTLY * written:
        return "number"
    if zoned >= _MOSTLY * written:
        return "zoned time"
    if times >= _MOSTLY * written:
        return "time" if with_clock else "date"
    return "text"


def _texts(engine: duckdb.DuckDBPyConnection, source: str, column: str) -> tuple[str, ...]:
    found = engine.execute(
        f"select distinct {column}::varchar as x from {source} "  # noqa: S608
        f"where {column} is not null order by x limit {MAX_TEXTS + 1}"
    ).fetchall()
    if len(found) > MAX_TEXTS:
        return ()
    return tuple(text for (text,) in found if len(text) <= MAX_NAME)


def _steps_s(
    engine: duckdb.DuckDBPyConnection, columns: Sequence[Column]
) -> tuple[float | None, float | None]:
    """Return ``step_s`` and ``pause_s``; None where nothing tells them. [s]"""
    by = {column.guess.meaning.quantity: column for column in columns}
    if "time" not in by:
        return None, None
    time = seconds(by["time"], by["time"].guess.meaning.unit)
    parts = [_identifier(by[name].name) for name in ("venue", "symbol") if name in by]
    partition = f"partition by {', '.join(parts)} " if parts else ""
    found = _row(
        engine,
        f"""
        select median(step), quantile_disc(step, 0.95) from (
            select t - lag(t) over ({partition}order by t) as step
            from (select {time} as t, * from sample)
        ) where step > 0
        """,  # noqa: S608
    )
    step, pause = (None if one is None else round(float(one), 3) for one in found)
    return step, pause


def seconds(column: Column, unit: str | None) -> str:
    """Return SQL for the seconds since 1970 of *column*, as if its zone were UTC."""
    name = _identifier(column.name)
    if column.kind == "number":
        per_second = {"ms": 1e3, "us": 1e6, "ns": 1e9}.get(unit or "s", 1.0)
        return f"try_cast({name} as double) / {per_second}"
    kind = "timestamptz" if column.kind == "zoned time" else "timestamp"
    return f"epoch(try_cast({name} as {kind}))"


def _stamped(columns: Sequence[Column], word: FileName, staged: Staged) -> Any:
    if staged.table == "bars" or word.what:
        return "start"
    time = next((one.name for one in columns if one.guess.meaning.quantity == "time"), "")
    if plain(time) in _START_NAMES or (time == "ts" and ALIASES["ts"].quantity == "time"):
        return "start"
    return "end" if plain(time) == "close_time" else None


def _row(engine: duckdb.DuckDBPyConnection, statement: str) -> tuple[Any, ...]:
    (row,) = engine.execute(statement).fetchall()
    found: tuple[Any, ...] = row
    return found


def _shown(value: object) -> str | None:
    if value is None:
        return None
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return visible(text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
