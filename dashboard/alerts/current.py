"""Alerts that fire now, and those that wait for their rule's time to pass."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.rules import episode_words
from dashboard.alerts import alert_actions
from dashboard.alerts.episode_table import episode_table
from dashboard.frame.error_boundary import plain
from dashboard.loaders import alert_episodes
from dashboard.state.as_of import Moment

FIRING: Final = "alerts_firing"
PENDING: Final = "alerts_pending"


def firing_now(episodes: pd.DataFrame, shown: Moment, look: Colors, why_not: str | None) -> None:
    """Draw the *episodes* that fire: the gravest first, those nobody attended to before others.

    Args:
        episodes: Of ``loaders.alert_episodes``.
        shown: The time that is shown.
        look: The colours of the theme.
        why_not: Why nothing can be done about them; None if it can.
    """
    firing = gravest_first(episodes[episodes["phase"] == "firing"])
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(
            "Firing now" if shown.mode != "asked" else "Firing then", anchor=False, width="content"
        )
        if not firing.empty:
            st.caption(plain(_counted(firing)), width="content")
        alert_actions.acting_bar(alert_episodes.unattended(firing), shown, why_not)
    if firing.empty:
        st.caption("No alert fires.")
        return
    episode_table(firing, ("message", "values", "state"), FIRING, shown, look)


def pending(
    episodes: pd.DataFrame, waits: dict[str, timedelta], shown: Moment, look: Colors
) -> None:
    """Draw the *episodes* whose condition is true and has to stay so for a while.

    Args:
        episodes: Of ``loaders.alert_episodes``.
        waits: How long that is, by rule; a rule that is no longer there is missing.
        shown: The time that is shown.
        look: The colours of the theme.
    """
    waiting = episodes[episodes["phase"] == "pending"]
    if waiting.empty:
        return
    st.subheader("Pending", anchor=False)
    lines = [_left(row, waits, shown) for row in waiting.to_dict("records")]
    episode_table(waiting.assign(left=lines), ("left", "message", "values"), PENDING, shown, look)


def gravest_first(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return *episodes* by severity, unattended ones first, and of those the newest."""
    order = list(episode_words.MARKS)
    keys = pd.DataFrame(
        {
            "gravity": episodes["severity"].map(order.index),
            "attended": episodes[["acknowledged_ts", "silenced_until"]].notna().any(axis=1),
        }
    )
    return episodes.loc[keys.sort_values(["attended", "gravity"], kind="stable").index]


def _counted(firing: pd.DataFrame) -> str:
    """Write ``45 alerts: 41 critical, 3 warning, 1 info; 2 acknowledged``."""
    counts = firing["severity"].value_counts()
    words = ", ".join(f"{counts[name]:,} {name}" for name in episode_words.MARKS if name in counts)
    acknowledged = int(firing["acknowledged_ts"].notna().sum())
    silenced = int(firing["silenced_until"].notna().sum())
    rest = [
        f"{n:,} {word}" for n, word in ((acknowledged, "acknowledged"), (silenced, "silenced")) if n
    ]
    said = "; ".join([words, *([", ".join(rest)] if rest else [])])
    return f"{formats.plural(len(firing), 'alert')}: {said}"


def _left(row: dict[object, object], waits: dict[str, timedelta], shown: Moment) -> str:
    """Write when it fires if it stays true: ``fires in 3 min``."""
    wait = waits.get(str(row["rule"]))
    if wait is None:
        return formats.ABSENT
    left = row["started_ts"] + wait - shown.now  # type: ignore[operator]
    return f"fires in {formats.span(max(left, timedelta()))}"
