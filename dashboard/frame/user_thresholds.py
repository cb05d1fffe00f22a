"""The user's thresholds: asked for in the sidebar, kept in the address and the browser.

Their defaults, and those that no user sets, are ``analytics.signals.thresholds``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analytics import formats
from analytics.errors import PerpscopeError
from analytics.quantities import QUANTITIES
from analytics.signals.thresholds import (
    MARKED_DAYS,
    OWN_DAYS,
    PERCENTILES,
    Level,
    Thresholds,
    marked_share_pct,
)
from dashboard.frame.browser_storage import Kept, stored
from dashboard.loaders import queries, shown_moment
from dashboard.state import as_of
from dashboard.state.as_of import Moment
from dashboard.state.view import FIRST_TIMEFRAME, View

GROUP: Final = "thresholds"
"""Where the browser stores them."""

_CHOSEN: Final = "thresholds_chosen"
_SENDING: Final = "thresholds_sending"
"""In how many more runs what the browser had stored is sent to the fields."""


@dataclass(frozen=True, slots=True)
class _ThresholdField:
    """Input of one threshold."""

    name: Level
    """Of ``Thresholds``."""
    key: str
    """In the URL and in the browser."""
    help: str
    least: float
    most: float
    step: float

    @property
    def kind_key(self) -> str:
        """Likewise, of what says whether it is a percentile."""
        return f"{self.key}_level"

    @property
    def label(self) -> str:
        """What it is a threshold of, and its unit where that is a percentage."""
        quantity = QUANTITIES[self.name]
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
    _ThresholdField(
        "z_liquidations",
        "liq_z",
        "Liquidations of the last hour against those of 7 days, in robust standard deviations.",
        least=0.0,
        most=100.0,
        step=0.5,
    ),
)

_STANDARD: Final = Thresholds()

_LEVELS: Final = "levels"
"""In links and browsers of before: what all thresholds are."""

_ABSOLUTE: Final = "absolute"
_PERCENTILES: Final = {f"p{percentile:g}": percentile for percentile in PERCENTILES}
_KINDS: Final = (_ABSOLUTE, *_PERCENTILES)

_NUMBER_PX, _KIND_PX = 74, 98
"""Side by side they fit into the sidebar, also on a phone, and "absolute" is whole."""


def asked() -> Thresholds:
    """Ask for the thresholds, and say how much each of them marks while they can be seen."""
    _take_levels_of_all()
    # What is folded in a popover takes the browser no time, other than in an expander.
    box = st.popover(
        "Thresholds", icon=":material/tune:", key="thresholds", on_change="rerun", width="stretch"
    )
    sending = st.session_state.get(_SENDING, 0)
    if sending:
        _send()
    with box:
        marked = _marked() if box.open else None
        given = {}
        for field in _FIELDS:
            st.markdown(f":small[{field.label}]", help=field.help)
            beside = st.container(horizontal=True, gap="xxsmall")
            number, kind = beside.container(width=_NUMBER_PX), _kind(field, beside)
            given[field.key] = _number(field, number, is_used=kind not in _PERCENTILES)
            # A place of its own, also while empty: what came before a field would draw the field
            # anew, and what somebody was typing into it would be lost.
            share = st.empty()
            if marked is not None and kind not in _PERCENTILES:
                share.caption(_share(marked, field, given[field.key]))
        st.button("Reset thresholds", on_click=_reset, type="tertiary", icon=":material/undo:")
    st.session_state[_SENDING] = max(sending - 1, 0)
    chosen: dict[str, Any] = {field.name: given[field.key] for field in _FIELDS}
    return Thresholds(**chosen)


def _send() -> None:
    """Have the browser take the values once more: it takes from a run what is new in that run."""
    for field in _FIELDS:
        for key in (field.key, field.kind_key):
            if key in st.session_state:
                st.session_state[key] = st.session_state[key]


def with_own_levels(seen: View) -> View:
    """Return *seen* with thresholds of each asset's own past, where the user chose these."""
    percentiles = {
        field.name: _PERCENTILES[kind]
        for field in _FIELDS
        if (kind := str(st.session_state.get(field.kind_key))) in _PERCENTILES
    }
    if not percentiles or (shown := _shown()) is None:
        return seen
    own = queries.own_levels(shown, seen.timeframe, percentiles)
    return replace(seen, thresholds=replace(seen.thresholds, own=own))


def _take_levels_of_all() -> None:
    """Let a link of before, which has one choice for all thresholds, be the choice of each."""
    kind = st.query_params.get(_LEVELS)
    if kind is not None:
        del st.query_params[_LEVELS]
    if kind in _KINDS:
        _set_kinds(kind)


def _set_kinds(kind: str) -> None:
    for field in _FIELDS:
        st.session_state[field.kind_key] = kind


def _shown() -> Moment | None:
    """Return the time that the page is of; None where there is none, which the page reports."""
    try:
        return shown_moment.moment(as_of.asked_time())
    except PerpscopeError:
        return None


def _marked() -> pd.DataFrame | None:
    """Return what the thresholds are compared with, of the last days; None without a record."""
    shown = _shown()
    if shown is None:
        return None
    timeframe = st.session_state.get("timeframe") or FIRST_TIMEFRAME
    return queries.threshold_values(shown, timeframe)


def _share(marked: pd.DataFrame, field: _ThresholdField, value: float) -> str:
    """Write how much of the record *value* marked: ``Marks 1.3 % of 7 days``."""
    share = marked_share_pct(marked, field.name, value)
    if share is None:
        return f"No values in {MARKED_DAYS} days"
    return f"Marks {QUANTITIES['share_pct'].write(share)} of {MARKED_DAYS} days"


def kept() -> Kept:
    """Return the thresholds in force, as the browser is to keep them once they were chosen."""
    keys = [key for field in _FIELDS for key in (field.key, field.kind_key)]
    # What is absolute goes without saying.
    values = {key: st.session_state[key] for key in keys}
    said = {key: value for key, value in values.items() if value != _ABSOLUTE}
    return Kept(said, _CHOSEN in st.session_state)


def _kind(field: _ThresholdField, place: DeltaGenerator) -> str:
    """Ask whether the threshold of *field* is the number or a percentile; return which."""
    kind: str = place.selectbox(
        f"{field.label}: number or percentile",
        _KINDS,
        key=field.kind_key,
        bind="query-params",
        on_change=_choose,
        label_visibility="collapsed",
        width=_KIND_PX,
        help=(
            "absolute: the number. p99: what a value of the same asset exceeded in 1 % of its bars "
            f"of the last {OWN_DAYS} days, on all its venues."
        ),
    )
    return kind


def _number(field: _ThresholdField, place: DeltaGenerator, *, is_used: bool) -> float:
    return place.number_input(
        field.label,
        min_value=field.least,
        max_value=field.most,
        value=_standard(field),
        step=field.step,
        format=f"%.{QUANTITIES[field.name].digits}f",
        key=field.key,
        bind="query-params",
        on_change=_choose,
        label_visibility="collapsed",
        disabled=not is_used,
    )


def _standard(field: _ThresholdField) -> float:
    return float(getattr(_STANDARD, field.name))


def _choose() -> None:
    st.session_state[_CHOSEN] = True


def _reset() -> None:
    """Go back to the standard, for good."""
    _set_kinds(_ABSOLUTE)
    for field in _FIELDS:
        st.session_state[field.key] = _standard(field)
    _choose()


def restore() -> None:
    """Restore the browser's thresholds, except those in the link."""
    before = stored(GROUP)
    if before:
        # A press may break off the first of these runs before the browser has what it sends.
        st.session_state[_SENDING] = 2
    for field in _FIELDS:
        value: Any = before.get(field.key)
        if _fits(field, value):
            st.session_state[field.key] = float(value)
        kind = before.get(field.kind_key, before.get(_LEVELS))
        # A link that names the number means the number, unless it says otherwise.
        if kind in _KINDS and field.key in before:
            st.session_state[field.kind_key] = kind


def _fits(field: _ThresholdField, value: Any) -> bool:
    """Return whether *value*, which a person may have typed, is a threshold."""
    try:
        return field.least <= float(value) <= field.most
    except (TypeError, ValueError):
        return False


def complaints() -> Iterator[str]:
    """Say which thresholds in the URL are not valid; the inputs leave them out without a word."""
    for key in (_LEVELS, *(field.kind_key for field in _FIELDS)):
        kind = st.query_params.get(key, _ABSOLUTE)
        if kind not in _KINDS:
            yield f"{key}={formats.repeated(kind)} is not valid; use {', '.join(_KINDS)}."
    for field in _FIELDS:
        text = st.query_params.get(field.key)
        if text is not None and not _fits(field, text):
            said = formats.repeated(text)
            yield (
                f"{field.key}={said} is not valid; use a number from {field.least:g} to "
                f"{field.most:g}."
            )
