"""Bars of what is being collected: each written once, when its five minutes are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from analytics import query
from analytics.lake.bars import known_at
from analytics.lake.schema import BAR
from analytics.lake.writer import Lake

CATCH_UP = timedelta(hours=24)
"""How far back a start looks for snapshots that have no bars yet."""


def write_finished_bars(lake: Lake, venue: str, now: datetime, earliest: datetime | None) -> int:
    """Write the bars of *venue* whose five minutes are over at *now* and not written yet.

    Goes on from the last one stored, so that a start after a pause catches up, and
    makes those anew that snapshots came late for.

    Args:
        lake: The writer's.
        venue: Of which the bars are.
        now: Bars that end later are left for the next time, and these become known then.
        earliest: The earliest snapshot stored since the last time, if there was one.

    Returns:
        How many bars were added or changed.

    Raises:
        LakeError: None was stored.
    """
    end = _floor(now)
    with lake.cursor() as cursor:
        found = query.table(cursor, "last_live_bar", venue=venue, since=end - CATCH_UP, until=end)
        last = found["ts"][0].as_py()
        start = end - CATCH_UP if last is None else last.replace(tzinfo=UTC) + BAR
        if earliest is not None:
            start = min(start, _floor(earliest))
        if start >= end:
            return 0
        bars = query.table(
            cursor, "bars_from_snapshots", venues=[venue], start=start, end=end, origin="live"
        )
    return sum(lake.renew_bars(known_at(bars, now)))


def _floor(moment: datetime) -> datetime:
    return moment - timedelta(seconds=moment.timestamp() % BAR.total_seconds())
