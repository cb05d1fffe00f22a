"""What Market needs the browser for: its keys, and to keep the choice of panes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

_KEY: Final = "market_browser"

_JS: Final = """
const PLACE = "perpscope-panes"
const BUTTONS = { "[": ".st-key-previous_pair button", "]": ".st-key-next_pair button" }
const SEARCH = ".st-key-market_pair input"
const TYPED = "input, textarea, select, [contenteditable=true], [role=dialog], [role=listbox]"

function press(event) {
  // AltGr, by which some keyboards write brackets, counts as Ctrl and Alt.
  if (event.metaKey || (event.ctrlKey && !event.altKey)) return
  if (event.composedPath()[0].closest?.(TYPED) || document.querySelector("[role=dialog]")) return
  const wanted = event.key === "/" ? SEARCH : BUTTONS[event.key]
  const found = wanted && document.querySelector(wanted)
  if (!found) return
  event.preventDefault()
  if (event.key === "/") found.focus()
  else found.click()
}

export default function ({ data, setStateValue }) {
  if (data.chosen) localStorage.setItem(PLACE, data.panes)
  else if (!data.restored) {
    const before = localStorage.getItem(PLACE)
    if (before && before !== data.panes) setStateValue("stored", before)
  }
  // The same function again is the same listener.
  document.addEventListener("keydown", press)
  return () => document.removeEventListener("keydown", press)
}
"""

_browser = st.components.v2.component("perpscope_market", html="<span></span>", js=_JS)


def in_browser(
    panes: str, *, chosen: bool, restored: bool, on_restored: Callable[[], None]
) -> None:
    """Listen to ``[``, ``]`` and ``/``, keep *panes*, and ask for those that were kept.

    Args:
        panes: Those that are on, as in the URL.
        chosen: Whether the user chose them here; else what the browser has stays as it is.
        restored: Whether they may no longer be replaced by what the browser has.
        on_restored: Called with what the browser has in :func:`stored`.
    """
    _browser(
        key=_KEY,
        data={"panes": panes, "chosen": chosen, "restored": restored},
        on_stored_change=on_restored,
    )


def stored() -> str:
    """Return what the browser kept: anything, as users can edit it."""
    return str(getattr(st.session_state.get(_KEY), "stored", None) or "")
