"""How a page has the collector do something: whether it may, the token, and what went wrong.

Only the collector writes. Where it does not run, or this person may not, buttons say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import streamlit as st

from analytics.control import collector_socket, commands
from analytics.errors import PerpscopeError
from analytics.untrusted import editing
from dashboard.frame.error_boundary import plain
from dashboard.loaders import source
from dashboard.state.as_of import Moment

Fields = Mapping[str, Any]

_TOKEN: Final = "edit_token"
_SAID: Final = "acting_said"


def refusal(shown: Moment) -> str | None:
    """Return why the collector can be asked for nothing here and now, None if it can."""
    if shown.is_uploaded:
        return "This is an uploaded record. Go back to the live one to act."
    if shown.mode == "asked":
        return "This page shows a past time. Go back to now to act."
    return not_allowed()


def not_allowed() -> str | None:
    """Return why the collector can be asked for nothing by this person, None if it can."""
    settings = source.settings()
    token = settings.edit_token
    why = editing.refusal(
        settings.edit_rules,
        dict(st.context.headers),
        token=None if token is None else token.get_secret_value(),
        given=st.session_state.get(_TOKEN),
    )
    if why is not None:
        return why
    try:
        runs = collector_socket.takes_work(Path(source.live_folder()))
    except PerpscopeError as error:
        return f"{error}."
    return None if runs else "No collector is running: nothing can be changed."


def token_field() -> None:
    """Ask for the token, where that is what lets people edit."""
    if source.settings().edit_rules == "token":
        st.text_input("Edit token", type="password", key=_TOKEN, width=220)


def said() -> None:
    """Say once why the last thing could not be done."""
    if error := st.session_state.pop(_SAID, None):
        st.error(plain(error))


def do(kind: type[commands.Command], *asked: Fields) -> None:
    """Have the collector do *kind* with each of *asked*, and draw the page again."""
    if (error := failed(kind, *asked)) is not None:
        st.session_state[_SAID] = error
    st.rerun()


def failed(
    kind: type[commands.Command],
    *asked: Fields,
    report: Callable[[dict[str, Any]], None] = lambda _: None,
) -> str | None:
    """Have the collector do *kind* with each of *asked*; return why it did not, None if it did.

    *report* is called with each line that it reports on the way.
    """
    with st.spinner("The collector stores it …"):
        try:
            for fields in asked:
                token = st.session_state.get(_TOKEN)
                folder = Path(source.live_folder())
                commands.send(folder, kind, report, token=token or None, **fields)
        except PerpscopeError as error:
            return f"Not done: {error}."
    return None
