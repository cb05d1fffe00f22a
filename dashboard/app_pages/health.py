"""Health: what is wrong right now, how each venue answers, and the state of the record."""

import streamlit as st

from analytics import formats
from analytics.palette import colors
from dashboard import as_of, loaders
from dashboard.frame.downloads import export
from dashboard.frame.error_boundary import explained
from dashboard.frame.freshness import follow_origin, headline
from dashboard.frame.refresh import refreshed
from dashboard.health import exports as files
from dashboard.health.completeness import completeness_panels
from dashboard.health.lake_size import mended, record, set_aside, versions
from dashboard.health.problems import draw_faults, faults, of_names
from dashboard.health.stream_status import channels, stream_table
from dashboard.health.venue_status import venue_table


def board() -> None:
    """Draw everything that moves with the cycles."""
    with explained():
        shown, look = loaders.moment(as_of.asked_time()), colors(st.context.theme.type)
        follow_origin(shown)
        head = headline("Health", shown)
        folder, tables = loaders.folder(), {}
        cycles, damaged = loaders.venue_cycles(shown), loaders.set_aside()
        free = loaders.free_bytes(folder)
        if damaged:
            set_aside(damaged)
        counted = loaders.counted(shown)
        if cycles.empty:
            st.info(f"No cycles in the 24 hours before {formats.moment(shown.now)}.")
            if apart := of_names(counted):
                draw_faults(apart, cycles, shown)
        else:
            streams = channels(cycles, shown)
            # Which venues were to be collected is known of now alone.
            expected = set() if shown.mode == "asked" else set(loaders.offers())
            silent = loaders.silent_pairs(shown)
            notes = loaders.collector_notes()
            found = faults(cycles, expected, streams, silent, notes, free, counted, shown)
            draw_faults(found, cycles, shown)
            st.subheader("Venues", anchor=False)
            hour = loaders.read("venue_hour", shown)
            tables = {"Venues": venue_table(cycles, hour, shown, look), "Streams": streams}
            stream_table(streams, look)
        tables |= completeness_panels(shown, look)

        sizes, stored = loaders.record_size(shown), loaders.disk_bytes(folder)
        record(sizes, stored, free, loaders.collecting_since(shown), shown)
        mended(loaders.info())
        if not damaged:
            set_aside(damaged)
        versions(loaders.versions())
        with head:
            export("Health", shown, files.tables(tables, sizes))


refreshed(board)
