"""Clicks on a chart of cells, which Streamlit does not report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

_JS: Final = """
const STILL_PX = 4
const DOUBLE_MS = 300

function place(axis, pixel, names) {
  const number = Math.round(axis.p2l(pixel))
  return names && number >= 0 && number < names.length ? names[number] : null
}

// Whether all cells are in sight.
const isWhole = ({ _fullLayout: { xaxis, yaxis } }) =>
  xaxis.autorange === true && yaxis.autorange === true

// The cell at a point of a chart, by the names of its row and column; no column beside the cells.
function cellAt(chart, { clientX, clientY }) {
  const { _fullLayout: drawn, layout } = chart
  const box = chart.getBoundingClientRect()
  const x = clientX - box.left - drawn.xaxis._offset
  const y = clientY - box.top - drawn.yaxis._offset
  if (y < 0 || y > drawn.yaxis._length || x > drawn.xaxis._length) return null
  const { rows, columns } = JSON.parse(layout.meta ?? "{}")
  const row = place(drawn.yaxis, y, rows)
  if (row === null) return null
  return { row, column: x < 0 ? null : place(drawn.xaxis, x, columns) }
}

export default function ({ data, setTriggerValue }) {
  let pressed = null
  let waiting = null
  const press = (event) => {
    const second = waiting !== null
    clearTimeout(waiting)
    waiting = null
    // Only now is it known what is beneath: while a button is down, Plotly covers the page, and a
    // refresh may draw other rows or another chart.
    const chart = event.target.closest?.(`.st-key-${data.chart} .js-plotly-plot`)
    const still = chart && !second && event.button === 0 && !event.target.closest(".modebar")
    const cell = still ? cellAt(chart, event) : null
    pressed = cell && { cell, at: [event.clientX, event.clientY], isWhole: isWhole(chart) }
  }
  const release = (event) => {
    if (!pressed) return
    const { cell, at, isWhole } = pressed
    pressed = null
    if (Math.hypot(event.clientX - at[0], event.clientY - at[1]) > STILL_PX) return
    const tell = () => {
      waiting = null
      setTriggerValue("cell", cell)
    }
    // A double click undoes a zoom, and is no click on a cell.
    if (isWhole) tell()
    else waiting = setTimeout(tell, DOUBLE_MS)
  }
  // Plotly keeps presses to itself: they are heard on their way down, before it.
  document.addEventListener("pointerdown", press, true)
  document.addEventListener("pointerup", release, true)
  return () => {
    document.removeEventListener("pointerdown", press, true)
    document.removeEventListener("pointerup", release, true)
  }
}
"""

_click = st.components.v2.component("perpscope_cell", html="<span></span>", js=_JS)


def cell_click(chart: str, key: str, on_cell: Callable[[str, str | None], None]) -> None:
    """Call *on_cell* with the row and column, as ``layout.meta`` names them, of a clicked cell.

    A click on a row's name has no column. To be called by the page itself: what a click does
    is the whole page's business.

    Args:
        chart: The chart's key.
        key: Of this listener.
        on_cell: Called before the page runs again.
    """

    def clicked() -> None:
        cell = getattr(st.session_state.get(key), "cell", None)
        if isinstance(cell, dict) and isinstance(cell.get("row"), str):
            column = cell.get("column")
            on_cell(cell["row"], column if isinstance(column, str) else None)

    _click(key=key, data={"chart": chart}, on_cell_change=clicked)
