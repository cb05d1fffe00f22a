"""A table of episodes: a press on the subject opens its pair at that time, elsewhere the alert."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.rules import episode_words
from dashboard.components import row_click
from dashboard.components.written_table import written
from dashboard.state import session
from dashboard.state.as_of import Moment

MAX_ROWS: Final = 500
"""Each is sent to the browser at every refresh."""
_ROW_PX: Final = 29
_OPENED: Final = "opened_alert"

_HEADINGS: Final = {"mark": "!", "at": "Since", "about": "Subject", "rule": "Rule"}
"""Of the columns that tell rows apart."""


class Episode(NamedTuple):
    """What names an episode, but for its version."""

    rule: str
    subject: str
    started: pd.Timestamp


def episode_table(
    episodes: pd.DataFrame, columns: Sequence[str], key: str, shown: Moment, colors: Colors
) -> None:
    """Draw *columns* of *episodes* beside their mark, time, subject and rule.

    Args:
        episodes: Of ``loaders.alert_episodes``.
        columns: Of ``_MORE``.
        key: Of the table.
        shown: What times are written against.
        colors: Of the theme.
    """
    rows = episodes.head(MAX_ROWS).to_dict("records")
    names = ("mark", "at", "about", "rule", *columns)
    words = {name: [_WRITE[name](row, shown) for row in rows] for name in names}
    table = pd.DataFrame(words, dtype=object)
    # Sorted by the time, not by how it is written.
    table["at"] = pd.to_datetime([episode_words.told_at(row) for row in rows], utc=True)
    st.session_state[f"{key}_rows"] = [
        (words["at"][n], words["about"][n], row["rule"], _named(row)) for n, row in enumerate(rows)
    ]
    styles = {
        "mark": [f"color:{episode_words.color(row['severity'], colors)}" for row in rows],
        "about": ["font-weight:600"] * len(rows),
    }
    with st.container(key=key):
        st.dataframe(
            written(table, words, styles),
            column_config=_config(names),
            hide_index=True,
            height=min(len(rows) + 1, 14) * _ROW_PX + 3,
            row_height=_ROW_PX,
            placeholder=formats.ABSENT,
            alt=f"{key.replace('_', ' ').capitalize()}: severity, time, subject, rule, message",
        )
    if len(episodes) > MAX_ROWS:
        st.caption(f"The newest {MAX_ROWS:,} of {len(episodes):,}. The export has all of them.")


def table_click(key: str) -> None:
    """Open what is pressed in the table *key*; to be called by the page itself."""

    def opened(row: row_click.Row, column: str) -> None:
        at, about, rule = row
        for said in st.session_state.get(f"{key}_rows", ()):
            if all(
                cell in (None, known)
                for cell, known in zip((at, about, rule), said[:3], strict=True)
            ):
                _open(said[3], to_pair=column == _HEADINGS["about"])
                return

    headings = [_HEADINGS[name] for name in ("at", "about", "rule")]
    row_click.row_click(key, headings, opened)


def opened_alert() -> Episode | None:
    """Return the episode whose dialog is open."""
    episode: Episode | None = st.session_state.get(_OPENED)
    return episode


def close_alert() -> None:
    """Forget the episode whose dialog was open."""
    st.session_state.pop(_OPENED, None)


def _open(row: dict[str, Any], *, to_pair: bool) -> None:
    if to_pair and row["per"] in ("pair", "asset"):
        venue, symbol = (row["venue"], row["symbol"]) if row["per"] == "pair" else ("", row["base"])
        session.open_pair(venue, symbol, row["at"])
        return
    st.session_state[_OPENED] = row["episode"]
    session.rerun_page()


def _named(row: dict[Any, Any]) -> dict[str, Any]:
    """Return what a press on a row needs of it."""
    place = {name: row[name] for name in ("per", "venue", "symbol", "base")}
    episode = Episode(row["rule"], row["subject"], row["started_ts"])
    return {**place, "at": episode_words.told_at(row), "episode": episode}


def state(row: dict[Any, Any], shown: Moment) -> str:
    """Return what people have done about an episode, or how it ended."""
    if row["phase"] == "dropped":
        return "not fired"
    parts = []
    if row["phase"] == "resolved":
        parts.append(f"resolved after {formats.span(row['ended_ts'] - row['fired_ts'])}")
    if not pd.isna(row["acknowledged_ts"]):
        parts.append(f"acknowledged {formats.moment(row['acknowledged_ts'], shown.now)}")
    if not pd.isna(row["silenced_until"]) and row["phase"] != "resolved":
        parts.append(f"silenced until {formats.moment(row['silenced_until'], shown.now)}")
    return ", ".join(parts) or row["phase"]


def _at(row: dict[Any, Any], shown: Moment) -> str:
    time = episode_words.told_at(row)
    is_today = time.date() == shown.now.date()
    return formats.minute(time) if is_today else formats.day_minute(time)


_WRITE: Final[dict[str, Any]] = {
    "mark": lambda row, _: episode_words.MARKS[row["severity"]],
    "at": _at,
    "about": lambda row, _: row["about"],
    "rule": lambda row, _: row["rule"],
    "message": lambda row, _: row["message"],
    "values": lambda row, _: ", ".join(episode_words.seen(row)),
    "state": state,
    "left": lambda row, _: row["left"],
    "group": lambda row, _: row["alert_group"],
    "timeframe": lambda row, _: row["timeframe"],
}


def _config(names: Sequence[str]) -> dict[str, Any]:
    text = st.column_config.TextColumn
    every = {
        "mark": text(
            _HEADINGS["mark"], width=48, pinned=True, help="■■■ critical, ■■ warning, ■ info"
        ),
        "at": st.column_config.DatetimeColumn(
            _HEADINGS["at"], width=92, pinned=True, help="UTC. When it fired, or began"
        ),
        "about": text(_HEADINGS["about"], width=120, pinned=True, help="Press: the pair then"),
        "rule": text(_HEADINGS["rule"], width=140, help="Press: the alert"),
        "message": text("Message", width=420),
        "values": text(
            "Values", width=380, help="Values at that time, beside the rule's thresholds"
        ),
        "state": text("State", width=230),
        "left": text("Time left", width=110),
        "group": text("Group", width=90),
        "timeframe": text("Bars", width=50),
    }
    return {name: every[name] for name in names}
