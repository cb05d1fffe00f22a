"""Cost of SQL macros: files read and time of each query on a large lake.

    python benchmarks/macros.py LAKE [--runs 20] [--only WORD]

LAKE is one made by ``big_lake.py``. Each query runs as it is, with the macros of
``analytics/sql/macros.sql``, and in turn with each call replaced by the macro's text. A macro
that kept DuckLake from skipping files would read more of them.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from datetime import timedelta
from pathlib import Path

import duckdb
from big_lake import END
from machine import described

from analytics import query
from analytics.lake.attach import MACROS
from analytics.lake.reader import Reader

NOW = END.replace(tzinfo=None)
DAY = timedelta(days=1)
BAR_MS = 300_000

_MACRO = re.compile(r"create macro (\w+)\(([^)]*)\) as\s+(.*?);", re.DOTALL)
_END_BAR = round(END.timestamp() * 1000) // BAR_MS


def bound(name: str, known_by: object, pair: tuple[str, str, str]) -> dict[str, object]:
    """Return a page's parameters of the query *name*; for panels 60 days of one *pair*."""
    venue, symbol, base = pair
    of_pair = {"bases": [base], "symbols": [symbol], "pairs": [f"{venue} {symbol}"], "venues": None}
    given = {
        "now": NOW, "known_by": known_by, "since": NOW - timedelta(minutes=10),
        "earliest": NOW - 7 * DAY, "start": NOW - 60 * DAY, "end": NOW, "metrics": None,
        "bar_ms": BAR_MS, "closing_ms": BAR_MS, "least_known": 0.75, "is_past": True,
        "span_s": 3600, "interval_s": 30, "break_s": 60, "origin": "live",
        "times": 1.25, "bars": 12, "by_asset": True, "counted_pairs": [], "counted_names": [],
        **of_pair,
    }  # fmt: skip
    if name == "panel_bars_of_signals":
        frames = {"bar_ms": [BAR_MS, 12 * BAR_MS], "closing_ms": [BAR_MS, BAR_MS]}
        given |= {**frames, "firsts": [_END_BAR - 300, _END_BAR // 12 - 25]}
        given |= {"ends": [_END_BAR, _END_BAR // 12]}
    return {key: given[key] for key in query.parameters(name)}


def written_out(text: str) -> str:
    """Return *text* with each macro call replaced by the macro's text."""
    macros = {name: (args.split(", "), body) for name, args, body in _MACRO.findall(_code(MACROS))}
    text = _code(text)
    call = re.compile(rf"\b({'|'.join(macros)})\(")
    while (found := call.search(text)) is not None:
        given, end = _arguments(text, found.end())
        names, body = macros[found[1]]
        values = dict(zip(names, given, strict=True))
        words = re.sub(rf"\b({'|'.join(names)})\b", lambda m: f"({values[m[1]]})", body)  # noqa: B023
        text = f"{text[: found.start()]}({words}){text[end:]}"
    return text


def _code(text: str) -> str:
    return re.sub(r"--.*", "", text)


def _arguments(text: str, start: int) -> tuple[list[str], int]:
    """Return the arguments of the call whose first argument begins at *start*, and its end."""
    given, depth, first = [], 1, start
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0 or (depth == 1 and text[place] == ","):
            given.append(text[first:place].strip())
            first = place + 1
        if depth == 0:
            return given, place + 1
    raise ValueError(f"a call without an end: {text[start : start + 40]}")


def files_read(cursor: duckdb.DuckDBPyConnection, text: str, params: dict[str, object]) -> int:
    """Return the number of Parquet files that the query *text* opens."""
    ((_, plan),) = cursor.execute(f"explain (analyze, format json) {text}", params).fetchall()
    return sum(map(int, re.findall(r'"Total Files Read": "(\d+)"', plan)))


def took_ms(cursor: duckdb.DuckDBPyConnection, text: str, params: dict[str, object]) -> float:
    """Return the time of the query *text*. [wall ms]"""
    began = time.perf_counter()
    cursor.execute(text, params).to_arrow_reader(1_000_000).read_all()
    return 1000 * (time.perf_counter() - began)


def main() -> None:
    """Print a line per query that calls a macro; exit with 1 if one reads more files."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("lake", type=Path)
    asked.add_argument("--runs", type=int, default=20)
    asked.add_argument("--only", default="")
    given = asked.parse_args()
    print(described())
    print(
        f"{'query, bars as known by':<36}with macros: files, p50, p95 [ms]; written out: the same"
    )
    worse = False
    with Reader(given.lake).cursor() as cursor:
        newest = "select venue, symbol, base from bars order by ts desc, venue, symbol limit 1"
        (pair,) = cursor.execute(newest).fetchall()
        for name in query.NAMES:
            texts = (query.sql(name), written_out(query.sql(name)))
            if given.only not in name or _code(texts[0]) == texts[1]:
                continue
            for known_by in (None, NOW) if "known_by" in query.parameters(name) else (NOW,):
                params = bound(name, known_by, pair)
                files = [files_read(cursor, text, params) for text in texts]
                runs = [
                    [took_ms(cursor, text, params) for text in texts] for _ in range(given.runs)
                ]
                worse |= files[0] > files[1]
                print(f"{name + (', now' if known_by else ', any time'):<36}", end="")
                for count, times in zip(files, zip(*runs, strict=True), strict=True):
                    p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
                    print(f"{count:>8} {p50:>7.1f} {p95:>7.1f}", end="")
                print(flush=True)
    raise SystemExit(worse)


if __name__ == "__main__":
    main()
