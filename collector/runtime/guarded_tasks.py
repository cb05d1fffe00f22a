"""Tasks that run as long as the program: started in one way, restarted or fatal when they end.

asyncio reports a task's failure only to a caller that awaits its result, and nobody awaits a
task that never ends. Here every unexpected end is logged with its traceback, counted for
Prometheus, reported by /healthz and stored for the Health page. Then the task is restarted
with backoff, or the program stops with exit code 1, as `POLICIES` says. A task that hangs is
not detected here; /healthz reports a venue without cycles.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Literal, Self

import structlog
from prometheus_client import CollectorRegistry, Counter

from analytics.errors import PerpscopeError
from collector.runtime.backoff import Backoff
from collector.runtime.clock import Clock

log = structlog.get_logger(__name__)

RESTART: Final = Backoff(first_s=1.0, longest_s=60.0, jitter=0.5)
"""Pauses before a task is restarted."""

STEADY_S: Final = 60.0
"""A restarted task that has run for so long is healthy: /healthz drops it, and its backoff starts
anew. [s]"""


@dataclass(frozen=True, slots=True)
class Policy:
    """What follows an unexpected end."""

    then: Literal["restart", "stop"]
    why: str


POLICIES: Final[dict[str, Policy]] = {
    "storing": Policy("restart", "unsaved rows wait in memory; stopping would lose them"),
    "timetable": Policy(
        "restart", "the next run makes up for a missed one; other venues are not affected"
    ),
    "clock watch": Policy("restart", "rows stay right unless the clock steps"),
    "stream": Policy(
        "restart", "missed trades are loaded over REST; other streams are not affected"
    ),
    "stream checks": Policy("restart", "streams keep running without it for a while"),
    "alerts": Policy("restart", "the next pass goes on from the stored events"),
    "alert delivery": Policy("restart", "alerts wait in the lake meanwhile"),
    "alert channel": Policy("restart", "its alerts wait in the lake, others' are sent"),
    "control socket": Policy("restart", "only other commands need it, collecting does not"),
    "health server": Policy("restart", "only monitoring needs it, collecting does not"),
    "process": Policy("stop", "a partly running terminal would look complete"),
}
"""By kind of task; a kind that is missing here cannot be started."""


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """An unexpected end of a task."""

    task: str
    at: datetime
    """UTC, on the collector's clock."""
    reason: str
    then: Literal["restart", "stop"]


class GuardedTask:
    """A task that is restarted until `end` or `cancel` is called."""

    def __init__(
        self, name: str, policy: Policy, run: Callable[[], Awaitable[object]], guard: GuardedTasks
    ) -> None:
        self.name = name
        self.policy = policy
        self.ends = 0
        """Unexpected ends."""
        self.newest_end: TaskEnd | None = None
        self._run = run
        self._guard = guard
        self._in_a_row = 0
        self._asked_to_end = False
        self._begin(0.0)

    @property
    def is_running(self) -> bool:
        """Whether it runs, and does not pause before a restart."""
        return self._since_s is not None and not self._task.done()

    @property
    def has_ended(self) -> bool:
        """Whether it ended after `end` or `cancel`."""
        return self._asked_to_end and self._task.done()

    @property
    def is_sound(self) -> bool:
        """Whether it never ended unexpectedly, or has run for `STEADY_S` since."""
        return self.newest_end is None or (self.is_running and self._has_been_steady())

    def cancel(self) -> None:
        """Cancel it, without a restart."""
        self._asked_to_end = True
        self._task.cancel()

    async def end(self) -> None:
        """Cancel it, without a restart, and wait until it has ended."""
        self.cancel()
        await asyncio.wait([self._task])

    def restart_now(self) -> None:
        """Skip the pause before a restart, if there is one."""
        if self._since_s is None and not self._asked_to_end:
            self._task.remove_done_callback(self._ended)
            self._task.cancel()
            self._begin(0.0)

    def _begin(self, pause_s: float) -> None:
        self._since_s: float | None = None
        self._task = asyncio.create_task(self._after(pause_s), name=self.name)
        self._task.add_done_callback(self._ended)
        if not pause_s:
            self._since_s = self._guard.clock.monotonic_s()

    async def _after(self, pause_s: float) -> None:
        if pause_s:
            await self._guard.clock.sleep(pause_s)
            self._since_s = self._guard.clock.monotonic_s()
        await self._run()

    def _has_been_steady(self) -> bool:
        since_s = self._since_s
        return since_s is not None and self._guard.clock.monotonic_s() - since_s >= STEADY_S

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Handle the end of the task. The event loop calls this, so no other task has to watch."""
        error = _error_of(task)
        if self._asked_to_end:
            if isinstance(error, Exception):
                log.error("task failed while stopping", task=self.name, exc_info=error)
            self._guard.forget(self)
            return
        self.ends += 1
        self._in_a_row = 1 if self._has_been_steady() else self._in_a_row + 1
        self._since_s = None
        self.newest_end = TaskEnd(
            self.name, self._guard.clock.now(), reason(error), self.policy.then
        )
        if self._guard.note_end(self, self.newest_end, error):
            self._begin(RESTART.pause_s(self._in_a_row))


class GuardedTasks:
    """All tasks of a program that run as long as it does; they are ended on exit."""

    def __init__(
        self,
        clock: Clock,
        *,
        registry: CollectorRegistry | None = None,
        note: Callable[[TaskEnd], None] | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            clock: The collector's, on which pauses are slept.
            registry: Where unexpected ends are counted, by task.
            note: Stores an end; called in a thread, and may raise PerpscopeError.
        """
        self.clock = clock
        self._note = note
        self._tasks: set[GuardedTask] = set()
        self._notes: set[asyncio.Task[None]] = set()
        self._noting = asyncio.Lock()
        self._ends = Counter(
            "perpscope_task_ends",
            "Unexpected ends of a task",
            ["task"],
            registry=registry,
        )
        self._failed = asyncio.Event()
        self._failure: PerpscopeError | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(task.end() for task in tuple(self._tasks)))
        await asyncio.gather(*self._notes)

    def start(
        self, kind: str, run: Callable[[], Awaitable[object]], of: str | None = None
    ) -> GuardedTask:
        """Start a task that runs until it is ended.

        Args:
            kind: A key of `POLICIES`.
            run: Runs until cancelled; called again for each restart.
            of: Which of several of a kind: a venue, say.
        """
        name = kind if of is None else f"{kind} {of}"
        self._ends.labels(name)
        task = GuardedTask(name, POLICIES[kind], run, self)
        self._tasks.add(task)
        return task

    async def until(self, stopped: asyncio.Event) -> None:
        """Wait until *stopped* is set.

        Raises:
            PerpscopeError: A task whose policy is to stop has ended.
        """
        waits = {asyncio.create_task(event.wait()) for event in (stopped, self._failed)}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._failure is not None and not stopped.is_set():
            raise self._failure

    def troubles(self) -> dict[str, dict[str, object]]:
        """Return the tasks that are down or were restarted within `STEADY_S`, by name, as JSON."""
        return {
            task.name: {
                "running": task.is_running,
                "ends": task.ends,
                "ended_at": task.newest_end.at.isoformat(),
                "reason": task.newest_end.reason,
            }
            for task in self._tasks
            if task.newest_end is not None and not task.is_sound
        }

    def note_end(self, task: GuardedTask, end: TaskEnd, error: BaseException | None) -> bool:
        """Log, count and store that *task* ended; return whether it is to be restarted."""
        self._ends.labels(task.name).inc()
        ours = error if isinstance(error, PerpscopeError) else None
        if task.policy.then == "stop":
            self._failure = ours or PerpscopeError(
                f"the task {task.name!r} ended unexpectedly ({end.reason}); "
                "see the log for the traceback"
            )
            self._failure.__cause__ = error if ours is None else ours.__cause__
            self._failed.set()
        if ours is None or task.policy.then == "restart":
            log.error(
                "task ended unexpectedly",
                task=task.name,
                reason=end.reason,
                then=task.policy.then,
                exc_info=error,
            )
        if self._note is not None:
            noting = asyncio.create_task(self._noted(end), name="note of a task's end")
            self._notes.add(noting)
            noting.add_done_callback(self._notes.discard)
        return task.policy.then == "restart"

    def forget(self, task: GuardedTask) -> None:
        """Drop *task*, which was ended."""
        self._tasks.discard(task)

    async def _noted(self, end: TaskEnd) -> None:
        if self._note is None:
            return
        try:
            async with self._noting:
                await asyncio.to_thread(self._note, end)
        except PerpscopeError as error:
            log.warning(
                "task failure not saved for the Health page", task=end.task, reason=str(error)
            )
        except Exception:
            log.exception("task failure not saved for the Health page", task=end.task)


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    """Return what *task*, which is over, ended in; None if it returned."""
    if not task.cancelled():
        return task.exception()
    try:
        task.result()
    except asyncio.CancelledError as error:
        # Raised again, it has the traceback of where the task was cancelled.
        return error
    return None


def reason(error: BaseException | None) -> str:
    """Return in a few words why a task ended."""
    if error is None:
        return "it returned"
    if isinstance(error, asyncio.CancelledError):
        return "it was cancelled"
    return f"{type(error).__name__}: {error}".rstrip(": ")
