"""The Market chart as files: its bars as a table, its lines on paper."""

from __future__ import annotations

from typing import Final

import pandas as pd

from analytics import formats
from analytics.exports import Column, Figure, LineChart, Report, Section, Series
from analytics.pair_history import History
from dashboard.panels.market_body import Loaded, Wanted

_COLUMNS: Final = (
    Column("ts", "Bar from", "time"),
    Column("open", "Open", "price"),
    Column("high", "High", "price"),
    Column("low", "Low", "price"),
    Column("close", "Close", "price"),
    Column("bollinger_upper", "Upper band", "price"),
    Column("bollinger_middle", "Middle band", "price"),
    Column("bollinger_lower", "Lower band", "price"),
    Column("traded_usd", "Volume", "usd"),
    Column("oi_usd", "Open interest", "usd"),
    Column("oi_delta_pct", "Open interest, change", "pct"),
    Column("z_oi", "z of open interest", "ratio"),
    Column("ls_accounts", "Long/short, accounts", "ratio"),
    Column("ls_delta_pct", "Long/short, change", "pct"),
    Column("ls_top_accounts", "Long/short, top accounts", "ratio"),
    Column("ls_top_positions", "Long/short, top positions", "ratio"),
    Column("book_imbalance_pct", "Book imbalance", "pct"),
    Column("taker_imbalance_pct", "Taker imbalance", "pct"),
    Column("cvd_usd", "CVD", "usd"),
    Column("funding_8h_pct", "Funding 8 h", "pct", 4),
    Column("rsi_14", "RSI 14", "ratio"),
    Column("liq_long_usd", "Longs liquidated", "usd"),
    Column("liq_short_usd", "Shorts liquidated", "usd"),
    Column("basis_pct", "Basis", "pct", 4),
)


def bars(found: History) -> Section:
    """Return every bar of the chart with all its lines."""
    lines = {column.name: found.lines[column.name] for column in _COLUMNS[1:]}
    return Section("Bars", pd.DataFrame({"ts": found.times, **lines}), _COLUMNS)


def report(loaded: Loaded, found: History, wanted: Wanted, notes: list[str]) -> Report:
    """Return the chart as a document: figures, the lines that matter most, and the notes."""
    seen, stated = wanted.seen, loaded.figures
    figures = (
        ()
        if stated is None
        else (
            Figure("Price", formats.price(stated.price.value), formats.pct(stated.price_24h_pct)),
            Figure(
                "Open interest", formats.usd(stated.oi_usd.value), formats.pct(stated.oi_delta_pct)
            ),
            Figure("Funding 8 h", formats.pct(stated.funding_8h_pct.value, 4)),
            Figure("Long/short", formats.ratio(stated.ls_accounts.value)),
            Figure("Volume 24 h", formats.usd(stated.volume_24h_usd.value)),
        )
    )
    charts = tuple(
        LineChart(
            column.title, (Series(column.title, found.times, found.lines[name]),), column.kind
        )
        for name in ("close", "oi_usd", "funding_8h_pct", "ls_accounts", "cvd_usd", "rsi_14")
        for column in _COLUMNS
        if column.name == name and found.known(name) > 1
    )
    return Report(
        wanted.subject.title,
        wanted.shown.now,
        wanted.shown.origin,
        {"Time": wanted.stretch.span, "Bars": found.timeframe, "Changes over": seen.timeframe},
        figures,
        charts,
        notes=tuple(notes),
    )
