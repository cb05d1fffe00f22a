"""The report of the market's day: BTC and ETH first, then the market, signals and assets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from analytics import formats
from analytics.exports.charts import BarChart, Chart, LineChart, Series, course
from analytics.exports.exported_table import Column, Section
from analytics.exports.report import Figure, Report
from analytics.lake.schema import BAR
from analytics.market import figures
from analytics.market.measures import LATE
from analytics.market.venue_shares import venue_shares
from analytics.palette import LIGHT
from analytics.panels.panel import LEAST_KNOWN, WHOLE, Panel
from analytics.quantities import QUANTITIES
from analytics.signals.fired import Signal
from analytics.signals.sentences import LEGEND, in_words, repeated
from analytics.signals.thresholds import Thresholds

LEADS: Final = ("BTC", "ETH")
"""The assets that the report begins with, where they are collected."""

_MOVERS: Final = 8
_TOP: Final = 50
_MAX_SIGNALS: Final = 40
_DAY: Final = timedelta(days=1)
_LATE: Final = LATE * BAR
_FLOWS: Final = {"liq_long_usd": "Longs", "liq_short_usd": "Shorts"}
"""Whose positions were liquidated, by the column of a history."""


@dataclass(frozen=True, slots=True)
class _Flow:
    """A flow in each five minutes of a day."""

    usd: pd.Series[float]
    part: pd.Series[float]
    """How much of it is known, over the pairs and venues that tell of it. [0 to 1]"""

    @property
    def known(self) -> float:
        """How much of the whole day is known. [0 to 1]"""
        return float(self.part.mean())


_WEIGHTED: Final = ("funding_8h_pct", "ls_accounts")
"""The figures that are means, weighted by open interest."""
_COURSES: Final = ("global_oi_usd", "volume_24h_usd", *_WEIGHTED)
"""The figures whose course is drawn."""
_FIGURES: Final = (*_COURSES, "breadth_pct")

_ASSETS: Final = (
    Column("base", "Asset"),
    *map(Column.of, ("price", "price_24h_pct", "oi_usd")),
    Column.of("oi_delta_pct", "OI change 24 h"),
    *map(Column.of, ("funding_8h_pct", "ls_accounts", "volume_24h_usd")),
)
_SIGNALS: Final = (
    Column("mark", "Gravity"),
    Column("subject", "Of"),
    Column("sentence", "Signal"),
    Column("closed", "Bar closed, UTC"),
    Column("times", "Times", "count"),
)
_VENUES: Final = (
    Column("venue", "Venue", "venue"),
    Column("pairs", "Pairs", "count"),
    *map(Column.of, ("oi_usd", "oi_share_pct", "volume_24h_usd", "volume_share_pct")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What is known of the 24 hours that a report is of."""

    pairs: pd.DataFrame
    """One row per pair at its end, as ``pairs.sql`` returns them for 24 hours."""
    history: pd.DataFrame
    """The sums of the day, as ``market_history.sql`` returns them."""
    silent: int
    """Pairs of the universe that are not among *pairs*."""
    assets: pd.DataFrame
    """One row per asset at its end, as ``assets.sql`` returns them for 24 hours."""
    closes: Panel
    """``close`` of the instruments of ``LEADS``, in bars of the day."""
    signals: Sequence[Signal]
    """Those of the day's bars."""
    thresholds: Thresholds
    """That the signals are of."""


def day_report(moment: datetime, origin: str, day: Day) -> Report:
    """Return the report of the 24 hours that end at *moment*.

    Args:
        moment: The day's close, UTC.
        origin: ``live`` or ``simulator``, as the lake says.
        day: What is known of it.
    """
    pairs, history = day.pairs, day.history
    market = figures.figures(pairs, history, _DAY, day.silent)
    venues = sorted(pairs["venue"].unique())
    flows = _flows(history, moment)
    leads = day.assets[day.assets["base"].isin(LEADS)].to_dict("records")
    return Report(
        title=f"Day report, {moment - _DAY:%-d %b %Y}",
        moment=moment,
        origin=origin,
        state={
            "Period": f"24 h to {formats.moment(moment)}",
            "Venues": formats.venues(venues) if venues else formats.ABSENT,
            "Pairs": formats.count(len(pairs)),
            "Thresholds": day.thresholds.words,
        },
        figures=(
            *(card for row in leads for card in _lead_cards(row)),
            *(figure_card(name, market[name]) for name in _FIGURES),
            *_liquidated(flows),
            _signal_card(day.signals),
        ),
        charts=(
            *(chart for row in leads for chart in _lead_chart(row, day)),
            *_courses(market),
            *_bars(day.assets),
            *_liquidations(flows),
            *_by_venue(history),
        ),
        sections=(_signals(day.signals), _top(day.assets), venue_section(pairs)),
        notes=(*coverage_notes(market), *_of_liquidations(history, flows)),
    )


def _lead_cards(row: dict[Any, Any]) -> list[Figure]:
    """Return what an asset's price, open interest and funding came to, and its liquidations."""
    base, funding = row["base"], QUANTITIES["funding_8h_pct"]
    price, oi = (_in_a_day(name, row[name]) for name in ("price_24h_pct", "oi_delta_pct"))
    liquidated = [
        f"{side}s {formats.usd(usd)}"
        for side in ("long", "short")
        for usd in [row[f"liq_{side}_usd"]]
        if not pd.isna(usd)
    ]
    return [
        Figure(base, formats.price(row["price"]), price),
        Figure(f"{base} open interest", formats.usd(row["oi_usd"]), oi),
        Figure(
            f"{base} {funding.title.lower()}, OI-weighted",
            funding.write(row["funding_8h_pct"]),
            f"Liquidated: {formats.listed(liquidated)}" if liquidated else "Liquidations unknown",
        ),
    ]


def _in_a_day(name: str, change: float | None) -> str:
    """Write how far something came in the day, or that nobody knows."""
    if pd.isna(change):
        return "24 h ago unknown"
    return f"{QUANTITIES[name].write(change)} in 24 h"


def _lead_chart(row: dict[Any, Any], day: Day) -> list[Chart]:
    """Return the course of an asset's price on the venue where most of it is held."""
    mine = day.pairs[day.pairs["base"] == row["base"]].sort_values("oi_usd", ascending=False)
    for venue, symbol in mine[["venue", "symbol"]].itertuples(index=False):
        for column, pair in enumerate(day.closes.instruments):
            if pair[:2] == (venue, symbol):
                closes = day.closes.values["close"][:, column]
                title = f"{row['base']} price, {formats.venue(venue)}"
                return [
                    LineChart(title, (Series(title, day.closes.times, closes),), "price", area=True)
                ]
    return []


def _signal_card(signals: Sequence[Signal]) -> Figure:
    """Return how many signals there were, by gravity."""
    marks = [in_words(one).mark for one in signals]
    counts = ", ".join(f"{marks.count(mark):,} {mark}" for mark in LEGEND)
    return Figure("Signals", formats.count(len(signals)), counts)


def figure_label(name: str) -> str:
    """Return what a figure of the market is called: a mean says so."""
    return QUANTITIES[name].mean_title if name in _WEIGHTED else QUANTITIES[name].title


def figure_card(name: str, figure: figures.Figure) -> Figure:
    """Return a figure of the market with how far it came."""
    label, value = figure_label(name), QUANTITIES[name].write(figure.value)
    if figure.change is None:
        return Figure(label, value)
    compared = figure.change.pairs
    of = "" if compared == figure.pairs else f" of {formats.plural(compared, 'pair')}"
    span = formats.spans(figure.change.least, figure.change.most)
    return Figure(label, value, f"{figure.change.written(name)} in {span}{of}")


def _courses(market: dict[str, figures.Figure]) -> list[Chart]:
    """Return how the figures went over the day; one without a past has no chart."""
    return [
        LineChart(label, (course(label, market[name].past),), QUANTITIES[name].kind, area=True)
        for name in _COURSES
        for label in [figure_label(name)]
        if not market[name].past.empty
    ]


def _bars(assets: pd.DataFrame) -> list[Chart]:
    """Return which assets rose and fell most, by price."""
    known = assets["price_24h_pct"].dropna()
    unknown = len(assets) - len(known)
    left_out = f"; {unknown:,} without a value" if unknown else ""
    note = f"Of {formats.plural(len(known), 'asset')}{left_out}."
    charts: list[Chart] = []
    for title, rows in (
        ("Top gainers, price 24 h", known[known >= 0].nlargest(_MOVERS)),
        ("Top losers, price 24 h", known[known < 0].nsmallest(_MOVERS)),
    ):
        labels = assets.loc[rows.index, "base"].tolist()
        charts.append(BarChart(title, labels, rows.tolist(), "pct", note))
    return charts


def _by_venue(history: pd.DataFrame) -> list[Chart]:
    """Return how far the open interest of each venue came in the day; a silent hour is a gap.

    Of the pairs that are known then and at the day's end, so that none looks like a move that
    joins or falls silent.
    """
    part = history["oi_then"] / history["oi_now"].where(history["oi_usd"].notna())
    table = history.assign(part=part).pivot_table(
        index="ts", columns="venue", values="part", dropna=False
    )
    series = []
    for venue in table.columns:
        parts = table[venue]
        change = 100 * (parts / parts.dropna().iloc[:1].sum() - 1)
        line = course(formats.venue(str(venue)), change)
        series.append(replace(line, color=LIGHT.of_venue(str(venue))))
    title = f"{figure_label('oi_usd')} by venue, change in the day"
    return [LineChart(title, tuple(series), "pct")] if series else []


def _flows(history: pd.DataFrame, moment: datetime) -> dict[str, _Flow]:
    """Return what was liquidated in the five minutes of the day, by whose positions those were.

    The day ends with the newest bar: one that is not written yet is not missing.
    """
    ends = pd.to_datetime(history["ts"], utc=True)
    end = max(ends.max(), pd.Timestamp(moment) - _LATE) if len(ends) else pd.Timestamp(moment)
    times = pd.date_range(end=end.floor(BAR), periods=_DAY // BAR, freq=BAR)
    return {whose: _flow(history.assign(ts=ends), name, times) for name, whose in _FLOWS.items()}


def _flow(history: pd.DataFrame, name: str, times: pd.DatetimeIndex) -> _Flow:
    """Return the flow called *name* at *times*, over the venues that reported it in the day."""
    known = name.replace("_usd", "_known")
    reported = history[history[known] > 0].assign(
        part=lambda rows: rows[known] / rows["pair_count"]
    )
    usd = reported.groupby("ts")[name].sum().reindex(times)
    venues = reported.loc[reported["ts"].isin(times), "venue"].nunique()
    part = reported.groupby("ts")["part"].sum().reindex(times, fill_value=0.0) / max(venues, 1)
    return _Flow(usd.astype(float), part.clip(upper=1.0))


def _liquidated(flows: dict[str, _Flow]) -> list[Figure]:
    """Return what was liquidated in the day: absent where too little is known, else marked."""
    return [
        Figure(
            f"{whose} liquidated 24 h",
            formats.usd(flow.usd.sum() if flow.known >= LEAST_KNOWN else None)
            + (", partial" if LEAST_KNOWN <= flow.known < WHOLE else ""),
        )
        for whose, flow in flows.items()
    ]


def _liquidations(flows: dict[str, _Flow]) -> list[Chart]:
    """Return the course of liquidations; none where too little is known throughout."""
    series = tuple(
        Series(
            whose,
            flow.usd.index.to_numpy(),
            flow.usd.where(flow.part >= LEAST_KNOWN).to_numpy(),
            (flow.part < WHOLE).to_numpy(),
        )
        for whose, flow in flows.items()
        if (flow.part >= LEAST_KNOWN).any()
    )
    return [LineChart("Liquidations per 5 min", series, "usd")] if series else []


def _of_liquidations(history: pd.DataFrame, flows: dict[str, _Flow]) -> list[str]:
    """Say of how much of the day and of which venues liquidations are."""
    known = {whose: flow.known for whose, flow in flows.items()}
    if not any(known.values()):
        return ["Liquidations: no data in these 24 hours."]
    least = f"{100 * LEAST_KNOWN:.0f} %"
    lines = [
        f"{whose} liquidated: {_percent(part)} of the day is covered, over pairs and venues"
        + (", and summed." if part >= LEAST_KNOWN else f"; no sum is given below {least}.")
        for whose, part in known.items()
        if part < WHOLE
    ]
    if any(((flow.part < WHOLE) & (flow.part >= LEAST_KNOWN)).any() for flow in flows.values()):
        lines.append("Chart of liquidations: ringed points cover only part of their five minutes.")
    reported = history[(history[["liq_long_known", "liq_short_known"]] > 0).any(axis=1)]
    silent = sorted({*history["venue"]} - {*reported["venue"]})
    if silent:
        without = formats.venues(silent)
        lines.append(f"Liquidations: no data from {without}.")
    return lines


def _percent(part: float) -> str:
    # What is not whole does not read as if it were.
    return f"{min(100 * part, 99.9):.1f} %"


def _signals(signals: Sequence[Signal]) -> Section:
    """Return the signals in words: the largest of each kind and subject, and how many it had."""
    found = repeated(signals)
    rows = [
        {
            "mark": words.mark,
            "subject": words.subject,
            "sentence": words.sentence,
            "closed": formats.minute(words.closed),
            "times": times,
        }
        for one, times in found[:_MAX_SIGNALS]
        for words in [in_words(one)]
    ]
    marks = "; ".join(f"{mark} {words}" for mark, words in LEGEND.items())
    few = "" if len(found) <= _MAX_SIGNALS else f" First {_MAX_SIGNALS} of {len(found):,}."
    note = f"The largest of each kind and pair, and how often it fired.{few} {marks}."
    columns = [column.name for column in _SIGNALS]
    return Section("Signals of the day", pd.DataFrame(rows, columns=columns), _SIGNALS, note)


def _top(assets: pd.DataFrame) -> Section:
    rows = assets.head(_TOP)
    note = f"Top {len(rows):,} of {formats.plural(len(assets), 'asset')} by open interest."
    return Section("Top assets", rows, _ASSETS, note)


def venue_section(pairs: pd.DataFrame) -> Section:
    """Return a row for each venue of *pairs*, as ``pairs.sql`` returns them."""
    oi, volume = (venue_shares(pairs, name) for name in ("oi_usd", "volume_24h_usd"))
    frame = pd.DataFrame(
        {
            "venue": list(oi.venues),
            "pairs": oi.expected,
            "oi_usd": oi.value_usd,
            "oi_share_pct": oi.share_pct,
            "volume_24h_usd": volume.value_usd,
            "volume_share_pct": volume.share_pct,
        }
    )
    return Section("Venues", frame, _VENUES)


def coverage_notes(market: dict[str, figures.Figure]) -> tuple[str, ...]:
    """Say which figures do not cover all pairs."""
    return tuple(
        f"{figure_label(name)}: from {figure.pairs:,} of {formats.plural(figure.expected, 'pair')}."
        for name in _FIGURES
        for figure in [market[name]]
        if not figure.is_whole
    )
