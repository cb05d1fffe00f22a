"""A small record of eight pairs on two venues: nine days of bars, and snapshots of the last hours.

What a venue states moves at random, the same in every run; a snapshot is stored ten seconds before
each mark, and has the values of the bar that ends there. In the last hours a pair misses both now
and then.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa

from analytics.lake import schema
from analytics.lake.attach import MACROS

END = datetime(2025, 3, 1, 12, tzinfo=UTC)
CYCLE = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)
BAR = timedelta(minutes=5)
BARS = 9 * 288
PAIRS = [(v, b) for v in ("binance", "okx") for b in ("BTC", "ETH", "PEPE", "SOL")]
FLOATS = [f.name for f in schema.arrow_schema("bars") if f.type == pa.float64()]
TABLES = ("bars", "instruments", "snapshots", "cycles")


def keys(venue, base):
    return {"venue": venue, "base": base, "symbol": f"{base}/USDT:USDT"}


def walks(place):
    """Values of one pair by bar, oldest first."""
    rng = np.random.default_rng(place)

    def walk(size):
        return np.exp(rng.normal(0, size, BARS + 288).cumsum())

    # One price a coin: what is far apart would be another asset.
    coin = np.random.default_rng(1000 + place % 4).normal(0, 0.003, BARS + 288).cumsum()
    price = 100 * np.exp(coin + rng.normal(0, 1e-4, BARS + 288))
    found = {
        "close": price[288:],
        "price_24h_ago": price[:-288],
        "oi_base": 1e4 * (place + 1) * walk(0.004)[288:],
        "ls_accounts": 2 * np.exp(rng.normal(0, 0.1, BARS)),
        # It changes sides every few periods, and within them.
        "funding_rate": 1e-4 * np.sin(np.arange(BARS) / 60 + place) + 1e-5 * rng.normal(size=BARS),
        "volume_24h_usd": 1e9 * walk(0.01)[288:],
        "book_imbalance": rng.normal(0, 0.05, BARS),
        "spread_bps": rng.uniform(1, 3, BARS),
        "taker_buy_usd": rng.uniform(0, 1e5, BARS),
        "taker_sell_usd": rng.uniform(0, 1e5, BARS),
        "liq_long_usd": rng.exponential(1e3, BARS),
        "liq_short_usd": rng.exponential(1e3, BARS),
    }
    return found | {
        "mark": found["close"],
        "index": found["close"] * (1 + rng.normal(0, 0.001, BARS)),
        "oi_usd": found["oi_base"] * found["close"],
        "funding_interval_h": np.full(BARS, 8.0),
        "missing": (rng.random(BARS) < 0.02) & (np.arange(BARS) >= BARS - 50),
    }


def bars_and_snapshots(snapshots_of):
    """Rows of both tables; snapshots of the last *snapshots_of* bars."""
    bars, snapshots = [], []
    for place, (venue, base) in enumerate(PAIRS):
        values = {name: cells.tolist() for name, cells in walks(place).items()}
        missing, ago = values.pop("missing"), values.pop("price_24h_ago")
        for n in range(BARS):
            ended = END - (BARS - 1 - n) * BAR
            if missing[n]:
                continue
            row = keys(venue, base) | {name: cells[n] for name, cells in values.items()}
            bar = dict.fromkeys(FLOATS) | row | {"ts": ended - BAR}
            bars.append(bar | {"snapshot_count": 1, "origin": "live"})
            if n >= BARS - snapshots_of:
                row |= {"price": row.pop("close"), "price_24h_ago": ago[n]}
                heard = ended - 10 * timedelta(seconds=1)
                snapshots.append(row | {"received_ts": heard, "ls_ts": heard - BAR})
    return bars, snapshots


def cycles():
    """One a minute; a quarter stores nothing, and okx records how its streams are."""
    rng = np.random.default_rng(99)
    for n in range(36 * 60):
        ended = END - n * MINUTE - timedelta(seconds=7)
        for venue in ("binance", "okx"):
            states = rng.choice(["live", "down", "connecting"], 2).tolist()
            since = (ended - 3 * MINUTE * rng.integers(0, 4)).isoformat()
            streams = {str(k): {"state": state, "since": since} for k, state in enumerate(states)}
            row = {"venue": venue, "started_ts": ended - 5 * CYCLE / 30, "finished_ts": ended}
            counts = dict.fromkeys(("skipped", "refused", "requests"), 0)
            told = {"streams": json.dumps(streams) if venue == "okx" else None}
            answered = int(rng.choice([0, 4, 4, 4]))
            yield {**row, **counts, **told, "asked": 4, "answered": answered}


def store(cursor, table, rows):
    plain = [
        {k: v.replace(tzinfo=None) if isinstance(v, datetime) else v for k, v in row.items()}
        for row in rows
    ]
    stored = schema.conform(table, pa.Table.from_pylist(plain))  # noqa: F841 - by its name
    cursor.execute(f"insert into {table} by name select * from stored")


@contextmanager
def made(snapshots_of=100):
    """A database with all of it."""
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for table in TABLES:
            connection.execute(schema.definition(table).split(");")[0] + ");")
        bars, snapshots = bars_and_snapshots(snapshots_of)
        store(connection, "bars", bars)
        store(connection, "snapshots", snapshots)
        store(connection, "cycles", cycles())
        yield connection
