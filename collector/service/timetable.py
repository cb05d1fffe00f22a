"""When each job of the collector runs, and what it does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from analytics.errors import LakeError, VenueError
from analytics.lake.records import Cycle
from analytics.lake.schema import BAR
from collector.backfill import plan
from collector.cycles.bars_from_snapshots import write_finished_bars
from collector.cycles.venue_collector import VenueCollector
from collector.service.app import Program
from collector.service.scheduler import Job

log = structlog.get_logger(__name__)

HOUR = timedelta(hours=1)
CLOCK_POLL_S = 5.0
"""How often a step of the clock is looked for. [wall s]"""
FIRST_BAR_READY_S = 420.0
"""How long after a start the bar that it fell into is over and venues have it. [s]"""

CHECK_BYTES = 256 * 2**20
"""So much of the lake is looked into every five minutes: a second's work or less. [bytes]"""


def lake_jobs(program: Program) -> list[Job]:
    """Return what is done for the lake, and how often."""
    return [
        Job("bars", BAR, partial(build_bars, program), after_mark=timedelta(seconds=10)),
        Job("check", BAR, partial(check_files, program), after_mark=timedelta(minutes=4)),
        Job("merge", HOUR, partial(merge_files, program), after_mark=BAR / 2),
        Job("days", timedelta(days=1), partial(merge_files, program, whole_days=True), BAR * 2),
    ]


def venue_jobs(program: Program, one: VenueCollector) -> list[Job]:
    """Return what is asked of a venue, and how often."""
    interval = timedelta(seconds=program.settings.interval_s)
    quarter = timedelta(minutes=15)
    # Venues publish the ratios some seconds after each five-minute mark.
    published = timedelta(seconds=30)
    return [
        Job(f"cycle {one.name}", interval, partial(run_cycle, program, one), at_once=True),
        Job(f"universe {one.name}", quarter, partial(refresh_universe, program, one)),
        Job(f"long/short {one.name}", BAR, partial(refresh_ratios, one), published),
        Job(
            f"history {one.name}", HOUR, partial(backfill_recent, program, one), after_mark=quarter
        ),
    ]


async def collect(program: Program, one: VenueCollector) -> None:
    """Run the jobs of a venue on time, for ever."""
    scheduler = program.schedulers[one.name]
    if scheduler.is_empty:
        scheduler.run_once(f"start {one.name}", partial(start_venue, program, one))
    await scheduler.run()


async def start_venue(program: Program, one: VenueCollector) -> None:
    """Start a venue's jobs; a slow venue does not delay the others."""
    try:
        await refresh_universe(program, one)
    finally:
        program.schedulers[one.name].add(venue_jobs(program, one))
    await asyncio.gather(refresh_ratios(one), backfill_recent(program, one))
    # Venues do not have the whole bar of the start yet, and often not the one before.
    await program.clock.sleep(FIRST_BAR_READY_S)
    await backfill_recent(program, one)


async def collect_once(program: Program, one: VenueCollector) -> Cycle:
    """Collect one complete cycle of a venue."""
    await refresh_universe(program, one)
    await refresh_ratios(one)
    return await run_cycle(program, one)


async def run_cycle(program: Program, one: VenueCollector) -> Cycle:
    """Collect one cycle of a venue, and log when it starts or stops failing."""
    if one.universe.wants_refresh:
        await refresh_universe(program, one)
    snapshots, record = await one.cycle()
    before = program.counters.latest.get(one.name)
    if record.error is not None and (before is None or record.error != before.error):
        log.warning("cycle incomplete", venue=one.name, reason=record.error)
    elif record.error is None and before is not None and before.error is not None:
        log.info("cycle complete again", venue=one.name)
    program.counters.count(record, program.clock.monotonic_s())
    streamed = [] if one.feed is None else one.feed.records()
    program.write_queue.put([*snapshots, *streamed, record])
    if one.budget.paused_until is not None:
        await _save_pause(program, one)
    return record


async def _save_pause(program: Program, one: VenueCollector) -> None:
    try:
        await asyncio.to_thread(program.pauses.save, one)
    except LakeError as error:
        log.warning(
            "pause not saved; a restart would not keep it", venue=one.name, reason=str(error)
        )


async def refresh_universe(program: Program, one: VenueCollector) -> None:
    """Choose again which of a venue's instruments are collected, and store them all."""
    try:
        instruments = await one.refresh_universe()
        await asyncio.to_thread(program.lake.replace_instruments, one.name, instruments)
    except VenueError as error:
        if one.universe.chosen:
            log.warning("universe refresh failed", venue=one.name, reason=error.reason)
        # Without a universe the cycle's own fault says why, once.
    except LakeError as error:
        log.warning("instruments not stored", venue=one.name, reason=str(error))


async def refresh_ratios(one: VenueCollector) -> None:
    """Ask for the newest long/short ratios of a venue."""
    outcome = await one.refresh_long_short()
    if outcome.error is not None:
        log.warning("long/short ratios incomplete", venue=one.name, reason=outcome.error)


async def backfill_recent(program: Program, one: VenueCollector) -> None:
    """Fill in what is missing of a venue's last hours, behind all that is asked live.

    At the first start that is everything. Later it is holes, newcomers to the
    universe, and the volumes that live bars do not know.
    """
    length = timedelta(hours=program.settings.backfill_hours)
    if not length or not one.universe.chosen:
        return
    try:
        outcome = await program.histories[one.name].fill(
            plan.before(program.clock.now(), length), lambda *_: None
        )
    except LakeError as error:
        log.warning("backfill not stored", venue=one.name, reason=str(error))
        return
    counts = outcome.counts
    log.info(
        "history backfilled",
        venue=one.name,
        requests=outcome.requests,
        bars_added=counts.added,
        bars_filled=counts.filled,
    )
    for problem in outcome.problems():
        log.warning("backfill incomplete", venue=one.name, reason=problem)


async def watch_clock(program: Program) -> None:
    """Look for steps of the clock, for ever; waits are counted on the monotonic clock."""
    while True:
        await asyncio.sleep(CLOCK_POLL_S)
        await check_clock(program)


async def check_clock(program: Program) -> None:
    """See whether the clock stepped; if it did, put the jobs on the timetable anew."""
    before = program.clock_steps.newest
    try:
        await asyncio.to_thread(program.clock_steps.look)
    except LakeError as error:
        log.warning("clock step not saved for the Health page", reason=str(error))
    if program.clock_steps.newest is not before:
        for scheduler in program.schedulers.values():
            scheduler.realign()


async def build_bars(program: Program) -> None:
    """Write the bars whose five minutes are over, and those that snapshots came late for."""
    now = program.clock.now()
    earliest = program.write_queue.earliest_since_last_asked()
    for one in program.venues:
        since = earliest.get(one.name)
        try:
            await asyncio.to_thread(write_finished_bars, program.lake, one.name, now, since)
        except LakeError as error:
            log.warning("bars not written", venue=one.name, reason=str(error))
            if since is not None:
                program.write_queue.bars_from(one.name, since)


async def merge_files(program: Program, *, whole_days: bool = False) -> None:
    """Merge the lake's small files; the grace of replaced files runs on the wall clock."""
    now = datetime.now(UTC)
    if whole_days:
        await _forget(program)
    try:
        await asyncio.to_thread(program.lake.maintain, now, whole_days=whole_days)
        await asyncio.to_thread(program.lake.publish)
    except LakeError as error:
        log.warning("lake maintenance failed", reason=str(error))


async def check_files(program: Program) -> None:
    """Look into some of the lake's files, so that each has its turn every few hours."""
    try:
        notes = await asyncio.to_thread(program.lake.check_files, CHECK_BYTES)
    except LakeError as error:
        log.warning("file check failed", reason=str(error))
        return
    for note in notes:
        log.error("damaged file quarantined", what=note)


async def _forget(program: Program) -> None:
    """Delete snapshots that are older than the setting says."""
    keep = timedelta(days=program.settings.snapshot_days)
    try:
        await asyncio.to_thread(program.lake.forget_snapshots, program.clock.now(), keep)
    except LakeError as error:
        log.warning("old snapshots not deleted", reason=str(error))
