"""Appends batch after batch, and writes down each one that the lake acknowledged.

Run as a process by test_kill.py: ``python writer_to_kill.py <lake> <ledger>``. It says
on standard output what it is about to do, so that it can be killed while doing it.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import duckdb
import pyarrow as pa

from analytics.lake.schema import arrow_schema
from analytics.lake.writer import Lake
from tests import extension

NOON = datetime.fromisoformat("2026-03-01 12:00")
ROWS = 5
"""Snapshots in a batch."""


def snapshots(batch: int) -> pa.Table:
    return pa.table(
        {
            "venue": [("binance", "okx")[batch % 2]] * ROWS,
            "symbol": [f"S{number}" for number in range(ROWS)],
            "base": ["B"] * ROWS,
            "received_ts": pa.array([NOON + timedelta(seconds=batch)] * ROWS, pa.timestamp("ms")),
            "price": [float(batch)] * ROWS,
        }
    )


def cycle(batch: int) -> pa.Table:
    values = {"string": "binance", "timestamp[ms]": NOON + timedelta(seconds=batch), "int32": 1}
    must = [field for field in arrow_schema("cycles") if not field.nullable]
    return pa.table({field.name: pa.array([values[str(field.type)]], field.type) for field in must})


def bar(batch: int) -> pa.Table:
    """The bar of two batches: the even one knows its open, the odd one its close."""
    at = pa.array([NOON + timedelta(minutes=5 * (batch // 2))], pa.timestamp("ms"))
    same = {"venue": ["okx"], "symbol": ["S"], "base": ["S"], "ts": at}
    known = {("open", "close")[batch % 2]: [1.0]}
    return pa.table(same | known | {"snapshot_count": [1], "origin": ["live"]})


def say(what: str) -> None:
    print(what, flush=True)  # noqa: T201 - the test listens


def main(folder: Path, ledger: Path) -> None:
    ledger.touch()
    acknowledged = [int(line) for line in ledger.read_text().split()]
    with ledger.open("a") as file, Lake(folder, reserve_bytes=0) as lake:
        for note in lake.damaged:
            say(f"damaged: {note}")
        for batch in count(acknowledged[-1] + 1 if acknowledged else 0):
            say("append")
            lake.append(("snapshots", snapshots(batch)), ("cycles", cycle(batch)))
            lake.fill_bars(bar(batch))
            file.write(f"{batch}\n")
            file.flush()
            os.fsync(file.fileno())
            say("publish")
            lake.publish()
            if batch % 4 == 3:
                say("maintain")
                hours = timedelta(hours=batch)
                lake.maintain(datetime.now(UTC) + hours, whole_days=batch % 8 == 7)


if __name__ == "__main__":
    duckdb.connect = extension.trusting(duckdb.connect)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
