"""The API as one ASGI application, and what puts it under /api of the dashboard."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from dashboard.api import bar_history, market, named_queries, status
from dashboard.api.access import Access
from dashboard.api.kept_answers import KeptAnswers
from dashboard.api.limits import Limits
from dashboard.api.problems import SCHEMA, answer_problems
from dashboard.loaders import source

_DESCRIPTION: Final = """\
The record of perpetual futures for programs, by the same functions as the pages.

Answers are JSON, CSV or an Arrow stream, by `Accept`. Absent is `null`, never 0. Times are
ISO 8601 in UTC, or milliseconds with `times=ms`. `at=` answers as it was known at that time.
An unknown or wrong parameter is refused with a problem (RFC 9457) that says what is allowed.
An answer stays the same until the collector publishes again: send its `ETag` as
`If-None-Match` and get 304.
"""


def documented() -> FastAPI:
    """Return the application with its routes and documents, before what keeps its answers."""
    app = FastAPIOffline(
        docs_url="/docs",
        redoc_url=None,
        static_url="/docs-files",
        title="perpscope",
        version="1",
        description=_DESCRIPTION,
        servers=[{"url": "/api"}],
        root_path_in_servers=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for part in (market, bar_history, status, named_queries):
        app.include_router(part.router)
    answer_problems(app)
    _describe(app)
    return app


def application(limits: Limits | None = None) -> ASGIApp:
    """Return what answers under /api; it reads the record that the settings name."""
    app = documented()
    app.state.limits = limits or Limits()
    token = source.settings().token
    known = None if token is None else token.get_secret_value()
    # Looked up once: each question asks it for its version.
    live = source.reader(source.live_folder())
    return Access(KeptAnswers(app, live.version), known)


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return documented().openapi()


def _describe(app: FastAPI) -> None:
    """Add to the document of *app* what its routes refer to."""
    document = app.openapi()
    document["components"] = {"schemas": {"Problem": SCHEMA}}
