"""What was traded and liquidated since the last snapshot, per instrument, each event once.

An event belongs to the cycle in whose time it was received: `Flows.take` gives what came
since it was last asked, and starts anew. While a hole is open, nothing is given: what came
before it, what fills it and what came after go into the first snapshot after it is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from analytics.lake.records import Instrument
from collector.streams.state.rejects import FUTURE_MS, INFINITE
from collector.streams.state.seen import Events, Known, Numbers, Seen

MAX_DELAY_MS = 900_000
"""An event sent later than this does not count as a current flow. [ms]"""

FlowChannel = Literal["trades", "liquidations"]
FLOW_CHANNELS: tuple[FlowChannel, ...] = get_args(FlowChannel)

PARTIAL: dict[FlowChannel, str] = {
    "trades": "partial:trades",
    "liquidations": "partial:liquidations",
}
"""The word among a snapshot's flags that says that a flow is only the known part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The flows of one instrument since they were last taken; None where they are not known."""

    taker_buy_usd: float | None
    taker_sell_usd: float | None
    liq_long_usd: float | None
    liq_short_usd: float | None
    flags: tuple[str, ...] = ()
    """``partial:trades``, ``partial:liquidations``."""


NOTHING_KNOWN = Taken(
    taker_buy_usd=None, taker_sell_usd=None, liq_long_usd=None, liq_short_usd=None
)


class Sums:
    """The two sums of one channel, and whether they are all that there was."""

    __slots__ = ("events", "live", "open_holes", "partial")

    def __init__(self) -> None:
        self.events = 0
        """Events counted since the instrument is followed."""
        self.live = False
        self.open_holes = 0
        self.partial = False

    def take(self) -> tuple[float, float, bool] | None:
        """Return both sums and whether they are partial, and start anew; None if not known."""
        if not self.live or self.open_holes:
            return None
        taken = (*self.reset(), self.partial)
        self.partial = False
        return taken

    def reset(self) -> tuple[float, float]:
        """Return both sums and start anew, known or not. [USD]"""
        raise NotImplementedError


class TradeSums(Sums):
    """What takers bought and sold."""

    __slots__ = ("buy_usd", "sell_usd")

    def __init__(self) -> None:
        super().__init__()
        self.buy_usd = self.sell_usd = 0.0

    def reset(self) -> tuple[float, float]:
        """Return what takers bought, and what they sold, and start anew. [USD]"""
        taken = (self.buy_usd, self.sell_usd)
        self.buy_usd = self.sell_usd = 0.0
        return taken


class LiquidationSums(Sums):
    """What was liquidated."""

    __slots__ = ("long_usd", "short_usd")

    def __init__(self) -> None:
        super().__init__()
        self.long_usd = self.short_usd = 0.0

    def reset(self) -> tuple[float, float]:
        """Return what was liquidated of longs, and of shorts, and start anew. [USD]"""
        taken = (self.long_usd, self.short_usd)
        self.long_usd = self.short_usd = 0.0
        return taken


class Flow:
    """The flows of one instrument."""

    __slots__ = ("instrument", "liquidations", "seen", "seen_liquidations", "size", "trades")

    def __init__(self, instrument: Instrument, seen: Seen) -> None:
        self.instrument = instrument
        self.size = instrument.contract_size
        """Quoted units in one of what the venue counts trades in. [quoted units]"""
        self.trades = TradeSums()
        self.liquidations = LiquidationSums()
        self.seen = seen
        self.seen_liquidations = Events()

    def usd(self, price: float, quantity: float) -> float:
        """Return what *quantity*, as the venue counts trades, is worth at *price*. [USD]"""
        return price * quantity * self.size

    def trade(
        self,
        trade_id: int | str,
        at_ms: int,
        price: float,
        quantity: float,
        buys: bool,
        received_ms: int,
    ) -> Known | Literal["unusable"] | None:
        """Count a trade, unless it was counted before or is none; return why if it was not.

        Args:
            trade_id: The venue's.
            at_ms: When it was, as the venue says. [Unix ms]
            price: [quote currency]
            quantity: As the venue counts trades.
            buys: Whether the taker bought.
            received_ms: When it came. [Unix ms]
        """
        # As `usable` says, written out: this runs for every trade.
        usd = self.usd(price, quantity)
        if not (
            price > 0.0
            and quantity > 0.0
            and usd < INFINITE
            and 0 < at_ms <= received_ms + FUTURE_MS
        ):
            return "unusable"
        known = self.seen.refuses(trade_id, at_ms)
        if known is None:
            sums = self.trades
            sums.events += 1
            if buys:
                sums.buy_usd += usd
            else:
                sums.sell_usd += usd
        return known

    def liquidation(
        self,
        event_id: str,
        at_ms: int,
        usd: float,
        side: Literal["long", "short"],
        received_ms: int,
    ) -> Known | None:
        """Count a liquidation of *side*, unless it was counted before; return why if not.

        One that comes late is one all the same; what was hours ago is no flow of now.
        """
        known = self.seen_liquidations.refuses(event_id)
        if known is None and received_ms - at_ms <= MAX_DELAY_MS:
            sums = self.liquidations
            sums.events += 1
            if side == "long":
                sums.long_usd += usd
            else:
                sums.short_usd += usd
        return known

    def sums(self, channel: FlowChannel) -> Sums:
        """Return the sums of *channel*."""
        return self.trades if channel == "trades" else self.liquidations


class Flows:
    """The flows of one venue's instruments."""

    def __init__(self, seen: Callable[[], Seen]) -> None:
        """Make none yet; *seen* makes what knows an instrument's trades again."""
        self._seen = seen
        self.by_id: dict[str, Flow] = {}
        """By the venue's name of the instrument; handlers keep this very dict."""

    def follow(self, instruments: Iterable[Instrument]) -> None:
        """Follow *instruments* from now on and forget all others.

        Those followed already go on where they are, by the terms that they have now.
        """
        wanted = {instrument.venue_id: instrument for instrument in instruments}
        for venue_id in self.by_id.keys() - wanted.keys():
            del self.by_id[venue_id]
        for venue_id, instrument in wanted.items():
            if (flow := self.by_id.get(venue_id)) is None:
                self.by_id[venue_id] = Flow(instrument, self._seen())
            else:
                flow.instrument, flow.size = instrument, instrument.contract_size

    def begin(self, channel: FlowChannel, venue_ids: Collection[str]) -> None:
        """Give the flows of *channel* from now on: its stream is acknowledged and has data.

        The first ones are partial: there was no stream between the last snapshot and now.
        Instruments whose stream goes on already are left alone.
        """
        for sums in self._sums(channel, venue_ids):
            if not sums.live:
                sums.live = True
                sums.partial = True

    def end(self, channel: FlowChannel, venue_ids: Collection[str]) -> None:
        """Give none any more until the next `begin`, nor ever what was missed until then."""
        for sums in self._sums(channel, venue_ids):
            sums.live = False
            sums.open_holes = 0
            sums.reset()
        self._keep(channel, venue_ids)
        if channel == "trades":
            for seen in [self.by_id[one].seen for one in venue_ids if one in self.by_id]:
                if isinstance(seen, Numbers):
                    seen.skip()

    def hold(self, channel: FlowChannel, venue_ids: Collection[str]) -> None:
        """Withhold the flows of *channel*: a hole has opened. Each call needs its `release`."""
        for sums in self._sums(channel, venue_ids):
            sums.open_holes += 1
        self._keep(channel, venue_ids)

    def release(self, channel: FlowChannel, venue_ids: Collection[str], *, complete: bool) -> None:
        """Close a hole that `hold` opened; not *complete* where something in it stays unknown."""
        for sums in self._sums(channel, venue_ids):
            sums.open_holes = max(0, sums.open_holes - 1)
            sums.partial = sums.partial or not complete
        self._keep(channel, venue_ids)

    def take(self, venue_id: str, suspect: Collection[FlowChannel] = ()) -> Taken:
        """Return the flows of an instrument since they were last taken, and start anew.

        Those of channels that are *suspect* wait: something may be missing.
        """
        flow = self.by_id.get(venue_id)
        if flow is None:
            return NOTHING_KNOWN
        trades, liquidations = (
            None if name in suspect else flow.sums(name).take() for name in FLOW_CHANNELS
        )
        flags = []
        if trades is not None and trades[2]:
            flags.append(PARTIAL["trades"])
        if liquidations is not None and liquidations[2]:
            flags.append(PARTIAL["liquidations"])
        return Taken(
            taker_buy_usd=None if trades is None else trades[0],
            taker_sell_usd=None if trades is None else trades[1],
            liq_long_usd=None if liquidations is None else liquidations[0],
            liq_short_usd=None if liquidations is None else liquidations[1],
            flags=tuple(flags),
        )

    def holes(self, venue_id: str) -> list[tuple[int, int]]:
        """Return the ranges of trade numbers missed, first to last, where trades are numbered."""
        flow = self.by_id.get(venue_id)
        return flow.seen.holes if flow is not None and isinstance(flow.seen, Numbers) else []

    def _sums(self, channel: FlowChannel, venue_ids: Collection[str]) -> list[Sums]:
        flows = [self.by_id[venue_id] for venue_id in venue_ids if venue_id in self.by_id]
        return [flow.sums(channel) for flow in flows]

    def _keep(self, channel: FlowChannel, venue_ids: Collection[str]) -> None:
        """Have trades remembered for as long as a hole is open that REST may fill."""
        if channel == "trades":
            for venue_id in venue_ids:
                if (flow := self.by_id.get(venue_id)) is not None:
                    flow.seen.kept = flow.trades.open_holes > 0
