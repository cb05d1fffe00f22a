"""The newest of what happened to a collector, kept in its lake for the Health page to show."""

from __future__ import annotations

import json
from collections.abc import Mapping

from analytics.lake.writer import Lake

KEPT = 20
"""Of how many of a kind a lake knows: the newest."""


def add_note(lake: Lake, key: str, note: Mapping[str, object]) -> None:
    """Add *note* to those that the lake's fact *key* lists, the oldest first.

    Raises:
        LakeError: It could not be written down.
    """
    kept = json.loads(lake.info().get(key, "[]"))
    lake.set_info(**{key: json.dumps([*kept, note][-KEPT:])})
