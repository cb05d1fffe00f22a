"""How other commands have the collector write for them.

Only one process may write to a lake. A command that wants to write while the
collector runs hands it the work over a Unix socket beside the lake, which only
its owner can open, and reads progress back as JSON lines.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from analytics.errors import LakeError, PerpscopeError

log = structlog.get_logger(__name__)

LONGEST_SOCKET_PATH = 100
"""The systems we run on allow 103 bytes and more. [bytes]"""

Report = Callable[[dict[str, object]], None]
Work = Callable[[dict[str, Any], Report], None | Awaitable[None]]
"""Does what a request asks, and reports progress and results as it goes.

A plain function does it in a thread, to its end. A coroutine function does it beside
the collecting, and is cancelled when whoever asked goes away.
"""


def socket_path(folder: Path) -> Path:
    """Return where the collector of the lake in *folder* listens."""
    path = folder.absolute() / "collector.sock"
    if len(str(path).encode()) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"perpscope-{name}.sock"


@asynccontextmanager
async def taking_work(folder: Path, works: dict[str, Work]) -> AsyncIterator[None]:
    """Take requests for *works*, by name, until the block ends."""
    app = web.Application()

    async def handle(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        return await _stream(request, works[name])

    for name in works:
        app.router.add_post(f"/{{name:{name}}}", handle)
    runner = web.AppRunner(app, shutdown_timeout=1, handler_cancellation=True)
    await runner.setup()
    path = socket_path(folder)
    # Whoever holds the lake's lock is the only one here: an old socket is a dead one.
    path.unlink(missing_ok=True)
    await web.UnixSite(runner, str(path)).start()
    path.chmod(0o600)
    try:
        yield
    finally:
        await runner.cleanup()
        path.unlink(missing_ok=True)


async def _stream(request: web.Request, work: Work) -> web.StreamResponse:
    asked = await request.json()
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    lines: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def report(line: dict[str, object]) -> None:
        loop.call_soon_threadsafe(lines.put_nowait, line)

    async def run() -> None:
        try:
            if iscoroutinefunction(work):
                await work(asked, report)
            else:
                await asyncio.to_thread(work, asked, report)
        except PerpscopeError as error:
            report({"error": str(error), "kind": type(error).__name__})
        except Exception:
            log.exception("work for another command failed")
            report({"error": "the collector failed at it; its log says why", "kind": "bug"})
        finally:
            loop.call_soon(lines.put_nowait, None)

    running = asyncio.create_task(run(), name="work for another command")
    try:
        while (line := await lines.get()) is not None:
            await response.write(json.dumps(line).encode() + b"\n")
    finally:
        # Over by now, unless whoever asked is gone.
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await response.write_eof()
    return response


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
    except aiohttp.ClientError as error:
        raise LakeError(
            f"{folder}: a collector holds this lake but did not do the work ({error}); "
            "what it had stored by then is stored, running the command again is safe"
        ) from error
