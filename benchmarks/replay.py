"""Time of a step of a replay on the server, against pandas on the same snapshots.

    python benchmarks/replay.py LAKE [--windows 3]

LAKE is one of ``big_lake.py`` with at least two days: 200 pairs on each of three venues. A step
is what Overview asks of analytics at a past time: every pair as it was known, and how far it came.
Steps are a cycle apart, in windows of two hours spread over a whole past day, as the dashboard
reads them ahead. A jump to another time is answered from the files. The same by pandas: the newest
of six metrics of each pair and five changes, with ``merge_asof`` over the day's snapshots, which
were loaded from the Parquet files and sorted by time before. CPU time stands beside the wall's: it
does not depend on what else runs on the machine.
"""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from alerts import Stopwatch
from big_lake import DAY, END
from machine import described

from analytics import query
from analytics.lake.reader import Reader
from analytics.panels.panel import LEAST_KNOWN
from analytics.replay.record_steps import steps
from analytics.replay.window import LENGTH, Window

CYCLE = timedelta(seconds=30)
TARGET_MS = 50.0
"""Of the p95 of a step. [wall ms]"""
TARGET_RATIO = 10.0
"""pandas' time over ours."""
METRICS = ("price", "oi_usd", "volume_24h_usd", "funding_rate", "ls_accounts", "book_imbalance")
CHANGING = METRICS[:5]
STEP, PANDAS = "a step: pairs with changes", "the same by pandas"
_KEY = ["venue", "symbol"]

Cursor = duckdb.DuckDBPyConnection


def pairs(cursor: Cursor, now: datetime, span_s: int) -> pd.DataFrame:
    """Return every pair with its changes, as known at *now*."""
    return query.fetch(cursor, "pairs", now=now, since=now - timedelta(minutes=10), span_s=span_s)


def overview(cursor: Cursor, now: datetime, span_s: int) -> pd.DataFrame:
    """Return Overview's assets, and read of pairs all else that it reads at every step."""
    since = now - timedelta(minutes=10)
    mark = now - (now - END) % timedelta(minutes=5)
    flows = {"now": mark, "known_by": now, "span_s": span_s, "least_known": LEAST_KNOWN}
    rows = {
        "pairs": pairs(cursor, now, span_s),
        "silent_pairs": query.fetch(cursor, "silent_pairs", now=now, since=since, is_past=True),
        "pair_flows": query.fetch(cursor, "pair_flows", **flows),
    }
    query.fetch(cursor, "bars_known", now=mark, known_by=now)
    asked = {"silent_before": now - 3 * CYCLE, "venues": None, "symbols": None}
    return query.fetch(cursor, "assets", rows, **asked, counted_pairs=[], counted_names=[])


class Pandas:
    """The snapshots of the day before *end* in memory, by metric and in order of time."""

    def __init__(self, cursor: Cursor, end: datetime) -> None:
        columns = ", ".join((*_KEY, "received_ts", *METRICS))
        day = {"start": (end - DAY).replace(tzinfo=None), "end": end.replace(tzinfo=None)}
        frame = cursor.execute(
            f"select {columns} from snapshots where received_ts >= $start and received_ts < $end",  # noqa: S608
            day,
        ).df()
        frame = frame.sort_values("received_ts", ignore_index=True)
        frame[_KEY] = frame[_KEY].astype("category")
        self.keys = frame[_KEY].drop_duplicates(ignore_index=True)
        self.known = {
            name: frame.loc[frame[name].notna(), [*_KEY, "received_ts", name]] for name in METRICS
        }

    def step(self, now: datetime, span_s: int) -> pd.DataFrame:
        """Return the newest of each metric at *now*, and the percentage that it changed."""
        moment = np.datetime64(now.replace(tzinfo=None), "us")
        found = {}
        for name, known in self.known.items():
            newest = self._as_of(known, name, self.keys.assign(at=moment), "10min")
            found[name] = newest[name]
            if name not in CHANGING:
                continue
            then = self.keys.assign(at=newest["received_ts"] - pd.Timedelta(seconds=span_s))
            there = then.dropna().sort_values("at")
            before = self._as_of(known, name, there, "150s", "nearest").reindex(then.index)
            found[f"{name}_change"] = 100 * (newest[name] / before[name] - 1)
        return pd.concat([self.keys, pd.DataFrame(found)], axis=1)

    def _as_of(
        self,
        known: pd.DataFrame,
        name: str,
        asked: pd.DataFrame,
        within: str,
        direction: str = "backward",
    ) -> pd.DataFrame:
        asked = asked.astype({"at": known["received_ts"].dtype})
        joined = pd.merge_asof(
            asked,
            known,
            left_on="at",
            right_on="received_ts",
            by=_KEY,
            tolerance=pd.Timedelta(within),
            direction=direction,
        )
        return joined.set_axis(asked.index)[["received_ts", name]]


def same(ours: pd.DataFrame, theirs: pd.DataFrame) -> bool:
    """Whether both know the same newest values and changes of price."""
    theirs = theirs.astype(dict.fromkeys(_KEY, str)).set_index(_KEY)
    ours = ours.set_index(_KEY).reindex(theirs.index)
    return all(
        np.allclose(ours[mine], theirs[name], rtol=1e-9, equal_nan=True)
        for mine, name in (
            *((name, name) for name in ("price", "oi_usd", "ls_accounts")),
            ("price_delta_pct", "price_change"),
        )
    )


def main() -> None:
    """Step through windows of the day in turn with pandas, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake", type=Path)
    parser.add_argument("--windows", type=int, default=3)
    asked = parser.parse_args()
    midnight, reader, watch = END.replace(hour=0), Reader(asked.lake), Stopwatch()
    with reader.cursor() as cursor:
        every = steps(cursor, midnight - DAY + timedelta(hours=2), midnight, CYCLE)
        theirs = Pandas(cursor, midnight)
    for number in range(asked.windows):
        start = midnight - DAY + timedelta(hours=2) + number * 2 * LENGTH
        moments = [at for at in every if start <= at < start + LENGTH]
        with watch.of("a jump: pairs from the files"), reader.cursor() as cursor:
            pairs(cursor, moments[0], 300)
        with watch.of("reading a window ahead"):
            window = Window(reader, start)
        for count, now in enumerate(moments):
            take(watch, window, now)
            if count % 20 == 0:
                with watch.of(PANDAS):
                    found = theirs.step(now, 300)
                with window.cursor() as cursor:
                    if not same(pairs(cursor, now, 300), found):
                        raise SystemExit(f"{now}: pandas has other values")
    reader.close()
    print(f"{described()}; {len(theirs.keys)} pairs; all values as pandas has them")
    for name in watch.wall:
        print(watch.line(name))
    ours, panda = (np.median(watch.cpu[name]) for name in (STEP, PANDAS))
    p95 = 1000 * np.quantile(watch.wall[STEP], 0.95)
    print(f"a step: p95 {p95:.0f} ms, at most {TARGET_MS:g}; in CPU time pandas takes")
    print(f"{panda / ours:.1f} times as long, at least {TARGET_RATIO:g}")


def take(watch: Stopwatch, window: Window, now: datetime) -> None:
    """Measure a step to *now*."""
    with watch.of(STEP), window.cursor() as cursor:
        pairs(cursor, now, 300)
    with watch.of("a step: pairs with changes over an hour"), window.cursor() as cursor:
        pairs(cursor, now, 3600)
    with watch.of("a step: all of Overview"), window.cursor() as cursor:
        overview(cursor, now, 300)


if __name__ == "__main__":
    main()
