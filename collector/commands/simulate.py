"""``perpscope simulate``: the simulator as a program of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

from analytics.errors import SettingsError
from collector.runtime.clock import Clock
from simulator.market.source import Source
from simulator.server import Simulator, recording, serve, synthetic


def run(
    *,
    port: int,
    seed: int,
    speed: float,
    recorded: Path | None,
    instruments: int,
    start: datetime | None,
) -> None:
    """Serve until SIGTERM or KeyboardInterrupt; print the address once it answers.

    Args:
        port: On loopback; 0 takes any free one.
        seed: The same seed makes the same market.
        speed: Seconds of the market in a second of the wall clock.
        recorded: A recorded series to play instead.
        instruments: Base assets in a synthetic market.
        start: What its clock shows first, UTC; now, or the start of the recording, if None.

    Raises:
        SettingsError: The recording cannot be read, or the port is taken.
    """
    now = datetime.now(UTC)
    begin = now if start is None else start.replace(tzinfo=UTC)
    source: Source
    try:
        if recorded is None:
            source = synthetic(instruments, seed)
        else:
            source = played = recording(recorded)
            now = datetime.now(UTC)
            if start is None:
                begin = datetime.fromtimestamp(played.readings[0].time_ms / 1000, UTC)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise SettingsError(f"cannot start the simulator: {error}") from error
    asyncio.run(_serve(source, Clock(begin, speed, now), port))


async def _serve(source: Source, clock: Clock, port: int) -> None:
    bound = False

    def ready(simulator: Simulator) -> None:
        nonlocal bound
        bound = True
        sys.stdout.write(f"{simulator.url}\n")
        sys.stdout.flush()

    try:
        await serve(source, clock, port, ready)
    except OSError as error:
        if bound:
            raise
        raise SettingsError(f"cannot start the simulator on port {port}: {error}") from error
