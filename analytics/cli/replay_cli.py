"""``perpscope replay``: a range of the record as JSON lines, one for each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TextIO, cast

import duckdb
import pyarrow as pa

from analytics import formats, query
from analytics.cli import query_cli
from analytics.errors import QueryError
from analytics.lake.reader import Reader
from analytics.panels.bases import Bases, bases
from analytics.panels.panel import LEAST_KNOWN, TIMEFRAMES
from analytics.replay.record_steps import marks, refuse, replay, span, steps
from analytics.rules.reading import mark

_AS_PAGES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("bases", "metrics", "pairs", "symbols", "venues"), ""),
    **{"since": "10m", "start": "24h", "earliest": "7d", "span_s": "300", "bar_ms": "300000"},
    **{"by_asset": "false", "is_past": "true", "least_known": str(LEAST_KNOWN)},
}
"""Parameters that have a value if none is given, which are those that pages begin with."""
_OF_ANSWER: Final = {"now", "known_by", "counted_pairs", "counted_names"}
"""Parameters that follow from the step."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is replayed, in a person's words."""

    start: str
    end: str
    name: str
    """Of a query."""
    given: Sequence[str]
    """Its parameters, as ``perpscope query`` takes them; spans are taken back from each step."""
    step: str
    """``cycle`` or a timeframe."""
    speed: str
    """Seconds of the record in a second; ``max`` or 0 does not wait."""


def write(folder: Path, asked: Asked, interval_s: float, out: TextIO) -> int:
    """Write a line for each step to *out*, each as soon as its time has come.

    A line is ``{"at": TIME, "rows": [...]}``; times are ISO 8601 in UTC, what is absent is null.

    Args:
        folder: Of the lake.
        asked: What is replayed.
        interval_s: Time between two cycles. [s]
        out: Gets the lines and nothing else.

    Returns:
        How many steps there were.

    Raises:
        QueryError: Something that was asked is wrong, or nothing is on record then.
        LakeAbsent: Nothing has been published.
        LakeError: The lake cannot be read.
    """
    refuse(asked.name)
    start, end = _time("from", asked.start), _time("to", asked.end)
    if end < start:
        raise QueryError(f"--from {asked.start} is after --to {asked.end}: swap them")
    speed, ask = _speed(asked.speed), _ask(asked.name, asked.given, interval_s)
    reader, count = Reader(folder), 0
    try:
        with reader.cursor() as cursor:
            moments = _moments(cursor, (start, end), asked.step, interval_s)
        for at, rows in replay(reader, ask, moments, speed=speed):
            count += 1
            lines = ", ".join(query_cli.as_json(rows))
            out.write(f'{{"at": "{query_cli.utc_text(at)}", "rows": [{lines}]}}\n')
            out.flush()
    finally:
        reader.close()
    return count


def _time(option: str, text: str) -> datetime:
    try:
        return query.utc_time(text)
    except (ValueError, OverflowError) as error:
        said = formats.repeated(text)
        wrong = f"--{option} {said} is not a time such as 2026-03-01T12:00Z"
        raise QueryError(wrong) from error


def _speed(text: str) -> float:
    try:
        speed = 0.0 if text == "max" else float(text)
    except ValueError:
        speed = math.nan
    if not 0 <= speed < math.inf:
        said = formats.repeated(text)
        raise QueryError(f"--speed {said} is neither a number from 0 on nor max")
    return speed


def _moments(
    cursor: duckdb.DuckDBPyConnection,
    between: tuple[datetime, datetime],
    step: str,
    interval_s: float,
) -> list[datetime]:
    """Return the steps *between* two times."""
    if step != "cycle" and step not in TIMEFRAMES:
        said = formats.repeated(step)
        raise QueryError(f"--step {said} is neither cycle nor one of {', '.join(TIMEFRAMES)}")
    start, end = between
    known = span(cursor)
    if known is not None and (end < known[0] or start > known[1]):
        first, last = map(query_cli.utc_text, known)
        raise QueryError(f"nothing is on record then: the record runs from {first} to {last}")
    if step == "cycle":
        return steps(cursor, start, end, timedelta(seconds=interval_s))
    return marks(start, end if known is None else min(end, known[1]), TIMEFRAMES[step])


def _ask(
    name: str, given: Sequence[str], interval_s: float
) -> Callable[[duckdb.DuckDBPyConnection, datetime], pa.Table]:
    """Return what asks the query called *name* as a page of a past time does."""
    asked, cycle = query.parameters(name), f"{3 * interval_s:f}"
    defaults = {**_AS_PAGES, "silent_before": f"{cycle}s", "break_s": cycle}
    defaults["interval_s"] = str(interval_s)
    found = query_cli.texts(name, given, {*defaults, *_OF_ANSWER})
    if "now" in found:
        raise QueryError(f"{name}: now is each step's time and cannot be given")
    texts = {key: text for key, text in {**defaults, **found}.items() if key in asked}
    names: dict[object, Bases] = {}

    def ask(cursor: duckdb.DuckDBPyConnection, at: datetime) -> pa.Table:
        params = query_cli.bound(name, texts, lambda: at) | {"now": at}
        known_by = cast("datetime", params.get("known_by", at) or query.ANY_TIME)

        def counted() -> Bases:
            # As pages do: anew at a five-minute mark, and when bars become known after it.
            now = mark(at, "5m")
            (row,) = query.table(cursor, "bars_known", now=now, known_by=known_by).to_pylist()
            key = now, *row.values()
            if key not in names:
                names.clear()
                names[key] = bases(cursor, now, known_by)
            return names[key]

        return query_cli.answer(cursor, name, params, counted)

    return ask
