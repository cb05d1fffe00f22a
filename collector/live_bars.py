"""Bars of what is being collected: each written once, when its five minutes are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from analytics import query
from analytics.lake import Lake

BAR = timedelta(minutes=5)

CATCH_UP = timedelta(hours=24)
"""How far back a start looks for snapshots that have no bars yet."""


def write_finished(lake: Lake, venue: str, now: datetime) -> int:
    """Write the bars of *venue* whose five minutes are over at *now* and not written yet.

    Goes on from the last one stored, so that a start after a pause catches up.

    Returns:
        How many bars were stored.

    Raises:
        LakeError: None was stored.
    """
    end = now - timedelta(seconds=now.timestamp() % BAR.total_seconds())
    with lake.cursor() as cursor:
        found = query.table(cursor, "last_live_bar", venue=venue, since=end - CATCH_UP)
        last = found["ts"][0].as_py()
        start = end - CATCH_UP if last is None else last.replace(tzinfo=UTC) + BAR
        if start >= end:
            return 0
        bars = query.table(
            cursor, "bars_from_snapshots", venue=venue, start=start, end=end, origin="live"
        )
    return lake.append(("bars", bars))["bars"]
