"""Retention: how old snapshots leave the lake. Bars are never deleted.

How many days are kept is the collector's setting; merging and freeing files is ``maintenance``.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from analytics.errors import LakeError
from analytics.lake.session import Session


def forget_snapshots(session: Session, now: datetime, keep: timedelta) -> int:
    """Delete the snapshots of the whole days that are over for longer than *keep*; bars stay.

    Args:
        now: What the lake's clock shows, UTC. It is believed only where a venue's own
            time, stored within the day before, agreed with it: a clock that is months
            ahead would have everything deleted.
        keep: The day that lies so long before *now* is kept, too.

    Returns:
        How many were deleted.

    Raises:
        LakeError: None was deleted.
    """
    now = now.replace(tzinfo=None)
    midnight = (now - keep).replace(hour=0, minute=0, second=0, microsecond=0)
    with session.change(set()) as cursor:
        query = "select 1 from snapshots where received_ts < $midnight limit 1"
        if not cursor.execute(query, {"midnight": midnight}).fetchall():
            return 0
        # A venue's time that is far from ours is refused, and not stored.
        query = (
            "select 1 from snapshots where venue_ts is not null "
            "and received_ts > $now - interval 1 day and received_ts <= $now limit 1"
        )
        if not cursor.execute(query, {"now": now}).fetchall():
            raise LakeError(
                f"old snapshots are not deleted: the clock shows {now:%Y-%m-%d %H:%M} UTC, but no "
                "venue's time confirms it: none was stored in the last 24 h"
            )
        result = cursor.execute(
            "delete from snapshots where received_ts < $midnight", {"midnight": midnight}
        ).fetchone()
    return 0 if result is None else int(result[0])
