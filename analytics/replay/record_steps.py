"""A range of the record as a stream: what a named query answered at each of its steps.

At each step *now* and *known_by* are the step's time, so that the rows are those that a live page
had then: point in time by when data were received, without what was fetched later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

import duckdb
import pyarrow as pa

from analytics import query
from analytics.errors import QueryError
from analytics.lake.reader import Reader
from analytics.lake.schema import BAR

Ask = Callable[[duckdb.DuckDBPyConnection, datetime], pa.Table]
"""Returns the rows as known at a time, UTC; raises QueryError or LakeError."""

_WHOLE_RECORD: Final = "it is about the whole record"
_COLLECTOR: Final = "the collector goes on from the newest state"

NOT_OF_A_TIME: Final[Mapping[str, str]] = MappingProxyType(
    {
        "alert_firings": _WHOLE_RECORD,
        "alert_states": _COLLECTOR,
        "alerts_near": _WHOLE_RECORD,
        "bars_from_snapshots": "it builds bars between two times",
        "bars_known": "it counts what is stored, to know when to read again",
        "bars_of_instruments": _COLLECTOR,
        "bars_written": "it counts what is stored, to know when to read again",
        "became_known": "it says when what is stored became known",
        "cycle_ends": _WHOLE_RECORD,
        "cycle_near": _WHOLE_RECORD,
        "fetched_later": "it says what came after a time",
        "imports": "it lists the imports that can be undone now",
        "instruments_of_venue": _COLLECTOR,
        "lake_info": "facts about the lake have no history",
        "last_live_bar": _COLLECTOR,
        "last_streams": _COLLECTOR,
        "newest_row": _WHOLE_RECORD,
        "record_gaps": _WHOLE_RECORD,
        "record_span": _WHOLE_RECORD,
        "table_rows": "it counts what is stored now",
    }
)
"""Queries that cannot be asked of a past time, and why; all others can."""


def steps(
    cursor: duckdb.DuckDBPyConnection, start: datetime, end: datetime, every: timedelta
) -> list[datetime]:
    """Return the record's own steps from *start* to *end*, both included; see ``cycle_ends.sql``.

    Args:
        cursor: On the lake.
        start: UTC.
        end: UTC.
        every: Time between two cycles.
    """
    before = start - timedelta(milliseconds=1)
    asked = {"start": before, "end": end, "every_s": every.total_seconds()}
    found = query.table(cursor, "cycle_ends", **asked)
    return [at.replace(tzinfo=UTC) for at in found["ts"].to_pylist()]


def marks(start: datetime, end: datetime, every: timedelta) -> list[datetime]:
    """Return the multiples of *every*, counted from 1970, from *start* to *end*, both included."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first = epoch + -((epoch - start) // every) * every
    return [first + n * every for n in range((end - first) // every + 1)]


def span(cursor: duckdb.DuckDBPyConnection) -> tuple[datetime, datetime] | None:
    """Return from when to when there is a record, UTC; None if there are no bars."""
    wall = datetime.now(UTC)
    (bars,) = query.table(cursor, "record_span", near=wall).to_pylist()
    (newest,) = query.table(cursor, "newest_row", wall=wall)["newest_ts"].to_pylist()
    if bars["first_ts"] is None:
        return None
    first, last = bars["first_ts"] - BAR, max(bars["last_ts"], newest)
    return first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)


def replay(
    reader: Reader,
    ask: Ask,
    moments: Sequence[datetime],
    *,
    speed: float = 0.0,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[datetime, pa.Table]]:
    """Yield each of *moments* with what *ask* returns for it, at *speed*.

    Args:
        reader: Of the lake.
        ask: Asked for each moment, on the newest published state.
        moments: UTC, in order.
        speed: Seconds of the record in a second; 0 does not wait.
        wait: Waits for so many seconds. [wall s]

    Raises:
        QueryError: The query or a parameter is wrong.
        LakeError: The lake cannot be read.
    """
    began = time.monotonic()
    for at in moments:
        with reader.cursor() as cursor:
            rows = ask(cursor, at)
        if speed:
            due = began + (at - moments[0]).total_seconds() / speed
            wait(max(due - time.monotonic(), 0.0))
        yield at, rows


def refuse(name: str) -> None:
    """Refuse the query called *name* if it cannot be asked of a past time.

    Raises:
        QueryError: It cannot; the message says why.
    """
    query.sql(name)
    if name in NOT_OF_A_TIME:
        raise QueryError(f"{name}: cannot be replayed: {NOT_OF_A_TIME[name]}")
