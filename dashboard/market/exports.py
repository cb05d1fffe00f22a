"""The Market chart as files: its bars as a table, and on paper the panes that are on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Final

import numpy as np
import pandas as pd

from analytics import formats
from analytics.exports.charts import LineChart, Series
from analytics.exports.report import Figure, Report
from analytics.exports.sections import Column, Section
from analytics.formats import Kind
from analytics.market.figures import Change
from analytics.pair.figures import Stated
from analytics.pair.history import History
from analytics.panels.panel import LEAST_KNOWN, TIMEFRAMES, Pair
from analytics.signals.fired import Signal
from dashboard.frame.downloads import thresholds_text
from dashboard.market import panes
from dashboard.market.chart_and_figures import Loaded, Wanted
from dashboard.market.empty_panes import drawable
from dashboard.market.header import coverage
from dashboard.market.panes import Pane
from dashboard.market.scales import newest
from dashboard.market.traces import NAMES

_COLUMNS: Final = (
    Column("ts", "Bar from", "time"),
    Column("is_over", "Complete", "flag"),
    Column("open", "Open", "price"),
    Column("high", "High", "price"),
    Column("low", "Low", "price"),
    Column("close", "Close", "price"),
    Column("bollinger_upper", "Upper band", "price"),
    Column("bollinger_middle", "Middle band", "price"),
    Column("bollinger_lower", "Lower band", "price"),
    Column("traded_usd", "Volume", "usd"),
    Column("traded_usd_known", "Volume, known", "share"),
    Column("oi_usd", "Open interest", "usd"),
    Column("oi_delta_pct", "Open interest, change", "pct"),
    Column("oi_price_usd", "Open interest, change by price", "usd"),
    Column("oi_contracts_usd", "Open interest, change by contracts", "usd"),
    Column("z_oi", "z of open interest", "ratio"),
    Column("z_robust", "Robust z of open interest", "ratio"),
    Column("ls_accounts", "Long/short, accounts", "ratio"),
    Column("ls_delta_pct", "Long/short, change", "pct"),
    Column("ls_top_accounts", "Long/short, top accounts", "ratio"),
    Column("ls_top_positions", "Long/short, top positions", "ratio"),
    Column("book_imbalance_pct", "Book imbalance", "pct"),
    Column("taker_imbalance_pct", "Taker imbalance", "pct"),
    Column("taker_imbalance_pct_known", "Taker imbalance, known", "share"),
    Column("cvd_usd", "CVD", "usd"),
    Column("cvd_usd_known", "CVD, known", "share"),
    Column("cvd_oi_pct", "CVD / open interest", "pct"),
    Column("obv_usd", "OBV", "usd"),
    Column("obv_usd_known", "OBV, known", "share"),
    Column("funding_8h_pct", "Funding 8 h", "pct", 4),
    Column("rsi_14", "RSI 14", "ratio"),
    Column("atr_14", "ATR 14", "price"),
    Column("volatility_pct", "Realised volatility, a year", "share"),
    Column("liq_long_usd", "Longs liquidated", "usd"),
    Column("liq_long_usd_known", "Longs liquidated, known", "share"),
    Column("liq_short_usd", "Shorts liquidated", "usd"),
    Column("liq_short_usd_known", "Shorts liquidated, known", "share"),
    Column("basis_pct", "Basis", "pct", 4),
    Column("last_premium_pct", "Premium of the last trade", "pct", 4),
)

_KNOWN: Final = "_known"
"""Ends the name of a column that says how much of another one is known."""

_KINDS: Final[dict[panes.Kind, Kind]] = {
    "price": "price",
    "usd": "usd",
    "pct": "pct",
    "rate": "pct",
    "ratio": "ratio",
    "score": "ratio",
    "index": "ratio",
    "share": "share",
}
"""What a report takes the values of each kind of pane for."""

_SIGNALS: Final = (
    Column("ts", "Bar from", "time"),
    Column("tier", "Tier", "count"),
    Column("pair", "Pair"),
    Column("venue", "Venue"),
)
_PAPER_SIGNALS: Final = 100


def bars(loaded: Loaded, found: History) -> Section:
    """Return every bar of the chart with all its lines, and whether it was over by then."""
    ends = found.times + np.timedelta64(TIMEFRAMES[found.timeframe])
    is_over = ends <= np.datetime64(loaded.until.astimezone(UTC).replace(tzinfo=None))
    lines = {
        name: found.coverage[name.removesuffix(_KNOWN)]
        if name.endswith(_KNOWN)
        else found.lines[name]
        for name in (column.name for column in _COLUMNS[2:])
    }
    note = (
        f"A bar is complete that was over at {formats.moment(loaded.until)}. A flow of which less "
        f"than 100 % is known is partial, and absent below {100 * LEAST_KNOWN:.0f} %."
    )
    frame = pd.DataFrame({"ts": found.times, "is_over": is_over, **lines})
    return Section("Bars", frame, _COLUMNS, note)


def report(loaded: Loaded, found: History, wanted: Wanted, notes: list[str]) -> Report:
    """Return the page as a document: figures, every pane that is on, signals, and the notes."""
    drawn = drawable(found, loaded.signals, panes.chosen(wanted.labels))
    return Report(
        wanted.subject.title,
        wanted.shown.now,
        wanted.shown.origin,
        _state(found, wanted),
        _figures(loaded),
        tuple(_chart(pane, found, wanted.labels) for pane in drawn if pane is not panes.SIGNALS),
        (_signals(loaded.signals),) if panes.SIGNALS in drawn else (),
        tuple(notes),
    )


def _state(found: History, wanted: Wanted) -> dict[str, str]:
    """Write what the page was set to."""
    labels = [label for label in panes.LABELS if label in wanted.labels]
    return {
        "Time": wanted.range.span,
        "Bars": found.timeframe,
        "Changes over": wanted.seen.timeframe,
        "Panes": formats.listed([panes.PRICE.label, *labels], len(panes.LABELS) + 1),
        "Thresholds": thresholds_text(wanted.seen.thresholds),
    }


def _figures(loaded: Loaded) -> tuple[Figure, ...]:
    """Return what stands on top of the page; nothing where nothing was heard lately."""
    stated = loaded.figures
    if stated is None:
        return ()

    def beside(one: Stated, change: str | None = None) -> str | None:
        return ", ".join(filter(None, (change, coverage(one, stated)))) or None

    oi, funding, longs = stated.oi_usd, stated.funding_8h_pct, stated.ls_accounts
    traded = stated.volume_24h_usd
    return (
        Figure("Price", formats.price(stated.price.value), formats.pct(stated.price_24h_pct)),
        Figure("Open interest", formats.usd(oi.value), beside(oi, _oi_change(stated.oi_change))),
        Figure("Funding 8 h", formats.pct(funding.value, 4), beside(funding)),
        Figure("Long/short", formats.ratio(longs.value), beside(longs)),
        Figure("Volume 24 h", formats.usd(traded.value), beside(traded)),
    )


def _oi_change(change: Change | None) -> str | None:
    """Write how far open interest came, and in what time."""
    if change is None:
        return None
    return f"{formats.pct(change.pct)} in {formats.spans(change.least, change.most)}"


def _chart(pane: Pane, found: History, labels: Sequence[str]) -> LineChart:
    """Return *pane* with all the lines that it has on the screen, and its newest value on top."""
    of, known = found.price_of, [found.lines[name] for name in pane.lines]
    name = _named(of, " on ") if pane is panes.PRICE else pane.title
    lines = {NAMES[line]: values for line, values in zip(pane.lines, known, strict=True)}
    if pane.style == "flows":
        down = NAMES[pane.lines[1]]
        lines[down] = -lines[down]
    beside = {}
    if pane is panes.PRICE and panes.BANDS in labels:
        for band in ("upper", "middle", "lower"):
            beside[f"{band.capitalize()} band"] = found.lines[f"bollinger_{band}"]
    if pane.by_venue and panes.VENUES in labels:
        beside |= {_named(pair): line[pane.lines[0]] for pair, line in found.others.items()}
    lines |= {title: line for title, line in beside.items() if np.isfinite(line).any()}
    partial = {NAMES[line]: found.partial(line) for line in pane.lines}
    return LineChart(
        f"{name}  ·  {newest(pane, found)}",
        tuple(
            Series(title, found.times, line, partial.get(title)) for title, line in lines.items()
        ),
        _KINDS[pane.kind],
        area=pane.style == "columns" and pane.kind == "usd",
    )


def _named(pair: Pair, between: str = " ") -> str:
    return f"{formats.pair(pair.symbol)}{between}{pair.venue}"


def _signals(signals: Sequence[Signal]) -> Section:
    """Return the newest signals, the newest first; what is of a venue's part of a base names it."""
    shown = signals[::-1][:_PAPER_SIGNALS]
    rows = [
        {
            "ts": one.ts,
            "tier": one.tier,
            "pair": one.base if one.symbol is None else formats.pair(one.symbol),
            "venue": one.venue,
        }
        for one in shown
    ]
    note = f"The newest {len(shown):,} of {formats.plural(len(signals), 'signal')}."
    return Section("Signals", pd.DataFrame(rows), _SIGNALS, note)
