"""Verifies a bundle: every byte of it, and that its firings and trades follow from its rows."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from analytics.bundle import rule_events, trades
from analytics.bundle.differences import ALERT, TRADE, Difference, first_difference
from analytics.bundle.manifest import MARKS, PASSES, TRADES, TRADES_ASKED, Manifest, versions
from analytics.bundle.opened import open_bundle
from analytics.errors import BundleRefused, QueryError, RuleError


@dataclass(frozen=True, slots=True)
class Verified:
    """What came out."""

    manifest: Manifest
    counts: Mapping[str, int]
    """Lines that were compared, by member."""
    difference: tuple[str, Difference] | None
    """The member that differs first, and where; None if all is the same."""

    @property
    def other_versions(self) -> dict[str, tuple[str, str]]:
        """The versions that made the bundle, and those here, where they differ."""
        here = versions()
        return {
            name: (stated, here.get(name, "none"))
            for name, stated in self.manifest.versions.items()
            if stated != here.get(name)
        }


_KEYS: Final = {MARKS: ALERT, PASSES: ALERT, TRADES: TRADE}
"""What tells a line from others, by member."""


def verify(file: Path) -> Verified:
    """Check the bundle in *file*, evaluate its rules and trades on its rows, and compare.

    Raises:
        BundleRefused: It is no bundle, a byte of it was changed, or it holds what none holds.
        LakeError: There is no room for its lake.
    """
    with tempfile.TemporaryDirectory(prefix="perpscope-") as folder:
        lake = Path(folder, "lake")
        opened = open_bundle(file, lake)
        manifest = opened.manifest
        cycle = timedelta(seconds=manifest.interval_s)
        found = rule_events.evaluated(lake, opened.wanted, manifest.known_by, cycle).by_member
        try:
            made = trades.simulated(lake, opened.wanted, opened.trades)
        except (QueryError, RuleError) as error:
            raise BundleRefused(f"{TRADES_ASKED}: {error}") from error
    found = {**found, TRADES: made}
    counts = {name: len(lines) for name, lines in opened.lines.items()}
    for name, stated in opened.lines.items():
        try:
            difference = first_difference(stated, found[name], _KEYS[name])
        except ValueError as error:
            raise BundleRefused(f"{name}: {error}") from error
        if difference is not None:
            return Verified(manifest, counts, (name, difference))
    return Verified(manifest, counts, None)
