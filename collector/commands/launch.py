"""Collector and dashboard together, each a process of its own: what ``demo`` and ``up`` do."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import aiohttp
import duckdb

from analytics import query
from analytics.errors import PerpscopeError
from analytics.lake.reader import Reader
from collector.commands.processes import ChildProcess, Processes
from collector.commands.serve import refuse_open, refuse_taken_port
from collector.runtime.clock import Clock
from collector.runtime.guarded_tasks import GuardedTasks
from collector.service.stop_signal import StopSignal
from collector.settings import LOOPBACK, Settings

START_TIMEOUT_S = 60.0
"""How long the dashboard may take to answer before a message says so. [wall s]"""

DATA_TIMEOUT_S = 20.0
"""How long to wait for data before printing the address; a venue may be out of reach. [wall s]"""

RECENT = timedelta(minutes=3)
"""Snapshots this recent count as data to show, by the wall clock."""


async def demo(settings: Settings, simulator_options: list[str]) -> bool:
    """Run simulator, collector and dashboard on the demo's own lake, until told to stop.

    Returns:
        Whether SIGINT stopped it.

    Raises:
        SettingsError: A port is taken.
        PerpscopeError: One of the three ended by itself.
    """
    async with _family() as (family, stopped):
        simulator = await family.start(
            "simulator", ["simulate", "--port", "0", *simulator_options], {}, with_output=True
        )
        address = await _first_line(simulator)
        await _together(
            settings,
            family,
            stopped,
            data_dir=settings.data_dir / "demo",
            PERPSCOPE_SIMULATOR=address,
        )
    return stopped.interrupted


def simulator_options(*, seed: int, speed: float, recorded: Path | None) -> list[str]:
    """Return the arguments of ``perpscope simulate`` that start such a simulator."""
    played = [] if recorded is None else ["--recording", str(recorded.absolute())]
    return ["--seed", str(seed), "--speed", str(speed), *played]


async def up(settings: Settings) -> bool:
    """Run collector and dashboard until told to stop.

    Returns:
        Whether SIGINT stopped it.

    Raises:
        SettingsError: A port is taken.
        PerpscopeError: One of the two ended by itself.
    """
    async with _family() as (family, stopped):
        await _together(settings, family, stopped, data_dir=settings.data_dir)
    return stopped.interrupted


@asynccontextmanager
async def _family() -> AsyncIterator[tuple[Processes, StopSignal]]:
    stopped = StopSignal()
    family = Processes()
    try:
        yield family, stopped
    finally:
        await family.stop()


async def _together(
    settings: Settings,
    family: Processes,
    stopped: asyncio.Event,
    *,
    data_dir: Path,
    **variables: str,
) -> None:
    refuse_open(settings)
    refuse_taken_port(settings.port)
    began = time.monotonic()
    variables["PERPSCOPE_DATA_DIR"] = str(data_dir.absolute())
    variables["PERPSCOPE_PORT"] = str(settings.port)
    await family.start("collector", ["collect"], variables)
    await family.start("dashboard", ["serve"], variables)
    async with GuardedTasks(Clock()) as tasks:
        for child in family.children:
            tasks.start("process", partial(_lasting, child), child.name)
        ready = asyncio.create_task(
            _say_when_ready(settings.port, data_dir, began), name="dashboard ready"
        )
        try:
            await tasks.until(stopped)
        finally:
            ready.cancel()
            with suppress(asyncio.CancelledError):
                await ready


async def _lasting(child: ChildProcess) -> None:
    """Wait for *child*, which is to run for ever; raises PerpscopeError at its end."""
    await child.process.wait()
    raise _ended_early(child)


async def _say_when_ready(port: int, data_dir: Path, began: float) -> None:
    """Say where the dashboard is once it answers and, after a while, whatever it has to show.

    *began* is when all was started. [monotonic s]
    """
    await asyncio.gather(_answers(port), _shows(data_dir))
    _say(
        f"perpscope is at {_address(port)} "
        f"({time.monotonic() - began:.0f} s to start). Ctrl-C stops it."
    )


async def _answers(port: int) -> None:
    began, said = time.monotonic(), False
    async with aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"{_address(port)}/_stcore/health") as answer:
                    if answer.ok:
                        return
            await asyncio.sleep(0.2)
            if not said and time.monotonic() - began > START_TIMEOUT_S:
                said = True
                _say(f"the dashboard has not answered after {START_TIMEOUT_S:.0f} s; still waiting")


async def _shows(data_dir: Path) -> None:
    reader = Reader(data_dir)
    try:
        async with asyncio.timeout(DATA_TIMEOUT_S):
            while not await asyncio.to_thread(_has_recent, reader):
                await asyncio.sleep(0.5)
    except TimeoutError:
        return
    finally:
        reader.close()


def _has_recent(reader: Reader) -> bool:
    """Return whether snapshots of the last minutes are published."""
    try:
        with reader.cursor() as cursor:
            since = query.lake_time(cursor, datetime.now(UTC) - RECENT)
            found = cursor.execute(
                "select 1 from snapshots where received_ts > $since limit 1",
                {"since": since.replace(tzinfo=None)},
            ).fetchone()
    except (PerpscopeError, duckdb.Error):
        return False
    return found is not None


async def _first_line(child: ChildProcess) -> str:
    if child.process.stdout is None:
        raise RuntimeError("children are started with a pipe")
    line = await child.process.stdout.readline()
    if not line:
        await child.process.wait()
        raise _ended_early(child)
    return line.decode().strip()


def _ended_early(child: ChildProcess) -> PerpscopeError:
    return PerpscopeError(
        f"the {child.name} exited with code {child.process.returncode}; see its output above"
    )


def _address(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
