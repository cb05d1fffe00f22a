"""Undoing an import: each figure that is still as it wrote it goes back to what it was before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from analytics.errors import LakeError, QueryError
from analytics.lake import bars, schema
from analytics.lake.imports import journals, of, rows_of
from analytics.lake.insert import bounds, delete_same
from analytics.lake.layout import Layout


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of the rows of an import that was undone."""

    set_back: int
    """Rows whose figures are what they were before, or that are gone again."""
    left: int
    """Rows of which some figures are left as they are, since they were changed since."""


def undo(
    transaction: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]],
    layout: Layout,
    number: int,
    undone_ts: datetime,
    progress: Callable[[int, int], None],
) -> Undone:
    """Undo the import with the id *number*, its last piece first.

    Args:
        transaction: Opens one that can add files anywhere.
        layout: Of the lake.
        number: The import's id.
        undone_ts: When this is done. UTC.
        progress: Called with how many pieces are undone and how many there are.

    Raises:
        QueryError: There is no such import, or it is undone already.
        LakeError: A file of its journal is missing.
    """
    back, left, done, pieces = 0, 0, 0, 1
    while done < pieces:
        with transaction() as cursor:
            source, pieces, done = _undoable(cursor, layout, number)
            (path,) = journals(layout, number, pieces)[-1 - done :][:1]
            undone = _undo_piece(cursor, path, _undone_before(cursor, layout, number, source))
            back, left, done = back + undone.set_back, left + undone.left, done + 1
            cursor.execute(
                "update imports set pieces_undone = $done, "
                "undone_ts = if(pieces = $done, $undone_ts::timestamp_ms, null) where id = $id",
                {"id": number, "done": done, "undone_ts": undone_ts.replace(tzinfo=None)},
            )
        progress(done, pieces)
    return Undone(back, left)


def _undoable(
    cursor: duckdb.DuckDBPyConnection, layout: Layout, number: int
) -> tuple[str, int, int]:
    """Return the source of an import, how many pieces it has and how many are undone.

    Raises:
        QueryError: There is no such import, or it is undone already.
        LakeError: Its journal is gone.
    """
    found = cursor.execute(
        "select source, pieces, pieces_undone, undone_ts from imports where id = $id",
        {"id": number},
    ).fetchall()
    if not found:
        raise QueryError(f"there is no import {number}; `perpscope imports` lists them")
    source, pieces, done, undone_ts = found[0]
    if undone_ts is not None:
        raise QueryError(f"import {number} was already undone, at {undone_ts:%Y-%m-%d %H:%M} UTC")
    if len(journals(layout, number, pieces)) != pieces:
        raise LakeError(
            f"import {number} cannot be undone: files of its journal in "
            f"{layout.journals / str(number)} are missing"
        )
    return source, pieces, done


def _undone_before(
    cursor: duckdb.DuckDBPyConnection, layout: Layout, number: int, source: str
) -> list[Path]:
    """Return the journals of earlier imports of *source* that were undone, the newest first."""
    rows = cursor.execute(
        "select id, pieces from imports where source = $source and id < $id "
        "and undone_ts is not null order by id desc",
        {"source": source, "id": number},
    ).fetchall()
    return [path for one, pieces in rows for path in reversed(journals(layout, one, pieces))]


def _undo_piece(
    cursor: duckdb.DuckDBPyConnection, path: Path, undone_before: Sequence[Path]
) -> Undone:
    table = path.stem.partition("-")[2]
    names = [name for name in schema.columns(table) if name not in schema.KEYS[table]]
    cursor.execute(_targets(table, path, names))
    times = f"select {schema.TIMES[table]} from targets"  # noqa: S608
    within = bounds(table, cursor.execute(times).to_arrow_table())
    for earlier in of(table, undone_before):
        _look_through(cursor, table, earlier, names)
    cursor.execute(_set_back(table, names), within)
    ((back, left),) = cursor.execute(
        "select count(*) filter (is_back), count(*) filter (is_left) from set_back"
    ).fetchall()
    delete_same(cursor, table, "(from set_back where is_back)", within)
    says = " or ".join(f"{name} is not null" for name in bars.figures(table))
    cursor.execute(
        f"insert into {table} by name select * exclude (is_back, is_left) from set_back "  # noqa: S608
        f"where is_back and ({says})"
    )
    for one in ("targets", "set_back"):
        cursor.execute(f"drop table {one}")
    return Undone(back, left)


def _targets(table: str, path: Path, names: Sequence[str]) -> str:
    """Return SQL that keeps, as ``targets``, what a piece wrote and what was there before."""
    key = ", ".join(schema.KEYS[table])
    columns = ", ".join(
        f"after_{name}, before_{name}, after_{name} is distinct from before_{name} as wrote_{name}"
        for name in names
    )
    rows = rows_of(path, names)
    return f"create temp table targets as select {key}, is_new, {columns} from {rows}"  # noqa: S608


def _look_through(
    cursor: duckdb.DuckDBPyConnection, table: str, path: Path, names: Sequence[str]
) -> None:
    """Where what was there before is what an import wrote that was undone, go on to before it."""
    key = ", ".join(schema.KEYS[table])
    earlier = ", ".join(
        f"if(undone.venue is not null and undone.after_{name} is distinct from "
        f"undone.before_{name} and undone.after_{name} is not distinct from "
        f"target.before_{name}, undone.before_{name}, target.before_{name}) as before_{name}"
        for name in names
    )
    cursor.execute(
        f"""
        create or replace temp table targets as
        select target.* replace ({earlier})
        from targets as target
        left join {rows_of(path, names)} as undone using ({key})
        """  # noqa: S608
    )


def _set_back(table: str, names: Sequence[str]) -> str:
    """Return SQL that keeps, as ``set_back``, the rows of ``targets`` as they are to be.

    With ``is_back`` where anything of them changes, and ``is_left`` where anything that was
    written has changed since.
    """
    key = ", ".join(schema.KEYS[table])
    figures = set(bars.figures(table))
    held = {
        name: f"(target.wrote_{name} and stored.{name} is not distinct from target.after_{name})"
        for name in names
    }
    # Of a row that is new nothing but its figures goes: what says whose they are cannot be NULL.
    goes = {
        name: held[name] if name in figures else f"({held[name]} and not target.is_new)"
        for name in names
    }
    values = ", ".join(
        f"if({goes[name]}, target.before_{name}, stored.{name}) as {name}" for name in names
    )
    back = " or ".join(goes.values())
    left = " or ".join(f"(target.wrote_{name} and not {held[name]})" for name in figures)
    return f"""
        create temp table set_back as
        select stored.* replace ({values}), ({back}) as is_back, ({left}) as is_left
        from {table} as stored
        join targets as target using ({key})
        where stored.{schema.TIMES[table]} between $first and $last
    """  # noqa: S608
