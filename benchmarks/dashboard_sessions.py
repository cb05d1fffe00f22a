"""Many sessions of Overview: websocket clients that send what a browser sends.

Two cores cannot render twenty browsers, and the server cannot tell the difference: each
client runs the page, keeps the messages that Streamlit may refer back to, and reruns the
page's fragment at the interval that the page sets.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

_MAX_BYTES = 64 * 2**20
_KEPT_RUNS = 2


@dataclass(slots=True)
class Told:
    """Totals of all clients."""

    first_ms: list[float] = field(default_factory=list)
    refresh_ms: list[float] = field(default_factory=list)
    refresh_bytes: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Client:
    """One session."""

    def __init__(self, told: Told) -> None:
        """Start with nothing received."""
        self._told = told
        self._kept: list[set[str]] = [set()]
        self._fragment: tuple[str, float] | None = None

    async def stay(self, url: str, until: float) -> None:
        """Open the page and refresh it at its own pace until *until*."""
        async with websockets.connect(
            f"{url}/_stcore/stream",
            subprotocols=[websockets.Subprotocol("streamlit")],
            max_size=_MAX_BYTES,
            open_timeout=60,
        ) as socket:
            took_ms, _ = await self._run(socket, None)
            self._told.first_ms.append(took_ms)
            due = time.monotonic()
            while self._fragment is not None:
                identity, every_s = self._fragment
                due += every_s
                if due > until:
                    return
                await asyncio.sleep(max(due - time.monotonic(), 0))
                took_ms, size = await self._run(socket, identity)
                self._told.refresh_ms.append(took_ms)
                self._told.refresh_bytes.append(size)
            self._told.errors.append("the page did not set a refresh interval")

    async def _run(
        self, socket: websockets.ClientConnection, fragment: str | None
    ) -> tuple[float, int]:
        """Request a run; return its duration and the bytes received."""
        asked = BackMsg()
        asked.rerun_script.query_string = ""
        asked.rerun_script.cached_message_hashes.extend(set().union(*self._kept))
        if fragment is not None:
            asked.rerun_script.fragment_id = fragment
            asked.rerun_script.is_auto_rerun = True
        self._kept = [*self._kept[1 - _KEPT_RUNS :], set()]
        began, size = time.perf_counter(), 0
        await socket.send(asked.SerializeToString())
        while True:
            content = await asyncio.wait_for(socket.recv(), 60)
            assert isinstance(content, bytes)
            size += len(content)
            message = ForwardMsg.FromString(content)
            if self._note(message):
                return 1000 * (time.perf_counter() - began), size

    def _note(self, message: ForwardMsg) -> bool:
        """Process *message*; return whether it ends the run."""
        kind = message.WhichOneof("type")
        if message.metadata.cacheable:
            self._kept[-1].add(message.hash)
        if kind == "ref_hash":
            self._kept[-1].add(message.ref_hash)
        if kind == "auto_rerun":
            self._fragment = message.auto_rerun.fragment_id, message.auto_rerun.interval
        element = message.delta.new_element if kind == "delta" else None
        if element is not None and element.WhichOneof("type") == "exception":
            self._told.errors.append(element.exception.message)
        return kind == "script_finished" and message.script_finished in (
            ForwardMsg.FINISHED_SUCCESSFULLY,
            ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
        )


async def sessions(url: str, count: int, seconds: float, each_minute: Callable[[], None]) -> Told:
    """Run *count* sessions of the page for *seconds*.

    Args:
        url: Of the page, as a websocket's.
        count: Number of sessions.
        seconds: Duration. [wall s]
        each_minute: Called at the start and every minute after.
    """
    told, until = Told(), time.monotonic() + seconds

    async def come(nth: int) -> None:
        # Sessions do not start in step.
        await asyncio.sleep(random.Random(nth).uniform(0, 5))
        try:
            await Client(told).stay(url, until)
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            told.errors.append(f"{type(error).__name__}: {error}")

    async def watch() -> None:
        while True:
            await asyncio.sleep(min(60, seconds / 10))
            each_minute()

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*(come(nth) for nth in range(count)))
    watcher.cancel()
    return told
