"""The silences that venues have asked for, kept over a restart.

A venue that has banned an address until a time makes the ban longer when it is
asked before, and a collector that is started anew would ask at once.
"""

from __future__ import annotations

import json
from datetime import datetime

from analytics.errors import RateLimited
from analytics.lake.writer import Lake
from collector.cycles.venue_collector import VenueCollector

_KEY = "silences"


class Pauses:
    """What a lake knows of until when each venue wants to be left alone."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._until: dict[str, str] = json.loads(lake.info().get(_KEY, "{}"))

    def restore(self, one: VenueCollector) -> None:
        """Have a venue left alone for as long as it asked an earlier collector to."""
        if (until := self._until.get(one.name)) is not None:
            reason = "it asked for a pause before the collector was started"
            at = datetime.fromisoformat(until)
            one.budget.pause_until(RateLimited(one.name, "start", reason, at))

    def save(self, one: VenueCollector) -> None:
        """Write down a silence that is new.

        Raises:
            LakeError: It is known to this collector only.
        """
        until = one.budget.paused_until
        if until is not None and self._until.get(one.name) != until.isoformat():
            self._until[one.name] = until.isoformat()
            self._lake.set_info(**{_KEY: json.dumps(self._until)})
