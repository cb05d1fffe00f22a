"""What a user chose, by group, stored in the user's browser; and the Copy link button."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import streamlit as st

_KEY: Final = "browser"
_LINKED: Final = "linked"
_RESTORED: Final = "restored"

_HTML: Final = """
<button type="button" title="A link that shows the same, with these settings">Copy link</button>
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
const place = (group) => `perpscope-${group}`

function stored(group) {
  try {
    return JSON.parse(localStorage.getItem(place(group)))
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
  const groups = Object.entries(data.groups)
  if (!data.restored) {
    const differs = ([group, { values, chosen }]) =>
      !chosen && stored(group) && JSON.stringify(stored(group)) !== JSON.stringify(values)
    const before = groups.filter(differs).map(([group]) => [group, stored(group)])
    if (before.length) setStateValue("stored", Object.fromEntries(before))
  }
  for (const [group, { values, chosen }] of groups)
    if (chosen) localStorage.setItem(place(group), JSON.stringify(values))
  parentElement.querySelector("button").onclick = async () => {
    const link = new URL(location.href)
    // What the address says is newer than what came with the last run of the page.
    for (const [name, value] of groups.flatMap(([, { values }]) => Object.entries(values)))
      if (!link.searchParams.has(name)) link.searchParams.set(name, value)
    const said = parentElement.querySelector("span")
    await copy(link.toString())
    said.textContent = "Copied"
    setTimeout(() => { said.textContent = "" }, 2000)
  }
}
"""

_browser = st.components.v2.component("perpscope_browser", html=_HTML, css=_CSS, js=_JS)


@dataclass(frozen=True, slots=True)
class Kept:
    """Settings that are stored together."""

    values: Mapping[str, float | str]
    """By their name in the URL."""
    chosen: bool
    """Whether the user chose them in this session; else what the browser has stays as it is."""


def browser(groups: Mapping[str, Kept], *, on_restored: Callable[[], None]) -> None:
    """Keep the settings of *groups* in the browser, ask it for its own, and offer the link.

    Args:
        groups: By name, what is in force.
        on_restored: Called once with what the browser has in :func:`stored`.
    """

    def restored() -> None:
        st.session_state[_RESTORED] = True
        on_restored()

    _browser(
        key=_KEY,
        data={
            "groups": {name: asdict(kept) for name, kept in groups.items()},
            "restored": _RESTORED in st.session_state,
        },
        on_stored_change=restored,
    )


def stored(group: str) -> dict[str, object]:
    """Return what the browser stored of *group*, but for what this session's link named.

    Users can edit it: a value may be anything.
    """
    kept = getattr(st.session_state.get(_KEY), "stored", None)
    values = kept.get(group) if isinstance(kept, dict) else None
    linked = st.session_state[_LINKED]
    return {
        str(name): value
        for name, value in (values if isinstance(values, dict) else {}).items()
        if name not in linked
    }


def remember_link() -> None:
    """Note what this session's link named, before a widget tidies the URL."""
    st.session_state.setdefault(_LINKED, frozenset(st.query_params))
