"""HTTP servers of the collector, opened again if their listening socket closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from collector.runtime.guarded_tasks import GuardedTasks

POLL_S = 1.0
"""How often to check that a server still listens; asyncio has no event for it. [wall s]"""

SHUTDOWN_S = 1
"""How long requests may still take when the collector stops. [wall s]"""

Listen = Callable[[web.Server], Awaitable[asyncio.Server]]
"""Opens a server for the given protocol."""


class NotListening(Exception):
    """A server was closed unexpectedly."""


@asynccontextmanager
async def served(
    tasks: GuardedTasks,
    kind: str,
    app: web.Application,
    listen: Listen,
    *,
    is_reachable: Callable[[], bool] = lambda: True,
    handler_cancellation: bool = False,
) -> AsyncIterator[asyncio.Server]:
    """Serve *app* until the block ends.

    Args:
        tasks: Where the task that keeps it open is started.
        kind: Of that task, in `POLICIES`.
        app: Answers the requests.
        listen: Opens the server, also after it closed. Its first failure is raised here.
        is_reachable: Whether clients can find the open server, by its path say.
        handler_cancellation: Whether a request is cancelled when its client disconnects.

    Yields:
        The server as it was opened first.
    """
    runner = web.AppRunner(
        app, shutdown_timeout=SHUTDOWN_S, handler_cancellation=handler_cancellation
    )
    await runner.setup()
    opened: list[asyncio.Server] = []

    async def serve() -> None:
        server = opened.pop() if opened else await listen(_protocol(runner))
        try:
            while server.is_serving() and is_reachable():
                await asyncio.sleep(POLL_S)
        finally:
            server.close()
        raise NotListening("the server no longer listens")

    try:
        first = await listen(_protocol(runner))
        opened.append(first)
        task = tasks.start(kind, serve)
        try:
            yield first
        finally:
            await task.end()
            first.close()
    finally:
        await runner.cleanup()


def _protocol(runner: web.AppRunner) -> web.Server:
    if runner.server is None:
        raise RuntimeError("the runner is set up before anything is served")
    return runner.server
