"""Servers that are there as long as the collector runs: where one closes, it is opened again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from collector.runtime.guarded_tasks import GuardedTasks

POLL_S = 1.0
"""How often it is looked whether a server still listens: asyncio tells nobody. [wall s]"""

SHUTDOWN_S = 1
"""How long requests may still take when the collector stops. [wall s]"""

Listen = Callable[[web.Server], Awaitable[asyncio.Server]]
"""Opens what serves the protocol that it is given."""


class NotListening(Exception):
    """A server was closed, though nobody asked for that."""


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
        tasks: Has the task that keeps it open.
        kind: Of that task.
        app: What answers.
        listen: Opens the server, also again. What it raises the first time is raised here.
        is_reachable: Says whether those who look for an open server find it.
        handler_cancellation: Whether a request ends with the connection that it came by.

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
