"""Tables of simulated trades: the trades, by pair, by hour of the day; and their export."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.exports.exported_table import Column, Section
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from analytics.trades.simulated.summary import Results
from analytics.trades.simulated.trade_figures import JUDGED
from dashboard.components import row_click
from dashboard.components.written_table import written
from dashboard.state import session

TRADES: Final = "simulated_trade_table"
_MAX_ROWS: Final = 500
"""Each is sent to the browser."""
_ROW_PX: Final = 29
_PRESSED: Final = (
    Column("entry_ts", "Entry", "time"),
    Column("symbol", "Pair"),
    Column("venue", "Venue", "venue"),
)
"""Columns that tell rows apart."""
_TRADES: Final = (
    *_PRESSED,
    *(Column.of(name) for name in ("side", "entry_price")),
    Column("exit_ts", "Exit", "time"),
    *(
        Column.of(name)
        for name in (
            *("exit_price", "exit_reason", "pnl_usd", "return_pct", "mae_pct", "mfe_pct"),
            *("size_usd", "fee_usd", "slippage_usd", "funding_usd"),
        )
    ),
)
_MORE: Final = (
    Column("signal_ts", "Signal", "time"),
    *(Column.of(name) for name in ("units", "settlements", "settlements_missing")),
)
_SUMS: Final = tuple(
    Column.of(name)
    for name in (
        *("trade_count", "pnl_usd", "win_rate_pct", "expectancy_usd", "profit_factor"),
        *("holding_s", "mae_pct", "mfe_pct", "fee_usd", "slippage_usd", "funding_usd"),
    )
)
_PAIR: Final = (Column("symbol", "Pair"), Column("venue", "Venue", "venue"))
_HOUR: Final = (Column("entry_hour", "Hour, UTC", "count"),)
SHOWN: Final = frozenset(one.name for one in (*_TRADES, *_PAIR, *_HOUR, *_SUMS))
"""Columns of the tables on the page; files have more."""
_BOUNDS: Final = tuple(
    Column.of(f"{name}_{end}", f"{QUANTITIES[name].title}, {end}", name)
    for name in JUDGED
    for end in ("low", "high")
)
_NOTE: Final = Column("note", "Why absent")


def trade_table(trades: pd.DataFrame, look: Colors) -> None:
    """Draw the newest trades; a press on one opens its pair at that time."""
    rows = trades.sort_values("entry_ts", ascending=False, kind="stable").head(_MAX_ROWS)
    rows = rows.reset_index(drop=True)
    words = _words(rows, _TRADES)
    st.session_state[f"{TRADES}_rows"] = list(
        zip(words["entry_ts"], words["symbol"], words["venue"], _places(rows), strict=True)
    )
    tints = [look.up if pnl > 0 else look.down for pnl in rows["pnl_usd"]]
    styles = {
        "pnl_usd": [f"color:{tint}" for tint in tints],
        "symbol": ["font-weight:600"] * len(rows),
    }
    # A press tells what is in a cell, not how it is written.
    table = rows.assign(symbol=words["symbol"], venue=words["venue"])
    with st.container(key=TRADES):
        _table(table, _TRADES, words, styles, "Simulated trades: entry, pair, exit, PnL, MAE, MFE")
    if len(trades) > _MAX_ROWS:
        st.caption(f"The newest {_MAX_ROWS:,} of {len(trades):,}. The export has all of them.")


def table_click() -> None:
    """Open what is pressed in the table of trades; to be called by the page itself."""

    def opened(row: row_click.Row, _column: str) -> None:
        for *said, place in st.session_state.get(f"{TRADES}_rows", ()):
            if all(cell in (None, known) for cell, known in zip(row, said, strict=True)):
                session.open_pair(*place)
                return

    row_click.row_click(TRADES, [column.title for column in _PRESSED], opened)


def sums_table(rows: pd.DataFrame, *, by_hour: bool) -> None:
    """Draw a row per pair, or per hour of the day."""
    columns = (*(_HOUR if by_hour else _PAIR), *_SUMS)
    what = "hour of entry" if by_hour else "pair"
    _table(rows, columns, _words(rows, columns), {}, f"Simulated trades by {what}")


def tables(found: Results) -> dict[str, Callable[[], Section]]:
    """Return a function for each table that is exported."""
    curve = (
        pd.DataFrame({"equity_usd": found.run.equity_usd, "exposure_usd": found.run.exposure_usd})
        .rename_axis("ts")
        .reset_index()
    )
    curve["held_usd"] = found.held.equity_usd.to_numpy()
    luck = pd.DataFrame({"pnl_usd": [] if found.random is None else found.random.pnl_usd})
    rows = {
        "Trades": (found.run.trades, (*_TRADES, *_MORE)),
        "By pair": (found.by_pair, (*_PAIR, *_SUMS, *_BOUNDS, _NOTE)),
        "By hour": (found.by_hour, (*_HOUR, *_SUMS, *_BOUNDS, _NOTE)),
        "Equity curve": (
            curve,
            (
                Column("ts", "At", "time"),
                *(Column.of(name) for name in ("equity_usd", "exposure_usd")),
                Column.of("held_usd", "Buy and hold", "equity_usd"),
            ),
        ),
        "Random runs": (luck, (Column.of("pnl_usd"),)),
        "Signals not filled": (
            found.run.unfilled,
            (Column("signal_ts", "Signal", "time"), *_PAIR, Column("reason", "Reason")),
        ),
    }
    return {name: partial(Section, name, frame, columns) for name, (frame, columns) in rows.items()}


def _table(
    rows: pd.DataFrame,
    columns: tuple[Column, ...],
    words: dict[str, list[str]],
    styles: dict[str, list[str]],
    alt: str,
) -> None:
    table = rows[[column.name for column in columns]]
    st.dataframe(
        written(table, words, styles),
        column_config={column.name: _config(column) for column in columns},
        hide_index=True,
        height=min(len(table) + 1, 14) * _ROW_PX + 3,
        row_height=_ROW_PX,
        placeholder=formats.ABSENT,
        alt=alt,
    )


def _config(column: Column) -> Any:
    is_pressed, is_text = column in _PRESSED, column.kind in ("text", "venue")
    kinds = st.column_config
    kind = (
        kinds.DatetimeColumn
        if column.kind == "time"
        else kinds.TextColumn
        if is_text
        else kinds.NumberColumn
    )
    return kind(column.title, pinned=is_pressed or None)


def _words(rows: pd.DataFrame, columns: tuple[Column, ...]) -> dict[str, list[str]]:
    return {
        column.name: [_word(value, column) for value in rows[column.name]] for column in columns
    }


def _word(value: Any, column: Column) -> str:
    if column.kind == "time":
        return formats.ABSENT if pd.isna(value) else formats.day_minute(value)
    if column.name == "symbol":
        return formats.pair(value)
    if column.name == "venue":
        return formats.venue(value)
    if column.name == "entry_hour":
        return f"{int(value):02}:00"
    if column.name == "profit_factor" and value == float("inf"):
        return formats.ABSENT
    return QUANTITIES[column.name].write(value)


def _places(rows: pd.DataFrame) -> list[tuple[str, str, Any]]:
    """Return what opens each trade: its pair, at its exit, or while it is open at its entry."""
    until = rows["exit_ts"].fillna(rows["entry_ts"]).dt.to_pydatetime()
    return list(zip(rows["venue"], rows["symbol"], until, strict=True))
