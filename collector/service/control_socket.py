"""How other commands have the collector write for them.

Only one process may write to a lake. A command or a page that wants to write while the
collector runs hands it the work over a Unix socket beside the lake, which only
its owner can open, and reads progress back as JSON lines. Pages ask by
`analytics.control.collector_socket`, commands whose work takes long by `ask`.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from analytics.control.collector_socket import LARGEST_REQUEST, socket_path
from analytics.errors import LakeError, PerpscopeError, QueryError, RuleError
from collector.runtime.guarded_tasks import GuardedTasks
from collector.service import left_behind
from collector.service.servers import served

log = structlog.get_logger(__name__)

STOP_TIMEOUT_S = 0.5
"""How long work may take to stop when the collector does. [wall s]"""

Report = Callable[[dict[str, object]], None]
"""Reports a line to the command that asked; raises LakeError if the work is to stop."""
Work = Callable[[dict[str, Any], Report], None | Awaitable[None]]
"""Does what a request asks, and reports progress and results as it goes.

A plain function does it in a thread of its own, a coroutine function beside the
collecting; never two of the same name at once. When whoever asked goes away or the collector
stops, a coroutine function is cancelled, and a plain one meets it in its next report.
"""

_FAILED = "the collector failed; see its log"

_STOPPED = (
    "the collector stopped before the work was done; "
    "what it stored is kept, so just run the command again"
)


@asynccontextmanager
async def taking_work(
    folder: Path, works: dict[str, Work], tasks: GuardedTasks
) -> AsyncIterator[None]:
    """Take requests for *works*, by name, until the block ends; *tasks* keep the socket open.

    A request waits for those of its own name alone: a file that is long in being read holds up
    other files, and no backfill.

    A thread that has not stopped by ``STOP_TIMEOUT_S`` is left behind; the process
    then has to end by ``left_behind.end_if_left_behind``.

    Raises:
        LakeError: There is no place to listen.
    """
    app = web.Application(client_max_size=LARGEST_REQUEST)
    turns = {name: asyncio.Lock() for name in works}
    requests: set[_Request] = set()

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            asked = await request.json()
        except (ValueError, RecursionError) as error:
            raise web.HTTPBadRequest(text="the request is not JSON") from error
        name = request.match_info["name"]
        made = _Request(works[name], asked, turns[name])
        requests.add(made)
        made.task.add_done_callback(lambda _: requests.discard(made))
        return await made.answer(request)

    for name in works:
        app.router.add_post(f"/{{name:{name}}}", handle)
    path = socket_path(folder)

    async def listen(protocol: web.Server) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_unix_server(protocol, sock=_listening(path))

    try:
        async with served(
            tasks,
            "control socket",
            app,
            listen,
            is_reachable=path.is_socket,
            handler_cancellation=True,
        ):
            try:
                yield
            finally:
                for made in requests:
                    made.stop()
    finally:
        path.unlink(missing_ok=True)
        if requests:
            await asyncio.wait({made.task for made in requests}, timeout=STOP_TIMEOUT_S)


class _Request:
    """Work that was asked for, and the lines that tell how it goes."""

    def __init__(self, work: Work, asked: dict[str, Any], turn: asyncio.Lock) -> None:
        """Begin *work* as soon as it is its *turn*."""
        self._work = work
        self._asked = asked
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()
        self._stopped = threading.Event()
        self._in_thread = False
        self.task = asyncio.create_task(self._run(turn), name="work for another command")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send whoever asked the lines as they come; stop the work if nobody is left to read."""
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        try:
            await response.prepare(request)
            while (line := await self._lines.get()) is not None:
                await response.write(json.dumps(line).encode() + b"\n")
            await response.write_eof()
        finally:
            self.stop()
        return response

    def stop(self) -> None:
        """Have the work end soon, and say so at once."""
        self._stopped.set()
        self._tell({"error": _STOPPED})
        self._tell(None)
        # A thread keeps its turn until it ends, or two would work at once.
        if not self._in_thread:
            self.task.cancel()

    async def _run(self, turn: asyncio.Lock) -> None:
        if turn.locked():
            self._tell(
                {"waiting": "waiting: the collector is doing the same work for another command"}
            )
        try:
            async with turn:
                if iscoroutinefunction(self._work):
                    with self._telling_failures():
                        await self._work(self._asked, self._report)
                else:
                    await self._run_in_thread()
        except asyncio.CancelledError:
            if not self._stopped.is_set():
                # Nobody asked for it: without an error the command would report success.
                log.exception("work for another command was cancelled")
                self._tell({"error": _FAILED})
            raise
        finally:
            self._tell(None)

    async def _run_in_thread(self) -> None:
        """Do the work in a thread that does not keep the process alive, as an executor's would."""
        ended = asyncio.Event()

        def body() -> None:
            try:
                with self._telling_failures():
                    self._work(self._asked, self._report)
            finally:
                self._to_loop(ended.set)

        self._in_thread = True
        threading.Thread(target=body, name=left_behind.THREAD, daemon=True).start()
        await ended.wait()

    @contextmanager
    def _telling_failures(self) -> Iterator[None]:
        try:
            yield
        except (QueryError, RuleError) as error:
            self._tell({"error": str(error), "is_input": True})
        except PerpscopeError as error:
            self._tell({"error": str(error)})
        except Exception:
            log.exception("work for another command failed")
            self._tell({"error": _FAILED})

    def _report(self, line: dict[str, object]) -> None:
        if self._stopped.is_set():
            raise LakeError(_STOPPED)
        self._tell(line)

    def _tell(self, line: dict[str, object] | None) -> None:
        self._to_loop(lambda: self._lines.put_nowait(line))

    def _to_loop(self, call: Callable[[], None]) -> None:
        # A thread that was left behind may find the loop closed.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)


async def ask(folder: Path, name: str, asked: dict[str, object], report: Report) -> None:
    """Have the running collector do the work *name*; pass each line it reports to *report*.

    Raises:
        LakeError: It does not answer, or stopped before the work was done.
    """
    connector = aiohttp.UnixConnector(path=str(socket_path(folder)))
    no_limit = aiohttp.ClientTimeout(total=None, sock_connect=5)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=no_limit) as session,
            session.post(f"http://collector/{name}", json=asked) as answer,
        ):
            answer.raise_for_status()
            async for line in answer.content:
                report(json.loads(line))
    except (ValueError, LineTooLong) as error:
        raise LakeError(f"{folder}: invalid answer from the collector's socket") from error
    except aiohttp.ClientError as error:
        raise LakeError(
            f"{folder}: lost the connection to the collector before the work was done ({error}); "
            "what it stored is kept, so just run the command again"
        ) from error


def _listening(path: Path) -> socket.socket:
    """Return a socket at *path* that was not open to others for a moment."""
    # Only the holder of the lake's lock gets here, so an old socket is a dead one.
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    except OSError as error:
        listening.close()
        raise LakeError(f"{path}: cannot listen there ({error.strerror})") from error
    finally:
        os.umask(before)
    return listening
