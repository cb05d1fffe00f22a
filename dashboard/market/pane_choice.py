"""The choice of panes on Market: presets and one's own, in the URL and in the browser."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboard.market.in_browser import in_browser, stored
from dashboard.pair_chart.panes import FIRST, LABELS, PRESETS, address, from_address, preset

_PARAMETER: Final = "panes"
_LAST: Final = "market_last_panes"
_PRESET: Final = "pane_preset"
_OWN: Final = "panes_on"
_CHOSEN: Final = "panes_chosen"
_RESTORED: Final = "panes_restored"


def choose() -> tuple[str, ...]:
    """Draw the presets and, behind a button, every pane; return the labels that are on."""
    labels = _asked()
    st.session_state[_PRESET], st.session_state[_OWN] = preset(labels), list(labels)
    st.segmented_control(
        "Panes",
        list(PRESETS),
        key=_PRESET,
        on_change=_choose_preset,
        label_visibility="collapsed",
    )
    with st.popover("Panes", icon=":material/stacked_line_chart:", help="Choose your own"):
        st.pills(
            "Panes and lines",
            LABELS,
            selection_mode="multi",
            key=_OWN,
            on_change=_choose_own,
        )
    in_browser(
        address(labels),
        chosen=_CHOSEN in st.session_state,
        restored=_RESTORED in st.session_state,
        on_restored=_restore,
    )
    return labels


def _asked() -> tuple[str, ...]:
    """Return the labels in the URL, else the session's last ones, else those by default.

    The last ones are put back into the URL, which loses them on another page.
    """
    given = ".".join(st.query_params.get_all(_PARAMETER))
    if given:
        # A link says what to show, whatever the browser kept.
        st.session_state[_RESTORED] = True
    labels = from_address(given or st.session_state.get(_LAST, ""))
    _keep(labels)
    return labels


def _keep(labels: tuple[str, ...]) -> None:
    text = address(labels)
    st.session_state[_LAST] = text
    if labels == FIRST:
        st.query_params.pop(_PARAMETER, None)
    elif st.query_params.get_all(_PARAMETER) != [text]:
        st.query_params[_PARAMETER] = text


def _choose_preset() -> None:
    # Pressed again it is none: it stays on.
    if (name := st.session_state[_PRESET]) is not None:
        _choose(PRESETS[name])


def _choose_own() -> None:
    _choose(tuple(label for label in LABELS if label in st.session_state[_OWN]))


def _choose(labels: tuple[str, ...]) -> None:
    st.session_state[_CHOSEN] = True
    _keep(labels)


def _restore() -> None:
    st.session_state[_RESTORED] = True
    _keep(from_address(stored()))
