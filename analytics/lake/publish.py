"""Publishing: what is committed becomes what readers see.

The writer's catalog is its own. Readers attach a copy of it, which each publish replaces as a
whole; ``Reader.cursor`` picks the newest one up.
"""

from __future__ import annotations

from datetime import UTC, datetime

from analytics.lake.attach import METADATA
from analytics.lake.layout import Layout, copy_in_place_of
from analytics.lake.session import Session


def publish(session: Session) -> None:
    """Put a copy of the catalog, complete without its log, in the place of the last one.

    Raises:
        LakeError: The last one is still there.
    """
    with session.turn, session.reopen_after_errors("cannot publish"):
        session.connection().execute(f"checkpoint {METADATA}")
        copy_in_place_of(session.layout.catalog, session.layout.public)


def published_at(layout: Layout) -> datetime | None:
    """Return the wall time of the newest publish, UTC; None before the first."""
    try:
        return datetime.fromtimestamp(layout.public.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
