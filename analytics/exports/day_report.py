"""The report of the market's day: figures, their course, movers, and each venue's share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from analytics import formats
from analytics.exports.charts import BarChart, Chart, LineChart, Series, course
from analytics.exports.exported_table import Column, Section
from analytics.exports.report import Figure, Report
from analytics.lake.schema import BAR
from analytics.market import figures
from analytics.market.measures import LATE
from analytics.market.movers import movers
from analytics.market.venue_shares import venue_shares
from analytics.panels.panel import LEAST_KNOWN, WHOLE
from analytics.quantities import QUANTITIES

_MOVERS: Final = 8
_TOP: Final = 50
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

_PAIRS: Final = (
    Column("pair", "Pair"),
    Column("venue", "Venue"),
    *map(Column.of, ("price", "price_24h_pct", "oi_usd", "funding_8h_pct")),
    *map(Column.of, ("ls_accounts", "volume_24h_usd")),
)
_VENUES: Final = (
    Column("venue", "Venue"),
    Column("pairs", "Pairs", "count"),
    *map(Column.of, ("oi_usd", "oi_share_pct", "volume_24h_usd", "volume_share_pct")),
)


def day_report(
    moment: datetime, origin: str, pairs: pd.DataFrame, history: pd.DataFrame, silent: int = 0
) -> Report:
    """Return the report of the 24 hours that end at *moment*.

    Args:
        moment: The day's close, UTC.
        origin: ``live`` or ``simulator``, as the lake says.
        pairs: One row per pair at that time, as ``pairs.sql`` returns them for 24 hours.
        history: The sums of the day, as ``market_history.sql`` returns them.
        silent: Pairs of the universe that are not among *pairs*.
    """
    market = figures.figures(pairs, history, _DAY, silent)
    venues = sorted(pairs["venue"].unique())
    flows = _flows(history, moment)
    return Report(
        title="Market day report",
        moment=moment,
        origin=origin,
        state={
            "Period": f"24 h to {formats.moment(moment)}",
            "Venues": formats.listed(venues) if venues else formats.ABSENT,
            "Pairs": formats.count(len(pairs)),
        },
        figures=(*(_card(name, market[name]) for name in figures.FIGURES), *_liquidated(flows)),
        charts=(*_courses(market), *_liquidations(flows), *_bars(pairs), _by_venue(history)),
        sections=(_top(pairs), _shares(pairs)),
        notes=(*_coverage(market), *_of_liquidations(history, flows)),
    )


def _label(name: str) -> str:
    return QUANTITIES[name].mean_title if name in _WEIGHTED else QUANTITIES[name].title


def _card(name: str, figure: figures.Figure) -> Figure:
    label, value = _label(name), QUANTITIES[name].write(figure.value)
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
        for label in [_label(name)]
        if not market[name].past.empty
    ]


def _bars(pairs: pd.DataFrame) -> list[Chart]:
    """Return who rose and who fell most, by price."""
    charts: list[Chart] = []
    for title, ascending in (("Top gainers, price 24 h", False), ("Top losers, price 24 h", True)):
        found = movers(pairs, "price_24h_pct", most=_MOVERS, ascending=ascending)
        # Where few pairs are known, the one that fell least did not fall.
        rows = found.rows[(found.rows["value"] < 0) == ascending]
        labels = [
            f"{formats.pair(symbol)} {venue}"
            for symbol, venue in zip(rows["symbol"], rows["venue"], strict=True)
        ]
        note = f"Of {formats.plural(found.pairs, 'pair')}"
        unknown = formats.plural(found.left_out, "pair")
        left_out = f"; {unknown} without a value" if found.left_out else ""
        charts.append(BarChart(title, labels, rows["value"].tolist(), "pct", f"{note}{left_out}."))
    return charts


def _by_venue(history: pd.DataFrame) -> Chart:
    """Return the open interest of each venue over the day; a silent hour is a gap."""
    table = history.pivot_table(index="ts", columns="venue", values="oi_usd", dropna=False)
    series = tuple(course(str(venue), table[venue]) for venue in table.columns)
    return LineChart(f"{_label('oi_usd')} by venue", series, "usd")


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
        without = formats.listed(silent)
        lines.append(f"Liquidations: no data from {without}.")
    return lines


def _percent(part: float) -> str:
    # What is not whole does not read as if it were.
    return f"{min(100 * part, 99.9):.1f} %"


def _top(pairs: pd.DataFrame) -> Section:
    rows = pairs.sort_values("oi_usd", ascending=False, na_position="last").head(_TOP)
    note = f"Top {len(rows):,} of {formats.plural(len(pairs), 'pair')} by open interest."
    return Section("Top pairs", rows.assign(pair=rows["symbol"].map(formats.pair)), _PAIRS, note)


def _shares(pairs: pd.DataFrame) -> Section:
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


def _coverage(market: dict[str, figures.Figure]) -> tuple[str, ...]:
    """Say which figures do not cover all pairs."""
    return tuple(
        f"{_label(name)}: from {figure.pairs:,} of {formats.plural(figure.expected, 'pair')}."
        for name in figures.FIGURES
        for figure in [market[name]]
        if not figure.is_whole
    )
