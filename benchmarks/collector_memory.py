"""Memory of the collector after 1,000 cycles at 60 × speed, against after 100.

    python benchmarks/collector_memory.py [--cycles 1000] [--speed 60]

Runs the real programs: a simulator, and a collector of three venues with a lake
of its own in a temporary folder; takes about cycles × 30 / speed seconds.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from machine import described, free_port

FIRST = 100


@contextmanager
def running(*arguments: str, **variables: str):
    """A perpscope command as a process, stopped with SIGTERM at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "perpscope", *arguments],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def metrics(port: int) -> dict[str, float]:
    """Return the collector's metrics by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def cycles(told: dict[str, float]) -> float:
    """Return the cycles of the venue with the fewest."""
    by_venue: dict[str, float] = {}
    for name, value in told.items():
        if name.startswith("perpscope_cycles_total{"):
            venue = name.split('venue="')[1].split('"')[0]
            by_venue[venue] = by_venue.get(venue, 0) + value
    return min(by_venue.values(), default=0)


def rss_after(port: int, wanted: int, patience_s: float) -> float:
    """Return the collector's resident memory after *wanted* cycles. [MB]"""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        told = metrics(port)
        if cycles(told) >= wanted:
            return told["process_resident_memory_bytes"] / 2**20
        time.sleep(0.5)
    raise SystemExit(f"only {cycles(metrics(port)):.0f} of {wanted} cycles in {patience_s:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--speed", type=float, default=60)
    asked = parser.parse_args()
    port = free_port()
    pace_s = 30 / asked.speed
    with (
        tempfile.TemporaryDirectory() as folder,
        running("simulate", "--port", "0", "--speed", str(asked.speed)) as simulator,
        running(
            "collect",
            PERPSCOPE_SIMULATOR=simulator.stdout.readline().strip(),
            PERPSCOPE_DATA_DIR=folder,
            PERPSCOPE_COLLECTOR_PORT=str(port),
        ),
    ):
        time.sleep(10)
        early = rss_after(port, FIRST, 60 + 3 * FIRST * pace_s)
        late = rss_after(port, asked.cycles, 60 + 3 * asked.cycles * pace_s)
        told = metrics(port)
        files = sum(1 for _ in Path(folder).rglob("*.parquet"))
        catalog = Path(folder, "catalog.duckdb").stat().st_size / 2**20
    cycle_counts = {n: v for n, v in told.items() if n.startswith("perpscope_cycles_total{")}
    failed = sum(value for name, value in cycle_counts.items() if "failed" in name)
    print(described())
    print(f"after {FIRST} cycles: {early:.0f} MB; after {asked.cycles}: {late:.0f} MB")
    print(f"ratio {late / early:.2f} (must be within 1.20)")
    print(f"cycles with errors: {failed:.0f}; Parquet files: {files}; catalog: {catalog:.1f} MB")


if __name__ == "__main__":
    main()
