"""What happened up to the time that is shown: alerts that fired and resolved, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.rules import episode_words
from dashboard.frame.error_boundary import plain
from dashboard.loaders import alert_episodes
from dashboard.pair_chart import instrument_picker
from dashboard.state import as_of, session
from dashboard.state.as_of import Moment

SPAN: Final = timedelta(days=1)
_MAX_CHANGES: Final = 200
_KEY: Final = "happenings"

_HTML: Final = '<ul tabindex="0" aria-label="What happened"></ul>'

_CSS: Final = """
ul { list-style: none; margin: 0; padding: 0; max-height: 27rem; overflow-y: auto }
ul:focus-visible { outline: 2px solid var(--st-primary-color) }
button { all: unset; box-sizing: border-box; cursor: pointer; width: 100%; display: grid;
  grid-template-columns: auto minmax(0, 1fr); column-gap: 0.6rem; padding: 0.25rem 0.4rem;
  font-size: 0.85rem; line-height: 1.35; border-left: 3px solid var(--tone) }
button:hover { background: var(--st-secondary-background-color) }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px }
time { font-variant-numeric: tabular-nums; opacity: 0.8 }
.resolved { opacity: 0.75 }
@media (max-width: 640px) { button { padding-block: 0.75rem } }
"""

_JS: Final = """
export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector("ul")
  list.replaceChildren(...data.rows.map(([ms, at, text, tone, kind, place]) => {
    const item = document.createElement("li"), button = document.createElement("button")
    const time = document.createElement("time"), words = document.createElement("span")
    button.type = "button"
    button.className = kind
    button.title = `Show it at ${at} UTC`
    button.style.setProperty("--tone", tone)
    button.onclick = () => setTriggerValue("pressed", { ms, place })
    time.textContent = at.slice(5)
    words.textContent = text
    button.append(time, words)
    item.append(button)
    return item
  }))
}
"""

_list = st.components.v2.component("perpscope_happenings", html=_HTML, css=_CSS, js=_JS)


def happenings(shown: Moment, look: Colors) -> None:
    """Draw what happened in the ``SPAN`` before *shown*; a press shows its pair at its time."""
    st.subheader("What happened", anchor=False)
    rows = _changes(alert_episodes.episodes(shown, SPAN), shown)
    if rows.empty:
        st.caption(plain(f"No alert fired in the {formats.span(SPAN)} before."))
        return
    if len(rows) > _MAX_CHANGES:
        st.caption(f"The newest {_MAX_CHANGES:,} of {len(rows):,} changes of alerts.")
    listed = [_line(row, look) for row in rows.head(_MAX_CHANGES).to_dict("records")]
    _list(key=_KEY, data={"rows": listed}, on_pressed_change=_go)


def _changes(episodes: pd.DataFrame, shown: Moment) -> pd.DataFrame:
    """Return a row for each firing and each end of *episodes* that fired, the newest first."""
    fired = episodes[episodes["fired_ts"].notna()]
    ended = fired[fired["ended_ts"].notna()]
    rows = pd.concat(
        [
            fired.assign(at=fired["fired_ts"], kind="fired"),
            ended.assign(at=ended["ended_ts"], kind="resolved"),
        ]
    )
    rows = rows[rows["at"] >= shown.now - SPAN]
    return rows.sort_values(["at", "rule"], ascending=[False, True], kind="stable")


def _line(row: dict[Any, Any], look: Colors) -> list[Any]:
    at: datetime = row["at"].ceil("s").to_pydatetime()
    text = f"Resolved: {row['rule']}, {row['about']}"
    if row["kind"] == "fired":
        mark, said = episode_words.MARKS[row["severity"]], str(row["message"])
        about = f"{row['base']}: "
        text = f"{mark} {row['rule']}, {row['about']}: {said.removeprefix(about)}"
    tone = episode_words.color(row["severity"], look)
    written = f"{at:%Y-%m-%d %H:%M:%S}"
    place = episode_words.on_market(row)
    return [int(at.timestamp() * 1000), written, text, tone, row["kind"], place]


def _go() -> None:
    if (pressed := getattr(st.session_state.get(_KEY), "pressed", None)) is None:
        return
    if place := pressed["place"]:
        instrument_picker.put_into_url(place)
    as_of.go_to(datetime.fromtimestamp(pressed["ms"] / 1000, UTC))
    session.rerun_page()
