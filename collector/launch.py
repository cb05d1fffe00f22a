"""Collector and dashboard together, each a process of its own: what ``demo`` and ``up`` do."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from analytics.errors import PerpscopeError, SettingsError
from collector.children import Child, Family
from collector.monitor import LOOPBACK
from collector.settings import Settings

START_PATIENCE_S = 60.0
"""How long the dashboard may take to answer and the first cycle to be published. [wall s]"""


async def demo(settings: Settings, simulator_options: list[str]) -> None:
    """Run simulator, collector and dashboard until SIGINT or SIGTERM, on the demo's own lake.

    Raises:
        SettingsError: A port is taken.
        PerpscopeError: One of the three ended by itself.
    """
    async with _family() as (family, stopped):
        simulator = await family.start("simulator", ["simulate", "--port", "0", *simulator_options])
        address = await _first_line(simulator)
        await _together(
            settings,
            family,
            stopped,
            data_dir=settings.data_dir / "demo",
            PERPSCOPE_SIMULATOR=address,
        )


async def up(settings: Settings) -> None:
    """Run collector and dashboard until SIGINT or SIGTERM.

    Raises:
        SettingsError: A port is taken.
        PerpscopeError: One of the two ended by itself.
    """
    async with _family() as (family, stopped):
        await _together(settings, family, stopped, data_dir=settings.data_dir)


def refuse_taken_port(port: int) -> None:
    """Raise SettingsError if something else listens on loopback *port*."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise SettingsError(
                f"PERPSCOPE_PORT={port}: {error.strerror}; choose another port"
            ) from error


@asynccontextmanager
async def _family() -> AsyncIterator[tuple[Family, asyncio.Event]]:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    family = Family()
    try:
        yield family, stopped
    finally:
        await family.stop()


async def _together(
    settings: Settings,
    family: Family,
    stopped: asyncio.Event,
    *,
    data_dir: Path,
    **variables: str,
) -> None:
    refuse_taken_port(settings.port)
    began = time.monotonic()
    variables["PERPSCOPE_DATA_DIR"] = str(data_dir.absolute())
    variables["PERPSCOPE_PORT"] = str(settings.port)
    await family.start("collector", ["collect"], **variables)
    await family.start("dashboard", ["serve"], **variables)
    ended = asyncio.create_task(family.first_to_end(), name="first child to end")
    stopping = asyncio.create_task(stopped.wait(), name="stop signal")
    ready = asyncio.create_task(_ready(settings.port, data_dir), name="dashboard ready")
    try:
        await asyncio.wait({ended, stopping, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and not ready.cancelled():
            _say(
                f"perpscope is at {_address(settings.port)} "
                f"({time.monotonic() - began:.0f} s to start). Ctrl-C stops it."
            )
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stopped.is_set() and ended.done():
            raise _ended_early(ended.result())
    finally:
        for task in (ended, stopping, ready):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _ready(port: int, data_dir: Path) -> None:
    """Wait until the dashboard answers and something has been published."""
    deadline = time.monotonic() + START_PATIENCE_S
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"{_address(port)}/_stcore/health") as answer:
                    if answer.ok and (data_dir / "public.ducklake").exists():
                        return
            await asyncio.sleep(0.2)
    _say(f"the dashboard has not answered after {START_PATIENCE_S:.0f} s; still waiting for it")
    await asyncio.Event().wait()


async def _first_line(child: Child) -> str:
    if child.process.stdout is None:
        raise RuntimeError("children are started with a pipe")
    line = await child.process.stdout.readline()
    if not line:
        await child.process.wait()
        raise _ended_early(child)
    return line.decode().strip()


def _ended_early(child: Child) -> PerpscopeError:
    return PerpscopeError(
        f"the {child.name} ended by itself with exit code {child.process.returncode}; "
        "what it said stands above"
    )


def _address(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
