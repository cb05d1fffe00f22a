"""Thresholds stored in the user's browser, and the Copy link button."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

_KEY: Final = "browser"

_HTML: Final = """
<button type="button" title="A link that shows the same, with these thresholds">Copy link</button>
<span role="status"></span>
"""

_CSS: Final = """
button {
  font: inherit; font-size: 0.9rem; color: var(--st-text-color); cursor: pointer;
  background: transparent; border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); padding: 0.3rem 0.7rem;
}
button:hover, button:focus-visible {
  color: var(--st-primary-color); border-color: var(--st-primary-color);
}
span { margin-left: 0.5rem; font-size: 0.8rem; color: var(--st-gray-color, inherit); }
"""

_JS: Final = """
const PLACE = "perpscope-thresholds"

function stored() {
  try {
    return JSON.parse(localStorage.getItem(PLACE))
  } catch {
    return null
  }
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  // Without TLS a browser offers no clipboard, except to what is selected.
  const field = document.createElement("textarea")
  field.value = text
  document.body.append(field)
  field.select()
  document.execCommand("copy")
  field.remove()
}

export default function ({ data, parentElement, setStateValue }) {
  const chosen = JSON.stringify(data.thresholds)
  if (data.chosen) localStorage.setItem(PLACE, chosen)
  else if (!data.restored) {
    const before = stored()
    if (before && JSON.stringify(before) !== chosen) setStateValue("stored", before)
  }
  parentElement.querySelector("button").onclick = async () => {
    const link = new URL(location.href)
    // What the address says is newer than what came with the last run of the page.
    for (const [name, value] of Object.entries(data.thresholds))
      if (!link.searchParams.has(name)) link.searchParams.set(name, value)
    const said = parentElement.querySelector("span")
    await copy(link.toString())
    said.textContent = "Copied"
    setTimeout(() => { said.textContent = "" }, 2000)
  }
}
"""

_browser = st.components.v2.component("perpscope_browser", html=_HTML, css=_CSS, js=_JS)


def browser(
    thresholds: dict[str, float],
    *,
    chosen: bool,
    restored: bool,
    on_restored: Callable[[], None],
) -> None:
    """Keep *thresholds* in the browser, ask it for those it kept, and offer the link.

    Args:
        thresholds: Those in force, by their name in the URL.
        chosen: Whether the user chose them here; else what the browser has stays as it is.
        restored: Whether the browser has answered already.
        on_restored: Called with what the browser has in :func:`stored`.
    """
    _browser(
        key=_KEY,
        data={"thresholds": thresholds, "chosen": chosen, "restored": restored},
        on_stored_change=on_restored,
    )


def stored() -> object:
    """Return what the browser stored: anything, as users can edit it."""
    return getattr(st.session_state.get(_KEY), "stored", None)
