"""One alert in a dialog: what it saw beside its thresholds, and what became of it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.rules import alert_commands, episode_words
from dashboard.alerts import alert_actions
from dashboard.alerts.episode_table import Episode, close_alert
from dashboard.alerts.history import SPANS
from dashboard.components import asking_collector
from dashboard.frame.error_boundary import error_boundary, plain
from dashboard.loaders import alert_episodes, shown_moment
from dashboard.state import as_of
from dashboard.state.as_of import Moment


def alert_dialog(opened: Episode) -> None:
    """Show the alert *opened*; to be called by the page itself, never by a fragment."""
    title = plain(f"{opened.rule}, {formats.moment(opened.started)}")
    st.dialog(title, width="medium", on_dismiss=close_alert)(_draw)(opened)


def _draw(opened: Episode) -> None:
    with error_boundary():
        shown = shown_moment.moment(as_of.asked_time())
        rows = alert_episodes.episodes(shown, SPANS["30 d"])
        keys = zip(rows["rule"], rows["subject"], rows["started_ts"], strict=True)
        found = [
            row for row, key in zip(rows.to_dict("records"), keys, strict=True) if key == opened
        ]
        if not found:
            st.info("No such alert at this time.")
            return
        _about(found[0], shown)


def _about(row: dict[Any, Any], shown: Moment) -> None:
    mark = episode_words.MARKS[row["severity"]]
    st.markdown(f"{mark} **{plain(row['about'])}**: {plain(row['message'])}")
    at = episode_words.told_at(row)
    if place := episode_words.on_market(row):
        st.page_link(
            "app_pages/market.py",
            label=f"Open {row['about']} in Market at {formats.moment(at, shown.now)}",
            icon=":material/candlestick_chart:",
            query_params=place | as_of.in_url(at),
        )
    values, ages = json.loads(row["seen_values"]), json.loads(row["seen_ages_s"])
    seen = pd.DataFrame(
        {
            "Value, and its threshold": episode_words.seen(row),
            "Age": [formats.age(ages.get(name)) for name in values],
        }
    )
    st.dataframe(seen, hide_index=True, alt="Values that the rule saw, with their ages")
    st.code(row["condition"], language="sql", wrap_lines=True)
    st.caption("  \n".join(plain(line) for line in _course(row)))
    _act(row, shown)


def _act(row: dict[Any, Any], shown: Moment) -> None:
    """Draw what can be done about an episode that is not over."""
    if row["phase"] not in ("firing", "pending"):
        return
    asking_collector.said()
    why_not = asking_collector.refusal(shown)
    if why_not is not None:
        st.info(plain(why_not))
        return
    if (
        row["phase"] == "firing"
        and pd.isna(row["acknowledged_ts"])
        and st.button("Acknowledge", icon=":material/done:")
    ):
        asking_collector.do(alert_commands.Acknowledge, alert_actions.named(row))
    with st.expander("Silence", icon=":material/notifications_off:"):
        alert_actions.silence_form(alert_actions.targets_of(row), "silence_one", shown)


def _course(row: dict[Any, Any]) -> list[str]:
    """Return what happened to an episode, in the order of time."""
    steps = [
        (row["started_ts"], "condition true"),
        (row["fired_ts"], "fired"),
        (row["acknowledged_ts"], "acknowledged"),
        (row["ended_ts"], "ended before it fired" if row["phase"] == "dropped" else "resolved"),
    ]
    lines = [
        f"{formats.moment(time)} {words}."
        for time, words in sorted((step for step in steps if not pd.isna(step[0])), key=_time)
    ]
    if not pd.isna(row["silenced_until"]):
        lines.append(f"Silenced until {formats.moment(row['silenced_until'])}.")
    about = f"Per {row['per']}, {row['timeframe']} bars, group {row['alert_group']}"
    channels = formats.listed(json.loads(row["channels"]))
    return [*lines, f"{about}, {f'sent to {channels}' if channels else 'shown on pages only'}."]


def _time(step: tuple[pd.Timestamp, str]) -> pd.Timestamp:
    return step[0]
