"""``perpscope doctor``: check everything that a collector needs."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics import formats
from analytics.control.collector_socket import takes_work
from analytics.errors import LakeAbsent, LakeError, PerpscopeError, VenueError
from analytics.lake.attach import connect, extension_file
from analytics.lake.check import quarantine_notes
from analytics.lake.layout import Layout
from analytics.lake.reader import Reader
from analytics.rules import frames
from analytics.settings import PREFIX
from collector.alerts.rules_in_use import FILE, read_file
from collector.runtime import http_session
from collector.runtime.budget import Budget
from collector.runtime.clock import Clock
from collector.service.app import simulator_clock
from collector.settings import Settings
from collector.streams.registry import STREAMS
from collector.streams.wire.reconnect import FAILURES, opened, sentence
from collector.venues import VENUES
from collector.venues.client import VenueClient

CLOCK_TOLERANCE_S = 2.0
"""Our clock may differ from a venue's by this much before its times look wrong. [s]"""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    subject: str
    sound: bool
    said: str


async def examine(settings: Settings, console: Console) -> bool:
    """Print the settings in effect and every finding; return whether all is sound."""
    console.print(_settings_table(settings))
    findings = [look(settings) for look in (_extension, _folder, _lake, _disk, _rules)]
    findings += await _venues(settings)
    table = Table("check", "result", "details", title="checks")
    for finding in findings:
        mark = "[green]ok[/]" if finding.sound else "[red]failed[/]"
        table.add_row(finding.subject, mark, Text(finding.said))
    console.print(table)
    return all(finding.sound for finding in findings)


def _settings_table(settings: Settings) -> Table:
    table = Table("setting", "in effect", title="settings")
    for name, value in settings.model_dump().items():
        shown = ", ".join(value) if isinstance(value, tuple) else str(value)
        table.add_row(f"{PREFIX}{name.upper()}", "not set" if value is None else Text(shown))
    return table


def _finding(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, sound=True, said=look())
    except (PerpscopeError, duckdb.Error, OSError) as error:
        return Finding(subject, sound=False, said=str(error))


def _extension(_settings: Settings) -> Finding:
    def look() -> str:
        connect("64MB").close()
        return f"DuckDB {duckdb.__version__} loads {extension_file().parent.name}'s DuckLake"

    return _finding("extension", look)


def _folder(settings: Settings) -> Finding:
    def look() -> str:
        folder = settings.data_dir.absolute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"written")
        except OSError as error:
            raise LakeError(f"{folder}: cannot be written ({error.strerror})") from error
        return f"{folder} is writable"

    return _finding("data folder", look)


def _lake(settings: Settings) -> Finding:
    def look() -> str:
        notes = len(quarantine_notes(settings.data_dir))
        aside = f"; {notes} damaged files quarantined, see set-aside/" if notes else ""
        reader = Reader(settings.data_dir)
        try:
            with reader.cursor() as cursor:
                (rows,) = cursor.execute("select count(*) from snapshots").fetchone() or (0,)
                facts = dict(cursor.execute("select key, value from lake_info").fetchall())
        except LakeAbsent:
            return "no lake yet; the collector creates it"
        finally:
            reader.close()
        return f"{rows:,} snapshots, origin {facts['origin']}; {_writer(settings)}{aside}"

    return _finding("lake", look)


def _writer(settings: Settings) -> str:
    # The lock itself is not tried: a collector that starts in that moment would be refused.
    if not takes_work(settings.data_dir):
        return "no collector is running"
    return f"a collector is running ({Layout(settings.data_dir).lock.read_text('utf-8')})"


def _disk(settings: Settings) -> Finding:
    def look() -> str:
        folder = next(path for path in _upwards(settings.data_dir) if path.exists())
        free = shutil.disk_usage(folder).free
        if free < settings.min_free_mb * 2**20:
            raise LakeError(
                f"{free / 2**20:,.0f} MB free; writing stops below {settings.min_free_mb} MB "
                f"({PREFIX}MIN_FREE_MB)"
            )
        return f"{free / 2**30:,.1f} GB free"

    return _finding("disk", look)


def _rules(settings: Settings) -> Finding:
    def look() -> str:
        path = settings.data_dir / FILE
        if not os.path.lexists(path) and not Layout(settings.data_dir).catalog.exists():
            return f"no {FILE} yet; the collector makes it with the built-in rules"
        return f"{path} has {formats.plural(len(read_file(path, frames.COLUMNS)[1]), 'rule')}"

    return _finding("alert rules", look)


def _upwards(path: Path) -> list[Path]:
    return [path.absolute(), *path.absolute().parents]


async def _venues(settings: Settings) -> list[Finding]:
    try:
        clock = await simulator_clock(settings.simulator) if settings.simulator else Clock()
    except PerpscopeError as error:
        return [Finding("simulator", sound=False, said=str(error))]
    looks = [_venue(name, clock, settings) for name in settings.venues]
    if settings.streams:
        looks += [_stream(name, settings) for name in settings.venues if name in STREAMS]
    findings = list(await asyncio.gather(*looks))
    if not settings.streams:
        said = f"not checked: {PREFIX}STREAMS is off, all data comes over REST"
        findings.append(Finding("streams", sound=True, said=said))
    return findings


async def _venue(name: str, clock: Clock, settings: Settings) -> Finding:
    client = VenueClient(
        VENUES[name],
        clock,
        Budget(VENUES[name].limits, clock),
        simulator_url=settings.simulator,
        timeout_s=settings.request_timeout_s,
    )
    subject = VENUES[name].title
    try:
        ahead_s, within_s = await client.clock_offset()
    except VenueError as error:
        return Finding(subject, sound=False, said=error.reason)
    finally:
        await client.close()
    said = f"answers; its clock differs by {ahead_s:+.2f} s (± {within_s:.2f} s)"
    # A slow answer tells little: only what is certainly too much is a fault.
    too_much = abs(ahead_s) - within_s > CLOCK_TOLERANCE_S * clock.speed
    return Finding(subject, sound=not too_much, said=said)


async def _stream(name: str, settings: Settings) -> Finding:
    """Check that a venue's websocket addresses open, no faster than its limit allows."""
    stream = STREAMS[name]
    subject, address = f"{VENUES[name].title} streams", ""
    try:
        async with http_session.new_session() as session:
            for number, group in enumerate(stream.groups):
                await asyncio.sleep(number / stream.limits.connects_per_s)
                address = group.address(settings.simulator)
                await (await opened(session, address)).close()
    except FAILURES as error:
        return Finding(subject, sound=False, said=f"{address}: {sentence(error)}")
    opened_ones = ", ".join(group.name for group in stream.groups)
    return Finding(subject, sound=True, said=f"websockets open: {opened_ones}")
