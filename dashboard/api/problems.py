"""Errors as RFC 9457 problem details: which parameter, what it was, and what is allowed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from analytics import formats
from analytics.errors import LakeAbsent, LakeError, PerpscopeError, QueryError
from analytics.untrusted.visible import visible

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and what to do"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["parameter", "value", "allowed"],
                "properties": {
                    name: {"type": "string"} for name in ("parameter", "value", "allowed")
                },
            },
        },
    },
}
"""Of the body, in OpenAPI."""
_TITLES: Final = {
    400: "A parameter is wrong",
    401: "A token is needed",
    403: "Refused",
    404: "Not found",
    405: "Method not allowed",
    406: "No such format",
    416: "No such range",
    429: "Too many requests",
    500: "The server failed",
    503: "Not available now",
}


class Problem(Exception):  # noqa: N818
    """What is answered in place of what was asked for."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Answer with the HTTP *status*, and say in *detail* what is wrong and what to do.

        Args:
            status: One of ``_TITLES``.
            detail: A sentence.
            headers: Of the answer: when to try again, how to say who asks.
            errors: ``parameter``, ``value`` and ``allowed`` of each that is wrong.
        """
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.headers, self.errors = dict(headers or {}), list(errors)

    @property
    def response(self) -> Response:
        """The answer."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": _TITLES[self.status],
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = self.errors
        headers = {"Cache-Control": "no-store", **self.headers}
        return Response(orjson.dumps(body), self.status, headers, MEDIA_TYPE)


def wrong(parameter: str, value: object, allowed: str) -> Problem:
    """Return the problem that *value* is none that *parameter* allows."""
    error = refusal(parameter, value, allowed)
    said = f"{parameter}={error['value']}: not {allowed}"
    return Problem(400, said, errors=[error])


def refusal(parameter: str, value: object, allowed: str) -> dict[str, str]:
    """Return what a problem says of one parameter; long and unseen characters are cut."""
    return {
        "parameter": visible(formats.repeated(parameter)),
        "value": visible(formats.repeated(str(value))),
        "allowed": allowed,
    }


def unknown(parameter: str, value: object, allowed: str) -> Problem:
    """Return the problem that there is nothing at the *value* that *parameter* of a path has."""
    error = refusal(parameter, value, allowed)
    return Problem(404, f"there is no {parameter} {error['value']}: {allowed}", errors=[error])


def unavailable(why: str, retry_s: int) -> Problem:
    """Return the problem that it may be answered in *retry_s* seconds."""
    return Problem(503, why, headers={"Retry-After": str(retry_s)})


def of_error(error: PerpscopeError) -> Problem:
    """Return how *error*, of a loader, is answered."""
    said = visible(str(error))
    if isinstance(error, QueryError):
        return Problem(400, said)
    if isinstance(error, LakeAbsent):
        return unavailable("nothing is recorded yet: start the collector", 30)
    if isinstance(error, LakeError):
        log.error("the lake cannot be read: %s", error)
        return unavailable("the lake cannot be read: see the dashboard's log", 30)
    log.error("not answered: %s", error)
    return Problem(500, "the error is in the dashboard's log")


def answer_problems(app: FastAPI) -> None:
    """Have *app* answer whatever goes wrong in it as a problem."""

    @app.exception_handler(Problem)
    async def _problem(_: Request, error: Problem) -> Response:
        return error.response

    @app.exception_handler(PerpscopeError)
    async def _ours(_: Request, error: PerpscopeError) -> Response:
        return of_error(error).response

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        return _of_parameters(error).response

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        return _of_http(request, error).response

    @app.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> Response:
        log.error("%s failed", request.url.path, exc_info=error)
        return Problem(500, "the error is in the dashboard's log").response


def _of_parameters(error: RequestValidationError) -> Problem:
    errors = [_of_parameter(fault) for fault in error.errors()]
    said = "; ".join(f"{one['parameter']}={one['value']}: {one['allowed']}" for one in errors[:5])
    return Problem(400, said, errors=errors[:20])


def _of_parameter(fault: Mapping[str, Any]) -> dict[str, str]:
    place = [str(part) for part in fault["loc"][1:]]
    allowed = fault["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if fault["type"] == "extra_forbidden":
        allowed = "there is no such parameter here"
    return refusal(".".join(place), fault.get("input"), allowed)


def _of_http(request: Request, error: HTTPException) -> Problem:
    path = visible(formats.repeated(request.url.path))
    if error.status_code == 404:
        return Problem(404, f"{path}: nothing is here; /api/docs lists what there is")
    if error.status_code == 405:
        return Problem(405, f"{path} answers to GET and HEAD", headers={"Allow": "GET, HEAD"})
    return Problem(error.status_code if error.status_code in _TITLES else 400, str(error.detail))
