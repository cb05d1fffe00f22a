"""The user's thresholds: asked for in the sidebar, kept in the address and the browser.

Their defaults, and those that no user sets, are ``analytics.signals.thresholds``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from analytics import formats
from analytics.quantities import QUANTITIES
from analytics.signals.thresholds import Thresholds
from dashboard.frame.browser_storage import Kept, stored

GROUP: Final = "thresholds"
"""Where the browser stores them."""

_CHOSEN: Final = "thresholds_chosen"


@dataclass(frozen=True, slots=True)
class _ThresholdField:
    """Input of one threshold."""

    name: str
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
)

_STANDARD: Final = Thresholds()


def asked() -> Thresholds:
    """Ask for the thresholds."""
    with st.expander("Thresholds", icon=":material/tune:"):
        given = {field.key: _number(field) for field in _FIELDS}
        st.button("Reset thresholds", on_click=_reset, type="tertiary", icon=":material/undo:")
    chosen: dict[str, Any] = {field.name: given[field.key] for field in _FIELDS}
    return Thresholds(**chosen)


def kept() -> Kept:
    """Return the thresholds in force, as the browser is to keep them once they were chosen."""
    values = {field.key: st.session_state[field.key] for field in _FIELDS}
    return Kept(values, _CHOSEN in st.session_state)


def _number(field: _ThresholdField) -> float:
    return st.number_input(
        field.label,
        min_value=field.least,
        max_value=field.most,
        value=_standard(field),
        step=field.step,
        format=f"%.{QUANTITIES[field.name].digits}f",
        key=field.key,
        bind="query-params",
        help=field.help,
        on_change=_choose,
    )


def _standard(field: _ThresholdField) -> float:
    return float(getattr(_STANDARD, field.name))


def _choose() -> None:
    st.session_state[_CHOSEN] = True


def _reset() -> None:
    """Go back to the standard, for good."""
    for field in _FIELDS:
        st.session_state[field.key] = _standard(field)
    _choose()


def restore() -> None:
    """Restore the browser's thresholds, except those in the link."""
    before = stored(GROUP)
    for field in _FIELDS:
        value: Any = before.get(field.key)
        if _fits(field, value):
            st.session_state[field.key] = float(value)


def _fits(field: _ThresholdField, value: Any) -> bool:
    """Return whether *value*, which a person may have typed, is a threshold."""
    try:
        return field.least <= float(value) <= field.most
    except (TypeError, ValueError):
        return False


def complaints() -> Iterator[str]:
    """Say which thresholds in the URL are not valid; the inputs leave them out without a word."""
    for field in _FIELDS:
        text = st.query_params.get(field.key)
        if text is not None and not _fits(field, text):
            said = formats.repeated(text)
            yield (
                f"{field.key}={said} is not valid; use a number from {field.least:g} to "
                f"{field.most:g}."
            )
