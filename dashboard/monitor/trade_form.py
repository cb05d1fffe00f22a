"""The fields of a trade: of a new one, and of one that is edited."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.lake.records import Trade
from analytics.quantities import QUANTITIES
from analytics.trades.trade_commands import (
    MAINTENANCE_MARGIN_PCT,
    MAX_LEVERAGE,
    CloseTrade,
    EditTrade,
    OpenTrade,
)
from dashboard.components import asking_collector
from dashboard.frame.error_boundary import plain
from dashboard.loaders import queries, trades
from dashboard.state.as_of import Moment

_NEW: Final = "new_trade_id"
_LEVERAGE: Final = 5.0
_FIGURES: Final = "%.10g"


def new_trade(shown: Moment) -> None:
    """Ask for a trade, and have it opened."""
    asking_collector.token_field()
    why_not = asking_collector.refusal(shown)
    if why_not is not None:
        st.caption(plain(why_not))
    pairs = queries.pairs(shown)
    known = pairs[pairs["price"].notna()]
    if known.empty:
        st.caption("No pair has a price now.")
        return
    names = {
        f"{formats.pair(row['symbol'])} · {formats.venue(row['venue'])}": row
        for row in known.to_dict("records")
    }
    left, middle, right = st.columns([3, 2, 2], vertical_alignment="bottom")
    row = names[left.selectbox("Pair", list(names), key="trade_pair")]
    side = middle.segmented_control(
        "Direction", ["long", "short"], default="long", required=True, key="trade_side"
    )
    opened = right.datetime_input(
        "Opened, UTC", value=None, max_value=shown.now, key="trade_opened",
        help="Empty: now. For a past time the recorded price is filled in.",
    )  # fmt: skip
    opened_ts = None if opened is None else opened.replace(tzinfo=UTC)
    key = f"new_{row['venue']}_{row['symbol']}"
    if opened_ts is not None:
        key += f"_{opened_ts:%Y%m%d%H%M}"
    # Proposed once: prices move while the other fields are filled in.
    if f"{key}_entry" not in st.session_state:
        st.session_state[f"{key}_entry"] = _proposed(row, opened_ts, shown)
    fields = _fields(key, entry=None)
    if opened_ts is not None and st.session_state[f"{key}_entry"] is None:
        st.caption(f"No price recorded at {formats.moment(opened_ts, shown.now)}: type the entry.")
    wanted = {"venue": row["venue"], "symbol": row["symbol"], "side": side, **fields}
    wanted["opened_ts"] = opened_ts
    if st.button("Add trade", type="primary", disabled=why_not is not None, help=why_not):
        _open(wanted)


def _proposed(row: Mapping[Any, Any], opened_ts: datetime | None, shown: Moment) -> float | None:
    """Return the price of a pair at a time, None being now; None where it is not recorded."""
    price = row["price"]
    if opened_ts is not None:
        price = trades.price_at(row["venue"], row["symbol"], opened_ts, shown)
    return None if price is None else float(price)


def edit_trade(trade: Trade) -> None:
    """Ask what an open *trade* becomes, and have it changed."""
    fields = _fields(
        f"edit_{trade.id}",
        entry=trade.entry_price,
        size=trade.size_base,
        leverage=trade.leverage,
        margin_pct=trade.maintenance_margin_pct,
        stop=trade.stop_price,
        target=trade.target_price,
        note=trade.note or "",
    )
    if st.button("Save", key=f"save_{trade.id}", type="primary"):
        asking_collector.do(EditTrade, {"trade": trade.id, **fields})


def close_trade(trade: Trade, price: float | None) -> None:
    """Ask at what price a *trade* is closed, the last *price* unless another is typed."""
    title = QUANTITIES["exit_price"].title
    exit_price = _number(title, f"exit_{trade.id}", price)
    if st.button("Close trade", key=f"close_{trade.id}", type="primary"):
        asking_collector.do(CloseTrade, {"trade": trade.id, "exit_price": exit_price})


def _open(wanted: dict[str, Any]) -> None:
    """Have a trade opened: once, however often the button is pressed before it is."""
    number = st.session_state.setdefault(_NEW, uuid.uuid4().hex)
    if (error := asking_collector.failed(OpenTrade, {"id": number, **wanted})) is not None:
        st.error(plain(error))
        return
    del st.session_state[_NEW]
    st.rerun()


def _fields(
    key: str,
    *,
    entry: float | None,
    size: float | None = None,
    leverage: float = _LEVERAGE,
    margin_pct: float = MAINTENANCE_MARGIN_PCT,
    stop: float | None = None,
    target: float | None = None,
    note: str = "",
) -> dict[str, Any]:
    """Ask for what can change of a trade, from these values on."""
    titles = {name: one.title for name, one in QUANTITIES.items()}
    with st.grid(6, min_column_width=130):
        fields: dict[str, Any] = {
            "entry_price": _number(titles["entry_price"], f"{key}_entry", entry),
            "size_base": _number(f"{titles['size_base']}, coins", f"{key}_size", size),
            "leverage": st.number_input(
                titles["leverage"],
                1.0,
                float(MAX_LEVERAGE),
                leverage,
                key=f"{key}_leverage",
                format=_FIGURES,
            ),
            "maintenance_margin_pct": st.number_input(
                f"{titles['maintenance_margin_pct']}, %",
                0.0,
                99.0,
                margin_pct,
                key=f"{key}_margin",
                format=_FIGURES,
                help="Of this pair and size, from the venue's table of risk limits.",
            ),
            "stop_price": _number(titles["stop_price"], f"{key}_stop", stop),
            "target_price": _number(titles["target_price"], f"{key}_target", target),
        }
    text = st.text_input("Note", note, key=f"{key}_note", max_chars=500)
    return {**fields, "note": text or None}


def _number(label: str, key: str, value: float | None) -> float | None:
    given = None if value is None or pd.isna(value) else float(value)
    found: float | None = st.number_input(
        label, min_value=0.0, value=given, key=key, format=_FIGURES
    )
    return found
