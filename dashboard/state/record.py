"""Which record a session looks at: the live one, or one that was uploaded in Studio.

An uploaded one is named in the address, ``?record=``: a reload of the page finds it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from analytics.errors import PerpscopeError
from dashboard.state import as_of
from dashboard.state.uploads import IDLE_S, SERVER, Upload

KEY: Final = "record"
"""Of the field that holds the token, and so in the URL."""

_MINE: Final = "records_opened"
_GONE: Final = "record_gone"
_HELD: Final = "record_held"
"""The token of the record that is looked at; empty for live."""
_SEEN: Final = "record_in_address"
_OF_THREAD: Final[ContextVar[str]] = ContextVar("record of a thread", default="")
"""The token that a thread without a session reads for."""


class RecordGone(PerpscopeError):
    """The uploaded record was closed or deleted while a page showed it."""

    def __init__(self) -> None:
        super().__init__("this uploaded record is no longer open")


def current() -> Upload | None:
    """Return the uploaded record that this session looks at; None for the live one.

    On a thread without a session it is that of `looking_at`, or else the live one.

    Raises:
        RecordGone: It was closed or deleted meanwhile; ``enter`` goes back to live.
    """
    if not (held := token()):
        return None
    if (found := _ready(held)) is None:
        raise RecordGone
    return found


def is_gone() -> bool:
    """Return whether the record that this session looks at is no longer open.

    To be called in every refresh: what the session opened is kept while it lasts.
    """
    for mine in st.session_state.get(_MINE, ()):
        SERVER.find(mine)
    return bool(held := token()) and _ready(held) is None


def enter() -> None:
    """Follow a link to another record; go back to live from one that is no longer open.

    To be called before all else. The field writes the record into the address; which one it is,
    the session knows: a page that is left before it was drawn loses what its address said.
    """
    linked, seen = st.query_params.get(KEY, ""), st.session_state.get(_SEEN)
    # What a callback chose is newer than an address that did not change.
    if seen is None:
        st.session_state[_HELD] = linked
    elif linked not in ("", seen, st.session_state[_HELD]):
        look_at(linked)
    st.session_state[_SEEN] = linked
    if is_gone():
        st.session_state[_HELD], st.session_state[_GONE] = "", True
        if seen is None:
            # The field follows the address in its first run, whatever it was set to.
            del st.query_params[KEY]
            st.rerun()
    st.session_state[KEY] = st.session_state[_HELD]


def field() -> None:
    """Draw the field, unseen, that keeps the record in the address on all pages.

    And say once that a record is gone.
    """
    st.text_input("Record", key=KEY, bind="query-params", label_visibility="collapsed")
    if st.session_state.pop(_GONE, False):
        st.warning(
            "It was closed, or no page had shown it for "
            f"{IDLE_S / 60:.0f} minutes, or the server was restarted. Open its files again in "
            "Studio.",
            title="This uploaded record is no longer open; this is the live record",
            icon=":material/folder_off:",
        )


def opened(upload: Upload) -> None:
    """Count *upload* among those of this session, which are kept while it lasts."""
    st.session_state[_MINE] = [*st.session_state.get(_MINE, ()), upload.token]


def mine() -> list[Upload]:
    """Return the records that this session opened or looks at, and that are still open."""
    tokens = dict.fromkeys([*st.session_state.get(_MINE, ()), token()])
    found = [SERVER.find(token) for token in tokens if token]
    return [one for one in found if one is not None]


@contextmanager
def looking_at(token: str) -> Iterator[None]:
    """Have a thread without a session read the record of *token* in the block; empty for live."""
    before = _OF_THREAD.set(token)
    try:
        yield
    finally:
        _OF_THREAD.reset(before)


def look_at(token: str) -> None:
    """Make all pages show the record of *token*, empty for live; to be called in a callback."""
    st.session_state[_HELD] = token
    as_of.go_to(None)


def _ready(token: str) -> Upload | None:
    found = SERVER.find(token)
    return found if found is not None and found.is_ready else None


def token() -> str:
    """Return the token of the record that is looked at; empty for the live one."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return _OF_THREAD.get()
    return str(st.session_state.get(_HELD, ""))
