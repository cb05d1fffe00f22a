"""How each venue's streams stand, channel by channel, and which source each metric has now."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from dashboard.as_of import Moment
from dashboard.health.status_table import status_table

CHANNELS: Final = {
    "trades": "taker flow and CVD",
    "liquidations": "liquidations",
    "depth": "book imbalance and spread",
}
"""The channels of a venue's streams, and what comes from each."""

_PATIENCE_S: Final = 300
"""A stream that was not heard for longer than this since it began is said to be missing."""

_WRITE: Final[dict[Any, Any]] = {
    "for_s": formats.age,
    "late_s": formats.age,
    **dict.fromkeys(("events", "reconnects", "dropped", "bad"), formats.count),
}

_SOURCES: Final = {"stream": "stream", "rest": "REST, once a cycle", "none": "nowhere"}


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
        _row(venue, name, told, shown)
        for venue, text in zip(cycles["venue"], cycles["streams"], strict=True)
        if isinstance(text, str)
        for name, told in json.loads(text).items()
        if name in CHANNELS or told.get("bad")
    ]
    return pd.DataFrame(rows)


def stream_table(rows: pd.DataFrame, colors: Colors) -> None:
    """Draw the *rows* of :func:`channels`, in the *colors* of the theme."""
    st.subheader("Streams", anchor=False)
    if rows.empty:
        st.caption("No venue is streamed: every metric is asked for, once a cycle or less often.")
        return
    table = rows.assign(
        given=[
            formats.ABSENT if pd.isna(of) else f"{some:.0f} of {of:.0f}"
            for some, of in zip(rows["instruments"], rows["of"], strict=True)
        ]
    )
    status_table(
        table,
        _columns(),
        _WRITE,
        "streams",
        alt="How each channel of each venue's streams stands",
        colored={"state": lambda state: colors.up if state == "live" else colors.alert},
    )


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
        lines.append(f"{row['venue']}, {row['channel']}: {count} dropped since the start.")
    return [*lines, *_refusals(rows)]


def _refusals(rows: pd.DataFrame) -> list[str]:
    """Return a sentence on each reason for which a venue refuses to tell of something."""
    return [
        f"{row['venue']}, {row['channel']}: the venue refuses "
        f"{formats.plural(told['topics'], 'subscription')}, {told['example']} for one: "
        f"{formats.shortened(told['reason']).rstrip('.')}. "
        + ("Given up." if told["given_up"] else "It is asked again.")
        for row in rows.to_dict("records")
        for told in row["refused"]
    ]


def _of_state(venue: str, state: str, reason: str, channels: pd.DataFrame) -> str | None:
    """Return a sentence on the *channels* of a venue that are alike; None where all is well."""
    since = f"for {formats.age(channels['for_s'].max())}"
    why = f": {formats.shortened(reason).rstrip('.')}" if reason else ""
    what = f"{venue}, {formats.listed(channels['channel'].tolist())}"
    if state == "repairing":
        return f"{what}: a hole in the stream is being filled in {since}{why}."
    if state == "connecting" and channels["for_s"].max() > _PATIENCE_S:
        return f"{what}: nothing has come from the stream {since}{why}."
    if state != "down":
        return None
    by_rest = channels.loc[channels["source"] == _SOURCES["rest"], "channel"].tolist()
    lost = channels.loc[channels["source"] == _SOURCES["none"], "gives"].dropna().tolist()
    instead = f" REST fills in for {formats.listed(by_rest)}." if by_rest else ""
    missing = f" Missing until it is back: {'; '.join(lost)}." if lost else ""
    return f"{what}: the stream is down {since}{why}.{instead}{missing}"


def _row(venue: str, channel: str, told: dict[str, Any], shown: Moment) -> dict[str, Any]:
    bad = told.get("bad") or {}
    since = told.get("since")
    return {
        "venue": venue,
        "channel": channel,
        "gives": CHANNELS.get(channel),
        "state": told.get("state"),
        "source": _SOURCES.get(told.get("source", ""), told.get("source")),
        "for_s": None if since is None else _seconds_since(since, shown),
        **{
            name: told.get(name)
            for name in ("late_s", "events", "instruments", "of", "reconnects", "reason")
        },
        "refused": told.get("refused") or [],
        "dropped": told.get("dropped") or 0,
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
        "state": text("State", help="live, connecting, repairing (a hole is filled in) or down"),
        "for_s": number("For", help="Since when it is so"),
        "gives": text("Gives"),
        "source": text("Source now", help="Where these metrics are taken from right now"),
        "given": text("Pairs", help="Given right now, of those that should be"),
        "late_s": number("Heard", help="Since anything came"),
        "events": number("Events", help="In the newest cycle"),
        "reconnects": number("Reconnects", help="Since the collector started"),
        "dropped": number("Dropped", help="Records that found no room, since the start"),
        "bad": number("Bad", help="Messages that could not be read, since the start"),
        "bad_reasons": text("Why bad"),
        "reason": text("Why down", help="Now, or the last time"),
    }
