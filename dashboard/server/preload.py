"""Lets the browser fetch a page's code together with the page, not once the server has drawn it.

Streamlit's frontend asks for the code of a chart or a table when it is first told of one, file by
file, and by then the server computes what is in it. The page names that code in its head instead,
and the server answers with it from memory.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_STATIC: Final = Path(streamlit.__file__).parent / "static"
_CODE: Final = "static/js/"
_FONT: Final = "MaterialSymbols-Rounded.*.woff2"

_EVERYWHERE: Final = (
    *("BidiComponent", "Button", "ButtonGroup", "Html", "Multiselect", "PageLink", "Spinner"),
    *("TextInput", "rehype-raw", "remark-emoji"),
)
"""Parts of Streamlit's frontend, by the beginning of their file's name, that pages draw."""

PARTS: Final = {
    "": (*_EVERYWHERE, "Checkbox", "DataFrame"),
    "market": (*_EVERYWHERE, "Metric", "Selectbox"),
    "heatmap": (*_EVERYWHERE, "PlotlyChart", "Selectbox"),
    "correlation": (*_EVERYWHERE, "PlotlyChart", "Selectbox"),
    "exchanges": (
        *(*_EVERYWHERE, "ArrowVegaLiteChart", "DataFrame", "Metric", "Selectbox", "Table"),
    ),
    "alerts": (*_EVERYWHERE, "ArrowVegaLiteChart", "DataFrame"),
    "monitor": (*_EVERYWHERE, "NumberInput", "Selectbox"),
    "replay": (*_EVERYWHERE, "Checkbox", "NumberInput", "Selectbox"),
    "studio": (*_EVERYWHERE, "FileUploader"),
    "health": (*_EVERYWHERE, "DataFrame", "Metric"),
    "wallboard": _EVERYWHERE,
}
"""What each page draws at first, by the page's address."""

_IMPORTED: Final = re.compile(r'(?:from|import)\s*"\./([^"]+\.js)"')
_KEEP: Final = {"Cache-Control": "public, immutable, max-age=31536000"}
"""The name of a file has a digest of what is in it."""


class Preload:
    """ASGI middleware that completes a page's head, and answers with the code named in it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with code, complete a page, or pass the request on."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        folder, _, name = scope["path"].rstrip("/").rpartition("/")
        if folder.endswith("/static/js") and (code := _in_memory(name)) is not None:
            await Response(code, media_type="text/javascript", headers=_KEEP)(scope, receive, send)
        elif name in PARTS:
            # What is to be completed must come whole and as it is.
            headers = [each for each in scope["headers"] if each[0] not in _AS_IT_IS]
            await self._app({**scope, "headers": headers}, receive, _Completed(name, send).sending)
        else:
            await self._app(scope, receive, send)


_AS_IT_IS: Final = (b"accept-encoding", b"range")


class _Completed:
    """An answer whose head is completed once all of it is there."""

    def __init__(self, page: str, send: Send) -> None:
        self._page, self._send = page, send
        self._start: Message | None = None
        self._body = bytearray()

    async def sending(self, message: Message) -> None:
        """Send *message* on, or keep it until the page is whole."""
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_whole(self._start)

    async def _send_whole(self, start: Message) -> None:
        links = "".join(f"    {link}\n" for link in head(self._page)).encode()
        body = bytes(self._body).replace(b"</head>", links + b"</head>", 1)
        MutableHeaders(scope=start)["content-length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_page(start: Message) -> bool:
    kind = MutableHeaders(scope=start).get("content-type", "")
    return start["status"] == 200 and kind.startswith("text/html")


@cache
def head(page: str) -> tuple[str, ...]:
    """Return the elements that *page* of ``PARTS`` has in its head for what it draws at first."""
    fonts = sorted(file.name for file in (_STATIC / "static/media").glob(_FONT))
    kind = 'rel="preload" as="font" type="font/woff2"'
    return (
        *(f'<link rel="modulepreload" crossorigin href="./{_CODE}{file}">' for file in code(page)),
        *(f'<link {kind} crossorigin href="./static/media/{file}">' for file in fonts),
    )


@cache
def code(page: str) -> tuple[str, ...]:
    """Return the names of the files of code of *page*, less those that every page names already.

    A part that the installed Streamlit does not have is left out: its code is then fetched when
    it is drawn.
    """
    index = (_STATIC / "index.html").read_text()
    waiting = [file.name for part in PARTS[page] for file in (_STATIC / _CODE).glob(f"{part}.*.js")]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found and name not in index:
            found.add(name)
            waiting += _IMPORTED.findall((_STATIC / _CODE / name).read_text())
    return tuple(sorted(found))


@cache
def _preloaded() -> frozenset[str]:
    """Return the names of the files of code of all pages, and of those that every page names."""
    index = re.findall(rf"{_CODE}([^\"]+\.js)", (_STATIC / "index.html").read_text())
    return frozenset((*index, *(name for page in PARTS for name in code(page))))


def _in_memory(name: str) -> bytes | None:
    """Return the file of code called *name* if a page names it; some 9 MB are kept in all."""
    return _read(name) if name in _preloaded() else None


@cache
def _read(name: str) -> bytes:
    return (_STATIC / _CODE / name).read_bytes()
