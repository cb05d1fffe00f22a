"""The long-running program: start in order, stop in reverse."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from typing import Any

import structlog

from analytics.errors import LakeError
from analytics.records import Cycle
from collector import jobs
from collector.backfill.command import backfill_work
from collector.control import taking_work
from collector.imports.command import import_work
from collector.monitor import answering
from collector.program import STORING_PATIENCE_S, opened
from collector.settings import Settings

log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Collect until SIGINT, SIGTERM or SIGHUP, then store what has arrived and stop.

    Raises:
        LakeError: The lake cannot be opened for writing.
        SettingsError: The simulator that the settings name does not answer, or the
            collector's port is taken.
    """
    stopped = _stop_signal()
    async with opened(settings, streams=settings.streams) as program:
        timetable = program.timetable
        works = {"import": import_work(program.lake), "backfill": backfill_work(program)}
        async with (
            taking_work(settings.data_dir, works),
            answering(settings.collector_port, program),
        ):
            timetable.add(jobs.of_the_lake(program))
            for one in program.venues:
                timetable.run_once(f"begin {one.name}", partial(jobs.begin, program, one))
            log.info("collecting", venues=settings.venues, data_dir=str(settings.data_dir))
            try:
                await stopped.wait()
            finally:
                log.info("stopping")
                program.lake.stop_upkeep()
                await timetable.stop()
    log.info("stopped")


async def run_once(settings: Settings) -> list[Cycle]:
    """Collect and store one cycle of every venue; return how they went.

    SIGINT or SIGTERM end it early; what was collected by then is stored, and the
    list is empty.

    Raises:
        LakeError: The lake cannot be opened for writing, or did not take the rows.
        SettingsError: The simulator that the settings name does not answer.
    """
    stopped = asyncio.create_task(_stop_signal().wait(), name="stop signal")
    async with opened(settings) as program:
        cycles = asyncio.gather(*(jobs.once(program, one) for one in program.venues))
        first: set[asyncio.Future[Any]] = {cycles, stopped}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not cycles.done():
            cycles.cancel()
            await asyncio.gather(cycles, return_exceptions=True)
            return []
        stopped.cancel()
        if not await program.intake.finish(STORING_PATIENCE_S):
            raise LakeError(program.intake.fault or "the lake did not take the rows in time")
        return cycles.result()


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    return stop
