"""What a user chose, by group, stored in the user's browser; and the Copy link button.

Streamlit itself stores the theme that is chosen in its menu, under the path that was loaded. It is
copied to the paths of all pages, and whatever is drawn in colours of its own follows at once.
"""

from __future__ import annotations

import base64
import string
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import parse_qs

import streamlit as st

PACKED: Final = "v"
"""Of the URL: all of its other parameters, packed, as ``unpack_link`` reads them."""
LONG_LINK: Final = 300
"""A link from so many letters on is packed."""
_MAX_LETTERS: Final = 8_000
"""Of what is packed in a link."""
_LETTERS: Final = string.ascii_letters + string.digits + "-_"

_KEY: Final = "browser"
_DAMAGED: Final = "damaged_link"
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

// A long address, packed: of a choice of many, the codes of what differs from the usual one.
async function packed(link, many) {
  const told = new URLSearchParams(link.search)
  for (const [key, { codes, usual }] of Object.entries(many)) {
    if (!told.has(key)) continue
    const chosen = told.getAll(key).filter((name) => name in codes)
    told.delete(key)
    const without = (names, others) =>
      names.filter((name) => !others.includes(name)).map((name) => codes[name]).join("")
    told.append(`-${key}`, without(usual, chosen))
    told.append(`*${key}`, without(chosen, usual))
  }
  const search = new Blob([told.toString()]).stream()
  const stream = search.pipeThrough(new CompressionStream("deflate-raw"))
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer())
  const text = btoa(String.fromCharCode(...bytes))
  const safe = text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")
  return `${link.origin}${link.pathname}?%s=${safe}`
}

function keepTheme(paths) {
  const key = (path) => `stActiveTheme-/${path}-v2`
  // Not the path that is shown: other pages may have been gone to since.
  const loaded = new URL(performance.getEntriesByType("navigation")[0].name).pathname.slice(1)
  const theme = localStorage.getItem(key(loaded))
  if (theme && paths.includes(loaded))
    for (const path of paths) localStorage.setItem(key(path), theme)
}

// Whether another theme is shown since the last time, and not the one that the page was drawn for.
function isOfAnotherTheme({ host }, drawnFor) {
  const theme = getComputedStyle(host).colorScheme
  const isNew = theme !== host.theme
  host.theme = theme
  return isNew && theme !== drawnFor
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  // It is called as well when the theme changes, by the menu or by the system.
  keepTheme(data.pages)
  if (isOfAnotherTheme(parentElement, data.theme)) setTriggerValue("theme", true)
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
    const linked = groups.filter(([, { in_link }]) => in_link)
    for (const [name, value] of linked.flatMap(([, { values }]) => Object.entries(values)))
      if (!link.searchParams.has(name)) link.searchParams.set(name, value)
    const said = parentElement.querySelector("span")
    const long = link.toString()
    await copy(long.length < %s ? long : await packed(link, data.many))
    said.textContent = "Copied"
    setTimeout(() => { said.textContent = "" }, 2000)
  }
  // What another tab saves is in this one before it saves something itself.
  const shared = groups.filter(([, one]) => one.shared).map(([group]) => group)
  const take = ({ key }) => {
    const group = shared.find((one) => place(one) === key)
    if (group && stored(group)) setStateValue("stored", { [group]: stored(group) })
  }
  addEventListener("storage", take)
  return () => removeEventListener("storage", take)
}
"""

_browser = st.components.v2.component(
    "perpscope_browser", html=_HTML, css=_CSS, js=_JS % (PACKED, LONG_LINK)
)


@dataclass(frozen=True, slots=True)
class Many:
    """A choice of many, of which a packed link says by codes what differs from the usual one."""

    names: Sequence[str]
    """All that can be chosen, as the URL has it."""
    usual: Sequence[str]
    """What is chosen at first."""

    @property
    def codes(self) -> dict[str, str]:
        """Two letters for each name, which stay its own whatever other names come."""
        return {name: _code(name) for name in self.names}


def _code(name: str) -> str:
    number = zlib.crc32(name.encode())
    return _LETTERS[number % 64] + _LETTERS[number // 64 % 64]


@dataclass(frozen=True, slots=True)
class Kept:
    """Settings that are stored together."""

    values: Mapping[str, float | str]
    """By their name in the URL."""
    chosen: bool
    """Whether the user chose them in this session; else what the browser has stays as it is."""
    in_link: bool = True
    """Whether a link that shows the same has them."""
    shared: bool = False
    """Whether all tabs of the browser have the same at any time."""


def browser(
    groups: Mapping[str, Kept],
    pages: Sequence[str],
    many: Mapping[str, Many],
    *,
    on_restored: Callable[[], None],
) -> None:
    """Keep the settings of *groups* in the browser, ask it for its own, and offer the link.

    Args:
        groups: By name, what is in force.
        pages: Paths of all pages.
        many: By key in the URL, what a packed link writes shorter.
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
            "many": {
                key: {"codes": one.codes, "usual": list(one.usual)} for key, one in many.items()
            },
            "pages": list(pages),
            "theme": st.context.theme.type,
        },
        on_stored_change=restored,
        # It asks for a run: the browser says with each which theme it shows.
        on_theme_change=lambda: None,
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


def unpack_link(many: Mapping[str, Many]) -> None:
    """Put what a packed link says in its place in the URL, and run again.

    Args:
        many: By key in the URL, what it writes shorter.
    """
    text = st.query_params.get(PACKED)
    if text is None:
        return
    try:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        packed = base64.urlsafe_b64decode(f"{text}===")
        query = inflate.decompress(packed, _MAX_LETTERS).decode()
        if not inflate.eof:
            raise ValueError(text)
        st.query_params.from_dict(_whole(parse_qs(query, keep_blank_values=True), many))
    except (ValueError, zlib.error):
        st.query_params.clear()
        st.session_state[_DAMAGED] = True
    st.rerun()


def _whole(told: dict[str, list[str]], many: Mapping[str, Many]) -> dict[str, list[str]]:
    """Return what a packed link *told*, with the choices of which it only says what differs."""
    for key, one in many.items():
        # Links of before had names in the place of codes.
        less, more = told.pop(f"less.{key}", []), told.pop(f"more.{key}", [])
        names = {code: name for name, code in one.codes.items()}
        for part, into in ((f"-{key}", less), (f"*{key}", more)):
            text = "".join(told.pop(part, []))
            codes = (text[at : at + 2] for at in range(0, len(text), 2))
            into += [names[code] for code in codes if code in names]
        if less or more:
            told[key] = [*(name for name in one.usual if name not in less), *more]
    return told


def damaged_link() -> bool:
    """Return once whether the link was packed and cannot be read."""
    return bool(st.session_state.pop(_DAMAGED, False))


def remember_link() -> None:
    """Note what this session's link named, before a widget tidies the URL."""
    st.session_state.setdefault(_LINKED, frozenset(st.query_params))
