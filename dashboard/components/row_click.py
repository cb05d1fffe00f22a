"""Row clicks: a click, a tap or Enter on a table's row opens what the row is of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import pandas as pd
import streamlit as st

from analytics import formats
from dashboard import session

_JS: Final = """
const STILL_PX = 8
const DRAWN_MS = 250 // The grid describes its rows to screen readers so long after a change.
const ARROW = /^[↑↓] / // Before the heading of a sorted column.
const pause = (ms) => new Promise((done) => setTimeout(done, ms))

// The row under a point: null on the headings, below the last row and on the scroll bars.
function rowAt(scroller, [x, y]) {
  const grid = scroller.closest("[data-testid=stDataFrame]")
  const box = scroller.getBoundingClientRect()
  const headings = [...grid.querySelectorAll("canvas")].at(-1).clientHeight
  const rows = Number(grid.querySelector("table").getAttribute("aria-rowcount")) - 1
  const height = Math.round((scroller.querySelector(".dvn-stack").clientHeight - headings) / rows)
  const down = y - box.top
  if (down < headings || down > scroller.clientHeight) return null
  if (x < box.left || x - box.left > scroller.clientWidth) return null
  const row = Math.floor((down - headings + scroller.scrollTop) / height)
  return row < rows ? row : null
}

// What stands in the columns with these headings; null of a column that is not in view.
function namesOf(line, headings) {
  const shown = [...line.closest("table").querySelectorAll("thead th")]
  return headings.map((heading) => {
    const column = shown.find((one) => one.innerText.replace(ARROW, "") === heading)
    const place = column?.getAttribute("aria-colindex")
    return line.querySelector(`td[aria-colindex="${place}"]`)?.innerText ?? null
  })
}

export default function ({ data, setTriggerValue }) {
  const inside = (target, part) => {
    const table = `.st-key-${data.table} [data-testid=stDataFrame]`
    return target.closest?.(table) && target.closest(part)
  }
  const open = (line, cell, isFirst) => {
    const place = cell?.getAttribute("aria-colindex")
    const heading = cell && line.closest("table").querySelector(`th[aria-colindex="${place}"]`)
    const column = heading?.innerText.replace(ARROW, "") ?? (isFirst ? data.headings[0] : null)
    if (line) setTriggerValue("row", { names: namesOf(line, data.headings), column })
  }
  const unmark = (grid) => {
    const escape = { key: "Escape", keyCode: 27, bubbles: true }
    grid.querySelector("canvas").dispatchEvent(new KeyboardEvent("keydown", escape))
  }
  const marked = (grid) => grid.querySelector("tbody td[aria-selected=true]")
  let pressed = null
  const press = (event) => {
    const scroller = event.button === 0 && inside(event.target, ".dvn-scroller")
    const at = [event.clientX, event.clientY]
    const row = scroller ? rowAt(scroller, at) : null
    pressed = row === null ? null : { row, at, grid: scroller.closest("[data-testid=stDataFrame]") }
    // The grid opens a field over a marked cell that is pressed; which one it is, it alone knows.
    if (pressed && data.cells) unmark(pressed.grid)
    else if (pressed) event.stopPropagation()
  }
  const release = async (event) => {
    if (!pressed) return
    const { row, at, grid } = pressed
    pressed = null
    if (!data.cells) event.stopPropagation()
    if (Math.hypot(event.clientX - at[0], event.clientY - at[1]) > STILL_PX) return
    const line = () => grid.querySelector(`tr[aria-rowindex="${row + 2}"]`)
    const cell = () => data.cells ? line()?.querySelector("td[aria-selected=true]") : line()
    if (data.cells) await pause(DRAWN_MS)
    for (let tries = 0; tries < 4 && !cell(); tries++) await pause(DRAWN_MS)
    const isFirst = at[0] - grid.getBoundingClientRect().left < data.firstPx
    if (cell()) open(line(), data.cells ? cell() : null, isFirst)
    if (data.cells) unmark(grid)
  }
  // A finger that scrolls presses nothing.
  const cancel = () => { pressed = null }
  const key = async (event) => {
    const grid = event.key === "Enter" && inside(event.target, "[data-testid=stDataFrame]")
    if (!grid) return
    event.preventDefault()
    event.stopPropagation()
    await pause(DRAWN_MS)
    const cell = marked(grid)
    open(cell?.parentElement, cell)
  }
  // The grid keeps presses and keys to itself: they are taken on their way down, before it.
  const heard = { pointerdown: press, pointerup: release, pointercancel: cancel, keydown: key }
  for (const [name, take] of Object.entries(heard)) document.addEventListener(name, take, true)
  return () => {
    for (const [name, take] of Object.entries(heard)) document.removeEventListener(name, take, true)
  }
}
"""

Row = tuple[str | None, ...]

_click = st.components.v2.component("perpscope_row", html="<span></span>", js=_JS)


def row_click(
    table: str,
    headings: Sequence[str],
    on_row: Callable[[Row, str | None], None],
    *,
    cells: bool,
    first_px: int = 0,
) -> None:
    """Call *on_row* for a row of *table* that is clicked, tapped, or marked when Enter is pressed.

    Streamlit's own selection cannot serve: a table that gets the focus, by Tab or by a tap on a
    heading, marks its first row by itself. To be called by the page itself, not by a fragment:
    what a click does is the whole page's business.

    Args:
        table: The key of a container around a ``st.dataframe`` without ``on_select``.
        headings: Of the columns that tell its rows apart; pinned, so that they are always in view.
        on_row: Called before the page runs again, with the row's values in those columns, None
            for one that the user has hidden; and with the heading of the cell's column, None
            without *cells*, except that of the first column if its width is given.
        cells: Whether it matters which cell it is. It takes a quarter of a second to know.
        first_px: How wide the first column is, where that alone matters. [px]
    """

    def clicked() -> None:
        row = getattr(st.session_state.get(key), "row", None)
        if isinstance(row, dict):
            on_row(tuple(row["names"]), row["column"])

    key = f"{table}_click"
    data = {"table": table, "headings": list(headings), "cells": cells, "firstPx": first_px}
    _click(key=key, data=data, on_row_change=clicked)


def pair_click(table: str, headings: Sequence[str]) -> None:
    """Open the dialog of the pair whose row is clicked in a *table* in the order of `in_order`.

    Args:
        table: Its key.
        headings: Of its columns of pairs and of venues, or of the one with both.
    """

    def open_pair(row: Row, _column: str | None) -> None:
        said = " ".join(filter(None, row))
        for venue, symbol in st.session_state.get(_rows(table), ()):
            if said in (f"{formats.pair(symbol)} {name}" for name in (venue, formats.venue(venue))):
                session.open_pair(venue, symbol)

    row_click(table, headings, open_pair, cells=False)


def in_order(pairs: pd.DataFrame, key: str, most: int | None = None) -> pd.DataFrame:
    """Return *pairs* as they stood in the table *key* at the last refresh; new ones come last.

    A row that changed its place just before a click would open another pair than was meant.

    Args:
        pairs: What the table can show. Where it is another choice of pairs, it stays as it is.
        key: Of the table.
        most: How many rows the table has at most; None for all.
    """
    before = {pair: place for place, pair in enumerate(st.session_state.get(_rows(key), ()))}
    keys = list(zip(pairs["venue"], pairs["symbol"], strict=True))
    if len(before.keys() & set(keys)) >= 0.9 * max(len(before), len(keys[:most])):
        places = [before.get(pair, len(before) + nth) for nth, pair in enumerate(keys)]
        order = sorted(range(len(keys)), key=places.__getitem__)
        pairs, keys = pairs.iloc[order], [keys[nth] for nth in order]
    st.session_state[_rows(key)] = keys[:most]
    return pairs.reset_index(drop=True)


def _rows(key: str) -> str:
    return f"{key}_rows"
