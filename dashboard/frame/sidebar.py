"""The sidebar: timeframe, venues, pairs, as-of time and thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from analytics import formats
from analytics.panels.panel import TIMEFRAMES
from analytics.quantities import QUANTITIES
from analytics.signals.thresholds import Thresholds
from dashboard import as_of, session
from dashboard.frame.browser_storage import browser, stored
from dashboard.frame.error_boundary import plain
from dashboard.view import FIRST_TIMEFRAME, View

_CHOSEN: Final = "thresholds_chosen"
_RESTORED: Final = "thresholds_restored"
_TABS: Final = "timeframe_tabs"
_LINKED: Final = "thresholds_of_link"


@dataclass(frozen=True, slots=True)
class _ThresholdField:
    """Input of one threshold."""

    field: str
    """Of ``Thresholds``."""
    key: str
    """In the URL and in the browser."""
    help: str
    least: float
    most: float
    step: float

    @property
    def label(self) -> str:
        """What it is a threshold of, and its unit where that is a percentage."""
        quantity = QUANTITIES[self.field]
        return f"{quantity.title}, %" if quantity.unit.startswith("%") else quantity.title


_FIELDS: Final = (
    _ThresholdField(
        "z_oi",
        "z",
        "Against the previous 20 bars, in standard deviations. Either sign.",
        least=0.0,
        most=20.0,
        step=0.1,
    ),
    _ThresholdField(
        "ls_accounts",
        "ls",
        "Long accounts per short account, or the inverse.",
        least=1.0,
        most=100.0,
        step=0.1,
    ),
    _ThresholdField(
        "book_imbalance_pct",
        "imbalance",
        "Excess of bids or asks within 25 bps of mid.",
        least=0.0,
        most=100.0,
        step=0.5,
    ),
    _ThresholdField(
        "funding_8h_pct",
        "funding",
        "Normalised to 8 hours. Either sign.",
        least=0.0,
        most=10.0,
        step=0.005,
    ),
    _ThresholdField(
        "oi_delta_pct",
        "oi_delta",
        "Over the timeframe. Either sign.",
        least=0.0,
        most=1000.0,
        step=0.5,
    ),
)

_STANDARD: Final = Thresholds()


def sidebar(choices: Callable[[], tuple[list[str], list[str]]]) -> View:
    """Draw the inputs and return the view.

    Args:
        choices: Returns the venues there are, and the symbols of all pairs there are, each once,
            at the time that is asked for here.
    """
    _remember_link()
    with st.sidebar:
        above = st.container()
        # What no field of the frame holds is lost from the URL at the next page.
        st.text_input(
            "As of (UTC)",
            key=as_of.AT,
            bind="query-params",
            placeholder="now",
            help=(
                "Show the market at a past time: 2025-10-22 12:44, or 12:44 for today. Leave "
                "empty for now."
            ),
        )
        if st.session_state.get(as_of.AT):
            st.toggle(
                "Include data fetched later",
                key=as_of.LATER,
                bind="query-params",
                help=(
                    "Adds data fetched afterwards from venue history or files. It was not known "
                    "at that time."
                ),
            )
        venues, symbols = choices()
        with above:
            if complaints := list(_complaints(venues, symbols)):
                st.warning("  \n".join(map(plain, complaints)), icon=":material/link_off:")
            timeframe = st.segmented_control(
                "Timeframe",
                list(TIMEFRAMES),
                default=FIRST_TIMEFRAME,
                required=True,
                key="timeframe",
                bind="query-params",
                help="Bar length, and the period of every change on the page.",
            )
        chosen_venues, chosen_pairs = _which(venues, symbols)
        thresholds = _thresholds()
    return View(
        timeframe=timeframe or FIRST_TIMEFRAME,
        venues=tuple(chosen_venues),
        pairs=tuple(chosen_pairs),
        thresholds=thresholds,
    )


def timeframe_tabs(seen: View) -> None:
    """Draw the sidebar's timeframe a second time, on the page; both stay equal."""
    st.session_state[_TABS] = seen.timeframe
    st.segmented_control(
        "Timeframe",
        list(TIMEFRAMES),
        required=True,
        key=_TABS,
        label_visibility="collapsed",
        on_change=_take_over,
    )


def _take_over() -> None:
    st.session_state["timeframe"] = st.session_state[_TABS]
    session.rerun_page()


def _which(venues: Sequence[str], symbols: Sequence[str]) -> tuple[list[str], list[str]]:
    """Ask for venues and pairs; there is nothing to choose before anything was recorded."""
    if not venues:
        return [], []
    chosen = st.pills(
        "Venues",
        list(venues),
        selection_mode="multi",
        key="venues",
        bind="query-params",
        help="Empty: all venues.",
    )
    pairs = st.multiselect(
        "Pairs",
        list(symbols),
        format_func=formats.pair,
        key="pairs",
        bind="query-params",
        placeholder="All pairs",
        help="On all venues that list them. Empty: all pairs.",
    )
    return chosen, pairs


def _thresholds() -> Thresholds:
    """Ask for the thresholds, and keep them in the browser once the user chose them."""
    with st.expander("Thresholds", expanded=True, icon=":material/notifications_active:"):
        given = {asked.key: _number(asked) for asked in _FIELDS}
        st.button("Reset thresholds", on_click=_reset, type="tertiary", icon=":material/undo:")
    browser(
        given,
        chosen=_CHOSEN in st.session_state,
        restored=_RESTORED in st.session_state,
        on_restored=_restore,
    )
    chosen: dict[str, Any] = {asked.field: given[asked.key] for asked in _FIELDS}
    return Thresholds(**chosen)


def _number(asked: _ThresholdField) -> float:
    return st.number_input(
        asked.label,
        min_value=asked.least,
        max_value=asked.most,
        value=_standard(asked),
        step=asked.step,
        format=f"%.{QUANTITIES[asked.field].digits}f",
        key=asked.key,
        bind="query-params",
        help=asked.help,
        on_change=_choose,
    )


def _standard(asked: _ThresholdField) -> float:
    return float(getattr(_STANDARD, asked.field))


def _choose() -> None:
    st.session_state[_CHOSEN] = True


def _reset() -> None:
    """Go back to the standard, for good."""
    for asked in _FIELDS:
        st.session_state[asked.key] = _standard(asked)
    _choose()


def _restore() -> None:
    """Restore the browser's thresholds, except those in the link."""
    st.session_state[_RESTORED] = True
    kept = stored()
    if not isinstance(kept, dict):
        return
    for asked in _FIELDS:
        value: Any = kept.get(asked.key)
        if asked.key not in st.session_state[_LINKED] and _fits(asked, value):
            st.session_state[asked.key] = float(value)


def _remember_link() -> None:
    """Note which thresholds this session's link named, before a widget tidies the URL."""
    if _LINKED not in st.session_state:
        st.session_state[_LINKED] = {asked.key for asked in _FIELDS} & set(st.query_params)


def _fits(asked: _ThresholdField, value: Any) -> bool:
    """Return whether *value*, which a person may have typed, is a threshold."""
    try:
        return asked.least <= float(value) <= asked.most
    except (TypeError, ValueError):
        return False


def _complaints(venues: Sequence[str], symbols: Sequence[str]) -> Iterator[str]:
    """Say what in the URL cannot be followed; the widgets leave it out without a word."""
    timeframe = st.query_params.get("timeframe", FIRST_TIMEFRAME)
    if timeframe not in TIMEFRAMES:
        said = formats.repeated(timeframe)
        yield f"timeframe={said} is not available; use {', '.join(TIMEFRAMES)}."
    names = [formats.pair(symbol) for symbol in symbols]
    for key, known in (("venues", venues), ("pairs", names)):
        unknown = [name for name in st.query_params.get_all(key) if name and name not in known]
        if venues and unknown:
            some = formats.listed([*map(formats.repeated, unknown)])
            yield f"Unknown {key}: {some}."
    for asked in _FIELDS:
        text = st.query_params.get(asked.key)
        if text is not None and not _fits(asked, text):
            said = formats.repeated(text)
            yield (
                f"{asked.key}={said} is not valid; use a number from {asked.least:g} to "
                f"{asked.most:g}."
            )
