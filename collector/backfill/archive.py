"""The public archive: a file for each instrument and day, and a checksum beside each.

Asked for days that a venue no longer tells of, or for all days where that is
wanted. A file is fetched into a folder that goes again, held against its
checksum and read as a whole before anything of it is stored. Days that are not
there, and files that are not what they claim to be, are named; the others go on.
"""

from __future__ import annotations

import asyncio
import glob
import tempfile
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any

import aiohttp
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.errors import ImportRefused
from analytics.files.parsing import parse
from analytics.lake.records import Instrument
from analytics.lake.schema import BAR
from analytics.lake.writer import Lake
from collector.backfill.outcome import Outcome, Progress
from collector.backfill.plan import Known, Wanted, known
from collector.backfill.rows import SCHEMA
from collector.backfill.store import Store
from collector.runtime.http_session import MAX_ANSWER_BYTES, new_session
from collector.venues.venue import History

MAX_IN_FLIGHT = 4
"""Files that are fetched at once."""

REQUEST_TIMEOUT_S = 60.0
"""How long one file may take. [wall s]"""

ABSENT_IN_A_ROW = 7
"""So many days absent in a row, and older ones of the instrument are not asked for."""

FAILURES_IN_A_ROW = 8
"""So many failures in a row, and the archive is asked no further."""

WHAT = "archive files"

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class DayFile:
    """A file of the archive: what of which instrument, on which day."""

    instrument: Instrument
    template: str
    day: date

    @property
    def path(self) -> str:
        """Where it lies beneath the archive's address."""
        return self.template.format(id=self.instrument.venue_id, day=self.day.isoformat())

    @property
    def name(self) -> str:
        """What it is called."""
        return PurePosixPath(self.path).name


class Absent(Exception):
    """The archive has no such file."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A public archive at an address."""

    address: str
    folder: Path
    """Where files may lie until they are read."""
    all_days: bool
    """Whether it is asked for all days, and not only for those beyond a venue's reach."""

    async def fill(
        self, lake: Lake, wanted: Wanted, store: Store, outcome: Outcome, progress: Progress
    ) -> None:
        """Fetch the files of what is missing, and hand their bars to *store*.

        Raises:
            LakeError: The lake took no more.
        """
        series = await asyncio.to_thread(self._missing, lake, wanted)
        total = sum(map(len, series))
        if not total:
            return
        progress(WHAT, 0, total)
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        with tempfile.TemporaryDirectory(prefix="archive-", dir=self.folder) as folder:
            async with new_session(timeout=timeout) as session:
                fetching = _Fetching(self.address, session, Path(folder), wanted.now)
                todo = deque(series)
                await together(
                    _work(fetching, todo, store, outcome, lambda done: progress(WHAT, done, total))
                    for _ in range(MAX_IN_FLIGHT)
                )

    def _missing(self, lake: Lake, wanted: Wanted) -> list[list[DayFile]]:
        """Return the files of each series of an instrument that are wanted, the newest first."""
        found = []
        for instrument, histories in wanted.each():
            bars = known(lake, instrument, wanted.stretch)
            days: defaultdict[str, set[date]] = defaultdict(set)
            for history in histories:
                if history.archive is not None:
                    days[history.archive] |= self._days(bars, history, wanted)
            found += [
                [DayFile(instrument, template, day) for day in sorted(missing, reverse=True)]
                for template, missing in days.items()
            ]
        return found

    def _days(self, bars: Known, history: History, wanted: Wanted) -> set[date]:
        """Return the days, over by now, on which *bars* lack *history*."""
        stretch = wanted.all_of(history)
        lacking = np.flatnonzero(bars.lacks(history, stretch, wanted.now))
        if not self.all_days:
            lacking = lacking[lacking < (wanted.reachable(history).start - stretch.start) // BAR]
        days = np.unique((stretch.start.timestamp() + lacking * BAR.total_seconds()) // DAY_S)
        found = {datetime.fromtimestamp(day * DAY_S, UTC).date() for day in days.tolist()}
        return {day for day in found if day < wanted.now.date()}


@dataclass(slots=True)
class _Fetching:
    """Files on their way from the archive."""

    address: str
    session: aiohttp.ClientSession
    folder: Path
    now: datetime
    done: int = 0
    failures_in_a_row: int = 0

    async def bars(self, file: DayFile) -> pa.Table:
        """Return what *file* says, in the columns that a history fills in.

        Raises:
            Absent: There is no such file.
            ImportRefused: It is not what it claims to be.
        """
        here = self.folder / file.name
        try:
            await self._fetch(file.path, here)
            try:
                await self._fetch(f"{file.path}.CHECKSUM", here.with_name(f"{here.name}.CHECKSUM"))
            except Absent as error:
                raise ImportRefused(here, "its .CHECKSUM file is missing") from error
            return await asyncio.to_thread(self._read, file, here)
        finally:
            for left in self.folder.glob(f"{glob.escape(file.name)}*"):
                left.unlink()

    async def _fetch(self, path: str, here: Path) -> None:
        async with self.session.get(f"{self.address}/{path}") as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                raise Absent(path)
            answer.raise_for_status()
            with here.open("wb") as written:
                async for chunk in answer.content.iter_chunked(2**16):
                    written.write(chunk)
                    if written.tell() > MAX_ANSWER_BYTES:
                        raise ImportRefused(here, "it is too large for one day")

    def _read(self, file: DayFile, here: Path) -> pa.Table:
        bars = parse(here, self.now).bars
        if bars is None:
            return SCHEMA.empty_table()
        bars = bars.filter(pc.equal(bars["symbol"], file.instrument.symbol))
        said = {name: bars[name] for name in bars.column_names if name in SCHEMA.names}
        said["origin"] = pa.array(["backfill"] * bars.num_rows, pa.string())
        absent = pa.nulls(bars.num_rows)
        return pa.table({field.name: said.get(field.name, absent) for field in SCHEMA}).cast(SCHEMA)


async def _work(
    fetching: _Fetching,
    todo: deque[list[DayFile]],
    store: Store,
    outcome: Outcome,
    progress: Callable[[int], None],
) -> None:
    """Take one series after the other, each from its newest day on."""
    while todo:
        absent = 0
        for file in todo.popleft():
            if absent < ABSENT_IN_A_ROW and fetching.failures_in_a_row < FAILURES_IN_A_ROW:
                there = await _take(fetching, file, store, outcome)
                absent = 0 if there else absent + 1
            fetching.done += 1
            progress(fetching.done)


async def _take(fetching: _Fetching, file: DayFile, store: Store, outcome: Outcome) -> bool:
    """Fetch *file* and hand its bars on; return whether it is there."""
    try:
        bars = await fetching.bars(file)
    except Absent:
        outcome.failed("not in the archive", f"not in the archive: {file.name}")
        return False
    except ImportRefused as refusal:
        sentence = str(refusal).replace(f"{fetching.folder}/", "")
        outcome.failed("refused archive files", f"refused: {sentence}")
    except (aiohttp.ClientError, TimeoutError) as error:
        fetching.failures_in_a_row += 1
        why = str(error) or type(error).__name__
        outcome.failed(WHAT, f"{fetching.address}: {file.name}: {why}")
    else:
        fetching.failures_in_a_row = 0
        outcome.files += 1
        await store.put(file.template, file.instrument, bars)
    return True


async def together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do *works* at once; where one fails the others are cancelled, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
