"""What truly happened on a venue in a window, so that a client's sums can be checked.

Computed from the source, whoever was connected, and however often it is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from simulator.market.random_processes import SLOT_MS
from simulator.market.source import Source
from simulator.streams.events import (
    SECOND_MS,
    Bursts,
    Liquidated,
    largest_a_second,
    liquidated_between,
    prints_between,
)

_MAX_MS = 86_400_000


@dataclass(slots=True)
class Flow:
    """What was traded in one contract, and closed by force."""

    taker_buy_usd: float = 0.0
    taker_sell_usd: float = 0.0
    trades: int = 0
    first_id: int | None = None
    """Number of the window's first trade; they count up without holes. None without a trade."""

    last_id: int | None = None
    long_liquidated_usd: float = 0.0
    """Every long position closed by force. [USD]"""

    short_liquidated_usd: float = 0.0
    liquidations: int = 0
    long_published_usd: float = 0.0
    """The part that the venue's stream tells: the largest of each second, on Bybit all. [USD]"""

    short_published_usd: float = 0.0
    published: int = 0

    def add_liquidations(self, liquidated: Liquidated) -> None:
        """Count a liquidation."""
        self.liquidations += 1
        if liquidated.is_long:
            self.long_liquidated_usd += liquidated.usd
        else:
            self.short_liquidated_usd += liquidated.usd

    def add_published(self, liquidated: Liquidated) -> None:
        """Count a liquidation that the stream tells."""
        self.published += 1
        if liquidated.is_long:
            self.long_published_usd += liquidated.usd
        else:
            self.short_published_usd += liquidated.usd


async def true_flows(
    source: Source, bursts: Bursts, venue: str, start_ms: int, end_ms: int
) -> dict[str, Any]:
    """Return the flows of every contract of *venue* in [start_ms, end_ms) by symbol, as JSON.

    ValueError if the window is longer than a day or ends before it begins.
    """
    if not 0 <= end_ms - start_ms <= _MAX_MS:
        raise ValueError("a window must end after it begins and be at most a day long")
    flows = {listing.symbol: Flow() for listing in source.listings(venue, end_ms)}
    for first_ms in range(start_ms, end_ms, SLOT_MS):
        last_ms = min(first_ms + SLOT_MS, end_ms)
        _add_trades(flows, source, venue, first_ms, last_ms)
        for liquidated in liquidated_between(source, venue, first_ms, last_ms):
            flows[liquidated.listing.symbol].add_liquidations(liquidated)
        await asyncio.sleep(0)
    for liquidated in _published(source, venue, start_ms, end_ms):
        flows[liquidated.listing.symbol].add_published(liquidated)
    for liquidated in bursts.between(source, venue, start_ms, end_ms):
        flows[liquidated.listing.symbol].add_liquidations(liquidated)
        flows[liquidated.listing.symbol].add_published(liquidated)
    return {symbol: asdict(flow) for symbol, flow in flows.items()}


def _add_trades(
    flows: dict[str, Flow], source: Source, venue: str, start_ms: int, end_ms: int
) -> None:
    for listings, prints in prints_between(source, venue, start_ms, end_ms):
        usd = prints.price * prints.size
        count = len(listings)
        bought = np.bincount(prints.contract, usd * prints.is_buy, count).tolist()
        sold = np.bincount(prints.contract, usd * ~prints.is_buy, count).tolist()
        trades = np.bincount(prints.contract, minlength=count).tolist()
        seen, first = np.unique(prints.contract, return_index=True)
        for at, begins in zip(seen.tolist(), prints.id[first].tolist(), strict=True):
            flow = flows.setdefault(listings[at].symbol, Flow())
            flow.taker_buy_usd += bought[at]
            flow.taker_sell_usd += sold[at]
            flow.trades += trades[at]
            flow.first_id = begins if flow.first_id is None else flow.first_id
            flow.last_id = flow.first_id + flow.trades - 1


def _published(source: Source, venue: str, start_ms: int, end_ms: int) -> Iterable[Liquidated]:
    """Return the liquidations of the window that the stream tells.

    Which one of a second is the largest is decided by the whole second.
    """
    if venue == "bybit":
        return liquidated_between(source, venue, start_ms, end_ms)
    first, last = start_ms // SECOND_MS * SECOND_MS, -(-end_ms // SECOND_MS) * SECOND_MS
    largest = largest_a_second(liquidated_between(source, venue, first, last))
    return [liquidated for liquidated in largest if start_ms <= liquidated.time_ms < end_ms]
