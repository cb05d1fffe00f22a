"""How the rules run, and how delivery to each channel goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from analytics.rules.status import Status
from dashboard.components.written_table import written
from dashboard.frame.error_boundary import plain
from dashboard.loaders import queries
from dashboard.state.as_of import Moment


def faults(status: Status | None, shown: Moment) -> None:
    """Say in amber what is wrong with ``alerts.toml`` or with the last pass over its rules."""
    if status is None or shown.mode == "asked":
        return
    if status.fault is not None:
        since = (
            ""
            if status.fault_ts is None
            else f" since {formats.moment(status.fault_ts, shown.now)}"
        )
        st.warning(
            plain(f"{status.fault}. The previous rules stay in force."),
            title=f"alerts.toml has a fault{since}",
            icon=":material/edit_off:",
        )
    if status.pass_fault is not None:
        st.warning(
            plain(f"{status.pass_fault}."),
            title="The last pass over the rules failed",
            icon=":material/warning:",
        )


def channels(shown: Moment, look: Colors) -> None:
    """Draw a row for each channel that is set up, was sent something, or is to be."""
    rows = queries.read("alert_deliveries", shown)
    if rows.empty:
        return
    st.subheader("Channels", anchor=False)
    found = rows.to_dict("records")
    table = rows[["channel"]].assign(
        service=rows["service"].fillna(formats.ABSENT),
        state=[_state(row, shown) for row in found],
        last_sent=[formats.moment(row["last_sent_ts"], shown.now) for row in found],
        waiting=rows["waiting"],
        given_up=rows["given_up"],
        error=rows["fault"].fillna(rows["newest_error"]).fillna(formats.ABSENT),
    )
    words = {
        str(name): [
            formats.ABSENT if cell != cell or cell is None else str(cell) for cell in table[name]
        ]
        for name in table
    }
    styles = {"state": [f"color:{_color(cell, look)}" for cell in table["state"]]}
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    st.dataframe(
        written(table, words, styles),
        column_config={
            "channel": text(QUANTITIES["channel"].title, pinned=True),
            "service": text("Service"),
            "state": text("State"),
            "last_sent": text("Last sent"),
            "waiting": number("Waiting"),
            "given_up": number("Given up in 24 h"),
            "error": text("Newest error", width=480),
        },
        hide_index=True,
        row_height=29,
        alt="Delivery of alerts, by channel",
    )


def _state(row: Mapping[Any, Any], shown: Moment) -> str:
    if isinstance(row["fault"], str):
        return "cannot be used"
    since = row["failing_since_ts"]
    if since == since and since is not None:
        return f"failing for {formats.age(shown.now - since)}"
    sent = row["last_sent_ts"]
    return "OK" if sent == sent and sent is not None else "not used yet"


def _color(state: str, look: Colors) -> str:
    return {"OK": look.up, "not used yet": look.text}.get(state, look.alert)
