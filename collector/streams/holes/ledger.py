"""Since when data arrives on each channel, and every hole in it: open, filled, recorded."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

import structlog

from analytics.lake.records import Gap, Liquidation
from collector.runtime.clock import Clock
from collector.streams.formats.stream import ChannelName, Stream, Topic
from collector.streams.holes.hole import Hole, Mark, mark, moment
from collector.streams.holes.repair import Repairs
from collector.streams.state.flows import MAX_DELAY_MS, FlowChannel, Flows
from collector.streams.state.seen import Numbers
from collector.streams.wire.connection import Connection
from collector.venues.client import VenueClient

log = structlog.get_logger(__name__)

MAX_GAPS = 10_000
"""Gaps that may wait to be stored; what comes beyond is dropped and counted."""

LATE_MS = 120_000
"""A liquidation sent this late was missing from the flows until then. [ms]"""

NOT_RUNNING = "the collector was not running"
NEVER_HEARD = "no data since the start"
TOLD_LATE = "the venue sent liquidations late"
NUMBERS_LEFT_OUT = "trade numbers were skipped"
STOPPED = "; the collector stopped before it was filled"


class Ledger:
    """Keeps account of one venue's trades and liquidations."""

    def __init__(
        self,
        client: VenueClient,
        stream: Stream,
        flows: Flows,
        clock: Clock,
        last_heard: Mapping[str, datetime],
    ) -> None:
        """Start without data; *last_heard* is until when the previous run received each channel."""
        self._venue, self._stream, self._clock = stream.venue, stream, clock
        self._flows = flows
        self._symbols: dict[str, str] = {}
        self.began_ms: dict[str, int] = {}
        """Since when each instrument's trades are received. [Unix ms]"""
        self._repairs = Repairs(
            client,
            flows,
            clock,
            self.began_ms,
            numbered=stream.numbered,
            settled=self._settled,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self._started_ts = clock.now()
        self._last_heard = last_heard
        self._unheard: set[FlowChannel] = {"trades", "liquidations"}
        self._open: list[Hole] = []
        self._suspects: dict[str, set[tuple[int, int]]] = {}
        self._looked_ms: deque[int] = deque(maxlen=3)
        """When numbers were looked at: in the first of these looks what is missing now was not."""
        self._given_up: dict[str, tuple[tuple[int, int], ...]] = {}
        self._gaps: list[Gap] = []
        self._late: dict[str, tuple[datetime, datetime, int]] = {}
        """Liquidations sent late since the last call of `gaps`: from when, until when, how many;
        by symbol."""
        self.holes = 0
        """Holes since the start."""
        self.dropped: Counter[str] = Counter()
        """Gaps that were not written down, because too many waited."""

    def follow(self, symbols: Mapping[str, str], live: Iterable[ChannelName]) -> None:
        """Account for the instruments in *symbols*, by the venue's names, from now on.

        New ones count as received at once on *live* channels, one topic of which
        tells of all.
        """
        self._symbols = dict(symbols)
        for kept in (self.began_ms, self._suspects, self._given_up):
            for venue_id in kept.keys() - self._symbols.keys():
                del kept[venue_id]
        for hole in list(self._open):
            for venue_id in set(hole.open) - self._symbols.keys():
                # It is not followed any more, so no trade of it will come.
                self._repairs.settle(hole, venue_id, complete=False)
        for name in live:
            if name != "depth":
                self._flows.begin(name, self._symbols)

    def open_holes(self, name: ChannelName) -> list[Hole]:
        """Return the holes of a channel that are not settled."""
        return [hole for hole in self._open if hole.channel == name]

    def gaps(self) -> list[Gap]:
        """Return the gaps since this was last asked."""
        late, self._late = self._late, {}
        for symbol, (since, until, count) in late.items():
            self._put(
                Gap(
                    venue=self._venue,
                    channel="liquidations",
                    symbol=symbol,
                    started_ts=since,
                    ended_ts=until,
                    reason=TOLD_LATE,
                    outcome="repaired",
                    repaired_rows=count,
                )
            )
        gaps, self._gaps = self._gaps, []
        return gaps

    def received(self, liquidation: Liquidation) -> None:
        """Take note of a liquidation: what was known of its time lacked it if it comes late."""
        at, received = liquidation.venue_ts, liquidation.received_ts
        if (received - at).total_seconds() * 1000 > LATE_MS:
            since, until, count = self._late.get(liquidation.symbol, (at, received, 0))
            self._late[liquidation.symbol] = min(since, at), max(until, received), count + 1

    def on_live(self, connection: Connection, topics: Sequence[Topic], at_ms: int) -> None:
        """Note that *topics* have data since *at_ms*."""
        name = connection.channel.name
        if name == "depth":
            return
        if name in self._unheard:
            self._unheard.discard(name)
            self._first(name, connection, moment(at_ms))
        ids = self._ids(topics)
        for venue_id in ids if name == "trades" else ():
            self.began_ms.setdefault(venue_id, at_ms)
        self._flows.begin(name, ids)
        for hole in self.open_holes(name):
            self._back(hole, hole.absent & set(ids), at_ms)

    def on_lost(self, connection: Connection, topics: Sequence[Topic], heard_ms: int) -> None:
        """Note that *topics* had no data after *heard_ms*, and open a hole."""
        name, ids = connection.channel.name, self._ids(topics)
        if name == "depth" or not ids:
            return
        self._hold(
            Hole(
                channel=name,
                reason=connection.reason or "the connection ended",
                started_ms=heard_ms,
                marks={one: mark(self._flows.by_id[one]) for one in ids},
                symbols=self._symbols,
                absent=set(ids),
                whole=len(ids) == len(self._symbols),
            )
        )

    def check_numbers(self) -> None:
        """Have trades filled in whose numbers are missing although nothing was interrupted."""
        if not self._stream.numbered:
            return
        busy = {venue_id for hole in self._open for venue_id in hole.open}
        now_ms = round(self._clock.now().timestamp() * 1000)
        self._looked_ms.append(now_ms)
        before, self._suspects = self._suspects, {}
        for venue_id, flow in self._flows.by_id.items():
            if venue_id in busy or not isinstance(flow.seen, Numbers):
                continue
            given_up = self._given_up.get(venue_id, ())
            missing = set(flow.seen.holes).difference(given_up)
            if missing & before.get(venue_id, set()):
                self._fill_numbers(venue_id, given_up, now_ms)
            elif missing:
                self._suspects[venue_id] = missing

    async def close(self) -> None:
        """Stop filling; open holes and channels without any data become gaps."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for hole in list(self._open):
            hole.reason += STOPPED
            for venue_id in hole.open:
                self._repairs.settle(hole, venue_id, complete=False)
        for name in sorted(self._unheard) if self._symbols else ():
            since = self._last_heard.get(name, self._started_ts)
            self._note(name, since, self._clock.now(), NEVER_HEARD)

    def _ids(self, topics: Sequence[Topic]) -> list[str]:
        """Return the instruments that *topics* are about, of those that are followed."""
        if any(topic.venue_id is None for topic in topics):
            return list(self._symbols)
        return [one.venue_id for one in topics if one.venue_id and one.venue_id in self._symbols]

    def _first(self, name: FlowChannel, connection: Connection, came_ts: datetime) -> None:
        """Record what was missed before a channel's first data."""
        if (since := self._last_heard.get(name)) is not None:
            self._note(name, since, came_ts, NOT_RUNNING)
        elif connection.failed:
            self._note(name, self._started_ts, came_ts, connection.reason or NEVER_HEARD)

    def _hold(self, hole: Hole) -> None:
        self.holes += 1
        self._open.append(hole)
        self._flows.hold(hole.channel, hole.marks)

    def _back(self, hole: Hole, ids: set[str], at_ms: int) -> None:
        """Note that *ids* of *hole* have data again."""
        if not ids:
            return
        first = hole.ended_ms is None
        hole.absent -= ids
        hole.ended_ms = max(hole.ended_ms or 0, at_ms)
        if hole.ended_ms - hole.started_ms > MAX_DELAY_MS:
            self._flows.end(hole.channel, ids)
            self._flows.begin(hole.channel, ids)
        elif hole.channel == "trades":
            if first:
                self._start(hole, self._repairs.fill(hole))
            return
        # Liquidations no venue tells of afterwards.
        for venue_id in ids:
            self._repairs.settle(hole, venue_id, complete=False)
        if first and hole.open:
            self._start(hole, self._repairs.wait(hole))

    def _fill_numbers(
        self, venue_id: str, given_up: tuple[tuple[int, int], ...], now_ms: int
    ) -> None:
        hole = Hole(
            channel="trades",
            reason=NUMBERS_LEFT_OUT,
            started_ms=self._looked_ms[0],
            marks={venue_id: Mark(-1, given_up)},
            symbols=self._symbols,
            absent=set(),
            ended_ms=now_ms,
            whole=False,
        )
        self._hold(hole)
        self._start(hole, self._repairs.fill(hole))

    def _settled(self, hole: Hole, venue_id: str) -> None:
        """Take note that *venue_id* is settled; the last one of a hole closes it."""
        if hole.outcomes[venue_id] != "repaired" and (flow := self._flows.by_id.get(venue_id)):
            self._given_up[venue_id] = mark(flow).numbers
        if hole.open or hole not in self._open:
            return
        self._open.remove(hole)
        now_ms = round(self._clock.now().timestamp() * 1000)
        for gap in hole.gaps(self._venue, now_ms):
            self._put(gap)

    def _note(self, name: FlowChannel, since: datetime, until: datetime, reason: str) -> None:
        self._put(
            Gap(
                venue=self._venue,
                channel=name,
                symbol="*",
                started_ts=since,
                ended_ts=until,
                reason=reason,
                outcome="lost",
                repaired_rows=0,
            )
        )

    def _put(self, gap: Gap) -> None:
        if len(self._gaps) >= MAX_GAPS:
            self.dropped[gap.channel] += 1
            return
        self._gaps.append(gap)
        if gap.symbol != "*":
            return
        log.info(
            "hole in stream",
            venue=gap.venue,
            channel=gap.channel,
            symbol=gap.symbol,
            outcome=gap.outcome,
            rows=gap.repaired_rows,
            reason=gap.reason,
        )

    def _start(self, hole: Hole, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work, name=f"{self._venue} repair")
        self._tasks.add(task)
        task.add_done_callback(partial(self._repair_ended, hole))

    def _repair_ended(self, hole: Hole, task: asyncio.Task[None]) -> None:
        """Give up *hole* if its repair ended early, so that its flows do not wait for ever."""
        self._tasks.discard(task)
        if hole.open and not self._is_closing:
            error = None if task.cancelled() else task.exception()
            log.error("repair of a hole failed", venue=self._venue, exc_info=error)
            self._repairs.give_up(hole)
