"""What a page names in its head is there to be fetched, and the rest of it stays as it was."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest
from starlette.responses import HTMLResponse, PlainTextResponse

import dashboard
from dashboard.server import preload
from dashboard.server.preload import PARTS, Preload, code, head


@pytest.mark.parametrize("page", PARTS)
def test_every_part_and_all_that_it_imports_is_there(page):
    files = code(page)

    assert all(any(file.startswith(f"{part}.") for file in files) for part in PARTS[page])
    for file in files:
        imported = re.findall(
            r'from"\./([^"]+\.js)"', (preload._STATIC / preload._CODE / file).read_text()
        )
        index = (preload._STATIC / "index.html").read_text()
        assert [each for each in imported if each not in files and each not in index] == []


def test_every_page_names_its_parts():
    """By its address; Overview is at the root."""
    scripts = {file.stem for file in Path(dashboard.__file__).parent.glob("app_pages/[a-z]*.py")}

    assert {page or "overview" for page in PARTS} == scripts


def test_a_page_is_completed_and_nothing_else_is():
    async def inner(scope, receive, send):
        kind = PlainTextResponse if scope["path"].endswith(".txt") else HTMLResponse
        text = f"<head>é</head>{dict(scope['headers']).get(b'accept-encoding', b'').decode()}"
        await kind(text)(scope, receive, send)

    page, other = answer(inner, "/heatmap"), answer(inner, "/nowhere")

    assert page == "<head>é" + "".join(f"    {link}\n" for link in head("heatmap")) + "</head>"
    assert other == "<head>é</head>gzip"


def test_code_that_a_page_names_is_answered_as_it_lies_on_the_disk():
    async def inner(scope, receive, send):
        await PlainTextResponse("elsewhere")(scope, receive, send)

    named = code("heatmap")[0]

    assert answer(inner, f"/static/js/{named}") == (
        preload._STATIC / preload._CODE / named
    ).read_text(encoding="utf-8")
    assert answer(inner, "/static/js/../../index.html") == "elsewhere"
    assert answer(inner, f"/other/{named}") == "elsewhere"


def answer(inner, path):
    """Return the body of the answer to a request for *path*."""
    sent = []

    async def ask():
        async def receive():
            return {"type": "http.request"}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": path}
        await Preload(inner)({**scope, "headers": [(b"accept-encoding", b"gzip")]}, receive, send)

    anyio.run(ask)
    start, *rest = sent
    body = b"".join(message["body"] for message in rest)
    assert dict(start["headers"])[b"content-length"] == str(len(body)).encode()
    return body.decode()
