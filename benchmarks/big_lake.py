"""Make a large lake in the layout that months of collecting produce, for ``questions.py``.

    python benchmarks/big_lake.py FOLDER [--days 30] [--instruments 600] [--interval 30]
        [--bar-days 365] [--seed 20]

Each full day of snapshots and each full month of bars is one sorted file, as after the
nightly merge. Each past hour of the current day is one file, as after the hourly
merge, and the last hour is one file per venue and cycle. Values move in a venue's price
and contract steps, with outages and lost cycles. The same arguments give the same rows.
A complete lake is left as it is; an incomplete one is continued from the first missing
day or month.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from machine import described

from analytics.lake import schema
from analytics.lake.attach import attach, connect, use
from analytics.lake.layout import Layout
from analytics.lake.writer import Lake

END = datetime(2026, 3, 31, 12, tzinfo=UTC)
"""End of the data and ``now`` of all queries: noon, so half of the day is not merged yet."""

VENUES = ("binance", "bybit", "okx")
BAR = timedelta(minutes=5)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_AT_ONCE = 100
"""Instruments generated at a time, to bound memory."""

Floats = np.ndarray


@dataclass(frozen=True, slots=True)
class Stretch:
    """A row every *every*, from *start* up to *end*, which is excluded."""

    table: str
    start: datetime
    end: datetime
    every: timedelta

    @property
    def times(self) -> np.ndarray:
        """Times of an instrument's rows. [Unix ms]"""
        first, last = (round(time.timestamp() * 1000) for time in (self.start, self.end))
        return np.arange(first, last, self.every // timedelta(milliseconds=1))


class Market:
    """Instruments with a common and an individual movement, as functions of time."""

    def __init__(self, count: int, seed: int) -> None:
        self.seed = seed
        bases = ["BTC", "ETH", "SOL", "XRP"] + [f"C{n:03}" for n in range(4, -(-count // 3))]
        keys = [(base, venue, f"{base}/USDT:USDT") for base in sorted(bases) for venue in VENUES]
        self.bases, self.venues, self.symbols = zip(*keys[:count], strict=True)
        rng = np.random.default_rng(seed)
        coin = np.repeat(np.arange(len(bases)), len(VENUES))[:count]
        self._price = (10 ** rng.uniform(-2, 4, len(bases)))[coin][:, None]
        self._phase = rng.uniform(0, 6.3, (4, len(bases)))[:, coin, None]
        self._oi = 10 ** rng.uniform(4, 8, (count, 1)) / self._price

    def rows(self, stretch: Stretch, first: int, last: int) -> pa.Table:
        """Return the rows of the instruments from *first* on and before *last*, sorted."""
        times, part = stretch.times, slice(first, last)
        begin = int(stretch.start.timestamp())
        rng = np.random.default_rng([self.seed, begin, first, len(stretch.table)])
        values = self._values(stretch, times, part, rng)
        shape = (min(last, len(self.bases)) - first, len(times))
        columns = {
            name: pa.array(np.broadcast_to(cells, shape).reshape(-1), from_pandas=True)
            for name, cells in values.items()
        }
        for name, words in zip(
            ("base", "venue", "symbol"), (self.bases, self.venues, self.symbols), strict=True
        ):
            codes = np.repeat(np.arange(shape[0], dtype=np.int32), shape[1])
            columns[name] = pa.DictionaryArray.from_arrays(codes, list(words[part])).cast("string")
        table = pa.table(columns)
        return schema.conform(stretch.table, table.filter(self._heard(stretch, times, part, rng)))

    def _heard(
        self, stretch: Stretch, times: np.ndarray, part: slice, rng: np.random.Generator
    ) -> pa.Array:
        """Return which rows exist: one in 500 is lost, and okx has outages of an hour."""
        okx = self._are("okx", part)
        hours = times // 3_600_000
        heard = rng.random((len(okx), len(times))) > 0.002
        if stretch.table == "bars" or stretch.end <= END - DAY:
            heard &= ~(okx & (hours % 241 == 3))
        return pa.array(heard.reshape(-1))

    def _are(self, venue: str, part: slice) -> np.ndarray:
        return np.array([name == venue for name in self.venues[part]])[:, None]

    def _values(
        self, stretch: Stretch, times: np.ndarray, part: slice, rng: np.random.Generator
    ) -> dict[str, Floats]:
        """Return the columns of *stretch*'s table, by name."""
        stamps = times.astype("datetime64[ms]")
        price = self._moved(self._price[part], self._phase[:, part], times, rng, 0.001)
        oi = self._moved(self._oi[part], self._phase[::-1, part], times, rng, 0.004)
        mark = _on_grid(price * (1 + 1e-4 * rng.standard_normal(price.shape)))
        common = self._common(times, price, oi, mark, rng)
        for name in ("ls_top_accounts", "ls_top_positions"):
            common[name] = np.where(self._are("bybit", part), np.nan, common[name])
        if stretch.table == "bars":
            wide = 1 + 0.002 * rng.random(price.shape)
            return common | {
                "ts": stamps,
                "open": _on_grid(price / wide),
                "high": _on_grid(price * wide),
                "low": _on_grid(price / wide**1.5),
                "close": price,
                "oi_usd_open": oi * _on_grid(mark / wide),
                "oi_usd_high": oi * _on_grid(mark * wide),
                "oi_usd_low": oi * _on_grid(mark / wide**1.5),
                "snapshot_count": np.full(1, 10, np.int32),
                "origin": np.array(["live"], dtype=object),
            }
        heard = times + np.arange(len(oi))[:, None] % 3 * 700
        return common | {
            "received_ts": heard.astype("datetime64[ms]"),
            "venue_ts": (heard - rng.integers(0, 400, price.shape)).astype("datetime64[ms]"),
            "price": price,
            "price_24h_ago": _on_grid(price * 0.98),
            "bid": _on_grid(price * 0.9999),
            "ask": _on_grid(price * 1.0001),
            "oi_raw": oi,
            "next_funding_ts": (times // 28_800_000 * 28_800_000 + 28_800_000).astype(
                "datetime64[ms]"
            ),
            "ls_ts": (times // 300_000 * 300_000).astype("datetime64[ms]"),
        }

    def _common(
        self, times: np.ndarray, price: Floats, oi: Floats, mark: Floats, rng: np.random.Generator
    ) -> dict[str, Floats]:
        """Return the columns that snapshots and bars share."""
        shape, slow = price.shape, times // 300_000

        def grid(low: float, high: float, digits: int) -> Floats:
            return np.round(rng.uniform(low, high, shape), digits)

        ratio = np.round(1.6 + np.sin(slow / 50 + oi[:, :1] % 6) + grid(0, 0.1, 4)[:, :1], 4)
        return {
            "mark": mark,
            "index": _on_grid(price * 1.0002),
            "volume_24h_usd": np.round(price[:, :1] * oi[:, :1] * 5 + slow % 288 * 1000.0),
            "oi_base": oi,
            "oi_usd": oi * mark,
            "funding_rate": np.round(1e-4 * np.sin(times // 3_600_000 / 9 + oi[:, :1] % 6), 6),
            "funding_interval_h": np.full(1, 8.0),
            "ls_accounts": ratio,
            "ls_top_accounts": np.round(ratio * 0.9, 4),
            "ls_top_positions": np.round(ratio * 1.1, 4),
            "book_imbalance": grid(-0.2, 0.2, 3),
            "spread_bps": grid(0.5, 4, 1),
            "taker_buy_usd": grid(0, 40, 0) * 500,
            "taker_sell_usd": grid(0, 40, 0) * 500,
            "liq_long_usd": np.where(rng.random(shape) < 0.01, 2500.0, 0),
            "liq_short_usd": np.where(rng.random(shape) < 0.01, 1500.0, 0),
        }

    def _moved(
        self,
        level: Floats,
        phase: Floats,
        times: np.ndarray,
        rng: np.random.Generator,
        noise: float,
    ) -> Floats:
        """Return *level* over time: slow waves of its own, a wave of the market, and noise."""
        days = times / 86_400_000
        waves = 0.05 * np.sin(days / 3 + phase[0]) + 0.02 * np.sin(days * 3 + phase[1])
        waves += 0.01 * np.sin(days * 29) + noise * rng.standard_normal(waves.shape)
        return _on_grid(level * np.exp(waves))


def _on_grid(values: Floats) -> Floats:
    """Return *values* in the steps that a venue lists prices and contracts in: 5 to 6 digits."""
    step = 10 ** (np.floor(np.log10(values[:, :1])) - 4)
    return np.round(values / step) * step


def whole(days: int, bar_days: int, every: timedelta) -> Iterator[Stretch]:
    """Yield the stretches that are merged into one file each, oldest first."""
    midnight = END.replace(hour=0)
    for ago in range(days, 0, -1):
        yield Stretch("snapshots", midnight - ago * DAY, midnight - (ago - 1) * DAY, every)
    for hour in range(END.hour - 1):
        start = midnight + hour * HOUR
        yield Stretch("snapshots", start, start + HOUR, every)
    start = midnight - bar_days * DAY
    while start < midnight:
        end = min((start.replace(day=1) + 32 * DAY).replace(day=1), midnight)
        yield Stretch("bars", start, end, BAR)
        start = end
    yield Stretch("bars", midnight, END - HOUR, BAR)


def generate(folder: Path, market: Market, stretches: list[Stretch]) -> None:
    """Write the *stretches* missing from the lake, one commit each."""
    layout = Layout(folder.absolute())
    with connect("6GB", layout.folder / "scratch") as connection:
        attach(connection, layout.catalog, layout.data)
        use(connection)
        for stretch in stretches:
            began = time.perf_counter()
            count = _write(connection, market, stretch)
            if count:
                print(
                    f"{stretch.table} {stretch.start:%Y-%m-%d %H:%M}: {count:,} rows, "
                    f"{count / (time.perf_counter() - began):,.0f} rows/s",
                    flush=True,
                )


def _write(connection, market: Market, stretch: Stretch) -> int:
    clock = schema.TIMES[stretch.table]
    bounds = {"start": stretch.start.replace(tzinfo=None), "end": stretch.end.replace(tzinfo=None)}
    there = connection.execute(
        f"select count(*) from {stretch.table} where {clock} >= $start and {clock} < $end",  # noqa: S608
        bounds,
    ).fetchone()[0]
    if there:
        return 0
    count = len(market.bases)
    rows = (
        market.rows(stretch, first, min(first + _AT_ONCE, count))
        for first in range(0, count, _AT_ONCE)
    )
    batches = (batch for table in rows for batch in table.to_batches())
    first = next(batches)
    reader = pa.RecordBatchReader.from_batches(first.schema, _with(first, batches))
    connection.register("made", reader)
    insert = f"insert into {stretch.table} by name select * from made"  # noqa: S608
    stored = connection.execute(insert).fetchone()[0]
    connection.unregister("made")
    return stored


def _with(first: pa.RecordBatch, others: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from others


def last_hour(lake: Lake, market: Market, every: timedelta) -> None:
    """Append the last hour as a collector does: by venue and cycle."""
    count = len(market.bases)
    for table, step in (("snapshots", every), ("bars", BAR)):
        rows = market.rows(Stretch(table, END - HOUR, END, step), 0, count)
        clock = schema.TIMES[table]
        cycles = rows[clock].cast(pa.int64()).to_numpy() // (step // timedelta(milliseconds=1))
        venues = rows["venue"].to_numpy(zero_copy_only=False)
        for cycle in np.unique(cycles):
            for venue in VENUES:
                lake.append((table, rows.filter(pa.array((cycles == cycle) & (venues == venue)))))


def cycles(days: int, every: timedelta) -> pa.Table:
    """Return the cycles of *days* and of today, each venue's some tenths of a second apart."""
    stretch = Stretch("cycles", END.replace(hour=0) - days * DAY, END, every)
    starts = [stretch.times + 90 * place for place in range(len(VENUES))]
    count, times = len(stretch.times), np.concatenate(starts)
    counts = dict.fromkeys(("asked", "answered"), 200)
    counts |= {"skipped": 0, "refused": 0, "requests": 9}
    rows = {
        "venue": np.repeat(VENUES, count),
        "started_ts": times.astype("datetime64[ms]"),
        "finished_ts": (times + 2_000 + times // 7 % 900).astype("datetime64[ms]"),
        "latency_ms": 50.0 + times % 40,
        "budget_used_pct": np.full(len(times), 20.0),
        **{name: np.full(len(times), value, np.int32) for name, value in counts.items()},
    }
    return schema.conform("cycles", pa.table(rows))


def alert_events(market: Market, days: int, seed: int) -> pa.Table:
    """Return 1,500 firings of alerts a day, each with its two other events."""
    rng, count = np.random.default_rng(seed), 1500 * days
    end = round(END.timestamp() * 1000)
    started = np.sort(rng.integers(end - days * 86_400_000, end - 3_600_000, count))
    place, rule = rng.integers(0, len(market.bases), count), rng.integers(0, 50, count)
    severities = np.array(["info", "info", "warning", "critical"])[rule % 4]
    words = {
        "rule": [f"Rule {n}" for n in rule],
        "subject": [f"{market.venues[n]} {market.symbols[n]}" for n in place],
        "venue": [market.venues[n] for n in place],
        "symbol": [market.symbols[n] for n in place],
        "base": [market.bases[n] for n in place],
        "severity": severities.tolist(),
    }
    said = {"version": "1", "per": "pair", "timeframe": "5m", "alert_group": "all"}
    said |= {"condition": "z_oi > 2", "message": "z of open interest 2.4", "channels": "[]"}
    said |= {"seen_values": '{"z_oi": 2.4}', "seen_ages_s": '{"z_oi": 3.0}'}
    parts = [
        pa.table(
            words
            | {key: [value] * count for key, value in said.items()}
            | {"change": [change] * count, "started_ts": started.astype("datetime64[ms]")}
            | {"ts": (started + after).astype("datetime64[ms]")}
        )
        for change, after in (("pending", 0), ("firing", 60_000), ("resolved", 900_000))
    ]
    return schema.conform("alert_events", pa.concat_tables(parts))


def main() -> None:
    """Make the lake, or print that it exists."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--instruments", type=int, default=600)
    parser.add_argument("--interval", type=int, default=30, help="seconds between snapshots")
    parser.add_argument("--bar-days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=20)
    asked = parser.parse_args()
    folder, every = asked.folder, timedelta(seconds=asked.interval)
    made = f"{asked.days} {asked.instruments} {asked.interval} {asked.bar_days} {asked.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with Lake(folder, origin="simulator") as lake:
        if lake.info().get("made") == made:
            print(f"{folder} exists already")
            return
    market = Market(asked.instruments, asked.seed)
    generate(folder, market, list(whole(asked.days, asked.bar_days, every)))
    with Lake(folder) as lake:
        last_hour(lake, market, every)
        lake.append(
            ("cycles", cycles(asked.days, every)),
            ("alert_events", alert_events(market, asked.days, asked.seed)),
        )
        lake.set_info(made=made)
        lake.publish()
    size = sum(file.stat().st_size for file in (folder / "lake").rglob("*.parquet"))
    print(f"{size / 1e9:.2f} GB in {time.perf_counter() - began:.0f} s; {described()}")


if __name__ == "__main__":
    main()
