"""A table as a URL: what it has, who reads it, and how a part of it is answered."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import pandas as pd
from fastapi import APIRouter, Query, Request, Response

from analytics.errors import QueryError
from dashboard.api import columns, encoding, limits
from dashboard.api.parameters import MOST_ROWS, Asked, Paged, refuse_repeated, refuse_unknown
from dashboard.api.problems import MEDIA_TYPE, Problem, refusal
from dashboard.loaders import shown_moment
from dashboard.state.as_of import Moment

_SETTLED: Final = timedelta(hours=1)
"""What was received by a time is published so long after it at the latest."""
_FOREVER: Final = "private, immutable, max-age=31536000"
_REVALIDATED: Final = "private, no-cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows that programs can ask for."""

    path: str
    summary: str
    """One line of the documents."""
    note: str = ""
    """More of it: the order of the rows, what is left out."""
    item: str
    """What a row is, in the plural; the unit of ranges."""
    asked: type[Asked]
    """What a question can say."""
    columns: tuple[str, ...] | None
    """None: those of the rows that are read, which depend on what is asked."""
    place: Mapping[str, Any] = field(default_factory=dict)
    """What the braces in the path stand for: the type of each, as FastAPI reads it."""
    read: Callable[..., pd.DataFrame]
    """Given what was asked, the time, and by name what stands in the path; its rows may have more
    columns."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Which rows of how many are answered."""

    first: int
    count: int
    total: int
    is_range: bool
    """Whether a Range header asked for them."""

    def words(self, item: str) -> str:
        """Write it as the header Content-Range does."""
        last = self.first + self.count - 1
        return f"{item} {f'{self.first}-{last}' if self.count else '*'}/{self.total}"


def add(router: APIRouter, table: Table) -> None:
    """Have *router* answer for *table*."""

    async def answer(request: Request, asked: Any, **place: Any) -> Response:
        refuse_repeated(request)
        return await limits.of(request).run(lambda: answered(request, table, asked, place))

    # FastAPI reads the parameters off the signature.
    kinds = {"request": Request, "asked": Annotated[table.asked, Query()], **table.place}
    by_name = inspect.Parameter.KEYWORD_ONLY
    named = [inspect.Parameter(name, by_name, annotation=kind) for name, kind in kinds.items()]
    answer.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    router.add_api_route(
        table.path,
        answer,
        name=table.path.split("/")[1],
        summary=table.summary,
        description=table.note or None,
        response_class=Response,
        responses=documented(table),
    )


def answered(
    request: Request, table: Table, asked: Asked, place: Mapping[str, Any] = MappingProxyType({})
) -> Response:
    """Return the answer to one question; it reads the lake, so to be called on a thread."""
    media_type = encoding.negotiated(request.headers.get("accept"))
    if table.columns is not None:
        refuse_unknown("columns", asked.columns, table.columns)
    shown = _moment(asked)
    rows = table.read(asked, shown, **place)
    known = [*(rows.columns if table.columns is None else table.columns)]
    refuse_unknown("columns", asked.columns, known)
    rows = rows.reindex(columns=known)
    part = _Part(0, len(rows), len(rows), is_range=False)
    if isinstance(asked, Paged):
        rows = _sorted(rows, asked, known)
        part = _part(request, asked, len(rows), table.item)
        rows = rows.iloc[part.first : part.first + part.count]
    rows = rows[asked.columns or known]
    body = encoding.encode(rows, media_type, shown, asked.times)
    headers = {
        "Cache-Control": _FOREVER if _is_settled(shown) else _REVALIDATED,
        "Perpscope-As-Of": str(encoding.time_value(shown.now, "iso")),
        "Perpscope-Mode": shown.mode,
        "Accept-Ranges": table.item if isinstance(asked, Paged) else "none",
    }
    if isinstance(asked, Paged):
        headers["Content-Range"] = part.words(table.item)
        if links := _links(request, asked, part):
            headers["Link"] = links
    return Response(body, 206 if part.is_range else 200, headers, media_type)


def _moment(asked: Asked) -> Moment:
    try:
        return shown_moment.moment(asked.at)
    except QueryError as error:
        refused = refusal("at", asked.at, "a time of the record, up to now")
        raise Problem(400, str(error), errors=[refused]) from error


def _is_settled(shown: Moment) -> bool:
    """Return whether the answer is the same for good: nothing of it is still to be published."""
    return shown.mode == "asked" and shown.age > _SETTLED


def _sorted(rows: pd.DataFrame, asked: Paged, known: Sequence[str]) -> pd.DataFrame:
    if asked.sort is None:
        return rows
    refuse_unknown("sort", [asked.sort], known)
    is_up = asked.order == "asc"
    return rows.sort_values(asked.sort, ascending=is_up, na_position="last", kind="stable")


def _part(request: Request, asked: Paged, total: int, item: str) -> _Part:
    """Return which rows are asked for: by a Range header in the unit *item*, or by the URL."""
    stated = re.fullmatch(rf"{item}=(\d{{0,9}})-(\d{{0,9}})", request.headers.get("range", ""))
    if stated is None or not any(stated.groups()) or "if-range" in request.headers:
        # A range in another unit, or one that cannot be read, is to be ignored: RFC 9110, 14.2.
        count = max(min(asked.limit, total - asked.offset), 0)
        return _Part(asked.offset, count, total, is_range=False)
    first, last = stated.groups()
    start = int(first) if first else max(total - int(last), 0)
    end = min(int(last), total - 1) if first and last else total - 1
    if start > end:
        unknown = {"Content-Range": f"{item} */{total}"}
        raise Problem(416, f"there are {total:,} {item}, counted from 0", headers=unknown)
    return _Part(start, min(end - start + 1, MOST_ROWS), total, is_range=True)


def _links(request: Request, asked: Paged, part: _Part) -> str:
    """Return the header Link to the rows after these and before them."""
    places = {}
    if part.first + part.count < part.total and not part.is_range:
        places["next"] = part.first + part.count
    if part.first and not part.is_range:
        places["prev"] = max(min(part.first, part.total) - asked.limit, 0)
    others = [
        one for one in request.query_params.multi_items() if one[0] not in ("limit", "offset")
    ]
    return ", ".join(
        f"<{request.url.path}?{urlencode([*others, ('limit', asked.limit), ('offset', first)])}>"
        f'; rel="{name}"'
        for name, first in places.items()
    )


def documented(table: Table) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of the answers."""
    whole = _content(columns.schema(table.columns or ()))
    found: dict[int | str, dict[str, Any]] = {200: {"description": table.summary, **whole}}
    if issubclass(table.asked, Paged):
        found[206] = {"description": f"The {table.item} that a Range header asked for", **whole}
        found[416] = {"description": f"There are no such {table.item}", **PROBLEM}
    if table.place:
        found[404] = {"description": "There is no such; which there are", **PROBLEM}
    return {**found, **FAILURES}


def _content(row: dict[str, Any]) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["as_of", "mode", "origin", "data"],
        "properties": {
            "as_of": {"type": ["string", "integer"], "description": "Time of the answer [UTC]"},
            "mode": {"enum": ["live", "stopped", "asked"]},
            "origin": {"type": "string", "description": "live, or simulator"},
            "data": {"type": "array", "items": row},
        },
    }
    others = {name: {"schema": {"type": "string"}} for name in (encoding.CSV, encoding.ARROW)}
    return {"content": {encoding.JSON: {"schema": body}, **others}}


PROBLEM: Final[dict[str, Any]] = {
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
}
FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The same as the ETag in If-None-Match stands for"},
    400: {"description": "A parameter is wrong; which, and what is allowed", **PROBLEM},
    406: {"description": "None of the formats in Accept", **PROBLEM},
    429: {"description": "Too many requests with this token; Retry-After says when", **PROBLEM},
    503: {"description": "Not available now; Retry-After says when", **PROBLEM},
    "default": {"description": "Any other failure", **PROBLEM},
}
