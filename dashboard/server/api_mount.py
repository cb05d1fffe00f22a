"""Puts the API under /api, on the port of the pages."""

from __future__ import annotations

from functools import cache
from typing import Final

import anyio.to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX: Final = "/api"


class ApiMount:
    """ASGI middleware that hands what is under ``PREFIX`` to the API, and all else on.

    Before Streamlit's own: its sessions and its compression are for pages.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._api: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        if scope["type"] == "http" and is_of_api(scope["path"]):
            # Where the warm-up has not loaded its code yet, pages go on meanwhile.
            api = await anyio.to_thread.run_sync(_api) if self._api is None else self._api
            self._api = api
            await api({**scope, "root_path": scope.get("root_path", "") + PREFIX}, receive, send)
        else:
            await self._app(scope, receive, send)


def is_of_api(path: str) -> bool:
    """Return whether the API answers for *path*."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


@cache
def _api() -> ASGIApp:
    # Caches that are made before the server's runtime say that it is missing.
    from dashboard.api.application import application

    return application()
