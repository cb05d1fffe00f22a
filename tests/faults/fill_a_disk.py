"""Writes to a lake on a small disk until nothing goes any more, again and again.

Run as a process by test_full_disk.py in a mount namespace of its own:
``python fill_a_disk.py <folder>``. Prints what went wrong, one line each.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import duckdb
import pyarrow as pa

from analytics.errors import LakeError
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake
from tests import extension

NOON = datetime.fromisoformat("2026-03-01 12:00")
DISK_BYTES = 24 * 2**20
LEFT_FREE = (0, 20_000, 100_000, 200_000, 500_000)
"""So that the disk ends in a Parquet file, in the log, in the catalog, in its copy. [bytes]"""
ROWS = 200


def say(what: str) -> None:
    print(what, flush=True)  # noqa: T201 - the test listens


def snapshots(batch: int) -> pa.Table:
    times = pa.array([NOON + timedelta(seconds=30 * batch)] * ROWS, pa.timestamp("ms"))
    names = [f"S{number}" for number in range(ROWS)]
    same = {"venue": ["v"] * ROWS, "symbol": names, "base": names, "received_ts": times}
    return pa.table(
        same | {name: [batch + n / 7 for n in range(ROWS)] for name in ("price", "mark")}
    )


def stored(source: Lake | Reader) -> int:
    with source.cursor() as cursor:
        row = cursor.execute(
            "select count(*), count(distinct (symbol, received_ts)) from snapshots"
        )
        ((rows, keys),) = row.fetchall()
    if rows != keys:
        say(f"{rows} rows of {keys} keys")
    return int(rows)


def fill(disk: Path, left_free: int) -> Path:
    """Leave *left_free* bytes of *disk*."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(file.tell() - left_free, 0))
    return ballast


def write_until_refused(lake: Lake, batches: count[int]) -> tuple[int, int]:
    """Work until it is refused; return how many batches were stored, and the one that was not."""
    acknowledged = 0
    batch = next(batches)
    refused = {"append": 0, "publish": 0, "maintain": 0}
    while min(refused["append"], refused["publish"]) < 3 and sum(refused.values()) < 60:
        try:
            lake.append(("snapshots", snapshots(batch)))
        except LakeError:
            refused["append"] += 1
        else:
            acknowledged += 1
            batch = next(batches)
        for name, work in (
            ("publish", lake.publish),
            ("maintain", lambda: lake.maintain(NOON, whole_days=True)),
        ):
            try:
                work()
            except LakeError:
                refused[name] += 1
    if not refused["append"]:
        say("no append was ever refused")
    return acknowledged, batch


def restarted(folder: Path, ballast: Path) -> Lake:
    """Open the lake on the full disk; when it refuses to, again after there is room."""
    try:
        lake = Lake(folder, reserve_bytes=0)
    except LakeError:
        ballast.unlink()
        lake = Lake(folder, reserve_bytes=0)
    ballast.unlink(missing_ok=True)
    if lake.damaged:
        say(f"a full disk was taken for damage: {lake.damaged}")
    return lake


def main(disk: Path) -> None:
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)], check=True
    )
    say("mounted")
    batches = count()
    acknowledged = 0
    lake = Lake(disk / "lake", reserve_bytes=0)
    lake.publish()
    reader = Reader(disk / "lake")
    for number, left_free in enumerate(2 * LEFT_FREE):
        ballast = fill(disk, left_free)
        more, unsure = write_until_refused(lake, batches)
        acknowledged += more
        if stored(reader) > (acknowledged + 1) * ROWS:
            say(f"{left_free}: the reader sees rows that cannot be")
        if number % 2:
            lake.close()
            lake = restarted(disk / "lake", ballast)
        else:
            ballast.unlink()

        lake.append(("snapshots", snapshots(unsure)))
        acknowledged += 1
        lake.publish()
        for source in (lake, reader):
            if stored(source) != acknowledged * ROWS:
                say(f"{left_free}: {stored(source)} rows instead of {acknowledged * ROWS}")
        lake.maintain(NOON, whole_days=True)
    lake.close()
    with Lake(disk / "lake", reserve_bytes=0) as again:
        if again.damaged or again.recovered or stored(again) != acknowledged * ROWS:
            say(f"reopened: {again.damaged}, {again.recovered}, {stored(again)} rows")
    say(f"{acknowledged} batches")


if __name__ == "__main__":
    duckdb.connect = extension.trusting(duckdb.connect)
    main(Path(sys.argv[1]))
