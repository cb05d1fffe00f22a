"""Watch lists and saved views: kept in the browser, written to and read from a file.

A watch list is a named set of assets; a saved view is the address of a page, which holds all that
was chosen on it: assets, columns, panes, filters, thresholds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

import streamlit as st

from analytics import formats
from analytics.errors import PerpscopeError
from dashboard.frame.browser_storage import Kept, stored
from dashboard.frame.error_boundary import plain
from dashboard.state import as_of, record, session

GROUP: Final = "views"
"""Where the browser stores them."""
ASSETS: Final = "assets"
"""Key of the field of assets, also in the URL."""

STARRED: Final = "Starred"
"""The watch list that a star puts assets on."""
VERSION: Final = 1
"""Of the file, which says it; a file of another version is refused."""
MAX_NAMES: Final = 50
"""Lists, and views, that one browser keeps."""
_MAX_LETTERS: Final = 60
_MAX_ADDRESS: Final = 4_000
_MAX_BYTES: Final = 500_000

_SAVED: Final = "saved_views"
_CHOSEN: Final = "saved_views_chosen"
_WRONG: Final = "saved_views_wrong"
_NAME: Final = "saved_name"
_FILE: Final = "saved_file"


class WrongViews(PerpscopeError):
    """What a file, or the browser, says is not what this program writes."""


@dataclass(frozen=True, slots=True)
class Saved:
    """All that one user saved."""

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Assets, by the name of their list."""
    views: Mapping[str, str] = field(default_factory=dict)
    """Path and query of a page, by the name of the view: ``market?base=BTC``."""


def written(saved: Saved) -> str:
    """Return *saved* as the text of a file."""
    lists = {name: list(assets) for name, assets in saved.lists.items()}
    told = {"perpscope_views": VERSION, "lists": lists, "views": dict(saved.views)}
    return json.dumps(told, ensure_ascii=False, indent=1)


def read(text: str) -> Saved:
    """Return what the *text* of a file says.

    Raises:
        WrongViews: It is not what ``written`` writes; the message says where, and what is allowed.
    """
    try:
        told = json.loads(text)
    except ValueError as error:
        raise WrongViews(f"this is not JSON: {error}") from error
    if not isinstance(told, dict) or told.get("perpscope_views") != VERSION:
        raise WrongViews(f'"perpscope_views" must be {VERSION}: export the file with perpscope')
    if unknown := sorted(told.keys() - {"perpscope_views", "lists", "views"}):
        raise WrongViews(f'"{unknown[0]}" is unknown: use "lists" and "views"')
    lists, views = (_named(told, key) for key in ("lists", "views"))
    for name, assets in lists.items():
        if not isinstance(assets, list) or not all(_is_text(one, _MAX_LETTERS) for one in assets):
            raise WrongViews(f'list "{name}" must be a list of assets, as in ["BTC", "ETH"]')
    for name, address in views.items():
        if not _is_text(address, _MAX_ADDRESS) or not _is_address(address):
            raise WrongViews(
                f'view "{name}" must be the path and query of a page, as in "market?base=BTC"'
            )
    return Saved({name: tuple(assets) for name, assets in lists.items()}, views)


def _named(told: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the part of a file called *key*, whose names are right."""
    part = told.get(key, {})
    if not isinstance(part, dict):
        raise WrongViews(f'"{key}" must be an object of names')
    if len(part) > MAX_NAMES:
        raise WrongViews(f'"{key}" has {len(part):,} names, of at most {MAX_NAMES}')
    for name in part:
        if not _is_text(name, _MAX_LETTERS):
            raise WrongViews(f'a name in "{key}" is empty or over {_MAX_LETTERS} letters')
    return part


def _is_text(said: object, most: int) -> bool:
    return isinstance(said, str) and 0 < len(said.strip()) <= len(said) <= most


def _is_address(said: str) -> bool:
    """Return whether *said* is a page of ours, and nowhere else."""
    path, mark, _ = said.partition("?")
    return bool(mark) and (path == "" or (path.isascii() and path.isalpha()))


def assets_field(assets: Sequence[str]) -> list[str]:
    """Ask which *assets* all pages show, alone or by a watch list; none means all."""
    saved = _saved()
    # A place of its own: what follows stays where it is, and open, when the first list is saved.
    place = st.container()
    if saved.lists:
        place.selectbox(
            "Watch list",
            list(saved.lists),
            index=None,
            key="watch_list",
            placeholder="None: all assets",
            on_change=_take_list,
        )
    chosen: list[str] = st.multiselect(
        "Assets",
        list(assets),
        key=ASSETS,
        bind="query-params",
        placeholder="All assets",
        help="On all venues, on all pages. Save them as a watch list below. Empty: all assets.",
    )
    return chosen


def star(asset: str) -> None:
    """Offer to put *asset* on the watch list of starred ones, or to take it off."""
    is_on = asset in _saved().lists.get(STARRED, ())
    st.button(
        "Starred" if is_on else "Star",
        icon=":material/star:",
        type="primary" if is_on else "secondary",
        key="star",
        on_click=_star,
        args=(asset,),
        help=f"{'Take off' if is_on else 'Add to'} the watch list {STARRED}.",
    )


def saved_views(page: str) -> None:
    """Draw the watch lists and the views, and what saves them.

    Args:
        page: Path of the page that a view is saved of.
    """
    saved = _saved()
    with st.popover("Watch lists and views", icon=":material/bookmarks:", width="stretch"):
        place = st.container()
        if saved.views:
            place.html(_links(saved.views))
        name = st.text_input("Name", key=_NAME, placeholder="My majors", max_chars=_MAX_LETTERS)
        with st.container(horizontal=True, gap="small"):
            st.button("Save view", on_click=_save_view, args=(page,), disabled=not name.strip())
            st.button("Save list", on_click=_save_list, disabled=not name.strip())
        place = st.container()
        if names := [*saved.views, *saved.lists]:
            place.selectbox("Delete", names, index=None, key="saved_delete", on_change=_delete)
            place.download_button(
                "Export file", written(saved), "perpscope_views.json", "application/json"
            )
        st.file_uploader("Import file", type="json", key=_FILE, on_change=_import)
        if wrong := st.session_state.get(_WRONG):
            st.error(plain(wrong))


def watched() -> list[str]:
    """Return the assets that are chosen, else those of all watch lists."""
    chosen = st.session_state.get(ASSETS)
    every = (asset for assets in _saved().lists.values() for asset in assets)
    return list(dict.fromkeys(chosen or every))


def _links(views: Mapping[str, str]) -> str:
    """Return links to *views*: a page that is opened anew takes all of its address."""
    items = "".join(
        f'<li><a href="/{escape(address, quote=True)}">{escape(name)}</a></li>'
        for name, address in views.items()
    )
    return f'<ul style="padding-left: 1.1rem; margin: 0">{items}</ul>'


def kept() -> Kept:
    """Return what was saved, as the browser is to keep it."""
    said = {"text": written(_saved())}
    return Kept(said, _CHOSEN in st.session_state, in_link=False, shared=True)


def restore() -> None:
    """Take what the browser kept; where that is wrong, say so and change nothing."""
    text = stored(GROUP).get("text")
    if not isinstance(text, str):
        return
    try:
        st.session_state[_SAVED] = read(text)
    except WrongViews as wrong:
        st.session_state[_WRONG] = f"Saved views of this browser cannot be read: {wrong}."


def _saved() -> Saved:
    saved: Saved = st.session_state.get(_SAVED, Saved())
    return saved


def _keep(saved: Saved) -> None:
    """Make *saved* what there is, if the browser would read it again."""
    try:
        st.session_state[_SAVED] = read(written(saved))
    except WrongViews as wrong:
        st.session_state[_WRONG] = f"Not saved: {wrong}."
        return
    st.session_state[_CHOSEN] = True
    st.session_state[_WRONG] = None


def _take_list() -> None:
    """Show the assets of the list that was chosen, or all again."""
    st.session_state[ASSETS] = list(_saved().lists.get(st.session_state["watch_list"], ()))


def _save_view(page: str) -> None:
    """Save the address of *page* but for the time that it shows."""
    names = [name for name in st.query_params if name not in (as_of.AT, as_of.LATER, record.KEY)]
    query = urlencode([(name, one) for name in names for one in st.query_params.get_all(name)])
    saved, name = _saved(), st.session_state[_NAME].strip()
    _keep(replace(saved, views={**saved.views, name: f"{page}?{query}"}))


def _save_list() -> None:
    saved, name = _saved(), st.session_state[_NAME].strip()
    if not st.session_state.get(ASSETS):
        st.session_state[_WRONG] = "Choose the assets of the list first, in the field Assets."
        return
    _keep(replace(saved, lists={**saved.lists, name: tuple(st.session_state[ASSETS])}))


def _star(asset: str) -> None:
    """Put *asset* on the list or take it off; a list without assets is none."""
    saved = _saved()
    before = saved.lists.get(STARRED, ())
    assets = tuple(one for one in before if one != asset) if asset in before else (*before, asset)
    others = {name: each for name, each in saved.lists.items() if name != STARRED}
    _keep(replace(saved, lists={**others, STARRED: assets} if assets else others))
    # The page keeps it in the browser.
    session.rerun_page()


def _delete() -> None:
    name, saved = st.session_state["saved_delete"], _saved()
    lists = {one: assets for one, assets in saved.lists.items() if one != name}
    views = {one: address for one, address in saved.views.items() if one != name}
    st.session_state["saved_delete"] = None
    _keep(Saved(lists, views))


def _import() -> None:
    """Add what a file says; of one name the file's counts."""
    file = st.session_state[_FILE]
    if file is None:
        return
    try:
        if file.size > _MAX_BYTES:
            raise WrongViews(f"it is over {_MAX_BYTES:,} bytes")
        more = read(file.getvalue().decode("utf-8", errors="replace"))
    except WrongViews as wrong:
        st.session_state[_WRONG] = f"{formats.repeated(file.name)} cannot be read: {wrong}."
        return
    saved = _saved()
    _keep(Saved({**saved.lists, **more.lists}, {**saved.views, **more.views}))
