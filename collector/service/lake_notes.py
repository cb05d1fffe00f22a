"""Notable events of a collector, stored in its lake for the Health page."""

from __future__ import annotations

import json
from collections.abc import Mapping

from analytics.lake.writer import Lake

KEPT = 20
"""Newest events kept of each kind."""


def add_note(lake: Lake, key: str, note: Mapping[str, object]) -> None:
    """Append *note* to the list in the lake's fact *key*, oldest first.

    Raises:
        LakeError: It was not stored.
    """
    kept = json.loads(lake.info().get(key, "[]"))
    lake.set_info(**{key: json.dumps([*kept, note][-KEPT:])})
