"""Runs a named query and returns its rows.

The text of a query is a file below ``analytics/sql/queries``, in the folder of its subject; its
name is the file's, its parameters are the ``$`` names in it and are bound, never pasted in.

A query that reads ``known_bars`` sees the bars as they were known at ``$known_by``;
``known_bars.sql`` says how, and stands in front of such a query as its first part. What reads
``rows_of_NAME`` reads the rows of the query called *NAME*, which stands in front of it likewise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import duckdb
import pandas as pd
import pyarrow as pa

from analytics.errors import LakeError, QueryError
from analytics.lake.clock import LakeClock
from analytics.lake.session import hints_at_damage

_SQL: Final = files("analytics") / "sql"
_FILES: Final = MappingProxyType(
    {
        file.name.removesuffix(".sql"): file
        for subject in (_SQL / "queries").iterdir()
        for file in subject.iterdir()
        if file.name.endswith(".sql")
    }
)
"""By name, whatever folder it is in."""

NAMES: Final = tuple(sorted(_FILES))
"""Every query there is."""

_NO_ROWS: Final[Mapping[str, pd.DataFrame]] = MappingProxyType({})

ANY_TIME: Final = datetime.max.replace(tzinfo=UTC)
"""As ``known_by``: all that is stored, also what became known later than any time asked for."""


@cache
def sql(name: str, given: frozenset[str] = frozenset()) -> str:
    """Return the text of the query called *name*; the rows of those in *given* are not asked for.

    Raises:
        QueryError: There is no such query.
    """
    if name not in NAMES:
        raise QueryError(f"{name}: no such query; choose from {', '.join(NAMES)}")
    text = _with_other_queries(_file(name), given)
    if not re.search(r"\bknown_bars\b", _code(text)):
        return text
    known = (_SQL / "known_bars.sql").read_text("utf-8")
    return _with_first_part(text, f"known_bars as not materialized (\n{known})")


@cache
def parameters(name: str, given: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the ``$`` names that the query called *name* asks for, as :func:`sql` has it."""
    return frozenset(re.findall(r"\$(\w+)", _code(sql(name, given))))


def fetch(
    cursor: duckdb.DuckDBPyConnection,
    name: str,
    given: Mapping[str, pd.DataFrame] = _NO_ROWS,
    /,
    **params: object,
) -> pd.DataFrame:
    """Run the query called *name* with *params* bound to its ``$`` names.

    Times go in with a zone and are bound as the UTC that the lake keeps; they
    come out with a zone, too: UTC. ``known_by``, where it is not given, is ``now``:
    what became known later is left out unless it is asked for.

    Of the queries whose rows it reads, those in *given* are not run again: their rows are these,
    as this function returned them, or some of them.

    Raises:
        QueryError: The query or a parameter is wrong.
        LakeError: The lake cannot be read.
    """
    with _at_hand(cursor, given):
        rows: pd.DataFrame = table(cursor, name, frozenset(given), **params).to_pandas()
    for column in rows.select_dtypes("datetime").columns:
        rows[column] = rows[column].dt.tz_localize(UTC)
    return rows


def table(
    cursor: duckdb.DuckDBPyConnection,
    name: str,
    given: frozenset[str] = frozenset(),
    most_rows: int | None = None,
    /,
    **params: object,
) -> pa.Table:
    """Return the same as an Arrow table, whose times are as the lake keeps them: without a zone.

    Raises:
        QueryError: The query or a parameter is wrong, or there are more than *most_rows*.
        LakeError: The lake cannot be read.
    """
    if "known_by" in parameters(name, given) and "now" in params:
        params = {"known_by": params["now"], **params}
    _check(name, given, params)
    bound = {key: _as_kept(name, key, value) for key, value in params.items()}
    try:
        # A relation with parameters would carry its rows through Python objects: ten times slower.
        reader = cursor.execute(sql(name, given), bound).to_arrow_reader(1_000_000)
        return reader.read_all() if most_rows is None else _at_most(most_rows, name, reader)
    except duckdb.Error as error:
        if hints_at_damage(error):
            raise LakeError(f"{name}: the lake could not be read: {error}") from error
        raise QueryError(f"{name}: {error}") from error


def _at_most(most_rows: int, name: str, reader: pa.RecordBatchReader) -> pa.Table:
    """Return all of *reader*; it is read no further than it takes to see that there is more."""
    batches, count = [], 0
    for batch in reader:
        count += batch.num_rows
        if count > most_rows:
            raise QueryError(f"{name}: more than {most_rows:,} rows; ask for less")
        batches.append(batch)
    return pa.Table.from_batches(batches, reader.schema)


def _code(text: str) -> str:
    """Return *text* without its comments and words in quotes."""
    return re.sub(r"--.*|'(?:[^']|'')*'", "", text)


def _file(name: str) -> str:
    return _FILES[name].read_text("utf-8")


def _with_other_queries(text: str, given: frozenset[str]) -> str:
    """Return the query *text* with those whose rows it reads, but are not *given*, before it."""
    for name in reversed(list(_read_by(text, given))):
        text = _with_first_part(text, f"rows_of_{name} as (\n{_file(name)})")
    return text


def _read_by(text: str, given: frozenset[str]) -> dict[str, None]:
    """Return the queries whose rows *text* reads, each after those whose rows it reads itself."""
    found: dict[str, None] = {}
    for name in sorted(set(re.findall(r"\brows_of_(\w+)", _code(text))) - given):
        found |= _read_by(_file(name), given) | {name: None}
    return found


def _with_first_part(text: str, part: str) -> str:
    """Return the query *text* with *part* as its first part, after its own comment."""
    head = re.match(r"(?:--.*\n)*", text)
    above = head[0] if head else ""
    query = text[len(above) :]
    if query.startswith("with "):
        return f"{above}with {part},\n\n{query.removeprefix('with ')}"
    return f"{above}with {part}\n\n{query}"


@contextmanager
def _at_hand(
    cursor: duckdb.DuckDBPyConnection, given: Mapping[str, pd.DataFrame]
) -> Iterator[None]:
    """Let the *cursor* read the rows *given* by query, with times as the lake keeps them."""
    try:
        for name, rows in given.items():
            zoned = {
                key: rows[key].dt.tz_localize(None)
                for key in rows.select_dtypes("datetimetz").columns
            }
            cursor.register(f"rows_of_{name}", pa.Table.from_pandas(rows.assign(**zoned)))
        yield
    finally:
        for name in given:
            cursor.unregister(f"rows_of_{name}")


def _check(name: str, given: frozenset[str], params: dict[str, object]) -> None:
    """Raise unless *params* are exactly what the query asks for."""
    asked = parameters(name, given)
    missing, unknown = sorted(asked - params.keys()), sorted(params.keys() - asked)
    if missing:
        raise QueryError(f"{name}: parameter {', '.join(missing)} is missing")
    if unknown:
        raise QueryError(f"{name}: unknown parameter {', '.join(unknown)}")


def _as_kept(name: str, key: str, value: object) -> object:
    """Return *value* as the lake keeps it: times in UTC, without a zone."""
    if not isinstance(value, datetime):
        return value
    if value == ANY_TIME:
        return None
    if value.tzinfo is None:
        raise QueryError(f"{name}: {key} has no time zone; pass UTC")
    return value.astimezone(UTC).replace(tzinfo=None)


def lake_time(cursor: duckdb.DuckDBPyConnection, wall: datetime) -> datetime:
    """Return what the lake's clock shows at the wall time *wall*; it may be a simulator's. UTC."""
    info = table(cursor, "lake_info")
    facts = dict(zip(info["key"].to_pylist(), info["value"].to_pylist(), strict=True))
    clock = LakeClock.of(facts)
    return wall if clock is None else clock.at(wall)


def utc_time(text: str) -> datetime:
    """Return an ISO 8601 time in UTC, which is also what one without a zone means.

    Raises:
        ValueError: It is none.
    """
    read = datetime.fromisoformat(text)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
