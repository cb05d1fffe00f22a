"""The Market chart with what belongs to it, as the page and the pair's dialog show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.market.pair_figures import PairFigures, lead_first, pair_figures
from analytics.market.pair_history import METRICS, History, history, warm_up_bars
from analytics.palette import colors
from analytics.panels.bar_under_way import with_bar_under_way
from analytics.panels.panel import Only, Pair, Panel
from analytics.signals.fired import Signal
from analytics.signals.of_pair import FUNDING
from dashboard.components.chart_component import linked_chart
from dashboard.components.empty_state import no_data
from dashboard.components.time_range import MARKET_SPANS, TimeRange
from dashboard.frame.downloads import picture_stem
from dashboard.frame.error_boundary import plain
from dashboard.loaders import alert_episodes, bars, bases, queries, simulations, source
from dashboard.pair_chart.chart import Drawing, market_chart
from dashboard.pair_chart.empty_panes import drawable, sentences
from dashboard.pair_chart.header import ages, header
from dashboard.pair_chart.instrument_picker import Subject
from dashboard.pair_chart.panes import (
    BANDS,
    SIGNALS,
    TRADES,
    VENUES,
    Pane,
    averages,
    chosen,
    preset,
)
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_LONG_READS_MAX_SPAN: Final = "90 d"
"""Over a longer time, the funding of a whole venue and hours of liquidations bar by bar take too
long to read: tiers 4 and 7."""

PAGE: Final = "market_chart"
"""Key of the chart of Market itself, which fills the window."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown."""

    subject: Subject
    range: TimeRange
    labels: Sequence[str]
    """Of the buttons that are on; see ``market/panes.py``."""
    shown: Moment
    seen: View


@dataclass(frozen=True, slots=True)
class Latest:
    """What is known of the newest cycle, and the bars behind it: less to load than the chart."""

    rows: pd.DataFrame
    """Of ``pairs.sql``, the lead first; see ``lead_first``."""
    silent: pd.DataFrame
    """Of ``silent_pairs.sql``."""
    quotes: pd.DataFrame
    """Of ``pair_quotes.sql``."""
    panel: Panel
    """With the bar under way."""
    heard: pd.DataFrame
    """Of ``bars_from_snapshots.sql``: what that bar is made of."""
    figures: PairFigures | None
    """None without recent data."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything that the page draws of it."""

    figures: PairFigures | None
    """None without recent data."""
    history: History | None
    """None without data in that time."""
    signals: Sequence[Signal]
    alerts: Sequence[Mapping[Any, Any]]
    """Those that fired in that time, as rows of ``alert_episodes.sql``."""
    trades: Mapping[str, pd.DataFrame]
    """Simulated ones, of ``SimulatedTrades``, by the name of their model."""
    until: datetime
    """When the newest bar, which may be open, was last updated."""
    funding_settled: bool
    """Whether some of the funding is what was paid afterwards, which tier 4 does not take."""


def latest(wanted: Wanted) -> Latest:
    """Load the figures of what is *wanted*; for a base asset, of the selected venues."""
    subject, time_range, shown, seen = wanted.subject, wanted.range, wanted.shown, wanted.seen
    rows = subject.of(queries.pairs(shown, seen.span))
    silent = subject.of(queries.silent_pairs(shown))
    quotes = queries.read("pair_quotes", shown)
    venues = seen.venues if subject.pair is None and seen.venues else None
    if venues is not None:
        rows, silent = (part[part["venue"].isin(venues)] for part in (rows, silent))
    panel = bars.panel(
        METRICS,
        time_range.timeframe,
        shown,
        bars=time_range.bars + warm_up_bars(time_range.timeframe),
        only=Only(bases=(subject.base,), venues=venues),
        unfinished=True,
    )
    heard = queries.running_bars(shown)
    panel = with_bar_under_way(panel, heard)
    rows = lead_first(rows, panel.instruments)
    found = None if rows.empty else pair_figures(rows, quotes, shown.now, len(silent))
    return Latest(rows, silent, quotes, panel, heard, found)


def load(wanted: Wanted, now: Latest) -> Loaded:
    """Load the rest of what is *wanted*, of which *now* is there."""
    time_range, shown, panel, rows = wanted.range, wanted.shown, now.panel, now.rows
    listed = now.quotes.dropna(subset="multiplier").set_index(["venue", "symbol"])["multiplier"]
    multipliers = {
        pair: float(listed[pair[:2]]) for pair in panel.instruments if pair[:2] in listed.index
    }
    lead = None if rows.empty else (rows["venue"].iloc[0], rows["symbol"].iloc[0])
    collected = {
        key
        for part in (rows, now.silent)
        for key in zip(part["venue"], part["symbol"], strict=True)
    }
    found = history(
        panel, wanted.subject.pair, time_range.bars, multipliers, lead=lead, collected=collected
    )
    with_signals = found is not None and SIGNALS.label in wanted.labels
    return Loaded(
        now.figures,
        found,
        _signals(panel, wanted) if with_signals else [],
        _alerts(wanted) if with_signals else [],
        {} if found is None else _trades(wanted, found.price_of),
        shown.now if found is not None and _is_running(found, now.heard) else shown.mark(),
        bool((panel.values["funding_settled"][-time_range.bars :] == 1).any()),
    )


def _is_running(found: History, heard: pd.DataFrame) -> bool:
    """Return whether *found* has a price in the bar under way."""
    of = found.price_of
    return bool(((heard["venue"] == of.venue) & (heard["symbol"] == of.symbol)).any())


def _signals(panel: Panel, wanted: Wanted) -> list[Signal]:
    subject, time_range = wanted.subject, wanted.range
    funding, flushes = None, []
    thresholds = wanted.seen.thresholds.of_base(panel.instruments[0].base)
    if MARKET_SPANS[time_range.span] <= MARKET_SPANS[_LONG_READS_MAX_SPAN]:
        here = {pair.venue for pair in panel.instruments}
        venues = tuple(sorted(here if subject.pair is None else {subject.pair[0]}))
        funding = bars.panel(
            FUNDING,
            time_range.timeframe,
            wanted.shown,
            bars=time_range.bars,
            only=Only(venues=venues),
        )
        flushes = bars.past_flushes(
            wanted.shown,
            thresholds,
            timeframe=time_range.timeframe,
            bars=time_range.bars,
            only=Only(bases=(subject.base,), venues=venues),
        )
    found = bars.pair_signals(
        panel, funding, subject.pair, time_range.bars, thresholds, wanted.shown
    )
    begin = panel.times[-time_range.bars :][0].astype("datetime64[ms]").item().replace(tzinfo=UTC)
    mine = [
        one
        for one in flushes
        if one.now > begin and subject.pair in (None, (one.venue, one.symbol))
    ]
    return sorted([*found, *mine], key=lambda signal: signal.now)


def _alerts(wanted: Wanted) -> list[dict[Any, Any]]:
    """Return the alerts of the subject that fired: those of its pairs, and of the asset."""
    subject = wanted.subject
    rows = alert_episodes.episodes(wanted.shown, MARKET_SPANS[wanted.range.span])
    mine = (rows["base"] == subject.base) & rows["fired_ts"].notna()
    if subject.pair is not None:
        venue, symbol = subject.pair
        is_pair = (rows["venue"] == venue) & (rows["symbol"] == symbol)
        mine &= is_pair | (rows["per"] == "asset")
    return rows[mine].to_dict("records")


def _trades(wanted: Wanted, pair: Pair) -> dict[str, pd.DataFrame]:
    """Return what the chosen models would have traded of the *pair* whose price is shown."""
    time_range = wanted.range
    return {
        model: simulations.model_trades(
            model, pair[:2], time_range.timeframe, wanted.shown, bars=time_range.bars
        )
        for label, model in TRADES.items()
        if label in wanted.labels
    }


def figures(now: Latest, wanted: Wanted) -> None:
    """Draw the figures on top of the chart; nothing without recent data."""
    if now.figures is not None:
        header(now.figures, wanted.shown)


def chart(loaded: Loaded, wanted: Wanted, *, key: str) -> None:
    """Draw the chart, and beneath it a sentence for whatever is not in it.

    Args:
        loaded: What is known.
        wanted: What is to be shown.
        key: Of the chart; that of ``PAGE`` fills the window.
    """
    shown, found = wanted.shown, loaded.history
    if found is None:
        no_data(wanted.range.span, shown, of=wanted.subject.title)
        return
    panes = chosen(wanted.labels)
    filled = drawable(found, [*loaded.signals, *loaded.alerts], panes)
    if filled:
        _draw(found, loaded, filled, wanted, key)
    with st.container(key="market_notes"):
        st.caption("  \n".join(plain(line) for line in notes(loaded, found, wanted)))


def notes(loaded: Loaded, found: History, wanted: Wanted) -> list[str]:
    """Return the sentences beneath the chart."""
    time_range, panes = wanted.range, chosen(wanted.labels)
    lines = [] if time_range.note is None else [time_range.note]
    if loaded.figures is None:
        lines.append(f"No recent data for {wanted.subject.title}.")
    else:
        lines += ages(loaded.figures, wanted.shown)
    lines += [one.sentence for one in bases.counted(wanted.shown).of(wanted.subject.base)]
    offers, now = source.offers(), wanted.shown.now
    lines += sentences(
        *(found, loaded.signals, panes, offers, time_range.bars, loaded.until, now), loaded.alerts
    )
    if loaded.trades:
        lines.append(
            "Trades are simulated, long and short, USD 1,000 each: filled at the next bar's open, "
            "net of the venue's taker fee and the funding on record."
        )
    if SIGNALS in panes and MARKET_SPANS[time_range.span] > MARKET_SPANS[_LONG_READS_MAX_SPAN]:
        lines.append(
            f"Signals of funding and liquidations are shown for up to {_LONG_READS_MAX_SPAN}."
        )
    if SIGNALS in panes and loaded.funding_settled:
        lines.append(
            "No signals of funding where it comes from later payments: the rate at that time is "
            "not known."
        )
    return lines


def _draw(found: History, loaded: Loaded, panes: Sequence[Pane], wanted: Wanted, key: str) -> None:
    title, span = wanted.subject.title, wanted.range.span
    labels = [pane.label for pane in panes]
    chart = market_chart(
        Drawing(
            history=found,
            now=wanted.shown.now,
            until=loaded.until,
            signals=loaded.signals,
            alerts=loaded.alerts,
            trades=loaded.trades,
            panes=panes,
            bands=BANDS in wanted.labels,
            averages=averages(wanted.labels),
            venues=VENUES in wanted.labels,
            thresholds=wanted.seen.thresholds.of_base(found.price_of.base),
            colors=colors(st.context.theme.type),
            subject=f"{title} {span} {found.timeframe}",
            alt=f"{title}: {formats.listed(labels, 20)} over {span} in bars of {found.timeframe}",
            file=picture_stem(title, wanted.shown),
            layout=preset(wanted.labels) or "own",
            forced=wanted.range.note is not None,
            fills=key == PAGE,
        )
    )
    linked_chart(chart, key=key)
