"""Cached reads of the lake: the only place with ``st.cache_*`` in it.

What is read is kept until the next publish, and never longer than half a minute:
while the market is live the clock goes in unhashed, so that all sessions share one
read of each publish.
"""

from dashboard.loaders.bars import (
    Leads,
    lead_lag,
    matrix,
    pair_curves,
    pair_signals,
    panel,
    signal_panels,
)
from dashboard.loaders.bases import counted
from dashboard.loaders.lake_health import (
    completeness,
    coverage,
    damaged_files,
    disk_bytes,
    free_bytes,
    gaps,
    oi_beside_volume,
    unit_audit,
    versions,
)
from dashboard.loaders.queries import (
    collecting_since,
    derived,
    known_pairs,
    liquidated,
    market_history,
    pairs,
    read,
    read_of_bars,
    record_size,
    running_bars,
    silent_pairs,
    venue_cycles,
)
from dashboard.loaders.shown_moment import bar_ended, moment, refresh_s
from dashboard.loaders.source import collector_notes, folder, info, interval_s, offers, origin

__all__ = [
    "Leads",
    "bar_ended",
    "collector_notes",
    "collecting_since",
    "completeness",
    "counted",
    "coverage",
    "disk_bytes",
    "folder",
    "gaps",
    "info",
    "free_bytes",
    "interval_s",
    "known_pairs",
    "lead_lag",
    "derived",
    "liquidated",
    "market_history",
    "matrix",
    "moment",
    "offers",
    "oi_beside_volume",
    "origin",
    "pair_curves",
    "pair_signals",
    "pairs",
    "panel",
    "read",
    "read_of_bars",
    "record_size",
    "refresh_s",
    "running_bars",
    "damaged_files",
    "signal_panels",
    "silent_pairs",
    "venue_cycles",
    "unit_audit",
    "versions",
]
