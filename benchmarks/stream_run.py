"""Streams under a disconnect every minute: stored flows against what the market traded.

    python benchmarks/stream_run.py [--minutes 60] [--top 200]

Runs the real programs: a simulator, and a collector of three venues with a lake of
its own in a temporary folder. Every minute the connections of one venue are closed,
cut or silenced, in turn, by the simulator's fault injection. The last three minutes are
undisturbed, so that withheld flows can be repaired.

The market's totals are by trade time, ours by arrival. Both cover the same stretch, with a
tolerance of one second at either end.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import urllib.request
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import NamedTuple

from collector_memory import metrics, running
from machine import described, free_port

from analytics.lake.reader import Reader

VENUES = ("binance", "bybit", "okx")
KINDS = ("ws_silence", "ws_close", "ws_cut")
CALM_S = 180.0
"""Undisturbed time at the end. [s]"""
WARM_S = 60.0
"""Time for the collector to start up. [s]"""
EDGE_MS = 1000
SIDES = ("taker_buy_usd", "taker_sell_usd")


def asked(address: str, path: str, body: dict[str, object] | None = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{address}{path}", data=data, timeout=60) as answer:
        return json.loads(answer.read())


class Sample(NamedTuple):
    """Measurements of the collector at one moment."""

    at_s: float
    memory_mb: float
    cpu_s: float
    frames: float


def sampled(port: int, until_s: float, disturb, samples: list[Sample]) -> None:
    """Measure the collector until *until_s*, with a fault every minute."""
    next_disturbance = time.monotonic() + 60
    while (now := time.monotonic()) < until_s:
        told = metrics(port)
        memory = told["process_resident_memory_bytes"] / 2**20
        frames = sum(
            value for name, value in told.items() if name.startswith("perpscope_stream_frames{")
        )
        samples.append(Sample(now, memory, told["process_cpu_seconds_total"], frames))
        if now >= next_disturbance and now < until_s - CALM_S:
            next_disturbance += 60
            disturb()
        time.sleep(5)


def fetched(folder: Path, question: str, **values: object) -> list[tuple]:
    reader = Reader(folder)
    try:
        with reader.cursor() as cursor:
            return cursor.execute(question, values).fetchall()
    finally:
        reader.close()


def stored_flows(folder: Path, venue: str) -> list[tuple]:
    """Return per symbol the stretch from first to last known flow, and the sums over it.

    Rows: symbol, first, last, taker buys, taker sells, and the number of snapshots and holes
    in the stretch with an incomplete flow.
    """
    return fetched(
        folder,
        """
        with warm as (
            select min(received_ts) + to_seconds($warm_s) as ts
            from snapshots where venue = $venue
        ),
        stretch as (
            select symbol, min(received_ts) as first, max(received_ts) as last
            from snapshots, warm
            where venue = $venue and received_ts > warm.ts and taker_buy_usd is not null
            group by symbol
        ),
        holes as (
            select symbol, count(*) as holes
            from gaps join stretch using (symbol)
            where venue = $venue and channel = 'trades' and outcome <> 'repaired'
                and started_ts <= last and ended_ts >= first
            group by symbol
        )
        select symbol, first, last, sum(taker_buy_usd), sum(taker_sell_usd),
            count(*) filter (flags like '%partial:trades%') + coalesce(any_value(holes), 0)
        from snapshots join stretch using (symbol) left join holes using (symbol)
        where venue = $venue and received_ts > first and received_ts <= last
        group by symbol, first, last
        """,
        venue=venue,
        warm_s=WARM_S,
    )


def ms(moment: datetime) -> int:
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)


def emitted(address: str, venue: str, from_ms: int, to_ms: int) -> dict[str, dict]:
    return asked(address, f"/simulator/flows?venue={venue}&from_ms={from_ms}&to_ms={to_ms}")[
        "flows"
    ]


def off_by(stored: float, least: float, most: float) -> float:
    """Return by how much *stored* is outside of its tolerance. [USD]"""
    return max(least - stored, stored - most, 0.0)


def compare(folder: Path, address: str, venue: str) -> None:
    """Print how far the stored flows of *venue* are off what it traded."""
    instruments = fetched(
        folder, "select symbol, venue_id from instruments where venue = $venue", venue=venue
    )
    ids = dict(instruments)
    truths = {}
    total = wrong = compared_s = 0.0
    worst, partial = (0.0, "none"), 0
    stored = stored_flows(folder, venue)
    for symbol, first, last, buys, sells, parts in stored:
        if parts:
            partial += 1
            continue
        if (first, last) not in truths:
            truths[first, last] = (
                emitted(address, venue, ms(first) + EDGE_MS, ms(last) - EDGE_MS),
                emitted(address, venue, ms(first) - EDGE_MS, ms(last) + EDGE_MS),
            )
        narrow, wide = (flows.get(ids[symbol], {}) for flows in truths[first, last])
        truth = sum(wide.get(side, 0.0) for side in SIDES)
        off = sum(
            off_by(value, narrow.get(side, 0.0), wide.get(side, 0.0))
            for side, value in zip(SIDES, (buys, sells), strict=True)
        )
        total, wrong = total + truth, wrong + off
        compared_s += (last - first).total_seconds()
        if truth:
            worst = max(worst, (100 * off / truth, symbol))
    print(
        f"{venue}: {len(stored) - partial} instruments over {compared_s / 3600:.1f} h in all: "
        f"{total:,.0f} USD, off by {100 * wrong / (total or 1):.4f} %; worst {worst[1]} by "
        f"{worst[0]:.4f} %; {partial} have a hole that was not repaired"
    )


def compare_liquidations(folder: Path, address: str, venue: str) -> None:
    """Print how many liquidations of *venue* are stored, and how many it sent."""
    ((first, last),) = fetched(
        folder,
        "select min(received_ts) + to_seconds($warm_s), max(received_ts) "
        "from snapshots where venue = $venue",
        venue=venue,
        warm_s=WARM_S,
    )
    followed = {
        name
        for (name,) in fetched(
            folder,
            "select venue_id from instruments where venue = $venue and in_universe",
            venue=venue,
        )
    }
    truth = emitted(address, venue, ms(first), ms(last) - EDGE_MS)
    told = sum(row["published"] for name, row in truth.items() if name in followed)
    ((kept,),) = fetched(
        folder,
        "select count(*) from liquidations "
        "where venue = $venue and venue_ts >= $first and venue_ts < $last",
        venue=venue,
        first=first,
        last=last,
    )
    print(f"{venue}: {kept} liquidations stored, {told} sent (those lost in holes are in `gaps`)")


def report(folder: Path, address: str, samples: list[Sample]) -> None:
    print(described())
    for venue in VENUES:
        compare(folder, address, venue)
        compare_liquidations(folder, address, venue)
    for row in fetched(
        folder,
        "select venue, channel, outcome, reason, count(*), sum(repaired_rows), "
        "sum(date_diff('millisecond', started_ts, ended_ts)) / 1000 "
        "from gaps group by all order by all",
    ):
        print("holes: {} {} {}: {}: {} rows in `gaps`, {} trades filled in, {:.0f} s".format(*row))
    quarter = len(samples) // 4
    memory = [
        statistics.mean(sample.memory_mb for sample in samples[n * quarter : (n + 1) * quarter])
        for n in range(4)
    ]
    print("memory by quarter: " + ", ".join(f"{one:.0f} MB" for one in memory))
    print(f"last against second quarter: {memory[3] / memory[1]:.3f} (must be within 1.10)")
    first, last = samples[0], samples[-1]
    length_s = last.at_s - first.at_s
    print(f"frames: {(last.frames - first.frames) / length_s:,.0f} a second")
    print(f"CPU: {100 * (last.cpu_s - first.cpu_s) / length_s:.0f} % of a core (must be <= 60)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--top", type=int, default=200)
    asking = parser.parse_args()
    # Some more than are collected, as on real venues.
    listed = str(min(300, asking.top * 13 // 10))
    port = free_port()
    samples: list[Sample] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        running("simulate", "--port", "0", "--seed", "7", "--instruments", listed) as simulator,
    ):
        address = simulator.stdout.readline().strip()
        turns = count()

        def disturb() -> None:
            turn = next(turns)
            venue, kind = VENUES[turn % 3], KINDS[(turn + turn // 3) % 3]
            asked(address, "/simulator/faults", {"venue": venue, "kind": kind})

        with running(
            "collect",
            PERPSCOPE_SIMULATOR=address,
            PERPSCOPE_DATA_DIR=folder,
            PERPSCOPE_COLLECTOR_PORT=str(port),
            PERPSCOPE_TOP_N=str(asking.top),
            PERPSCOPE_BACKFILL_HOURS="0",
        ):
            time.sleep(15)
            sampled(port, time.monotonic() + 60 * asking.minutes, disturb, samples)
        report(Path(folder), address, samples)


if __name__ == "__main__":
    main()
