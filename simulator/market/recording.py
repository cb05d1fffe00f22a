"""A market that was recorded: price, open interest and volume at their recorded times.

Served through Binance's wire format; the other venues have nothing then. Where
the recording has a hole, the venue has one: nothing is filled in or carried on.
"""

from __future__ import annotations

import csv
import re
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from simulator.market.listings import Listing
from simulator.market.source import (
    NO_LIQUIDATIONS,
    NO_PRINTS,
    Bars,
    Book,
    Moves,
    Quotes,
    RatioKind,
    Series,
    Tape,
    Trades,
)

MAX_AGE_MS = 300_000
"""How long a reading is served: a pair whose newest one is older is gone from the venue. [ms]"""

_DATED = re.compile(r"(?P<base>.+)-(?P<day>\d{6})")
"""How the recorder names a futures contract with a delivery day, such as BTC-251226."""

_NOTHING = np.empty(0)
_NEVER = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the venue said of one contract at one recorded time."""

    symbol: str
    """As the venue names it: BTCUSDT, or BTCUSDT_251226."""

    time_ms: int
    """When it was recorded, UTC, in whole Unix milliseconds. [ms]"""

    price: float
    """[USD]"""

    oi_usd: float
    """Open interest. [USD]"""

    volume_24h_usd: float
    """[USD]"""

    is_perpetual: bool

    @property
    def oi_base(self) -> float:
        """Open interest. [base]"""
        return self.oi_usd / self.price


class Recording:
    """A recorded market; a Source."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        """Serve *readings*, in any order."""
        self.readings = tuple(sorted(readings, key=lambda reading: reading.time_ms))
        self._of: dict[str, list[Reading]] = {}
        for reading in self.readings:
            self._of.setdefault(reading.symbol, []).append(reading)
        self._times = {
            symbol: [reading.time_ms for reading in found] for symbol, found in self._of.items()
        }
        self._listings = {symbol: _listing(found[0]) for symbol, found in self._of.items()}
        self._quotes: tuple[int, Quotes] | None = None

    @property
    def step_ms(self) -> int:
        """A reading may begin at any millisecond. [ms]"""
        return 1

    def at(self, symbol: str, now_ms: int) -> Reading | None:
        """Return the newest reading of *symbol* at *now_ms*, or None in a hole."""
        times = self._times.get(symbol, [])
        before = bisect_right(times, now_ms)
        if before == 0 or now_ms - times[before - 1] > MAX_AGE_MS:
            return None
        return self._of[symbol][before - 1]

    def listings(self, venue: str, now_ms: int) -> Sequence[Listing]:
        """Return every contract of the recording, in a hole or not, as a venue would."""
        return tuple(self._listings.values()) if venue == "binance" else ()

    def listing(self, venue: str, symbol: str, now_ms: int) -> Listing | None:
        """Return one contract, or None if the recording has nothing of it at *now_ms*."""
        if venue != "binance" or self.at(symbol, now_ms) is None:
            return None
        return self._listings[symbol]

    def quotes(self, venue: str, now_ms: int) -> Quotes:
        """Return the newest readings that are not too old."""
        if venue != "binance":
            return _quotes([], [])
        if self._quotes is None or self._quotes[0] != now_ms:
            found = [self.at(symbol, now_ms) for symbol in self._of]
            current = [reading for reading in found if reading is not None]
            listings = [self._listings[reading.symbol] for reading in current]
            self._quotes = (now_ms, _quotes(listings, current))
        return self._quotes[1]

    def book(self, venue: str, symbol: str, now_ms: int, levels: int) -> Book:
        """Return an empty book: none was recorded."""
        return Book(_NOTHING, _NOTHING, _NOTHING, _NOTHING)

    def bars(
        self, venue: str, symbol: str, bar_ms: int, start_ms: int, end_ms: int, now_ms: int
    ) -> Bars:
        """Return nothing: no candles were recorded."""
        return Bars(_NEVER, *[_NOTHING] * 8)

    def open_interest(
        self, venue: str, symbol: str, step_ms: int, start_ms: int, end_ms: int
    ) -> Series:
        """Return nothing: the recording is served live, not as a history."""
        return Series(_NEVER, _NOTHING)

    def mark(self, venue: str, symbol: str, step_ms: int, start_ms: int, end_ms: int) -> Series:
        """Return nothing: the recording is served live, not as a history."""
        return Series(_NEVER, _NOTHING)

    def ratio(
        self, venue: str, symbol: str, kind: RatioKind, step_ms: int, start_ms: int, end_ms: int
    ) -> Series:
        """Return nothing: what the recorder wrote as ratios cannot be told from its faults."""
        return Series(_NEVER, _NOTHING)

    def funding(self, venue: str, symbol: str, start_ms: int, end_ms: int) -> Series:
        """Return nothing: no fundings were recorded."""
        return Series(_NEVER, _NOTHING)

    def trades(
        self, venue: str, symbol: str, start_ms: int | None, end_ms: int, limit: int
    ) -> Trades:
        """Return nothing: no trades were recorded."""
        return Trades(_NEVER, _NEVER, _NOTHING, _NOTHING, np.empty(0, np.bool_))

    def numbered_trades(
        self, venue: str, symbol: str, first: int, end_ms: int, limit: int
    ) -> Trades:
        """Return nothing: no trades were recorded."""
        return self.trades(venue, symbol, None, end_ms, limit)

    def tape(self, venue: str, slot: int) -> Tape:
        """Return nothing: neither trades nor liquidations were recorded."""
        return Tape(self.listings(venue, slot), NO_PRINTS, NO_LIQUIDATIONS)

    def moves(self, venue: str, symbol: str, step: int, levels: int) -> Moves:
        """Return an empty book that never changes: none was recorded."""
        empty = Book(_NOTHING, _NOTHING, _NOTHING, _NOTHING)
        return Moves(empty, _NEVER, _NEVER, _NOTHING, _NOTHING)


def read_recording(path: Path) -> Recording:
    """Read a series recorded by the futuresboard dashboard, as SQLite or as CSV."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no recording at {path}")
    found = _csv_readings(path) if path.suffix == ".csv" else _sqlite_readings(path)
    recording = Recording(found)
    if not recording.readings:
        raise ValueError(f"{path} has no reading with a price, open interest and volume")
    return recording


def _sqlite_readings(path: Path) -> Iterator[Reading]:
    """Read table ``metrics``.

    The recorder never filled ``volume_24h`` and ``oi_usd``; the rows that have
    them were written by its mock generator, before the first real one. A price
    of 0 was rounded away to two decimals, so no amount of coins goes with it.
    """
    query = """
        SELECT symbol, timestamp, price, oi_abs_usd, vol_usd FROM metrics
        WHERE volume_24h IS NULL AND oi_usd IS NULL
          AND price > 0 AND oi_abs_usd IS NOT NULL AND vol_usd IS NOT NULL
    """
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        for row in database.execute(query):
            yield _reading(*row)


def _csv_readings(path: Path) -> Iterator[Reading]:
    """Read the columns timestamp, symbol, price, oi_usd, volume_24h; rows without one are holes."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            price, interest, volume = row["price"], row["oi_usd"], row["volume_24h"]
            if price and interest and volume and float(price) > 0:
                yield _reading(
                    row["symbol"], row["timestamp"], float(price), float(interest), float(volume)
                )


def _reading(name: str, when: str, price: float, oi_usd: float, volume: float) -> Reading:
    """Return one row as a reading; the recorder's times have no zone and are UTC."""
    dated = _DATED.fullmatch(name)
    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    symbol = f"{dated['base']}USDT_{dated['day']}" if dated else f"{name}USDT"
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    time_ms = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    return Reading(symbol, time_ms, price, oi_usd, volume, is_perpetual=dated is None)


def _listing(reading: Reading) -> Listing:
    base, _, day = reading.symbol.partition("USDT_")
    delivery_ms = 0
    if not reading.is_perpetual:
        delivery = datetime.strptime(f"{day} 08 +0000", "%y%m%d %H %z")
        delivery_ms = int(delivery.timestamp()) * 1000
    else:
        base = reading.symbol.removesuffix("USDT")
    return Listing(
        venue="binance",
        symbol=reading.symbol,
        base=base,
        asset=base,
        multiplier=1,
        kind="perpetual" if reading.is_perpetual else "dated",
        contract_size=1.0,
        price_decimals=None,
        size_decimals=None,
        funding_h=0,
        delivery_ms=delivery_ms,
        onboard_ms=reading.time_ms,
    )


def _quotes(listings: Sequence[Listing], readings: Sequence[Reading]) -> Quotes:
    price = np.array([reading.price for reading in readings])
    turnover = np.array([reading.volume_24h_usd for reading in readings])
    return Quotes(
        listings=listings,
        time_ms=np.array([reading.time_ms for reading in readings], dtype=np.int64),
        last=price,
        mark=price,
        volume=turnover / price,
        turnover=turnover,
        open_interest=np.array([reading.oi_base for reading in readings]),
        detail=None,
    )
