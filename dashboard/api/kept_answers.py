"""Answers that are kept until the next publish, so that one computation serves everybody.

An answer is known by its URL, the format and the encoding. It has an ETag of its bytes: whoever
has it already is told so with 304. Who asks while it is computed waits for the same computation.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import anyio
import anyio.to_thread
import pyarrow as pa
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.errors import LakeError

MOST_BYTES: Final = 128 * 1024 * 1024
"""Of all bodies that are kept. [bytes]"""
LONGEST_S: Final = 30.0
"""An answer is made anew after so long, where nothing is published. [wall s]"""
_LEAST_COMPRESSED: Final = 1024
_ENCODINGS: Final = ("zstd", "gzip")

Key = tuple[str, bytes, str, str, str]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Headers
    body: bytes
    version: int | None
    made_s: float


class KeptAnswers:
    """ASGI middleware: answers GET and HEAD from memory where it can."""

    def __init__(self, app: ASGIApp, version: Callable[[], int]) -> None:
        """Keep answers of *app* while *version* returns the same number."""
        self._app, self._version = app, version
        self._kept: OrderedDict[Key, _Answer] = OrderedDict()
        self._bytes = 0
        self._under_way: dict[Key, asyncio.Future[_Answer]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on what is no question or never ends."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or _is_stream(scope):
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        answer = await self._answer(scope, asked)
        if _knows(asked, answer):
            kept = {name: answer.headers[name] for name in _OF_304 if name in answer.headers}
            await Response(status_code=304, headers=kept)(scope, receive, send)
            return
        start = {"status": answer.status, "headers": answer.headers.raw}
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, asked: Headers) -> _Answer:
        encoding = _encoding(asked.get("accept-encoding", ""))
        ranges = f"{asked.get('range', '')} {asked.get('if-range', '')}"
        key = scope["path"], scope["query_string"], asked.get("accept", ""), encoding, ranges
        version = self._newest()
        found = self._kept.get(key)
        if found is not None and _holds(found, version):
            self._kept.move_to_end(key)
            return found
        if (other := self._under_way.get(key)) is not None:
            return await asyncio.shield(other)
        made: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._under_way[key] = made
        try:
            answer = await self._made(scope, encoding, version)
            made.set_result(answer)
        except BaseException as error:
            made.set_exception(error)
            # Nobody else may be waiting for it.
            made.exception()
            raise
        finally:
            del self._under_way[key]
        self._keep(key, answer)
        return answer

    async def _made(self, scope: Scope, encoding: str, version: int | None) -> _Answer:
        collected = _Collected()
        try:
            await self._app({**scope, "method": "GET"}, _no_body(), collected.send)
        except Exception:
            # Raised on by Starlette once it is logged and answered.
            if not collected.body:
                raise
        headers, body = collected.headers, bytes(collected.body)
        if collected.status in (200, 206) and headers.get("cache-control") != "no-store":
            digest = hashlib.blake2b(body, digest_size=16).hexdigest()
            if encoding and len(body) >= _LEAST_COMPRESSED and _is_text(headers):
                body = await anyio.to_thread.run_sync(_compressed, body, encoding)
                headers["content-encoding"] = encoding
                digest = f"{digest}-{encoding}"
            headers["etag"] = f'"{digest}"'
            headers["vary"] = "Accept, Accept-Encoding"
        headers["content-length"] = str(len(body))
        plain = Headers(raw=headers.raw)
        return _Answer(collected.status, plain, body, version, time.monotonic())

    def _newest(self) -> int | None:
        try:
            return self._version()
        except LakeError:
            return None

    def _keep(self, key: Key, answer: _Answer) -> None:
        if answer.version is None or "etag" not in answer.headers:
            return
        if (before := self._kept.pop(key, None)) is not None:
            self._bytes -= len(before.body)
        self._kept[key] = answer
        self._bytes += len(answer.body)
        while self._bytes > MOST_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.body)


_OF_304: Final = ("etag", "cache-control", "vary", "link", "perpscope-as-of")


class _Collected:
    """An answer of the application, whole."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 500, MutableHeaders(), bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = MutableHeaders(raw=list(message["headers"]))
        else:
            self.body += message.get("body", b"")


def _no_body() -> Receive:
    """Return what says once that no body comes; an answer may outlast who asked for it first."""
    said = False

    async def receive() -> Message:
        nonlocal said
        if said:
            await anyio.sleep_forever()
        said = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


def _is_stream(scope: Scope) -> bool:
    return str(scope["path"]).endswith("/stream")


def _holds(answer: _Answer, version: int | None) -> bool:
    return answer.version == version and time.monotonic() - answer.made_s < LONGEST_S


def _knows(asked: Headers, answer: _Answer) -> bool:
    """Return whether who *asked* has the answer already."""
    if answer.status not in (200, 206) or (stated := asked.get("if-none-match")) is None:
        return False
    known = {one.strip().removeprefix("W/") for one in stated.split(",")}
    return answer.headers.get("etag") in known or "*" in known


@lru_cache(maxsize=64)
def _encoding(accepted: str) -> str:
    """Return the best of ``_ENCODINGS`` that is accepted; empty for none."""
    stated = dict(map(_quality, accepted.lower().split(",")))
    return next((one for one in _ENCODINGS if stated.get(one, 0) > 0), "")


def _quality(part: str) -> tuple[str, float]:
    name, _, weight = part.partition(";")
    try:
        return name.strip(), float(weight.strip().removeprefix("q=") or 1)
    except ValueError:
        return name.strip(), 0.0


def _is_text(headers: Headers) -> bool:
    return headers.get("content-type", "").startswith(("application/json", "text/"))


def _compressed(body: bytes, encoding: str) -> bytes:
    return pa.compress(body, encoding, asbytes=True)  # type: ignore[no-any-return]
