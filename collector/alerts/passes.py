"""The pass over all rules after each cycle: what began, fired or ended is stored as events.

It reads what was published, as the pages do, on a thread and a DuckDB of its own; of the writer it
needs a commit, and only where something happened. A state is taken only once its events are stored:
whenever the collector is killed, the next one goes on from the same events.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

import duckdb
import pandas as pd
import structlog

from analytics import query
from analytics.errors import LakeError, QueryError
from analytics.lake.reader import Reader
from analytics.lake.records import AlertEvent
from analytics.lake.writer import Lake
from analytics.rules import engine, event_rows
from analytics.rules.engine import Event, States, Which
from analytics.rules.rules_file import Rule
from analytics.rules.status import RULES_FACT, STATUS_FACT, Status
from collector.alerts.rules_in_use import RulesInUse
from collector.runtime.clock import Clock
from collector.runtime.published import Published

log = structlog.get_logger(__name__)

TELL_EVERY: Final = timedelta(minutes=5)
"""How often it is stored how the rules stand, where nothing of it changed."""

Load = Callable[[duckdb.DuckDBPyConnection, Sequence[Rule], datetime], Mapping[Which, pd.DataFrame]]
"""Returns the frames that rules need, as known at a time; raises LakeError or QueryError."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a pass gets from rules to frames, and from what happened to a message."""

    load: Load
    message: Callable[[Rule, Event], str]


@dataclass(slots=True)
class Totals:
    """Since the start."""

    complete: int = 0
    failed: int = 0
    skipped: int = 0
    """Left out, because the pass before took longer than a cycle."""
    seconds: float = 0.0
    """Of all passes. [wall s]"""
    events: Counter[str] = field(default_factory=Counter)
    """Stored, by change."""


class Passes:
    """Evaluates the rules in use, and keeps their states."""

    def __init__(self, lake: Lake, clock: Clock, rules: RulesInUse, how: Evaluation) -> None:
        self.rules = rules
        self.totals = Totals()
        self.status = Status(rules=0)
        self.passed = Published()
        """That what happened in a pass was."""
        self._lake, self._clock, self._how = lake, clock, how
        self._reader = Reader(lake.layout.folder, threads=1)
        self._thread = ThreadPoolExecutor(1, "alerts")
        self._turn = threading.Lock()
        self._writing = threading.RLock()
        self._stopped = False
        self._states: States | None = None
        self._stored: Status | None = None
        self._stored_text = lake.info().get(RULES_FACT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave a pass that is under way behind: it stores nothing any more."""
        with self._writing:
            self._stopped = True
        # Nobody waits for its reading: what was collected last is still to be stored.
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._reader.close()

    async def run(self, published: Published) -> None:
        """Pass each time that rows are *published*, for ever.

        One that is published while a pass runs is evaluated after it; of several the newest alone.
        """
        while True:
            number = await published.wait()
            await self.pass_soon()
            self.passed.add()
            self.totals.skipped += max(published.number - number - 1, 0)

    async def pass_soon(self) -> None:
        """Pass once, on the thread of the passes."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.pass_now)

    def pass_now(self) -> None:
        """Read the rules if their file changed, evaluate them, and store what happened."""
        with self._turn:
            now, began = self._clock.now(), time.perf_counter()
            fault = self._tried(now)
            took_s = time.perf_counter() - began
            self.totals.seconds += took_s
            self._tell(
                Status(
                    rules=len(self.rules.rules),
                    fault=self.rules.fault,
                    fault_ts=self.rules.changed_ts,
                    pass_ts=now,
                    pass_s=round(took_s, 4),
                    pass_fault=fault,
                    skipped=self.totals.skipped,
                )
            )

    def save_rules(self, text: str, replaces: str | None) -> None:
        """Have the rules of *text* run from now on; see `RulesInUse.save` for what it raises."""
        with self._turn:
            self.rules.save(text, replaces)
        self.pass_now()

    def by_phase(self) -> Counter[str]:
        """Return how many subjects are pending and firing."""
        return Counter(state.phase for state in (self._states or {}).values())

    def _tried(self, now: datetime) -> str | None:
        """Pass at *now*; return why it did not succeed, None if it did."""
        try:
            if self.rules.look(now):
                self._states = None
            if self._states is None:
                self._states = self._from_the_lake(now)
            self._evaluate(now, self._states)
        except (LakeError, QueryError) as error:
            self.totals.failed += 1
            # A commit that failed may have reached the disk after all.
            self._states = None
            if self.status.pass_fault is None and not self._stopped:
                log.error("alert rules not evaluated", reason=str(error))  # noqa: TRY400
            return str(error)
        self.totals.complete += 1
        if self.status.pass_fault is not None:
            log.info("alert rules evaluated again")
        return None

    def _from_the_lake(self, now: datetime) -> States:
        """Return the states that the stored events leave; end what no rule is behind any more."""
        newest = self._newest()
        if gone := event_rows.removed(newest, self.rules.rules, now):
            self._store(gone)
        return event_rows.states(newest, self.rules.rules)

    def _newest(self) -> pd.DataFrame:
        with self._writer() as lake, lake.cursor() as cursor:
            return query.fetch(cursor, "alert_states")

    def _evaluate(self, now: datetime, before: States) -> None:
        rules = {rule.name: rule for rule in self.rules.rules}
        with self._reader.cursor() as cursor:
            frames = self._how.load(cursor, self.rules.rules, now)
        after, happened = engine.run(self.rules.rules, frames, before, now)
        rows = [
            event_rows.event_row(rule := rules[one.key.rule], one, self._how.message(rule, one))
            for one in happened
        ]
        if rows:
            self._store(rows)
        self._states = after

    def _store(self, rows: Sequence[AlertEvent]) -> None:
        with self._writer() as lake:
            lake.append_records(rows)
            self.totals.events.update(row.change for row in rows)
            lake.publish()

    @contextmanager
    def _writer(self) -> Iterator[Lake]:
        """Yield the lake, which stays open within the block; raise LakeError if we are to stop."""
        with self._writing:
            if self._stopped:
                raise LakeError("the collector is stopping")
            yield self._lake

    def _tell(self, status: Status) -> None:
        """Take *status*, and store it if it says something new, or was not stored for long."""
        self.status, facts = status, dict[str, str]()
        if self.rules.text is not None and self.rules.text != self._stored_text:
            facts[RULES_FACT] = self.rules.text
        if not _says_the_same(self._stored, status):
            facts[STATUS_FACT] = status.as_json()
        if not facts:
            return
        try:
            with self._writer() as lake:
                lake.set_info(**facts)
        except LakeError as error:
            if not self._stopped:
                log.warning("status of the alert rules not stored", reason=str(error))
            return
        self._stored, self._stored_text = status, self.rules.text


def _says_the_same(stored: Status | None, status: Status) -> bool:
    """Return whether *stored* tells what *status* does, and is of the last minutes."""
    if stored is None or stored.pass_ts is None or status.pass_ts is None:
        return False
    is_recent = abs(status.pass_ts - stored.pass_ts) < TELL_EVERY
    told = [(one.rules, one.fault, one.pass_fault) for one in (stored, status)]
    return is_recent and told[0] == told[1]
