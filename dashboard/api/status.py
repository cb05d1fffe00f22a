"""/api/venues, /api/gaps, /api/quality and /api/health: whether the record is whole and new."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

import orjson
import pandas as pd
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from analytics import formats
from dashboard.api import columns, encoding, limits
from dashboard.api.answers import PROBLEM, Table, add
from dashboard.api.parameters import Asked, Names, Paged, refuse_unknown
from dashboard.api.problems import unavailable
from dashboard.loaders import lake_health, queries, shown_moment
from dashboard.loaders.venue_states import venue_states
from dashboard.state.as_of import Moment

router: Final = APIRouter(tags=["record"])

_DAY: Final = timedelta(days=1)
_RETRY_S: Final = 30


class OfVenues(Asked, Paged):
    """Of which venues."""

    venue: Names = []
    """Venues, separated by commas. All if absent."""


def venues(asked: Asked, shown: Moment) -> pd.DataFrame:
    """Return a row for each venue with a cycle in the day before, as Health has them."""
    return venue_states(queries.venue_cycles(shown), queries.read("venue_hour", shown), shown)


def gaps(asked: OfVenues, shown: Moment) -> pd.DataFrame:
    """Return the stretches of missing bars in the day before."""
    return _of_venues(lake_health.gaps(shown, _DAY), asked, shown)


def quality(asked: OfVenues, shown: Moment) -> pd.DataFrame:
    """Return how many of the bars of the day before have each metric."""
    return _of_venues(lake_health.coverage(shown, _DAY), asked, shown)


def _of_venues(rows: pd.DataFrame, asked: OfVenues, shown: Moment) -> pd.DataFrame:
    refuse_unknown("venue", asked.venue, queries.known_pairs(shown)["venue"])
    return rows[rows["venue"].isin(asked.venue)] if asked.venue else rows


_CYCLE: Final = (
    *("venue", "state", "age_s", "started_ts", "finished_ts", "asked", "answered", "skipped"),
    *("refused", "requests", "error", "latency_ms", "latency_1h_ms", "budget_used_pct"),
    *("budget_used_1h_pct", "cycles_1h", "errors_1h", "refused_1h", "answered_1h_pct"),
)

add(
    router,
    Table(
        path="/venues",
        summary="Each venue: how its newest cycle went, and its last hour",
        note="By name; of the venues with a cycle in the last day. `*_1h` is of the last hour.",
        item="venues",
        asked=Asked,
        columns=(*_CYCLE, "latency_curve"),
        read=venues,
    ),
)
add(
    router,
    Table(
        path="/gaps",
        summary="Stretches of missing bars in the last day, by pair and metric",
        note="`start_ts` is of the first missing bar, `end_ts` after the last. Of interruptions "
        "of the whole record see `/query/record_gaps`.",
        item="gaps",
        asked=OfVenues,
        columns=(
            *("venue", "symbol", "base", "metric", "start_ts", "end_ts", "bars", "running"),
            *("repairable_bars", "repairable"),
        ),
        read=gaps,
    ),
)
add(
    router,
    Table(
        path="/quality",
        summary="How many of the bars of the last day have each metric, by venue",
        note="By venue and metric. `expected` are the 5-minute bars of the pairs that ever have "
        "it, `present` those with a value.",
        item="metrics",
        asked=OfVenues,
        columns=("venue", "metric", "pairs", "expected", "present", "coverage_pct"),
        read=quality,
    ),
)


class _Nothing(BaseModel):
    """No parameters."""

    model_config = ConfigDict(extra="forbid")


_STATES: Final = {
    "type": "object",
    "required": ["status", "as_of", "origin", "collecting_since", "uptime_s", "venues"],
    "properties": {
        "status": {"const": "ok"},
        "as_of": {"type": "string", "description": "Time of the answer [UTC]"},
        "origin": {"type": "string", "description": "live, or simulator"},
        "collecting_since": {
            "type": ["string", "null"],
            "description": "Since when cycles run without a break, at most a week back [UTC]",
        },
        "uptime_s": {"type": ["number", "null"], "description": "How long ago that is [s]"},
        "venues": {"type": "array", "items": columns.schema(_CYCLE)},
    },
}


@router.get(
    "/health",
    summary="Whether data come in",
    description="503 with the reason where the newest data are old. It is never kept.",
    response_class=Response,
    responses={
        200: {
            "description": "The collector publishes",
            "content": {encoding.JSON: {"schema": _STATES}},
        },
        400: {"description": "It takes no parameters", **PROBLEM},
        503: {"description": "Nothing is recorded, or nothing new; why", **PROBLEM},
        "default": {"description": "Any other failure", **PROBLEM},
    },
)
async def health(request: Request, _: Annotated[_Nothing, Query()]) -> Response:
    """Answer how old the record is, and how each venue is doing."""
    body = await limits.of(request).run(_health)
    return Response(body, 200, {"Cache-Control": "no-store"}, encoding.JSON)


def _health() -> bytes:
    shown = shown_moment.moment()
    if shown.mode == "stopped":
        newest = formats.moment(shown.now)
        raise unavailable(f"nothing new since {newest}: no collector publishes", _RETRY_S)
    since = queries.collecting_since(shown).iloc[0]["since_ts"]
    is_known = not pd.isna(since)
    states = venues(Asked(), shown).reindex(columns=[*_CYCLE])
    facts: dict[str, Any] = {
        "status": "ok",
        "as_of": encoding.time_value(shown.now, "iso"),
        "origin": shown.origin,
        "collecting_since": encoding.time_value(since, "iso") if is_known else None,
        "uptime_s": (shown.now - since).total_seconds() if is_known else None,
        "venues": encoding.records(states, "iso"),
    }
    return orjson.dumps(facts)
