"""Lists of top movers as bars; a click opens the pair."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.market.movers import movers
from analytics.quantities import QUANTITIES, Quantity, moved
from dashboard.state import session

_KEY: Final = "movers"
_EACH_WAY: Final = 5

SPANS: Final = {
    "price_delta_pct": "price_delta_s",
    "oi_delta_pct": "oi_delta_s",
    "ls_delta_pct": "ls_delta_s",
}
"""The column with the time that each change of a pair covers. [s]"""

_LISTED: Final = (*SPANS, "funding_8h_pct")
"""The quantities that pairs are listed by."""

_CSS: Final = """
:host { display: block; container-type: inline-size; }
.line { display: flex; align-items: center; gap: 0.25rem; font-size: 0.8rem; overflow: hidden;
  white-space: nowrap; height: 1.75rem; }
.ends { overflow-x: auto; text-overflow: clip; scrollbar-width: none; }
.ends small { opacity: 0.75; margin-left: 0.75rem; }
.line button { width: auto; display: inline-block; padding: 0.1rem 0.3rem; border-radius: 3px; }
.line button b { margin-left: 0.3rem; }
.line .fold { font-weight: 600; padding-right: 0.5rem; }
.line .fold::before { content: "▸"; display: inline-block; width: 1em; }
.line .fold[aria-expanded="true"]::before { content: "▾"; }
[hidden] { display: none !important; }
.lists { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 0.75rem; }
section { border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
  padding: 0.5rem 0.6rem; min-width: 0; }
h3 { font: inherit; font-weight: 600; font-size: 0.85rem; margin: 0 0 0.3rem; }
h3 small { font-weight: 400; opacity: 0.75; }
p { margin: 0; font-size: 0.8rem; opacity: 0.8; }
button { all: unset; box-sizing: border-box; cursor: pointer; width: 100%; display: grid;
  grid-template-columns: minmax(0, 1fr) auto; column-gap: 0.5rem; position: relative;
  padding: 0.12rem 0.3rem; font-size: 0.8rem; line-height: 1.5; }
button:hover { background: var(--st-secondary-background-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); }
button i { position: absolute; inset: 1px auto 1px 0; opacity: 0.22; border-radius: 2px; }
.up i { background: var(--st-green-color); }
.down i { background: var(--st-red-color); }
.lists { margin-top: 0.25rem; }
.up b { color: var(--st-green-color); }
.down b { color: var(--st-red-color); }
b { font-weight: 600; font-variant-numeric: tabular-nums; position: relative; }
span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; position: relative; }
span small { opacity: 0.7; font-size: 0.72rem; }
@container (max-width: 950px) {
  .lists { display: flex; overflow-x: auto; scroll-snap-type: x proximity; }
  section { flex: 0 0 min(80%, 300px); box-sizing: border-box; scroll-snap-align: start; }
}
"""

_JS: Final = """
function made(name, text, parent) {
  const one = document.createElement(name)
  one.textContent = text
  parent.append(one)
  return one
}

const OPEN = "perpscope-movers-open"
let names = {}

function button([symbol, venue, pair, text, part], open) {
  const one = document.createElement("button")
  one.type = "button"
  one.className = part < 0 || text[0] === "-" ? "down" : "up"
  one.title = venue ? `Open ${pair} on ${names[venue]}` : `Open ${pair} on all venues`
  one.onclick = () => open([venue, symbol])
  return one
}

function row(item, open) {
  const [, venue, pair, text, part] = item
  const one = button(item, open)
  made("i", "", one).style.width = `${Math.abs(part)}%`
  const name = made("span", `${pair} `, one)
  made("small", names[venue], name)
  made("b", text, one)
  return one
}

function section(list, open) {
  const one = document.createElement("section")
  const title = made("h3", `${list.title} `, one)
  made("small", list.span, title)
  if (list.said) made("p", list.said, one)
  for (const item of list.rows) one.append(row(item, open))
  return one
}

function ends(list, open) {
  if (!list.rows.length) return []
  const title = document.createElement("small")
  title.textContent = list.short
  const first = list.rows[0]
  const last = list.rows.at(-1)
  return [title, ...[first, last].filter((item, nth) => !nth || item !== first).map((item) => {
    const one = button(item, open)
    one.append(item[2].split("/")[0])
    made("b", item[3], one)
    return one
  })]
}

export default function ({ data, parentElement, setTriggerValue }) {
  names = data.venues
  const place = parentElement.querySelector(".lists")
  const fold = parentElement.querySelector(".fold")
  const open = (pair) => setTriggerValue("pair", pair)
  const show = (isOpen) => {
    fold.setAttribute("aria-expanded", isOpen)
    place.hidden = !isOpen
  }
  show(localStorage.getItem(OPEN) === "yes")
  fold.onclick = () => {
    localStorage.setItem(OPEN, place.hidden ? "yes" : "no")
    show(place.hidden)
  }
  // One exchange of what is shown: nothing blinks at a refresh.
  place.replaceChildren(...data.lists.map((list) => section(list, open)))
  const line = parentElement.querySelector(".ends")
  line.replaceChildren(...data.lists.flatMap((list) => ends(list, open)))
}
"""

_HTML: Final = """
<div class="line"><button type="button" class="fold">Movers</button><span class="ends"></span></div>
<div class="lists"></div>
"""

_lists = st.components.v2.component("perpscope_movers", html=_HTML, css=_CSS, js=_JS)


def mover_lists(pairs: pd.DataFrame, timeframe: str) -> list[dict[str, Any]]:
    """Return the first and the last of *pairs* by each metric, over *timeframe*, as words."""
    return [_list(pairs, QUANTITIES[name], timeframe) for name in _LISTED]


def draw_movers(lists: list[dict[str, Any]]) -> None:
    """Draw what ``mover_lists`` returned."""
    venues = {venue: formats.venue(venue) for one in lists for _, venue, *_ in one["rows"]}
    _lists(key=_KEY, data={"lists": lists, "venues": venues}, on_pair_change=_open)


def change_span(pairs: pd.DataFrame, listed: pd.DataFrame, name: str, timeframe: str) -> str:
    """Write what time the changes called *name* of the *listed* of *pairs* are over: ``in 1 h``.

    Where none is listed, what they would be over.
    """
    keys = ["venue", "symbol"]
    seconds = listed[keys].merge(pairs[[*keys, SPANS[name]]], on=keys)[SPANS[name]]
    if seconds.empty:
        return f"in {timeframe}"
    least, most = (timedelta(seconds=float(each)) for each in (seconds.min(), seconds.max()))
    return f"in {formats.spans(least, most)}"


def _open() -> None:
    """Open the pair that was clicked."""
    clicked = getattr(st.session_state.get(_KEY), "pair", None)
    if isinstance(clicked, list | tuple) and len(clicked) == 2:
        session.open_pair(str(clicked[0]), str(clicked[1]))


def _list(pairs: pd.DataFrame, quantity: Quantity, timeframe: str) -> dict[str, Any]:
    """Return one list: risers from the top, fallers from the bottom, each pair once."""
    name = quantity.name
    first = movers(pairs, name, most=_EACH_WAY).rows
    last = movers(pairs, name, most=_EACH_WAY, ascending=True).rows.iloc[::-1]
    both = pd.concat([first[first["value"] > 0], last[last["value"] < 0]])
    said = None
    if both.empty:
        known = pairs[name].notna().any()
        said = "No change." if known else "No data yet."
    most = both["value"].abs().max()
    return {
        "name": name,
        "title": moved(name).title,
        "short": moved(name).short,
        "span": change_span(pairs, both, name, timeframe) if name in SPANS else "now",
        "said": said,
        "rows": [
            [
                row["symbol"],
                row["venue"],
                formats.pair(row["symbol"]),
                quantity.write(row["value"]),
                round(100 * row["value"] / most),
            ]
            for row in both.to_dict("records")
        ],
    }
