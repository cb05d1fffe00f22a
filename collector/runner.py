"""The long-running program: start in order, stop in reverse."""

from __future__ import annotations

import asyncio
import signal

import structlog

from collector import jobs
from collector.backfill.command import backfill_work
from collector.control import taking_work
from collector.imports.command import import_work
from collector.monitor import answering
from collector.program import opened
from collector.settings import Settings
from collector.timetable import Timetable

log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Collect until SIGINT or SIGTERM, then store what has arrived and stop.

    Raises:
        LakeError: The lake cannot be opened for writing.
        SettingsError: The simulator that the settings name does not answer, or the
            collector's port is taken.
    """
    stopped = _stop_signal()
    async with opened(settings) as program:
        timetable = Timetable(program.clock)
        works = {"import": import_work(program.lake), "backfill": backfill_work(program)}
        async with (
            taking_work(settings.data_dir, works),
            answering(settings.collector_port, program),
        ):
            timetable.start()
            timetable.add(jobs.of_the_lake(program))
            beginning = asyncio.gather(
                *(jobs.begin(program, one, timetable) for one in program.venues)
            )
            log.info("collecting", venues=settings.venues, data_dir=str(settings.data_dir))
            try:
                await stopped.wait()
            finally:
                log.info("stopping")
                beginning.cancel()
                await timetable.stop()
                await asyncio.gather(beginning, return_exceptions=True)
    log.info("stopped")


async def run_once(settings: Settings) -> list[str]:
    """Collect and store one cycle of every venue; return what went wrong, a line each.

    Raises:
        LakeError: The lake cannot be opened for writing.
        SettingsError: The simulator that the settings name does not answer.
    """
    async with opened(settings) as program:
        faults = await asyncio.gather(*(jobs.once(program, one) for one in program.venues))
    return [fault for fault in faults if fault is not None]


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop
