"""A copy of a large lake to which cycles are appended and published on time.

Parquet files never change, so the copy shares them by hard links; the lake itself is not
modified.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

import pyarrow as pa
from big_lake import BAR, END, VENUES, Market, Stretch

from analytics.lake.records import Cycle, Instrument
from analytics.lake.writer import Lake

_HEARD = timedelta(seconds=2)
"""From the start of a cycle to its last row."""
_GOES_ON_S = 60.0
"""Timeout of the feeder's first cycle. [wall s]"""


@dataclass(frozen=True, slots=True)
class LivingLake:
    """Its folder, and the interval of its cycles."""

    folder: Path
    interval_s: float


@contextmanager
def living(lake: Path, interval_s: float) -> Iterator[LivingLake]:
    """A copy of *lake* beside it, with a cycle every *interval_s* from a process of its own."""
    with tempfile.TemporaryDirectory(prefix=".living-", dir=lake.parent) as name:
        folder = Path(name)
        _link(lake, folder)
        context = multiprocessing.get_context("spawn")
        fed, stop = context.Event(), context.Event()
        feeder = context.Process(target=_feed, args=(folder, interval_s, fed, stop))
        feeder.start()
        try:
            if not fed.wait(_GOES_ON_S):
                raise SystemExit("the feeder stored nothing in time")
            yield LivingLake(folder, interval_s)
        finally:
            stop.set()
            feeder.join(30)


def _link(lake: Path, folder: Path) -> None:
    for file in lake.rglob("*"):
        there = folder / file.relative_to(lake)
        if file.is_dir():
            there.mkdir(parents=True, exist_ok=True)
        elif file.suffix == ".parquet":
            there.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, there)
        elif file.suffix in (".duckdb", ".ducklake"):
            shutil.copy2(file, there)


def _feed(folder: Path, interval_s: float, fed: Event, stop: Event) -> None:
    """Append each cycle, and the bars every five minutes, until *stop*."""
    market, every, wall = Market(600, 20), timedelta(seconds=interval_s), datetime.now(UTC)
    clock = {
        "origin_ms": int((END + _HEARD).timestamp() * 1000),
        "started_at_ms": int(wall.timestamp() * 1000),
        "speed": 1.0,
    }
    with Lake(folder) as lake:
        lake.set_info(clock=json.dumps(clock))
        for venue in VENUES:
            lake.replace_instruments(venue, _listed(market, venue))
        at = END
        while not stop.is_set():
            rows = market.rows(Stretch("snapshots", at, at + every, every), 0, 600)
            lake.append(*_by_venue("snapshots", rows))
            lake.append_records(_cycles(at))
            if (at - END) // BAR > (at - every - END) // BAR:
                bars = market.rows(Stretch("bars", at - BAR, at, BAR), 0, 600)
                lake.append(*_by_venue("bars", bars))
            lake.publish()
            fed.set()
            at += every
            ahead = (at - END).total_seconds() - (datetime.now(UTC) - wall).total_seconds()
            stop.wait(max(ahead, 0))


def _by_venue(table: str, rows: pa.Table) -> list[tuple[str, pa.Table]]:
    venues = rows["venue"].to_numpy(zero_copy_only=False)
    return [(table, rows.filter(pa.array(venues == venue))) for venue in VENUES]


def _listed(market: Market, venue: str) -> list[Instrument]:
    return [
        Instrument(
            venue=venue,
            symbol=symbol,
            venue_id=symbol,
            base=base,
            multiplier=1,
            contract_size=1,
            linear=True,
            quote="USDT",
            oi_unit="contracts",
            in_universe=True,
            first_seen_ts=END,
            last_seen_ts=END,
        )
        for base, at, symbol in zip(market.bases, market.venues, market.symbols, strict=True)
        if at == venue
    ]


def _cycles(at: datetime) -> list[Cycle]:
    return [
        Cycle(
            venue=venue,
            started_ts=at,
            finished_ts=at + timedelta(milliseconds=300),
            asked=200,
            answered=200,
            skipped=0,
            refused=0,
            refused_reasons=None,
            latency_ms=80.0,
            requests=20,
            budget_used_pct=12.0,
            error=None,
        )
        for venue in VENUES
    ]
