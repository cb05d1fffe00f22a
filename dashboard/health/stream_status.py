"""Status of each venue's streams by channel, and the current source of each metric."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from dashboard.frame.error_boundary import plain
from dashboard.health.status_table import status_table
from dashboard.state.as_of import Moment

CHANNELS: Final = {
    "trades": "taker flow and CVD",
    "liquidations": "liquidations",
    "depth": "book imbalance and spread",
}
"""The channels of a venue's streams, and what comes from each."""

_CONNECT_TIMEOUT_S: Final = 300
"""A connecting stream without data for longer is reported. [s]"""

_WRITE: Final[dict[Any, Any]] = {
    "for_s": formats.age,
    "late_s": formats.age,
    **dict.fromkeys(("events", "reconnects", "dropped", "bad"), formats.count),
}

_CONNECTED: Final = ("live", "repairing")
_FAULTS: Final = ("dropped", "bad")
"""Columns that are left out while there is nothing in them."""

_SOURCES: Final = {"stream": "stream", "rest": "REST, once a cycle", "none": "none"}


def channels(cycles: pd.DataFrame, shown: Moment) -> pd.DataFrame:
    """Return a row for each channel of each venue, as its newest cycle left it; none without.

    Args:
        cycles: The newest of each venue, as ``venue_cycles.sql`` returns them.
        shown: What ``for_s`` counts to.

    Returns:
        The messages that name no channel are a row of their own, where any of them was bad.
        venue, channel, gives, state, source, for_s [s], late_s [s], events, instruments, of,
        reconnects, dropped, bad, bad_reasons, reason, refused (what the venue refuses to tell).
    """
    rows = [
        _row(venue, name, status, shown)
        for venue, text in zip(cycles["venue"], cycles["streams"], strict=True)
        if isinstance(text, str)
        for name, status in json.loads(text).items()
        if name in CHANNELS or status.get("bad")
    ]
    return pd.DataFrame(rows)


def stream_table(rows: pd.DataFrame, colors: Colors) -> None:
    """Draw the *rows* of :func:`channels`, in the *colors* of the theme."""
    st.subheader("Streams", anchor=False)
    if rows.empty:
        st.caption("No streams: all metrics are polled over REST.")
        return
    table = rows.assign(
        given=[
            formats.ABSENT if pd.isna(of) else f"{some:.0f} of {of:.0f}"
            for some, of in zip(rows["instruments"], rows["of"], strict=True)
        ]
    )
    columns = _columns()
    for name in _FAULTS:
        if not table[name].any():
            columns.pop(name)
    status_table(
        table.assign(for_s=table["for_s"].where(table["state"].isin(_CONNECTED))),
        columns,
        _WRITE,
        "streams",
        alt="Status of each stream channel, by venue",
        colored={"state": lambda state: colors.up if state == "live" else colors.alert},
    )
    if lines := _reasons(table):
        st.caption("  \n".join(plain(line) for line in lines))


def _reasons(rows: pd.DataFrame) -> list[str]:
    """Say why channels that are up were down last, and what was unreadable: a cell would cut it."""
    lines = []
    up = rows[rows["state"] != "down"].dropna(subset="reason")
    for (venue, reason), channels in up.groupby(["venue", "reason"]):
        names = formats.listed(channels["channel"].tolist())
        lines.append(
            f"{formats.venue(str(venue))}, {names}, last reason for being down: "
            f"{formats.shortened(str(reason)).rstrip('.')}."
        )
    return lines + [
        f"{_channel(row)}, unreadable messages: {row['bad_reasons']}."
        for row in rows.dropna(subset="bad_reasons").to_dict("records")
    ]


def sentences(rows: pd.DataFrame) -> list[str]:
    """Return what is wrong with the *rows* of :func:`channels`; those down together at once."""
    if rows.empty:
        return []
    alike = rows.fillna({"reason": ""}).groupby(["venue", "state", "reason"], sort=False)
    lines = [
        line
        for (venue, state, reason), channels in alike
        if (line := _of_state(str(venue), str(state), str(reason), channels)) is not None
    ]
    for row in rows[rows["dropped"] > 0].to_dict("records"):
        count = formats.plural(int(row["dropped"]), "record")
        lines.append(f"{_channel(row)}: {count} dropped since start.")
    return [*lines, *_refusals(rows)]


def _refusals(rows: pd.DataFrame) -> list[str]:
    """Return a sentence for each reason of rejected subscriptions."""
    return [
        f"{_channel(row)}: {formats.plural(refusal['topics'], 'subscription')} "
        f"rejected by the venue, e.g. {refusal['example']}: "
        f"{formats.shortened(refusal['reason']).rstrip('.')}. "
        + ("Given up." if refusal["given_up"] else "Retrying.")
        for row in rows.to_dict("records")
        for refusal in row["refused"]
    ]


def _of_state(venue: str, state: str, reason: str, channels: pd.DataFrame) -> str | None:
    """Return a sentence on the *channels* of a venue that are alike; None where all is well."""
    since = f"for {formats.age(channels['for_s'].max())}"
    why = f": {formats.shortened(reason).rstrip('.')}" if reason else ""
    what = f"{formats.venue(venue)}, {formats.listed(channels['channel'].tolist())}"
    if state == "repairing":
        return f"{what}: repairing a gap in the stream {since}{why}."
    if state == "connecting" and channels["for_s"].max() > _CONNECT_TIMEOUT_S:
        return f"{what}: no data from the stream {since}{why}."
    if state != "down":
        return None
    by_rest = channels.loc[channels["source"] == _SOURCES["rest"], "channel"].tolist()
    lost = channels.loc[channels["source"] == _SOURCES["none"], "gives"].dropna().tolist()
    instead = f" REST is used for {formats.listed(by_rest)}." if by_rest else ""
    missing = f" Missing until then: {'; '.join(lost)}." if lost else ""
    return f"{what}: stream down {since}{why}.{instead}{missing}"


def _channel(row: dict[Any, Any]) -> str:
    return f"{formats.venue(row['venue'])}, {row['channel']}"


def _row(venue: str, channel: str, status: dict[str, Any], shown: Moment) -> dict[str, Any]:
    bad = status.get("bad") or {}
    since = status.get("since")
    return {
        "venue": venue,
        "channel": channel,
        "gives": CHANNELS.get(channel),
        "state": status.get("state"),
        "source": _SOURCES.get(status.get("source", ""), status.get("source")),
        "for_s": None if since is None else _seconds_since(since, shown),
        **{
            name: status.get(name)
            for name in ("late_s", "events", "instruments", "of", "reconnects", "reason")
        },
        "refused": status.get("refused") or [],
        "dropped": status.get("dropped") or 0,
        "bad": sum(bad.values()),
        "bad_reasons": formats.listed(
            [f"{reason.replace('_', ' ')} {count:,}" for reason, count in bad.items()]
        )
        or None,
    }


def _seconds_since(text: str, shown: Moment) -> float:
    return max((shown.now - pd.Timestamp(text).tz_convert(UTC)).total_seconds(), 0.0)


def _columns() -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "venue": text("Venue", pinned=True),
        "channel": text(QUANTITIES["channel"].title),
        "state": text("State", help="live, connecting, repairing (a gap is filled in) or down"),
        "for_s": number("Connected for"),
        "gives": text("Supplies"),
        "source": text("Source now", help="Current source of these metrics"),
        "given": text("Pairs", help="Pairs with current data, of those expected"),
        "late_s": number("Last message", help="Time since the last message"),
        "events": number("Events", help="In the last cycle"),
        "reconnects": number("Reconnects", help="Since the collector started"),
        "dropped": number("Dropped", help="Records dropped from a full queue, since start"),
        "bad": number("Unreadable", help="Messages, since start"),
    }
