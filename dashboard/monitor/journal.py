"""Closed trades: a table, and what is exported of all trades."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.exports.exported_table import Column, Section
from analytics.quantities import QUANTITIES
from analytics.trades import worth
from dashboard.components.written_table import written
from dashboard.loaders import trades
from dashboard.loaders.trades import Monitored
from dashboard.state.as_of import Moment

_SAME: Final = (
    Column("venue", "Venue", "venue"),
    Column("symbol", "Symbol"),
    Column("base", "Asset"),
    Column("side", "Direction"),
    *(Column.of(name) for name in ("size_base", "leverage", "entry_price")),
)
_CLOSED: Final = (
    Column("opened_ts", "Opened", "time"),
    Column("closed_ts", "Closed", "time"),
    *_SAME,
    *(Column.of(name) for name in ("exit_price", "pnl_usd", "pnl_margin_pct")),
    *(Column.of(name) for name in ("funding_paid_usd", "mae_pct", "mfe_pct")),
    *(Column.of(name) for name in ("stop_price", "target_price")),
    Column("note", "Note"),
)
_OPEN: Final = (
    Column("opened_ts", "Opened", "time"),
    *_SAME,
    *(Column.of(name) for name in ("price", "pnl_usd", "pnl_margin_pct", "liquidation_price")),
    *(Column.of(name) for name in ("funding_paid_usd", "funding_expected_usd")),
    Column("payments_known", "Payments known", "count"),
    Column("payments_due", "Payments due", "count"),
    *(Column.of(name) for name in ("mae_pct", "mfe_pct", "stop_price", "target_price")),
    Column("note", "Note"),
)


def journal(closed: Sequence[Monitored], shown: Moment) -> None:
    """Draw the trades that are *closed*, the last one first."""
    st.subheader("Journal", anchor=False)
    if not closed:
        st.caption(
            "Closed trades belong to the live record." if shown.is_uploaded else "No closed trades."
        )
        return
    rows = closed_rows(closed, shown)
    table = rows[[column.name for column in _CLOSED]]
    words = {column.name: _words(rows[column.name], column, shown) for column in _CLOSED}
    config = {column.name: column.title for column in _CLOSED}
    st.dataframe(
        written(table, words, {}),
        column_config=config,
        hide_index=True,
        placeholder=formats.ABSENT,
        key="trade_journal",
    )
    st.caption(
        "PnL is without funding, which stands beside it, and without fees: they are unknown."
    )


def tables(
    still: Sequence[Monitored], closed: Sequence[Monitored], shown: Moment
) -> dict[str, Callable[[], Section]]:
    """Return a function for the journal, and one for the trades that are open."""
    return {
        "Journal": lambda: Section("Journal", closed_rows(closed, shown), _CLOSED),
        "Open trades": partial(_open_section, still, shown),
    }


def closed_rows(closed: Sequence[Monitored], shown: Moment) -> pd.DataFrame:
    """Return a row for each trade that is *closed*, with its PnL at the exit."""
    rows = [{**asdict(one.trade), **_outcome(one, shown)} for one in closed]
    return pd.DataFrame(rows, columns=[column.name for column in _CLOSED])


def _open_section(still: Sequence[Monitored], shown: Moment) -> Section:
    rows = [{**asdict(one.trade), **_live(one, shown)} for one in still]
    frame = pd.DataFrame(rows, columns=[column.name for column in _OPEN])
    return Section("Open trades", frame, _OPEN)


def _outcome(one: Monitored, shown: Moment) -> dict[str, Any]:
    exit_price = one.trade.exit_price
    if one.contract is None or exit_price is None:
        return {}
    funding, excursion = trades.past(one.trade, one.contract, shown)
    # With a payment missing a sum is not the trade's; without a bar nothing is known of the way.
    is_whole = funding.due is not None and funding.known == funding.due
    return {
        "funding_paid_usd": funding.usd if is_whole else None,
        "mae_pct": excursion.mae_pct if excursion.known else None,
        "mfe_pct": excursion.mfe_pct if excursion.known else None,
        "pnl_usd": worth.pnl_usd(one.trade, exit_price, one.contract),
        "pnl_margin_pct": worth.pnl_margin_pct(one.trade, exit_price, one.contract),
    }


def _live(one: Monitored, shown: Moment) -> dict[str, Any]:
    if one.contract is None:
        return {}
    live = trades.live(one.trade, one.contract, shown)
    names = ("price", "pnl_usd", "pnl_margin_pct", "liquidation_price", "funding_expected_usd")
    return {
        **{name: getattr(live, name) for name in names},
        "funding_paid_usd": live.funding.usd,
        "payments_known": live.funding.known,
        "payments_due": live.funding.due,
        "mae_pct": live.excursion.mae_pct,
        "mfe_pct": live.excursion.mfe_pct,
    }


def _words(values: pd.Series[Any], column: Column, shown: Moment) -> list[str]:
    if column.kind == "time":
        return [formats.moment(time, shown.now) for time in values]
    if column.name == "symbol":
        return [formats.pair(symbol) for symbol in values]
    if column.name == "venue":
        return [formats.venue(venue) for venue in values]
    if column.name in QUANTITIES:
        return [QUANTITIES[column.name].write(value) for value in values]
    return ["" if pd.isna(value) else str(value) for value in values]
