"""Asking a venue: the one client, whatever the venue, over ccxt's plumbing.

ccxt builds the address, sends and decodes; what an answer means is read in the
venue's file. Every failure leaves here as one of our errors.
"""

from __future__ import annotations

import json
import math
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import aiohttp
import ccxt.async_support as ccxt
import certifi
import orjson
import structlog

from analytics.asset_names import base_and_multiplier, is_name
from analytics.errors import RateLimited, VenueError, VenueUnavailable
from analytics.lake.records import Instrument
from collector.runtime import http_session
from collector.runtime.backoff import Backoff
from collector.runtime.budget import RequestBudget
from collector.runtime.clock import Clock
from collector.venues.http_errors import Circumstances, Reply, nonsense, translated
from collector.venues.json_reading import OtherShape, number
from collector.venues.venue import Fields, Question, Row, Venue

log = structlog.get_logger(__name__)

QUOTES = frozenset({"USDT", "USDC"})
"""Collected are the perpetuals quoted and settled in one of these."""

MAX_STRIKE_S = 3600.0
"""The longest pause for a venue that asks repeatedly without naming a time. [s]"""

MAX_DIGITS = 100
"""Of a figure in the list of instruments, and after its point; its exponent is below that too."""

_ENDLESS = re.compile(r"-?[\d.]+[eE][+-]?0*[1-9]\d{2,}|-?[\d.]{100,}")
"""A figure that exact arithmetic would take for ever over."""

UNREADABLE = (
    *(LookupError, TypeError, AttributeError, ValueError, ArithmeticError),
    ccxt.BaseError,
)
"""What reading a market may end in, here or in ccxt, where the venue describes it oddly."""

FORESEEN = (*UNREADABLE, VenueError, aiohttp.ClientError, OSError, TimeoutError)
"""What a request may end in."""

_reply: ContextVar[Reply] = ContextVar("reply")


@dataclass(slots=True)
class RequestStats:
    """What asking has cost so far."""

    requests: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    """From a request to its answer. [wall ms]"""
    faults: int = 0
    """Answers that were lost to an unexpected error while parsing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of one answer, and when it was received."""

    question: Question
    rows: list[Row]
    heard_ts: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument as the venue lists it, and the terms that its list already states."""

    instrument: Instrument
    terms: Fields


class ClockOffset(NamedTuple):
    """What one question about the time tells."""

    ahead_s: float
    """The venue's clock is ahead of ours by this much, [s]"""
    within_s: float
    """give or take this much: half the time that the answer took. [s]"""


class VenueClient:
    """One venue, seen through ccxt; close it after use."""

    def __init__(
        self,
        venue: Venue,
        clock: Clock,
        budget: RequestBudget,
        *,
        simulator_url: str | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        self.venue = venue
        self._clock = clock
        self._budget = budget
        self._timeout_s = timeout_s
        self._strikes = 0
        self.unreadable = 0
        """How many instruments of the newest list could not be read, and were left out."""
        self.exchange = _exchange(venue, simulator_url, timeout_s)
        self.exchange.on_rest_response = self._note
        self._parse_market, self.exchange.parse_market = self.exchange.parse_market, self._parsed
        self._set_markets, self.exchange.set_markets = self.exchange.set_markets, self._named
        self._parse_precision = self.exchange.parse_precision
        self.exchange.parse_precision = self._precision
        self._open, self.exchange.open = self.exchange.open, self._opened
        self.exchange.on_json_response = loads

    async def ask(
        self, question: Question, venue_id: str | None = None, stats: RequestStats | None = None
    ) -> Answer:
        """Ask *question*, of the instrument *venue_id* where it is about one, when its turn comes.

        Raises VenueError; the venue's budget is paused if it asks for a pause.
        """
        call = question.name if venue_id is None else f"{question.name} of {venue_id}"
        params = dict(question.params)
        if question.asks_for is not None and venue_id is not None:
            params[question.asks_for] = self.venue.encoded(venue_id)
        method = getattr(self.exchange, question.method)
        stats = stats if stats is not None else RequestStats()
        with self._losing_one_answer(call, stats):
            async with self._budget.turn(call, question.weights, passing=question.passing):
                payload = await self._sent(call, lambda: method(params), stats)
            rows = self._rows(call, question, payload, venue_id)
        return Answer(question, rows, self._clock.now())

    async def fetch_json(
        self, call: str, method: str, params: Mapping[str, Any], weights: Mapping[str, float]
    ) -> Any:
        """Return the JSON of an answer that no `Question` describes; raises as `ask` does.

        Args:
            call: What a person calls it, in errors.
            method: The implicit method of ccxt.
            params: What goes with it.
            weights: What it costs, by the name of the limit.
        """
        send = getattr(self.exchange, method)
        with self._losing_one_answer(call, RequestStats()):
            async with self._budget.turn(call, weights):
                payload = await self._sent(call, lambda: send(dict(params)), RequestStats())
            return _decoded(payload)

    async def listings(self) -> list[Listing]:
        """Return every active linear perpetual that the venue lists, quoted in USDT or USDC.

        One that cannot be read is left out and counted; the others are listed all the same.
        """
        call = "list of instruments"
        self.unreadable = 0
        with self._losing_one_answer(call, RequestStats()):
            async with self._budget.turn(call, self.venue.listing_weights):
                markets = await self._sent(
                    call, lambda: self.exchange.load_markets(True), RequestStats()
                )
        now = self._clock.now()
        listings = []
        for market in markets.values():
            try:
                listed = listing(self.venue, market, now)
            except UNREADABLE:
                self.unreadable += 1
                continue
            if listed is not None:
                listings.append(listed)
        if not listings:
            unread = f", {self.unreadable} unreadable" if self.unreadable else ""
            raise VenueUnavailable(self.venue.name, call, f"lists no perpetuals{unread}")
        return listings

    async def clock_offset(self) -> ClockOffset:
        """Return by how much the venue's clock is ahead of ours."""
        asked_ts = self._clock.now()
        answer = await self.ask(self.venue.time)
        half = (answer.heard_ts - asked_ts) / 2
        venue_ts = answer.rows[0][1].get("venue_ts") if answer.rows else None
        if not isinstance(venue_ts, datetime):
            raise VenueUnavailable(self.venue.name, self.venue.time.name, "no time in the answer")
        second = timedelta(seconds=1)
        return ClockOffset((venue_ts - asked_ts - half) / second, half / second)

    async def close(self) -> None:
        """Close the connections."""
        await self.exchange.close()

    @contextmanager
    def _losing_one_answer(self, call: str, stats: RequestStats) -> Iterator[None]:
        """Have whatever goes wrong within the block leave as a VenueError.

        A venue can answer anything, and that must cost this one answer: not
        what other questions of the cycle were answered. It is a fault of ours all the
        same, so its traceback is in the log.
        """
        try:
            yield
        except VenueError:
            raise
        except OtherShape as error:
            raise VenueUnavailable(self.venue.name, call, str(error)) from error
        except Exception as error:
            stats.faults += 1
            log.exception("response could not be parsed", venue=self.venue.name, call=call)
            raise VenueUnavailable(self.venue.name, call, fault(error)) from error

    async def _sent(
        self, call: str, send: Callable[[], Awaitable[Any]], stats: RequestStats
    ) -> Any:
        """Return what *send* returns, or raise the error of ours that it amounts to."""
        reply = Reply()
        token = _reply.set(reply)
        stats.requests += 1
        started_s = time.perf_counter()
        try:
            payload = await send()
        except FORESEEN as error:
            raise self._translated(call, error, reply) from error
        finally:
            _reply.reset(token)
        stats.latencies_ms.append((time.perf_counter() - started_s) * 1000)
        if reply.status is not None and reply.body.lstrip()[:1] not in ("{", "["):
            raise VenueUnavailable(self.venue.name, call, nonsense(reply.body))
        self._strikes = 0
        return payload

    def _translated(self, call: str, error: Exception, reply: Reply) -> Exception:
        """Return our error for *error*; a repeated request for a pause doubles the pause."""
        paused = self._budget.paused_until is not None
        in_a_row = 1 + max(0, self._strikes - paused)
        busy = {
            sign: Backoff(first_s, MAX_STRIKE_S).pause_s(in_a_row)
            for sign, first_s in self.venue.busy.items()
        }
        at = Circumstances(self.venue.name, call, busy, self._timeout_s, self._clock.now())
        ours = translated(error, reply, at)
        if isinstance(ours, RateLimited):
            self._strikes = min(self._strikes + (not paused), 10)
            self._budget.pause_until(ours)
        return ours

    def _rows(self, call: str, question: Question, payload: Any, asked: str | None) -> list[Row]:
        """Return the rows that *question* reads from *payload*."""
        rows = list(question.read(_decoded(payload), asked))
        if not rows and not question.may_be_empty:
            raise VenueUnavailable(self.venue.name, call, "empty answer")
        return rows

    def _opened(self, lazy: bool = False) -> None:
        """Give ccxt a session of ours; it makes none of its own where there is one."""
        asked_after_its_end = lazy and self.exchange.closed_by_user
        if self.exchange.session is None and not asked_after_its_end:
            connector = aiohttp.TCPConnector(ssl=_certificates())
            trusts = self.exchange.aiohttp_trust_env
            self.exchange.session = http_session.new_session(connector=connector, trust_env=trusts)
        self._open(lazy)

    def _parsed(self, raw: Any) -> Any:
        """Return the market that ccxt makes of *raw*; of None ccxt leaves it out."""
        try:
            market = None if _is_endless(raw) else self._parse_market(raw)
        except UNREADABLE:
            market = None
        self.unreadable += market is None
        return market

    def _precision(self, digits: Any) -> Any:
        """Return what so many *digits* after the point come to, which ccxt writes out one by one.

        Raises ValueError where writing them would never end.
        """
        if digits is not None and not abs(int(digits)) <= MAX_DIGITS:
            raise ValueError("precision")
        return self._parse_precision(digits)

    def _named(self, markets: list[Any], currencies: Any = None) -> Any:
        """Have ccxt keep those of *markets* that have a name: it sorts by their names."""
        named = [market for market in markets if market["id"] and market["symbol"]]
        self.unreadable += len(markets) - len(named)
        return self._set_markets(named, currencies)

    def _note(
        self,
        status: int,
        reason: str,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: str,
        *request: object,
    ) -> str:
        """Keep what came back for the call it belongs to; ccxt calls this with every answer."""
        if (reply := _reply.get(None)) is not None and reply.status in (None, 200):
            reply.status, reply.headers, reply.body = status, headers, body
        for header, value in headers.items() if self.venue.used_headers else ():
            if (limit := self.venue.used_headers.get(header.lower())) is not None:
                used = number(value)
                if used is not None and used > 0:
                    self._budget.correct(limit, used)
        return body.strip()


def listing(venue: Venue, market: Mapping[str, Any], now: datetime) -> Listing | None:
    """Return what ccxt's *market* is in our words, None if it is not for us.

    Whether it is linear is told from its currencies: ccxt's own word depends on a
    field that not every answer carries. Raises one of UNREADABLE.
    """
    quote, size = market.get("quote"), number(market.get("contractSize"))
    wanted = market.get("swap") and market.get("active") and market.get("settle") == quote
    if not wanted or quote not in QUOTES:
        return None
    if size is None or not 0 < size < math.inf:
        raise ValueError("contractSize")
    base, multiplier = base_and_multiplier(
        market[venue.base_key], venue.name, kilo_prefix=venue.kilo_prefix
    )
    if not all(map(is_name, (base, market["symbol"], market[venue.id_key]))):
        raise ValueError("name")
    instrument = Instrument(
        venue=venue.name,
        symbol=market["symbol"],
        venue_id=market[venue.id_key],
        base=base,
        multiplier=multiplier,
        contract_size=size,
        linear=True,
        quote=quote,
        oi_unit=venue.oi_unit,
        in_universe=False,
        first_seen_ts=now,
        last_seen_ts=now,
        asset_class=venue.asset_class(market),
    )
    return Listing(instrument, venue.listed_terms(market))


def _is_endless(raw: object) -> bool:
    """Return whether a figure anywhere in *raw* is so large that ccxt would never be done."""
    if isinstance(raw, dict):
        return any(map(_is_endless, raw.values()))
    if isinstance(raw, list):
        return any(map(_is_endless, raw))
    if isinstance(raw, str):
        return _ENDLESS.fullmatch(raw) is not None
    return isinstance(raw, int) and not -(10**MAX_DIGITS) < raw < 10**MAX_DIGITS


def fault(error: Exception) -> str:
    """Return the sentence for an answer that was lost to the unexpected *error*."""
    return f"internal error while parsing the answer ({type(error).__name__}); see the log"


def loads(text: str) -> Any:
    """Return the JSON in *text*; raises ValueError.

    A figure written NaN or half a surrogate pair makes the fast decoder give up on all
    of an answer; Python's own reads it, and the rest.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def _decoded(payload: Any) -> Any:
    """Return *payload* as the JSON it is, or say what it is instead.

    ccxt hands on the text of what it cannot decode.
    """
    if isinstance(payload, dict | list):
        return payload
    if isinstance(payload, str) and payload[:1] in ("{", "["):
        try:
            return loads(payload)
        except ValueError as error:
            raise OtherShape("invalid JSON") from error
    raise OtherShape(nonsense(payload))


def _exchange(venue: Venue, simulator_url: str | None, timeout_s: float) -> Any:
    """Return ccxt's client: our budget instead of its throttler, the venue's own names."""
    settings: dict[str, Any] = {
        "enableRateLimit": False,
        "timeout": round(timeout_s * 1000),
        "options": dict(venue.options),
        "substituteCommonCurrencyCodes": False,
        "has": {"fetchCurrencies": False},
    }
    if simulator_url is not None:
        if venue.simulator_urls is None:
            raise ValueError(f"the simulator does not serve {venue.name}")
        settings["urls"] = venue.simulator_urls(simulator_url)
        settings["timeout_on_exit"] = 0
    return getattr(ccxt, venue.ccxt_id)(settings)
