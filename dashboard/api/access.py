"""Who may ask: everybody on this machine, and beyond it whoever knows the token."""

from __future__ import annotations

import hmac
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from analytics.untrusted.editing import is_local
from analytics.untrusted.hosts import is_same_place
from dashboard.api.limits import Rate
from dashboard.api.problems import Problem

_IN_URL: Final = frozenset(("token", "access_token", "api_key", "apikey", "authorization"))
_ASK: Final = {"WWW-Authenticate": 'Bearer realm="perpscope"'}


class Access:
    """ASGI middleware that refuses whoever may not ask, before anything else is looked at."""

    def __init__(self, app: ASGIApp, token: str | None, rate: Rate | None = None) -> None:
        """Let in who names *token* from beyond loopback, at *rate*; nobody where it is None."""
        self._app = app
        self._token = None if token is None else token.encode()
        self._rate = rate or Rate()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a question on, or refuse it."""
        try:
            self._check(scope)
        except Problem as problem:
            await problem.response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        named = {name.lower() for name, _ in parse_qsl(scope["query_string"].decode("latin-1"))}
        if named & _IN_URL:
            # Addresses are logged and shared; what stood there is not said again.
            raise Problem(400, "a token does not belong in an address: send Authorization: Bearer")
        host = headers.get("host", "")
        if any(not is_same_place(origin, host) for origin in headers.getlist("origin")):
            raise Problem(403, "requests from pages of other sites are refused")
        if is_local(headers):
            return
        if self._token is None:
            raise Problem(403, "beyond this machine the API is closed: set PERPSCOPE_TOKEN")
        scheme, _, given = headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode(), self._token)
        if scheme.lower() != "bearer" or not right:
            raise Problem(401, "send Authorization: Bearer with PERPSCOPE_TOKEN", headers=_ASK)
        self._rate.take()
