"""The parts of a running collector, opened in order and closed in reverse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial

import aiohttp
import structlog

from analytics import query
from analytics.errors import SettingsError
from analytics.lake.records import Instrument
from analytics.lake.writer import Lake
from analytics.rules import frames, status
from analytics.rules.messages import message
from analytics.rules.rules_file import builtin
from collector.alerts import channels
from collector.alerts.delivery import Delivery
from collector.alerts.delivery_queue import DeliveryQueue
from collector.alerts.passes import Evaluation, Passes
from collector.alerts.rules_in_use import RulesInUse
from collector.backfill.filling import VenueHistory
from collector.cycles.venue_collector import VenueCollector
from collector.runtime import http_session
from collector.runtime.clock import Clock
from collector.runtime.guarded_tasks import GuardedTask, GuardedTasks, TaskEnd
from collector.service.clock_steps import ClockSteps
from collector.service.counters import Counters
from collector.service.lake_notes import add_note
from collector.service.pauses import Pauses
from collector.service.scheduler import Scheduler
from collector.service.write_queue import WriteQueue
from collector.settings import Settings, channel_addresses
from collector.streams.feed import BOOK_COLUMNS, Feed
from collector.streams.registry import BOOK_CADENCE, CADENCE, STREAMS, offered
from collector.streams.status import last_heard
from collector.venues import VENUES
from collector.venues.venue import Offer, Venue

log = structlog.get_logger(__name__)

LAKE = "lake"
"""Whose timetable has the upkeep, beside one for each venue."""

THREADS = 3
"""For what blocks: storing, upkeep, and work for another command or a name to look up."""

GATHER_S = 2.0
"""How long the first venue's rows wait for those of others, to share a commit. [s]"""

GATHER_SHARE = 0.1
"""But never longer than this share of the time between cycles."""

STORING_TIMEOUT_S = 3.0
"""How long the last append may take once we are asked to stop. [wall s]"""


@dataclass(frozen=True, slots=True)
class Program:
    """What every job works with."""

    settings: Settings
    clock: Clock
    lake: Lake
    write_queue: WriteQueue
    counters: Counters
    venues: tuple[VenueCollector, ...]
    histories: Mapping[str, VenueHistory]
    """By the venue's name."""
    tasks: GuardedTasks
    schedulers: Mapping[str, Scheduler]
    """By the venue's name, and of the lake."""
    pauses: Pauses
    clock_steps: ClockSteps
    alerts: Passes
    delivery: Delivery

    def jobs_missed(self) -> dict[str, int]:
        """Return how often the start of a job was left out, by job."""
        return {k: v for one in self.schedulers.values() for k, v in one.missed.items()}

    def jobs_failing(self) -> dict[str, str]:
        """Return why the newest run of a job failed, by job; nothing of those that did not."""
        return {k: v for one in self.schedulers.values() for k, v in one.failing.items()}


@asynccontextmanager
async def opened(settings: Settings, *, streams: bool = False) -> AsyncIterator[Program]:
    """Open the lake, the write queue and the venues of *settings*, with their *streams* or not.

    On the way out everything that has arrived is stored first.

    Raises:
        LakeError: The lake cannot be opened for writing.
        SettingsError: The simulator that the settings name does not answer, or .env holds the
            address of a channel and others may read it.
    """
    addresses = channel_addresses()
    async with AsyncExitStack() as stack:
        # Each thread that allocates keeps memory of its own, and the lake lets one work at a time.
        threads = stack.enter_context(ThreadPoolExecutor(THREADS, "blocking"))
        asyncio.get_running_loop().set_default_executor(threads)
        simulated = settings.simulator is not None
        clock = await simulator_clock(settings.simulator) if settings.simulator else Clock()
        lake = stack.enter_context(
            Lake(
                settings.data_dir,
                origin="simulator" if simulated else "live",
                reserve_bytes=settings.min_free_mb * 2**20,
            )
        )
        for note in lake.damaged:
            log.error("damaged file quarantined at startup", what=note)
        for note in lake.unrecovered:
            log.error("file not recovered; it stays where it is", what=note)
        lake.set_info(venues=_offers(settings))
        if simulated:
            lake.set_info(clock=clock.as_json())
        lake.publish()
        counters = Counters()
        delivery_queue = stack.enter_context(DeliveryQueue(lake, clock, Clock(), counters.registry))
        tasks = await stack.enter_async_context(
            GuardedTasks(clock, registry=counters.registry, note=partial(_note_end, lake))
        )
        write_queue = WriteQueue(
            lake, clock.wall_s(min(GATHER_S, settings.interval_s * GATHER_SHARE))
        )
        storing = tasks.start("storing", write_queue.run)
        stack.push_async_callback(_finish, write_queue, storing)
        alerts = stack.enter_context(_alerts(settings, clock, lake))
        venues = tuple(_venue(name, clock, settings, lake) for name in settings.venues)
        pauses = Pauses(lake)
        for one in venues:
            pauses.restore(one)
            stack.push_async_callback(one.close)
        if streams:
            for one in venues:
                one.feed = _feed(one, clock, settings, lake, tasks)
            stack.push_async_callback(_close_streams, venues, write_queue)
        histories = {one.name: VenueHistory(one, clock, lake) for one in venues}
        for history in histories.values():
            stack.push_async_callback(history.close)
        yield Program(
            settings,
            clock,
            lake,
            write_queue,
            counters,
            venues,
            histories,
            tasks,
            {name: Scheduler(clock) for name in (LAKE, *settings.venues)},
            pauses,
            ClockSteps(clock, lake),
            alerts,
            Delivery(
                delivery_queue,
                partial(channels.read, settings.data_dir, addresses),
                tasks,
                simulated=simulated,
            ),
        )


def _alerts(settings: Settings, clock: Clock, lake: Lake) -> Passes:
    """Return the passes over the rules of the data folder; raises LakeError."""
    rules = RulesInUse(settings.data_dir, frames.COLUMNS, status.running(lake.info()))
    rules.make(builtin())
    made = frames.Frames(timedelta(seconds=settings.interval_s))
    load = partial(made.load, known_by=query.ANY_TIME)
    return Passes(lake, clock, rules, Evaluation(load, message))


async def simulator_clock(address: str) -> Clock:
    """Return the clock that the simulator at *address* runs on.

    Raises:
        SettingsError: Nothing answers there, or not a simulator.
    """
    timeout = aiohttp.ClientTimeout(total=5)
    try:
        async with (
            http_session.new_session(timeout=timeout) as session,
            session.get(f"{address}/simulator/clock") as answer,
        ):
            return Clock.stated(await answer.json())
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError) as error:
        raise SettingsError(
            f"PERPSCOPE_SIMULATOR={address!r}: no simulator answers there ({error}); "
            "start one with: perpscope simulate"
        ) from error


def _venue(name: str, clock: Clock, settings: Settings, lake: Lake) -> VenueCollector:
    with lake.cursor() as cursor:
        known = query.fetch(cursor, "instruments_of_venue", venue=name)
    return VenueCollector(
        VENUES[name],
        clock,
        simulator_url=settings.simulator,
        top_n=settings.top_n,
        interval_s=settings.interval_s,
        requests_per_s=settings.requests_per_s,
        timeout_s=settings.request_timeout_s,
        known=[
            Instrument(**{str(k): v for k, v in row.items()}) for row in known.to_dict("records")
        ],
    )


def _feed(
    one: VenueCollector, clock: Clock, settings: Settings, lake: Lake, tasks: GuardedTasks
) -> Feed | None:
    """Return the streams of a venue, None where its streams are not read."""
    if one.name not in STREAMS:
        return None
    with lake.cursor() as cursor:
        last = query.fetch(cursor, "last_streams", venue=one.name).to_dict("records")
    return Feed(
        one.background_client(),
        clock,
        tasks,
        simulator_url=settings.simulator,
        last_heard=last_heard(last[0]["finished_ts"], last[0]["streams"]) if last else None,
    )


def _offers(settings: Settings) -> str:
    """Return what the venues offer and allow, as JSON for the Health page to show."""
    stated = {}
    for venue in (VENUES[name] for name in settings.venues):
        heard = settings.streams and venue.name in STREAMS
        offers = [
            {**asdict(offer), "cadence": _cadence(venue, offer, heard=heard)}
            for offer in venue.offers
        ]
        if heard:
            offers += [{**asdict(one), "cadence": CADENCE} for one in offered(venue.name)]
        limits = [asdict(limit) for limit in venue.limits]
        stated[venue.name] = {"title": venue.title, "offers": offers, "limits": limits}
    return json.dumps(stated)


def _cadence(venue: Venue, offer: Offer, *, heard: bool) -> str:
    """Return how often a metric is updated, in words; *heard* is whether streams are read."""
    if heard and offer.column in BOOK_COLUMNS:
        return BOOK_CADENCE
    return venue.cadence(offer.source)


async def _close_streams(venues: Iterable[VenueCollector], write_queue: WriteQueue) -> None:
    """Close the streams of all venues at once; what they received last is stored."""
    feeds = [one.feed for one in venues if one.feed is not None]
    await asyncio.gather(*(feed.close() for feed in feeds))
    if heard := [record for feed in feeds for record in feed.records()]:
        write_queue.put(heard)


async def _finish(write_queue: WriteQueue, storing: GuardedTask) -> None:
    storing.restart_now()
    if not await write_queue.finish(STORING_TIMEOUT_S):
        log.error("stopped with unsaved batches", waiting=write_queue.waiting)
    await storing.end()


def _note_end(lake: Lake, end: TaskEnd) -> None:
    """Have the Health page know of *end*; raises LakeError."""
    add_note(lake, "task_ends", {**asdict(end), "at": end.at.isoformat()})
