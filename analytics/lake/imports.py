"""Imports, with a journal by which each can be corrected or undone.

Each commit of an import is a piece, and has a journal: a Parquet file in the folder
``imports`` beside the lake, with the key of every row that the piece touches and the row
before and after it. It is on the disk before anything of the piece is stored, and counts only
with the commit, which writes the number of pieces into the table ``imports``: a journal
without its commit says what never happened.

By the journals of earlier imports it is known which figures an import of the same source
may replace: those that still are what such an import wrote. By its own, an import is undone:
every figure that still is what it wrote becomes what it was before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from analytics.errors import LakeError
from analytics.lake import bars, schema
from analytics.lake.attach import quoted
from analytics.lake.insert import NewestTimes, bounds, each_key_once, keep_new, write
from analytics.lake.layout import Layout, sync

TABLES = ("snapshots", "bars")
"""What an import stores into; what it says of instruments stays."""

_JOURNAL = re.compile(rf"(?P<number>\d+)/(?P<piece>\d+)-(?P<table>{'|'.join(TABLES)})\.parquet")
"""Where the `journal` of a piece lies below the folder of all."""

Change = Callable[[set[Path]], AbstractContextManager[duckdb.DuckDBPyConnection]]
"""Opens a transaction that can add files to these folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is said of an import in the table ``imports``."""

    source: str
    """Of what kind the figures are: only imports of the same source replace each other's."""
    kind: str
    file: str
    sha256: str
    stored_ts: datetime
    first_ts: datetime
    last_ts: datetime
    """The earliest and the latest time of its rows. UTC."""


@dataclass(slots=True)
class Outcome:
    """What became of rows."""

    added: int = 0
    changed: int = 0
    """Rows that were there: NULLs filled, or made anew."""
    replaced: int = 0
    """Rows that were there and of which figures were replaced."""
    differing: int = 0
    """Rows that differ from what is stored, which wins."""


@dataclass(slots=True)
class Import:
    """One import on its way into the lake, piece by piece."""

    layout: Layout
    change: Change
    folders: Callable[[Sequence[tuple[str, pa.Table]]], set[Path]]
    """Returns those that rows of a table can add files to."""
    newest_times: NewestTimes
    facts: Facts
    earlier: list[Path]
    """Journals of earlier imports of the same source that this one may replace figures of."""
    number: int | None = None
    """Its id, once a piece is stored."""

    def add_snapshots(self, rows: pa.Table) -> Outcome:
        """Add the snapshots of *rows* that are new; correct those of earlier imports.

        Raises:
            LakeError: Nothing was stored.
        """
        return self._store("snapshots", rows, _combine_snapshots)

    def fill_bars(self, rows: pa.Table) -> Outcome:
        """Add bars, fill what is NULL, and correct what an earlier import wrote.

        Raises:
            LakeError: Nothing was stored.
        """
        return self._store("bars", rows, _fill_bars)

    def renew_bars(self, rows: pa.Table) -> Outcome:
        """Add bars, and make those that are there anew: what *rows* know wins.

        Raises:
            LakeError: Nothing was stored.
        """
        return self._store("bars", rows, _renew_bars)

    def _store(
        self,
        table: str,
        rows: pa.Table,
        combine: Callable[[duckdb.DuckDBPyConnection, pa.Table, _Piece], Outcome],
    ) -> Outcome:
        if not rows.num_rows:
            return Outcome()
        rows = schema.conform(table, rows)
        with self.change(self.folders([(table, rows)]) | {self.layout.home("imports")}) as cursor:
            self.newest_times.advance(cursor, table, rows)
            number, pieces = self._standing(cursor)
            path = journal(self.layout, number, pieces, table)
            piece = _Piece(table, path, rows, of(table, self.earlier))
            outcome = combine(cursor, rows, piece)
            if outcome.added or outcome.changed or outcome.replaced:
                self._count(cursor, number, table, outcome)
                self.number = number
        return outcome

    def _standing(self, cursor: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        """Return the import's id and how many of its pieces are stored."""
        if self.number is None:
            ((newest,),) = cursor.execute("select max(id) from imports").fetchall()
            return (newest or 0) + 1, 0
        query = "select pieces from imports where id = $id"
        ((pieces,),) = cursor.execute(query, {"id": self.number}).fetchall()
        return self.number, pieces

    def _count(
        self, cursor: duckdb.DuckDBPyConnection, number: int, table: str, outcome: Outcome
    ) -> None:
        """Write that one more piece is stored."""
        if self.number is None:
            facts = self.facts
            cursor.execute(
                "insert into imports values ($id, $source, $kind, $file, $sha256, $stored_ts, "
                "$first_ts, $last_ts, 0, 0, 0, 0, 0, 0, null)",
                {"id": number}
                | {name: getattr(facts, name) for name in ("source", "kind", "file", "sha256")}
                | {name: getattr(facts, name) for name in ("stored_ts", "first_ts", "last_ts")},
            )
        changed = outcome.changed + outcome.replaced
        ours = (
            ("bars_added", "bars_changed") if table == "bars" else ("rows_added", "rows_replaced")
        )
        cursor.execute(
            f"update imports set pieces = pieces + 1, {ours[0]} = {ours[0]} + $added, "  # noqa: S608
            f"{ours[1]} = {ours[1]} + $changed where id = $id",
            {"id": number, "added": outcome.added, "changed": changed},
        )


@dataclass(slots=True)
class _Piece(bars.Journal):
    """One commit of an import."""

    table: str
    path: Path
    rows: pa.Table
    earlier: Sequence[Path]
    outcome: Outcome = field(default_factory=Outcome)

    def stored(self, cursor: duckdb.DuckDBPyConnection, names: Sequence[str]) -> str:
        """Return the name of the stored rows, NULL where *names* of them may be replaced.

        Expects what comes in as the table ``fresh_rows``.
        """
        if not self.earlier or not self._written(cursor, names):
            return self.table
        opened = ", ".join(
            f"if(fresh.{name} <> stored.{name} and list_contains(written.{name}, stored.{name}), "
            f"null, stored.{name}) as {name}"
            for name in names
        )
        key = ", ".join(schema.KEYS[self.table])
        cursor.execute(
            f"""
            create or replace temp table open_rows as
            select stored.* replace ({opened})
            from {self.table} as stored
            join fresh_rows as fresh using ({key})
            left join written using ({key})
            where stored.{schema.TIMES[self.table]} between $first and $last
            """,  # noqa: S608
            bounds(self.table, self.rows),
        )
        return "open_rows"

    def note(self, cursor: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
        """Write the journal, and wait until it is on the disk; count what differs.

        Expects what comes in as ``fresh_rows``, and of it ``new_rows`` and ``changed_rows``.
        """
        within = bounds(self.table, self.rows)
        self.outcome = _compared(cursor, self.table, names, within)
        if self.outcome.added or self.outcome.changed or self.outcome.replaced:
            # Where nothing of them was there, the fastest way for what is much.
            all_new = self.outcome.added == self.rows.num_rows
            _keep(
                self.path,
                _as_new(self.rows, self.table) if all_new else _touched(cursor, self.table, within),
            )

    def _written(self, cursor: duckdb.DuckDBPyConnection, names: Sequence[str]) -> bool:
        """Keep, as ``written``, what earlier imports wrote into *names*; say whether anything."""
        key = ", ".join(schema.KEYS[self.table])
        lists = ", ".join(
            f"list(after_{name}) filter (after_{name} is distinct from before_{name}) as {name}"
            for name in names
        )
        earlier = " union all by name ".join(
            f"from {rows_of(path, names)}" for path in self.earlier
        )
        cursor.execute(
            f"""
            create or replace temp table written as
            select {key}, {lists}
            from ({earlier}) join fresh_rows using ({key})
            group by {key}
            """  # noqa: S608
        )
        ((count,),) = cursor.execute("select count(*) from written").fetchall()
        return bool(count)


def journal(layout: Layout, number: int, piece: int, table: str) -> Path:
    """Return where the journal of a *piece* of the import with the id *number* lies."""
    return layout.journals / str(number) / f"{piece}-{table}.parquet"


def earlier_journals(cursor: duckdb.DuckDBPyConnection, layout: Layout, facts: Facts) -> list[Path]:
    """Return the journals of imports whose figures one with *facts* may replace."""
    rows = cursor.execute(
        "select id, pieces from imports where source = $source and undone_ts is null "
        "and first_ts <= $last_ts and last_ts >= $first_ts",
        {"source": facts.source, "first_ts": facts.first_ts, "last_ts": facts.last_ts},
    ).fetchall()
    return [path for number, pieces in rows for path in journals(layout, number, pieces)]


def drop_unfinished(
    cursor: duckdb.DuckDBPyConnection, layout: Layout, files: list[tuple[str, Path]]
) -> list[tuple[str, Path]]:
    """Delete journals without a commit and what such a piece left of *files*; return the others.

    Args:
        cursor: Of the writer, on a catalog that is whole.
        layout: Of the lake.
        files: By table, files that the catalog does not name.
    """
    written = sorted(layout.journals.glob("*/*.parquet"))
    query = "select id, pieces from imports"
    pieces = dict(cursor.execute(query).fetchall()) if written else {}
    for path in written:
        # Whatever else lies there is not ours to judge.
        found = _JOURNAL.fullmatch(path.relative_to(layout.journals).as_posix())
        if found is None or int(found["piece"]) < pieces.get(int(found["number"]), 0):
            continue
        table = found["table"]
        for one in [one for one in files if one[0] == table]:
            if _is_of(cursor, one[1], path, table):
                one[1].unlink()
                files = [other for other in files if other != one]
        path.unlink()
    return files


def _fill_bars(cursor: duckdb.DuckDBPyConnection, rows: pa.Table, piece: _Piece) -> Outcome:
    bars.combine(cursor, rows, wins="stored", journal=piece)
    return piece.outcome


def _renew_bars(cursor: duckdb.DuckDBPyConnection, rows: pa.Table, piece: _Piece) -> Outcome:
    added, changed = bars.combine(cursor, rows, wins="fresh", journal=piece)
    return Outcome(added=added, changed=changed)


def _combine_snapshots(cursor: duckdb.DuckDBPyConnection, rows: pa.Table, piece: _Piece) -> Outcome:
    """Add new rows of a table, and correct rows of earlier imports."""
    names = [name for name in bars.figures("snapshots") if name in rows.column_names]
    cursor.register("incoming", each_key_once("snapshots", rows))
    try:
        cursor.execute("create temp table fresh_rows as from incoming")
        within = bounds("snapshots", rows)
        stored = piece.stored(cursor, names)
        keep_new(cursor, "snapshots", within)
        cursor.execute(_changed_snapshots(stored, names))
        piece.note(cursor, names)
        write(cursor, "snapshots", within)
        for table in ("fresh_rows", "new_rows", "changed_rows"):
            cursor.execute(f"drop table {table}")
    finally:
        cursor.unregister("incoming")
    return piece.outcome


def _changed_snapshots(stored: str, names: Sequence[str]) -> str:
    """Return SQL that keeps, as ``changed_rows``, the stored snapshots that are corrected.

    Args:
        stored: ``open_rows`` where some may be, else the table itself.
        names: The columns that can be.
    """
    if stored == "snapshots":
        return "create temp table changed_rows as select * from snapshots limit 0"
    values = ", ".join(f"coalesce(opened.{name}, fresh.{name}) as {name}" for name in names)
    corrected = " or ".join(
        f"(kept.{name} is not null and opened.{name} is null and fresh.{name} <> kept.{name})"
        for name in names
    )
    key = ", ".join(schema.KEYS["snapshots"])
    return f"""
        create temp table changed_rows as
        select kept.* replace ({values})
        from snapshots as kept
        join open_rows as opened using ({key})
        join fresh_rows as fresh using ({key})
        where {corrected or "false"}
    """  # noqa: S608


def _compared(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    names: Sequence[str],
    within: dict[str, datetime],
) -> Outcome:
    """Return how ``fresh_rows`` stand to what is stored."""
    key, time = ", ".join(schema.KEYS[table]), schema.TIMES[table]
    replaced = " or ".join(
        f"(stored.{name} is not null and changed.{name} is distinct from stored.{name})"
        for name in names
    )
    differs = " or ".join(
        f"(fresh.{name} is not null and fresh.{name} is distinct from "
        f"if(changed.venue is null, stored.{name}, changed.{name}))"
        for name in names
    )
    ((added,),) = cursor.execute("select count(*) from new_rows").fetchall()
    ((changed, replaced_rows, differing),) = cursor.execute(
        f"""
        select
            count(changed.venue),
            count(changed.venue) filter ({replaced or "false"}),
            count(*) filter ({differs or "false"})
        from {table} as stored
        join fresh_rows as fresh using ({key})
        left join changed_rows as changed using ({key})
        where stored.{time} between $first and $last
        """,  # noqa: S608
        within,
    ).fetchall()
    return Outcome(added, changed - replaced_rows, replaced_rows, differing)


def _as_new(rows: pa.Table, table: str) -> pa.Table:
    """Return *rows* as a journal has them that are new; columns that none has are left out."""
    keys = schema.KEYS[table]
    names = [name if name in keys else f"after_{name}" for name in rows.column_names]
    renamed = rows.rename_columns(names)
    return renamed.append_column("is_new", pa.repeat(pa.scalar(True), rows.num_rows))  # noqa: FBT003


def _touched(
    cursor: duckdb.DuckDBPyConnection, table: str, within: dict[str, datetime]
) -> pa.Table:
    """Return ``new_rows`` and ``changed_rows`` of *table* as a journal has them."""
    keys = schema.KEYS[table]
    columns = [name for name in schema.columns(table) if name not in keys]
    rows = _as_new(cursor.execute("from new_rows").to_arrow_table(), table)
    ((changed,),) = cursor.execute("select count(*) from changed_rows").fetchall()
    if changed:
        both = ", ".join(
            f"stored.{name} as before_{name}, changed.{name} as after_{name}" for name in columns
        )
        kept = cursor.execute(
            f"""
            select {", ".join(f"changed.{name}" for name in keys)}, false as is_new, {both}
            from changed_rows as changed
            join {table} as stored using ({", ".join(keys)})
            where stored.{schema.TIMES[table]} between $first and $last
            """,  # noqa: S608
            within,
        ).to_arrow_table()
        rows = pa.concat_tables([rows, kept], promote_options="default")
    return rows


def _keep(path: Path, rows: pa.Table) -> None:
    """Write the journal *rows* to *path*, durable when it returns."""
    folders = [folder for folder in (path.parent, path.parent.parent) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    # The fastest there is: a dictionary of prices or a thorough packing costs as much as storing.
    pq.write_table(rows, path, use_dictionary=list(_WORDS), compression="lz4")
    for one in (path, path.parent, *(folder.parent for folder in folders)):
        sync(one)


_WORDS = ("venue", "symbol", "after_base", "before_base", "after_origin", "before_origin")
"""Columns of a journal whose values repeat."""


def rows_of(path: Path, names: Sequence[str]) -> str:
    """Return SQL for the journal at *path*: key, is_new, and before and after of *names*.

    A row that is new has NULL in all of before.

    Raises:
        LakeError: The journal cannot be read.
    """
    try:
        there = set(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise LakeError(
            f"{path}: the journal of an import cannot be read ({str(error).splitlines()[0]}); "
            "restore it from a backup, or move it away; without it that import cannot be undone"
        ) from error
    table = path.stem.partition("-")[2]
    kinds = schema.columns(table)
    columns = ", ".join(
        f"{when}_{name}"
        if f"{when}_{name}" in there
        else f"null::{kinds[name].split()[0]} as {when}_{name}"
        for name in names
        for when in ("before", "after")
    )
    key = ", ".join(schema.KEYS[table])
    return f"(select {key}, is_new, {columns} from read_parquet({quoted(str(path))}))"  # noqa: S608


def journals(layout: Layout, number: int, pieces: int) -> list[Path]:
    """Return the journals of an import that are there, in the order of its pieces."""
    paths = (journal(layout, number, piece, table) for piece in range(pieces) for table in TABLES)
    return [path for path in paths if path.exists()]


def _is_of(cursor: duckdb.DuckDBPyConnection, file: Path, path: Path, table: str) -> bool:
    """Return whether the journal at *path* has the key of every row in *file*."""
    key = ", ".join(schema.KEYS[table])
    try:
        ((others,),) = cursor.execute(
            f"select count(*) from read_parquet($file) anti join read_parquet($journal) "  # noqa: S608
            f"using ({key})",
            {"file": str(file), "journal": str(path)},
        ).fetchall()
    except duckdb.Error:
        # Cut short by the same crash: then nothing of the piece was stored, or nothing can be read.
        return False
    return bool(others == 0)


def of(table: str, paths: Sequence[Path]) -> list[Path]:
    """Return those of *paths* that are journals of *table*."""
    return [path for path in paths if path.stem.endswith(f"-{table}")]
