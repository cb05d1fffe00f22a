"""The long-running program: start in order, stop in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import structlog

from analytics.errors import LakeError
from analytics.files.upload_commands import ImportUpload
from analytics.lake.records import Cycle
from collector.runtime.guarded_tasks import GuardedTask
from collector.service import timetable
from collector.service.alert_work import AlertWork
from collector.service.app import LAKE, STORING_TIMEOUT_S, Program, opened
from collector.service.backfill_work import backfill_work
from collector.service.control_socket import taking_work
from collector.service.health_server import answering
from collector.service.import_work import import_work
from collector.service.stop_signal import StopSignal
from collector.service.trade_work import TradeWork
from collector.service.upload_work import import_upload_work
from collector.settings import Settings

log = structlog.get_logger(__name__)


async def run(settings: Settings) -> bool:
    """Collect until SIGINT, SIGTERM or SIGHUP, then store what has arrived and stop.

    Returns:
        Whether SIGINT ended it.

    Raises:
        LakeError: The lake cannot be opened for writing.
        SettingsError: The simulator that the settings name does not answer, or the
            collector's port is taken.
        PerpscopeError: A task ended that nothing goes on without.
    """
    stopped = StopSignal()
    async with collecting(settings) as program:
        await program.tasks.until(stopped)
    log.info("stopped")
    return stopped.interrupted


@asynccontextmanager
async def collecting(settings: Settings) -> AsyncIterator[Program]:
    """Collect within the block, and answer other commands and those who watch; raises as `run`."""
    async with opened(settings, streams=settings.streams) as program:
        alert_work = AlertWork(settings, program.clock, program.lake, program.alerts)
        works = {
            "import": import_work(program.lake),
            "backfill": backfill_work(program),
            ImportUpload.work: import_upload_work(settings, program.lake),
            **alert_work.works(),
            **TradeWork(settings, program.clock, program.lake).works(),
        }
        async with (
            taking_work(settings.data_dir, works, program.tasks),
            answering(settings.collector_port, program),
        ):
            running = _start(program)
            log.info("collecting", venues=settings.venues, data_dir=str(settings.data_dir))
            try:
                yield program
            finally:
                log.info("stopping")
                program.lake.stop_upkeep()
                await asyncio.gather(*(task.end() for task in running))


def _start(program: Program) -> list[GuardedTask]:
    """Start what collects, and what looks after the lake and the clock."""
    tasks, upkeep = program.tasks, program.schedulers[LAKE]
    upkeep.add(timetable.lake_jobs(program))
    return [
        tasks.start("clock watch", partial(timetable.watch_clock, program)),
        tasks.start("timetable", upkeep.run, LAKE),
        tasks.start("alerts", partial(program.alerts.run, program.write_queue.published)),
        tasks.start("alert delivery", partial(program.delivery.run, program.alerts.passed)),
        *(
            tasks.start("timetable", partial(timetable.collect, program, one), one.name)
            for one in program.venues
        ),
    ]


async def run_once(settings: Settings) -> list[Cycle]:
    """Collect and store one cycle of every venue; return how they went.

    SIGTERM ends it early; what was collected by then is stored, and the list is
    empty. So does SIGINT, which leaves as KeyboardInterrupt then.

    Raises:
        LakeError: The lake cannot be opened for writing, or did not take the rows.
        SettingsError: The simulator that the settings name does not answer.
    """
    signalled = StopSignal()
    stopped = asyncio.create_task(signalled.wait(), name="stop signal")
    async with opened(settings) as program:
        cycles = asyncio.gather(*(timetable.collect_once(program, one) for one in program.venues))
        first: set[asyncio.Future[Any]] = {cycles, stopped}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not cycles.done():
            cycles.cancel()
            await asyncio.gather(cycles, return_exceptions=True)
            if signalled.interrupted:
                raise KeyboardInterrupt
            return []
        stopped.cancel()
        if not await program.write_queue.finish(STORING_TIMEOUT_S):
            raise LakeError(program.write_queue.fault or "the rows were not stored in time")
        # Who collects by cron has no background in which rules and files have their turn.
        await program.alerts.pass_soon()
        await program.delivery.once()
        await timetable.check_files(program)
        return cycles.result()
