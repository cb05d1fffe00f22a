"""What tests of streams share: a handler with all its sinks, and the recorded frames."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from analytics.lake.records import Instrument
from collector.streams.formats.stream import Sinks
from collector.streams.registry import STREAMS
from collector.streams.state.rejects import Rejects

NOW_MS = 1_700_000_000_000
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def instrument(venue, venue_id, *, base=None, multiplier=1.0, contract_size=1.0):
    base = base if base is not None else venue_id.split("-")[0].removesuffix("USDT")
    return Instrument(
        venue=venue,
        symbol=f"{base}/USDT:USDT",
        venue_id=venue_id,
        base=base,
        multiplier=multiplier,
        contract_size=contract_size,
        linear=True,
        quote="USDT",
        oi_unit="quoted units",
        in_universe=True,
        first_seen_ts=LONG_AGO,
        last_seen_ts=LONG_AGO,
    )


@dataclass
class Wired:
    """A venue's handler with everything that it fills."""

    venue: str
    instruments: list[Instrument]
    rejects: Rejects = field(default_factory=Rejects)
    liquidations: list = field(default_factory=list)

    def __post_init__(self):
        self.stream = STREAMS[self.venue]
        self.flows = self.stream.flows()
        self.flows.follow(self.instruments)
        self.ids = [one.venue_id for one in self.instruments]
        self.flows.begin("trades", self.ids)
        self.flows.begin("liquidations", self.ids)
        self.books = self.stream.books()
        self.books.follow(self.ids)
        self.reconnect()

    def reconnect(self):
        """Read from a new connection from now on, into the same sinks."""
        self.handler = self.stream.handler(
            Sinks(
                flows=self.flows,
                books=self.books,
                rejects=self.rejects,
                liquidation=self.liquidations.append,
            )
        )

    def take(self, *messages, received_ms=NOW_MS):
        """Take messages, as JSON or as bytes already; return what the last one says."""
        notice = None
        for message in messages:
            frame = message if isinstance(message, bytes | str) else json.dumps(message).encode()
            notice = self.handler.take(frame, received_ms)
        return notice

    def taker(self, venue_id=None):
        """The taker flows since last taken, bought and sold."""
        taken = self.flows.take(venue_id or self.ids[0])
        return taken.taker_buy_usd, taken.taker_sell_usd


@pytest.fixture(scope="session")
def wired():
    """Makes a venue's handler, following one instrument of each name (or the given ones)."""

    def make(venue, *listed):
        return Wired(
            venue, [instrument(venue, one) if isinstance(one, str) else one for one in listed]
        )

    return make


@pytest.fixture(scope="session")
def listed():
    return instrument


@pytest.fixture
def captured(recorded):
    """The captured frames of Binance: receive time [Unix ms] and the frame's bytes."""
    lines = recorded("captures/BINANCE_FUTURES.ws.1.0.gz").splitlines()
    split = [line.split(": ", 1) for line in lines if ": {" in line]
    return [(int(float(at) * 1000), frame.encode()) for at, frame in split]
