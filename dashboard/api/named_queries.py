"""/api/queries and /api/query/{name}: every named query as a URL."""

from __future__ import annotations

from typing import Annotated, Any, Final

import pandas as pd
import pyarrow as pa
from fastapi import APIRouter, Path
from pydantic import ConfigDict

from analytics import query
from analytics.cli import query_cli
from analytics.errors import QueryError
from dashboard.api.answers import Table, add
from dashboard.api.encoding import time_value
from dashboard.api.parameters import Asked, like
from dashboard.api.problems import unknown, wrong
from dashboard.loaders import bases, source
from dashboard.state.as_of import Moment

router: Final = APIRouter(tags=["queries"])

MOST_ROWS: Final = 100_000
"""Of one answer."""

_BY_TIME: Final = frozenset(("now", "known_by"))
"""Parameters of queries that ``at`` stands for."""
_KNOWN: Final = frozenset(("is_past", "counted_pairs", "counted_names"))
"""What the record says itself."""


class QueryAsked(Asked):
    """What can be asked of any named query; its own parameters stand beside it."""

    model_config = ConfigDict(extra="allow")


def listing(asked: Asked, shown: Moment) -> pd.DataFrame:
    """Return a row for each named query."""
    return pd.DataFrame(
        [
            {
                "name": name,
                "answers": _answers(name),
                "parameters": [f"{key}: {query_cli.allowed(name, key)}" for key in _own(name)],
            }
            for name in query.NAMES
        ]
    )


def rows(asked: QueryAsked, shown: Moment, name: str) -> pd.DataFrame:
    """Return what the query called *name* answers; see ``query_cli.answer``.

    Raises:
        Problem: There is no such query, or a parameter is wrong or missing.
        QueryError: There are too many rows.
    """
    if name not in query.NAMES:
        raise unknown("name", name, like(name, query.NAMES))
    if asked.at is not None and not query.parameters(name) & _BY_TIME:
        at = time_value(asked.at, "iso")
        raise wrong("at", at, f"a parameter of {name}, which knows the newest state alone")
    params = {**_of_time(name, shown), **_given(name, asked.model_extra or {}, shown)}
    for key in _own(name):
        if key not in params:
            raise wrong(key, "", f"given; it is {query_cli.allowed(name, key)}")
    with source.reader(source.folder()).cursor() as cursor:
        found = query_cli.answer(cursor, name, params, lambda: bases.counted(shown), MOST_ROWS)
    return pd.DataFrame({key: _column(found[key]) for key in found.column_names})


def _own(name: str) -> list[str]:
    """Return the parameters that can be given of the query called *name*."""
    return sorted(query.parameters(name) - _BY_TIME - _KNOWN)


def _of_time(name: str, shown: Moment) -> dict[str, Any]:
    """Return the parameters that need not be given."""
    known = {
        "now": shown.now,
        "known_by": shown.known_by,
        "since": shown.since,
        "silent_before": shown.silent_before,
        "is_past": shown.mode == "asked",
        **{key: None for key in _own(name) if query_cli.is_list_of_names(key)},
    }
    return {key: known[key] for key in query.parameters(name) & known.keys()}


def _given(name: str, given: dict[str, Any], shown: Moment) -> dict[str, Any]:
    """Return the parameters that are *given* as texts."""
    found: dict[str, Any] = {}
    own = _own(name)
    for key, value in given.items():
        if key not in own:
            said = ", ".join(own) or "no parameters of its own"
            raise wrong(key, value, f"a parameter of {name}, which has {said}")
        text = ",".join(value) if isinstance(value, list) else str(value)
        if query_cli.is_list_of_names(key) and text and not text.startswith("["):
            text = f"[{text}]"
        try:
            found |= query_cli.bound(name, {key: text}, lambda: shown.now)
        except QueryError as error:
            raise wrong(key, value, query_cli.allowed(name, key)) from error
    return found


def _column(cells: pa.ChunkedArray) -> pd.Series[Any]:
    """Return *cells* as the other answers have them."""
    if pa.types.is_timestamp(cells.type):
        return pd.Series(cells.to_pandas()).dt.tz_localize("UTC")
    if pa.types.is_floating(cells.type):
        return pd.Series(cells.to_pandas())
    # Whole numbers with some absent would be decimals, and lists arrays.
    values = [query_cli.plain(cell) for cell in cells.to_pylist()]
    return pd.Series(values, dtype=None if _is_plain(cells) else object)


def _is_plain(cells: pa.ChunkedArray) -> bool:
    return not cells.null_count and (
        pa.types.is_integer(cells.type) or pa.types.is_boolean(cells.type)
    )


def _answers(name: str) -> str:
    """Return the comment at the head of the query called *name*."""
    lines = query.sql(name).splitlines()
    count = next(n for n, line in enumerate(lines) if not line.startswith("--"))
    return " ".join(line.removeprefix("--").strip() for line in lines[:count])


add(
    router,
    Table(
        path="/queries",
        summary="Every named query: what it answers, and its parameters",
        item="queries",
        asked=Asked,
        columns=("name", "answers", "parameters"),
        read=listing,
    ),
)
add(
    router,
    Table(
        path="/query/{name}",
        summary="What one named query answers, as `perpscope query` does",
        note="`/queries` lists names and parameters; those stand in the URL beside `at`. `at` is "
        "`$now` and what was known by then; `since` is a few minutes before it unless given. A "
        f"list is `a,b`, and left out it stands for all. At most {MOST_ROWS:,} rows.",
        item="rows",
        asked=QueryAsked,
        columns=None,
        place={"name": Annotated[str, Path(description="Of `/queries`")]},
        read=rows,
    ),
)
