"""What a person does about alerts: acknowledge, silence, mute, end a silence.

How the collector is asked, `components.asking_collector` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.rules import alert_commands
from dashboard.components import asking_collector
from dashboard.components.asking_collector import Fields
from dashboard.frame.error_boundary import plain
from dashboard.state.as_of import Moment

FOR: Final[Mapping[str, timedelta | None]] = {
    "15 m": timedelta(minutes=15),
    "1 h": timedelta(hours=1),
    "4 h": timedelta(hours=4),
    "1 d": timedelta(days=1),
    "until": None,
}
"""How long a silence lasts; None asks for its end."""


def acting_bar(open_alerts: pd.DataFrame, shown: Moment, why_not: str | None) -> None:
    """Draw what can be done about all alerts, and what came of the last thing that was.

    Args:
        open_alerts: Those that fire and nobody attends to.
        shown: The time that is shown.
        why_not: Why nothing can be done.
    """
    asking_collector.token_field()
    count = min(len(open_alerts), alert_commands.MAX_EPISODES)
    words = f"Acknowledge all {count:,}" if count else "Acknowledge all"
    if st.button(
        words,
        icon=":material/done_all:",
        disabled=why_not is not None or not count,
        help=why_not,
    ):
        rows = open_alerts.head(count).to_dict("records")
        asking_collector.do(
            alert_commands.AcknowledgeAll, {"episodes": [named(row) for row in rows]}
        )
    with st.popover(
        "Silence", icon=":material/notifications_off:", disabled=why_not is not None, help=why_not
    ):
        silence_form(_targets(open_alerts), "silence_all", shown)
    if why_not is not None:
        st.caption(plain(why_not), width="content")


def silences(rows: pd.DataFrame, shown: Moment, why_not: str | None) -> None:
    """Draw the silences that hold, and what ends them."""
    for row in rows.to_dict("records"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(
                f":material/notifications_off: {plain(_words(row, shown))}", width="content"
            )
            if st.button("End", key=f"end_{row['id']}", disabled=why_not is not None, help=why_not):
                asking_collector.do(alert_commands.EndSilence, {"ends_id": row["id"]})


def silence_form(targets: Mapping[str, Fields], key: str, shown: Moment) -> None:
    """Ask what is silenced, for how long and why.

    Args:
        targets: By what people call it, the fields of a silence.
        key: Tells several forms apart.
        shown: The present by the lake's clock, which a simulated one may run ahead with.
    """
    what = st.selectbox("Silence", list(targets), key=f"{key}_what")
    length = st.segmented_control("For", list(FOR), default="1 h", required=True, key=f"{key}_for")
    span = FOR[length or "1 h"]
    end = None
    if span is None:
        end = st.datetime_input("Until, UTC", value=None, key=f"{key}_until")
    reason = st.text_input("Reason", key=f"{key}_reason", max_chars=500)
    if st.button("Silence", key=f"{key}_do", type="primary", disabled=span is None and end is None):
        until = shown.now + span if span else end and end.replace(tzinfo=UTC)
        asking_collector.do(
            alert_commands.Silence, {**targets[what], "until_ts": until, "reason": reason or None}
        )


def named(row: Mapping[Any, Any]) -> Fields:
    """Return what names an episode to the collector."""
    started = row["started_ts"].to_pydatetime()
    return {"rule": row["rule"], "subject": row["subject"], "started_ts": started}


def targets_of(row: Mapping[Any, Any]) -> dict[str, Fields]:
    """Return what can be silenced of one episode, by what people call it."""
    return {
        f"{row['about']}, this rule": {"subject": row["subject"], "rule": row["rule"]},
        f"{row['about']}, all rules": {"subject": row["subject"]},
        f"Rule {row['rule']}": {"rule": row["rule"]},
        f"Group {row['alert_group']}": {"alert_group": row["alert_group"]},
    }


def _targets(rows: pd.DataFrame) -> dict[str, Fields]:
    """Return what can be silenced of what fires, and everything."""
    subjects = dict(zip(rows["about"], rows["subject"], strict=True))
    return {
        "Everything (mute)": {},
        **{f"Group {name}": {"alert_group": name} for name in sorted(set(rows["alert_group"]))},
        **{f"Rule {name}": {"rule": name} for name in sorted(set(rows["rule"]))},
        **{about: {"subject": subject} for about, subject in sorted(subjects.items())},
    }


def _words(row: Mapping[Any, Any], shown: Moment) -> str:
    """Write a silence: ``Rule OI z-score, until 22:25 UTC: too noisy today``."""
    titles = {"alert_group": "Group", "rule": "Rule", "subject": "Subject"}
    parts = [f"{title} {row[name]}" for name, title in titles.items() if not pd.isna(row[name])]
    what = ", ".join(parts) or "Everything is muted"
    reason = "" if pd.isna(row["reason"]) else f": {row['reason']}"
    return f"{what}, until {formats.moment(row['until_ts'], shown.now)}{reason}"
