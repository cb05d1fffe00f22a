"""Pauses that venues have asked for (HTTP 429, bans), kept over a restart.

A venue that has banned an address until a time extends the ban if it is
asked before, and a restarted collector would ask at once.
"""

from __future__ import annotations

import json
from datetime import datetime

from analytics.errors import RateLimited
from analytics.lake.writer import Lake
from collector.cycles.venue_collector import VenueCollector

_KEY = "silences"


class Pauses:
    """Until when each venue is paused, kept in the lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._until: dict[str, str] = json.loads(lake.info().get(_KEY, "{}"))

    def restore(self, one: VenueCollector) -> None:
        """Pause requests to a venue for as long as it asked before the restart."""
        if (until := self._until.get(one.name)) is not None:
            reason = "it asked for a pause before this start"
            at = datetime.fromisoformat(until)
            one.budget.pause_until(RateLimited(one.name, "start", reason, at))

    def save(self, one: VenueCollector) -> None:
        """Store a new pause.

        Raises:
            LakeError: It could not be stored; a restart would not know it.
        """
        until = one.budget.paused_until
        if until is not None and self._until.get(one.name) != until.isoformat():
            self._until[one.name] = until.isoformat()
            self._lake.set_info(**{_KEY: json.dumps(self._until)})
