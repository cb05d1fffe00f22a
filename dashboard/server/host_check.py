"""Refuses foreign host names, requests from other sites' pages, and embedding in frames."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config

from analytics.untrusted.hosts import is_ours, is_same_place
from dashboard.server.api_mount import is_of_api

COMPONENTS = "/component/"
"""Where the parts of a page lie that Streamlit shows in frames of the page's own."""


class HostCheck:
    """ASGI middleware around every path: pages, files, ``/_stcore`` and the websocket.

    Streamlit itself looks at the websocket's Host alone, and takes any port of
    localhost for the origin of a page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403 and a sentence."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif (why := refusal(Headers(scope=scope), page=scope["type"] == "http")) is None:
            await self._app(scope, receive, _unframed(scope, send))
        elif scope["type"] == "websocket":
            # Closed before it is open, which the server answers with 403.
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": why})
        else:
            await _refused(scope["path"], why)(scope, receive, send)


def _refused(path: str, why: str) -> Response:
    if not is_of_api(path):
        return PlainTextResponse(f"{why}\n", 403)
    # With FastAPI, whose code pages do not wait for.
    from dashboard.api.problems import Problem

    return Problem(403, why).response


def refusal(headers: Headers, *, page: bool) -> str | None:
    """Return why a request with these *headers* is refused; None if it is not.

    A *page* may be followed to from anywhere; what opens the websocket is a page of ours.
    """
    hosts = headers.getlist("host")
    host = hosts[0] if len(hosts) == 1 else None
    if host is None or not is_ours(host, config.get_option("server.allowedHosts")):
        return (
            "unknown host name; to serve the dashboard through a proxy, set PERPSCOPE_ALLOWED_HOSTS"
        )
    origins = [] if page else headers.getlist("origin")
    if any(not is_same_place(origin, host) for origin in origins):
        return "requests from pages of other sites are refused"
    return None


def _unframed(scope: Scope, send: Send) -> Send:
    """Return *send* that forbids other pages to show the answer in a frame."""
    own = COMPONENTS in scope["path"]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Frame-Options"] = "SAMEORIGIN" if own else "DENY"
            ancestors = "'self'" if own else "'none'"
            headers["Content-Security-Policy"] = f"frame-ancestors {ancestors}"
        await send(message)

    return sending
