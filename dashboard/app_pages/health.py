"""Health: current problems, venues, streams, completeness and size of the lake."""

import streamlit as st

from analytics import formats
from analytics.palette import colors
from analytics.rules.status import status
from dashboard.frame.downloads import export_menu
from dashboard.frame.error_boundary import error_boundary
from dashboard.frame.freshness import follow_origin, headline
from dashboard.frame.refresh import refreshed
from dashboard.health import health_exports as files
from dashboard.health.alert_rules import of_rules, rules_line
from dashboard.health.completeness import completeness_panels
from dashboard.health.lake_size import damaged_files, oi_halved_note, storage, versions
from dashboard.health.problems import draw_problems, of_shared_names, problems
from dashboard.health.stream_status import channels, stream_table
from dashboard.health.venue_status import venue_table
from dashboard.loaders import bases, lake_health, queries, shown_moment, source
from dashboard.state import as_of


def board() -> None:
    """Draw everything that moves with the cycles."""
    with error_boundary():
        shown, look = shown_moment.moment(as_of.asked_time()), colors(st.context.theme.type)
        follow_origin(shown)
        head = headline("Health", shown)
        folder, tables = source.folder(), {}
        cycles, damaged = queries.venue_cycles(shown), lake_health.damaged_files()
        free, rules = lake_health.free_bytes(folder), status(source.info())
        if damaged:
            damaged_files(damaged)
        counted = bases.counted(shown)
        if cycles.empty:
            if shown.is_uploaded:
                st.info("No venues here: no collector has written this uploaded record.")
            else:
                st.info(f"No cycles in the 24 hours before {formats.moment(shown.now)}.")
            if apart := of_shared_names(counted):
                draw_problems(apart, cycles, shown)
        else:
            streams = channels(cycles, shown)
            # Which venues should be collected is only known for the present.
            is_past = shown.mode == "asked" or shown.is_uploaded
            expected = set() if is_past else set(source.offers())
            silent = queries.silent_pairs(shown)
            notes = source.collector_notes()
            found = problems(cycles, expected, streams, silent, notes, free, counted, shown)
            found += of_rules(rules, shown)
            draw_problems(found, cycles, shown)
            st.subheader("Venues", anchor=False)
            hour = queries.read("venue_hour", shown)
            tables = {"Venues": venue_table(cycles, hour, shown, look), "Streams": streams}
            stream_table(streams, look)
        tables |= completeness_panels(shown, look)

        sizes, stored = queries.table_rows(shown), lake_health.disk_bytes(folder)
        storage(sizes, stored, free, queries.collecting_since(shown), shown)
        oi_halved_note(source.info())
        rules_line(rules)
        if not damaged:
            damaged_files(damaged)
        versions(lake_health.versions())
        with head:
            export_menu("Health", shown, files.tables(tables, sizes))


refreshed(board)
