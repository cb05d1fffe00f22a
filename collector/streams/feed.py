"""One venue's streams as a cycle sees them: flows, books, records, and how each channel stands."""

from __future__ import annotations

import json
import random
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from analytics.lake.records import Gap, Instrument, Liquidation
from collector.runtime import http_session
from collector.runtime.clock import Clock
from collector.runtime.guarded_tasks import GuardedTask, GuardedTasks
from collector.streams.first_states import FirstStates
from collector.streams.formats.stream import ChannelName, Sinks, Topic
from collector.streams.holes.hole import moment
from collector.streams.holes.ledger import Ledger
from collector.streams.registry import STREAMS
from collector.streams.state.flows import FLOW_CHANNELS, FlowChannel, Flows
from collector.streams.state.rejects import Rejects
from collector.streams.status import ChannelStatus, Source, bad_of, refused, state
from collector.streams.wire.connection import Connection
from collector.streams.wire.pool import ConnectionPool
from collector.streams.wire.reconnect import Dial, Link
from collector.venues.client import VenueClient
from collector.venues.venue import Fields, Question

MAX_WAITING = 50_000
"""Liquidations that may wait for the next cycle; what comes beyond is dropped and counted."""

POLL_S = 5.0
"""How often books without a state and missing numbers are looked for. [s]"""

POLL_WALL_S = 0.1

START_TIMEOUT_S = 15.0
"""How long after the start REST is not asked for books: streams are about to tell them. [s]"""

STALE_MS = 60_000
"""A book that did not change for so long is asked of REST as well. [ms]"""

BOOK_COLUMNS = frozenset({"book_imbalance", "spread_bps"})


@dataclass(frozen=True, slots=True)
class _Running:
    """What there is once instruments are followed."""

    link: Link
    board: ConnectionPool
    states: FirstStates
    look: GuardedTask


class Feed:
    """The streams of one venue; follow instruments to start it, close it after use."""

    def __init__(
        self,
        client: VenueClient,
        clock: Clock,
        tasks: GuardedTasks,
        *,
        simulator_url: str | None = None,
        last_heard: Mapping[str, datetime] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """Read the streams of *client*'s venue.

        Args:
            client: Asks REST for what is missing, behind all that is live; it is closed with
                the feed.
            clock: The collector's.
            tasks: Those that run as long as the collector does.
            simulator_url: Of a simulator to connect to instead of the venue.
            last_heard: By channel, until when the previous run received it.
            rng: For what is to be a little random.
        """
        self.stream = STREAMS[client.venue.name]
        self.flows: Flows = self.stream.flows()
        self.books = self.stream.books()
        self.rejects = Rejects()
        self.ledger = Ledger(client, self.stream, self.flows, clock, last_heard or {})
        self._client, self._clock, self._tasks = client, clock, tasks
        self._simulator_url = simulator_url
        self._rng = rng if rng is not None else random.Random()
        self._running: _Running | None = None
        self._symbols: dict[str, str] = {}
        self._liquidations: deque[Liquidation] = deque()
        self._frames_before: Counter[ChannelName] = Counter()
        self._asked_books = 0
        self._started_s = clock.monotonic_s()

    def follow(self, instruments: Sequence[Instrument]) -> None:
        """Subscribe to *instruments*, in order of importance, and to no others."""
        running = self._running
        if running is None:
            running = self._running = self._start()
            self._started_s = self._clock.monotonic_s()
        self._symbols = {one.venue_id: one.symbol for one in instruments}
        self.flows.follow(instruments)
        self.books.follow(self._symbols)
        self.ledger.follow(
            self._symbols,
            [
                channel.name
                for channel in self.stream.channels
                if channel.one_for_all
                and any(one.live for one in running.board.by_channel[channel.name])
            ],
        )
        running.board.follow(list(self._symbols))

    async def close(self) -> None:
        """End everything. `records` has what there is to store at the last."""
        if self._running is not None:
            running, self._running = self._running, None
            await running.look.end()
            await running.board.close()
            await self.ledger.close()
            await running.link.session.close()
        await self._client.close()

    def asks(self, question: Question, venue_ids: Iterable[str]) -> list[str]:
        """Return those of *venue_ids* that REST is to be asked *question* of."""
        ids = list(venue_ids)
        if BOOK_COLUMNS.isdisjoint(question.columns) or self._running is None:
            return ids
        wanting = [venue_id for venue_id in ids if not self.book(venue_id)]
        if self._is_starting(self._running):
            # What the streams will tell in a moment would cost a start its whole budget.
            wanting = []
        self._asked_books = len(wanting)
        return wanting

    def asking(self, question: Question) -> Question:
        """Return how *question* is asked so that the streams learn from the answer as well."""
        if BOOK_COLUMNS.isdisjoint(question.columns) or self._running is None:
            return question
        return self._running.states.asking(question)

    def book(self, venue_id: str) -> Fields:
        """Return the book's part of a snapshot; nothing where the stream does not know it."""
        book = self.books.by_id.get(venue_id)
        if self._running is None or book is None or not book.valid or book.at_ms is None:
            return {}
        patience_ms = self._running.link.timeout_s(STALE_MS / 1000, 1.0) * 1000
        if self._running.link.now_ms() - book.at_ms > patience_ms:
            return {}
        return book.fields()

    def part(self, venue_id: str) -> tuple[Fields, tuple[str, ...]]:
        """Return what a snapshot has from the streams, and words about it for its flags.

        The flows are those since this was last asked: it is for one snapshot, once. While a
        stream is suspiciously quiet they wait for the next: a missed flow is not 0.
        """
        taken = self.flows.take(venue_id, self._suspect(venue_id))
        flows: Fields = {
            "taker_buy_usd": taken.taker_buy_usd,
            "taker_sell_usd": taken.taker_sell_usd,
            "liq_long_usd": taken.liq_long_usd,
            "liq_short_usd": taken.liq_short_usd,
        }
        return flows | self.book(venue_id), taken.flags

    def records(self) -> list[Liquidation | Gap]:
        """Return the records to store since the last call."""
        liquidations, self._liquidations = self._liquidations, deque()
        return [*liquidations, *self.ledger.gaps()]

    def frames(self, name: ChannelName) -> int:
        """Return how many messages of a channel came since the start."""
        return 0 if self._running is None else self._running.board.frames(name)

    def statuses(self) -> dict[ChannelName, ChannelStatus]:
        """Return how each channel stands; nothing before instruments are followed."""
        if self._running is None or not self._symbols:
            return {}
        return {
            channel.name: self._status(self._running, channel.name)
            for channel in self.stream.channels
        }

    def to_json(self) -> str:
        """Return how each channel stands, as JSON, and count its messages anew."""
        statuses = self.statuses()
        for name, status in statuses.items():
            self._frames_before[name] += status.events
        said: dict[str, object] = {name: one.as_json() for name, one in statuses.items()}
        said["frames"] = {"bad": bad_of(self.rejects, "")}
        return json.dumps(said)

    def _start(self) -> _Running:
        link = Link(
            stream=self.stream,
            clock=self._clock,
            sinks=Sinks(
                flows=self.flows,
                books=self.books,
                rejects=self.rejects,
                liquidation=self._liquidated,
            ),
            session=http_session.new_session(),
            dial=Dial(self.stream.limits.connects_per_s, self._clock, self._rng),
            rng=self._rng,
            simulator_url=self._simulator_url,
        )
        board = ConnectionPool(link, self, self._tasks)
        states = FirstStates(self._client, self.stream, self.books, self._clock, board)
        look = self._tasks.start(
            "stream checks", partial(self._check_streams, link, states), self.stream.venue
        )
        return _Running(link, board, states, look)

    async def _check_streams(self, link: Link, states: FirstStates) -> None:
        """Look again and again for what is missing although all connections are there."""
        while True:
            await self._clock.sleep(link.timeout_s(POLL_S, POLL_WALL_S))
            self.ledger.check_numbers()
            await states.look()

    def _liquidated(self, liquidation: Liquidation) -> None:
        if len(self._liquidations) >= MAX_WAITING:
            self.rejects.add("liquidations", "dropped")
        else:
            self._liquidations.append(liquidation)
            self.ledger.received(liquidation)

    def on_live(self, connection: Connection, topics: Sequence[Topic], at_ms: int) -> None:
        """Note that *topics* are acknowledged since *at_ms*, and their channel has data."""
        self.ledger.on_live(connection, topics, at_ms)

    def on_lost(self, connection: Connection, topics: Sequence[Topic], heard_ms: int) -> None:
        """Take note that nothing of *topics* came after *heard_ms*."""
        if connection.channel.name == "depth":
            self.books.lose(one.venue_id for one in topics if one.venue_id is not None)
        self.ledger.on_lost(connection, topics, heard_ms)

    def _status(self, running: _Running, name: ChannelName) -> ChannelStatus:
        connections = running.board.by_channel[name]
        holes = self.ledger.open_holes(name)
        now, since_ms = state(connections, holes=bool(holes))
        heard_ms = max((one.heard_ms for one in connections if one.heard_ms), default=None)
        known = self._known(running, name)
        return ChannelStatus(
            state=now,
            source=self._source(name, known),
            since=moment(since_ms).isoformat(),
            events=running.board.frames(name) - self._frames_before[name],
            late_s=None if heard_ms is None else (running.link.now_ms() - heard_ms) / 1000,
            bad=bad_of(self.rejects, name),
            dropped=self.rejects.counts[name, "dropped"] + self.ledger.dropped[name],
            reconnects=running.board.failed(name),
            connections=sum(one.state == "live" for one in connections),
            instruments=known,
            of=len(self._symbols),
            holes=len(holes),
            whole_until=min((moment(one.started_ms).isoformat() for one in holes), default=None),
            reason=next((one.reason for one in connections if one.reason), None),
            refused=refused(connections),
        )

    def _suspect(self, venue_id: str) -> set[FlowChannel]:
        if self._running is None:
            return set()
        board = self._running.board
        return {name for name in FLOW_CHANNELS if board.suspect(name, venue_id)}

    def _is_starting(self, running: _Running) -> bool:
        """Whether books are on their way for the first time, and in time."""
        timeout_s = running.link.timeout_s(START_TIMEOUT_S, 1.0)
        late = self._clock.monotonic_s() - self._started_s > timeout_s
        return not late and not any(one.failed for one in running.board.by_channel["depth"])

    def _known(self, running: _Running, name: ChannelName) -> int:
        """Return of how many instruments the stream tells at the moment."""
        if name == "depth":
            return sum(book.valid for book in self.books.by_id.values())
        if self.stream.channel(name).one_for_all:
            live = any(one.live for one in running.board.by_channel[name])
            return len(self._symbols) if live else 0
        return len(running.board.live(name) & self._symbols.keys())

    def _source(self, name: ChannelName, known: int) -> Source:
        if name == "depth":
            return "rest" if self._asked_books > len(self._symbols) / 2 else "stream"
        return "stream" if known else "none"
