"""Row clicks: a click, a tap or Enter on a table's row opens what the row is of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import pandas as pd
import streamlit as st

from analytics import formats
from dashboard.state import session

_JS: Final = """
const STILL_PX = 8
const MENU_PX = 30 // Of a heading, for the menu of its column.
const ARROW = /^[↑↓] / // Before the heading of a sorted column.

// React's node of an element as it was drawn last: of the two that it keeps, an element may know
// the one before.
function drawnNode(node) {
  if (!node.return) return node.stateNode.current
  let child = drawnNode(node.return)?.child
  while (child && child !== node && child !== node.alternate) child = child.sibling
  return child
}

// What the grid drew last: its columns, its cells, which one is marked, and what is at a point.
function drawnGrid(element) {
  const canvas = element.querySelector("canvas")
  const key = canvas && Object.keys(canvas).find((name) => name.startsWith("__reactFiber$"))
  for (let node = key && drawnNode(canvas[key]); node; node = node.return) {
    const { gridRef, getCellContent, columns, selection } = node.memoizedProps ?? {}
    if (gridRef?.current && getCellContent) {
      const at = ([x, y]) => gridRef.current.getMouseArgsForPosition(x, y)
      return { at, columns, cell: getCellContent, marked: selection.current?.cell }
    }
  }
  return null
}

const heading = (grid, { location }) => grid.columns[location[0]].title.replace(ARROW, "")

// Whether it is what sorts: not the border that a column is widened by, nor the menu beside it.
const isHeading = (place) =>
  place?.kind === "header" && !place.isEdge && place.localEventX < place.bounds.width - MENU_PX

// What stands in a row in the columns with these headings, null of one that the user has hidden;
// and the heading of the cell's column.
function told(grid, [column, row], headings) {
  const shown = grid.columns.map(({ title }) => title.replace(ARROW, ""))
  const places = headings.map((heading) => shown.indexOf(heading))
  const names = places.map((place) => {
    const value = place < 0 ? null : grid.cell([place, row]).data
    return value?.displayDate ?? value
  })
  return { names, column: shown[column] }
}

export default function ({ data, setTriggerValue }) {
  const inside = (target, part) => {
    const table = `.st-key-${data.table} [data-testid=stDataFrame]`
    return target.closest?.(part)?.closest(table)
  }
  // Where there is a scroll bar, the grid is beneath it.
  const isOnBar = (scroller, [x, y]) => {
    const box = scroller.getBoundingClientRect()
    return x - box.left > scroller.clientWidth || y - box.top > scroller.clientHeight
  }
  let pressed = null
  const press = (event) => {
    const at = [event.clientX, event.clientY]
    const table = event.button === 0 && inside(event.target, ".dvn-scroller")
    const scroller = table && event.target.closest(".dvn-scroller")
    const grid = scroller && !isOnBar(scroller, at) && drawnGrid(table)
    const place = grid && grid.at(at)
    pressed = null
    if (place?.kind === "cell") pressed = { at, row: told(grid, place.location, data.headings) }
    else if (data.sorts && isHeading(place)) pressed = { at, heading: heading(grid, place) }
    // The grid would mark the cell, and open a field over one that is marked; or sort by itself.
    if (pressed) event.stopPropagation()
  }
  const release = (event) => {
    if (!pressed) return
    const { at, ...what } = pressed
    pressed = null
    event.stopPropagation()
    if (Math.hypot(event.clientX - at[0], event.clientY - at[1]) > STILL_PX) return
    for (const [name, value] of Object.entries(what)) setTriggerValue(name, value)
  }
  // A finger that scrolls presses nothing.
  const cancel = () => { pressed = null }
  const key = (event) => {
    const element = event.key === "Enter" && inside(event.target, "[data-testid=stDataFrame]")
    if (!element) return
    event.preventDefault()
    event.stopPropagation()
    const grid = drawnGrid(element)
    if (grid?.marked) setTriggerValue("row", told(grid, grid.marked, data.headings))
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
    on_row: Callable[[Row, str], None],
    on_heading: Callable[[str], None] | None = None,
) -> None:
    """Call *on_row* for a row of *table* that is clicked, tapped, or marked when Enter is pressed.

    Streamlit's own selection cannot serve: a table that gets the focus, by Tab or by a tap on a
    heading, marks its first row by itself. Nor can what it describes to screen readers: that
    follows a sort a quarter of a second late. So the grid itself is asked, at the moment of the
    press, which row it drew there. To be called by the page itself, not by a fragment: what a
    click does is the whole page's business.

    Args:
        table: The key of a container around a ``st.dataframe`` without ``on_select``.
        headings: Of the columns that tell its rows apart; pinned, so that they are always in view.
        on_row: Called before the page runs again, with the row's values in those columns, of a
            time what is written, None for one that the user has hidden; and with the heading of
            the cell's column.
        on_heading: Called likewise with the heading that was pressed; without it the browser
            sorts the rows.
    """

    def clicked() -> None:
        row = getattr(st.session_state.get(key), "row", None)
        if isinstance(row, dict):
            on_row(tuple(row["names"]), row["column"])

    def sorted_by() -> None:
        heading = getattr(st.session_state.get(key), "heading", None)
        if on_heading is not None and isinstance(heading, str):
            on_heading(heading)

    key = f"{table}_click"
    data = {"table": table, "headings": list(headings), "sorts": on_heading is not None}
    _click(key=key, data=data, on_row_change=clicked, on_heading_change=sorted_by)


def pair_click(
    table: str, headings: Sequence[str], on_heading: Callable[[str], None] | None = None
) -> None:
    """Open the dialog of the pair whose row is clicked in a *table* in the order of `in_order`.

    Args:
        table: Its key.
        headings: Of its columns of pairs and of venues, or of the one with both.
        on_heading: As for :func:`row_click`.
    """

    def open_pair(row: Row, _column: str) -> None:
        said = " ".join(filter(None, row))
        for venue, symbol in st.session_state.get(_rows(table), ()):
            if said in (f"{formats.pair(symbol)} {name}" for name in (venue, formats.venue(venue))):
                session.open_pair(venue, symbol)

    row_click(table, headings, open_pair, on_heading)


def in_order(pairs: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return *pairs* as they stood in the table *key* at the last refresh; new ones come last.

    A row that changed its place just before a click would open another pair than was meant.

    Args:
        pairs: What the table can show. Where it is another choice of pairs, it stays as it is.
        key: Of the table.
    """
    before = {pair: place for place, pair in enumerate(st.session_state.get(_rows(key), ()))}
    keys = list(zip(pairs["venue"], pairs["symbol"], strict=True))
    if len(before.keys() & set(keys)) >= 0.9 * max(len(before), len(keys)):
        places = [before.get(pair, len(before) + nth) for nth, pair in enumerate(keys)]
        order = sorted(range(len(keys)), key=places.__getitem__)
        pairs, keys = pairs.iloc[order], [keys[nth] for nth in order]
    st.session_state[_rows(key)] = keys
    return pairs.reset_index(drop=True)


def _rows(key: str) -> str:
    return f"{key}_rows"
