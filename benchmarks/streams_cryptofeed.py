"""The part of streams.py that runs under cryptofeed's own Python; do not run it by hand.

    python benchmarks/streams_cryptofeed.py LISTING FRAMES [URL]

Reads FRAMES, or receives them from URL, with cryptofeed's defaults. Prints as JSON the trades
that reached the callback, which only counts them, and the seconds: of CPU if read, from the
first trade to the last if received.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from cryptofeed import FeedHandler
from cryptofeed.connection import WebsocketEndpoint
from cryptofeed.defines import TRADES
from cryptofeed.exchanges import BinanceFutures
from cryptofeed.symbols import Symbols


class Count:
    """Counts trades, and stops the program after the last."""

    def __init__(self, expected: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.expected = expected
        self.trades = 0
        self.began = 0.0

    async def add(self, trade: object, receipt_timestamp: float) -> None:
        """Count one."""
        if not self.trades:
            self.began = self._clock()
        self.trades += 1
        if self.trades == self.expected:
            self.tell()

    def tell(self) -> None:
        """Print the count."""
        seconds = self._clock() - self.began
        sys.stdout.write(json.dumps({"trades": self.trades, "seconds": seconds}) + "\n")
        sys.stdout.flush()
        # Its feeds reconnect instead of ending; there is nothing left to wait for.
        os._exit(0)


class Plain(BinanceFutures):
    """BinanceFutures without TLS, which its address check would require."""

    async def _ws_authentication(self, address: str, options: object) -> tuple[str, object]:
        return address.replace("wss://", "ws://"), options


def feed(listing: Path, count: Count) -> Plain:
    """Return a feed of all instruments in the frames, without requests to the exchange."""
    names, info = BinanceFutures._parse_symbol_data(
        json.loads(listing.read_text(), parse_float=Decimal)
    )
    Symbols.set(BinanceFutures.id, names, info)
    symbols = [
        name for name, theirs in names.items() if theirs in set(os.environ["IDS"].split(","))
    ]
    return Plain(symbols=symbols, channels=[TRADES], callbacks={TRADES: count.add})


async def handle(one: Plain, frames: list[bytes]) -> None:
    take = one.message_handler
    for frame in frames:
        await take(frame.decode(), None, time.time())


def main() -> None:
    frames = Path(sys.argv[2]).read_bytes().splitlines()
    over_socket = len(sys.argv) > 3
    count = Count(len(frames), time.perf_counter if over_socket else time.process_time)
    if over_socket:
        Plain.websocket_endpoints = [
            WebsocketEndpoint(
                sys.argv[3].replace("ws://", "wss://"),
                options={"compression": None},
                authentication=True,
            )
        ]
        handler = FeedHandler(config={"log": {"filename": os.devnull, "level": "ERROR"}})
        handler.add_feed(feed(Path(sys.argv[1]), count))
        handler.run()
    else:
        asyncio.run(handle(feed(Path(sys.argv[1]), count), frames))


if __name__ == "__main__":
    main()
