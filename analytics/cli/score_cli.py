"""``perpscope alerts score`` and ``sweep``: how rules did, and would have with other thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics import formats, query
from analytics.cli.rules_cli import looked_at
from analytics.errors import QueryError
from analytics.exports.csv import csv_bytes
from analytics.exports.scorecard_table import scorecard_table
from analytics.lake.reader import Reader
from analytics.quantities import QUANTITIES
from analytics.rules import firings, sweep
from analytics.rules.rules_file import Rule, named
from analytics.rules.scorecard import HORIZONS, write_change, write_excess


@dataclass(frozen=True, slots=True)
class Asked:
    """Which record is looked at."""

    folder: Path
    """Of the lake."""
    since: str
    """How far back from what the lake's clock shows."""
    wall: datetime
    """The wall time. UTC."""
    recorded: bool = False
    """Whether only alerts count that were recorded."""


@contextmanager
def _lake(asked: Asked) -> Iterator[tuple[duckdb.DuckDBPyConnection, datetime]]:
    reader = Reader(asked.folder)
    try:
        with reader.cursor() as cursor:
            yield cursor, query.lake_time(cursor, asked.wall)
    finally:
        reader.close()


def scorecard(asked: Asked, rules: Sequence[Rule], names: Sequence[str]) -> pd.DataFrame:
    """Return the scorecard of the rules called *names*, or of all.

    Raises:
        RuleError: There is no such rule.
        QueryError: ``since`` is no time span, or too long.
        LakeError: The lake cannot be read, or nothing was published.
    """
    mine = [named(rules, name) for name in dict.fromkeys(names)] or list(rules)
    back = looked_at(asked.since)
    with _lake(asked) as (cursor, now):
        return firings.scorecard(
            cursor, mine, now, back, known_by=query.ANY_TIME, as_recorded=asked.recorded
        )


def csv(found: pd.DataFrame) -> str:
    """Return a scorecard as CSV."""
    return csv_bytes(scorecard_table(found)).decode("utf-8-sig").replace("\r\n", "\n")


def write(found: pd.DataFrame, console: Console) -> None:
    """Write a scorecard: figures as a table, below it why others are absent."""
    known = found[found["note"].isna()]
    if not known.empty:
        heads = ("rule", "measure", "horizon", "firings", "episodes", "p10", "median", "p90")
        table = Table(*heads, "base median", "hits", "mean excess", "median excess", "corrected p")
        for row in known.to_dict("records"):
            table.add_row(*map(Text, _cells(row)))
        console.print(table)
    absent = found[found["note"].notna()]
    for (rule, note), rows in absent.groupby(["rule", "note"], sort=False):
        horizons = ", ".join(dict.fromkeys(rows["horizon"]))
        console.print(Text(f"{rule}, {horizons}: {note}."))


def _cells(row: dict[Any, Any]) -> Iterator[str]:
    yield from (row["rule"], QUANTITIES[row["measure"]].title, row["horizon"])
    yield from (formats.count(row[name]) for name in ("firing_count", "episode_count"))
    yield from (write_change(row[name]) for name in ("p10", "median", "p90", "base_median"))
    yield _interval(formats.share, row, "hit_pct", "hit_low_pct", "hit_high_pct")
    yield excess(row, "mean")
    yield excess(row, "median")
    yield f"{row['q']:.3f}"


def _interval(write: Any, row: dict[Any, Any], *names: str) -> str:
    value, low, high = (write(row[name]) for name in names)
    return f"{value} ({low} to {high})"


def excess(row: dict[Any, Any], of: str, half: str = "") -> str:
    """Write an excess with its interval: ``+0.102 pp (+0.081 pp to +0.120 pp)``."""
    return _interval(write_excess, row, f"{half}{of}_excess", f"{half}{of}_low", f"{half}{of}_high")


@dataclass(frozen=True, slots=True)
class Swept:
    """A sweep, and what it was of."""

    rule: str
    title: str
    columns: tuple[str, ...]
    found: pd.DataFrame


def swept(asked: Asked, rule: Rule, texts: Sequence[str], of: tuple[str, str]) -> Swept:
    """Return how *rule* would have done with other thresholds.

    Args:
        asked: Which record.
        rule: Which rule.
        texts: What is varied: ``z_oi=1.5:4:0.5``.
        of: Measure and horizon.

    Raises:
        RuleError: The condition has no such threshold, or too many would be tried.
        QueryError: ``since`` or the horizon is none.
        LakeError: The lake cannot be read, or nothing was published.
    """
    if of[1] not in HORIZONS:
        raise QueryError(f"--horizon {formats.repeated(of[1])}: one of {', '.join(HORIZONS)}")
    varied, back = [sweep.vary(text) for text in texts], looked_at(asked.since)
    tried, columns = sweep.variants(rule, varied), tuple(one.column for one in varied)
    with _lake(asked) as (cursor, now):
        found = sweep.on_record(cursor, tried, columns, of, (now, back), known_by=query.ANY_TIME)
    return Swept(rule.name, sweep.title(of), columns, found)


def write_sweep(one: Swept, console: Console) -> None:
    """Write both halves side by side, and whether the best of the first holds in the second."""
    heads = (f"{half}{name}" for half in ("", "held out ") for name in _HALF)
    table = Table(*one.columns, *heads, title=f"{one.rule}: {one.title}")
    for row in one.found.to_dict("records"):
        thresholds = (f"{row[column]:g}" for column in one.columns)
        cells = (cell for half in sweep.HALVES for cell in _half(row, f"{half}_"))
        table.add_row(*map(Text, (*thresholds, *cells)))
    console.print(table)
    console.print(Text(sweep.verdict(one.found, one.columns)))


_HALF = ("episodes", "mean excess", "corrected p")


def _half(row: dict[Any, Any], half: str) -> tuple[str, str, str]:
    count = formats.count(row[f"{half}episode_count"])
    if isinstance(row[f"{half}note"], str):
        return count, "too few" if row[f"{half}episode_count"] else "none", formats.ABSENT
    return count, excess(row, "mean", half), f"{row[f'{half}q']:.3f}"
