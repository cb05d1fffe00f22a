"""Exchanges' downloads: tables and report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import pandas as pd

from analytics import formats
from analytics.exports.charts import LineChart, Series
from analytics.exports.exported_table import Column, Section
from analytics.exports.report import Figure, Report
from analytics.market.venue_summary import VenueSummary
from analytics.quantities import QUANTITIES
from dashboard.components.cards import coverage
from dashboard.state.as_of import Moment

_VENUE_COLUMNS: Final = (
    Column("venue", "Venue", "venue"),
    Column("pairs", "Pairs", "count"),
    Column("expected", "Pairs collected", "count"),
    *map(Column.of, ("oi_usd", "oi_share_pct", "oi_volume_weighted_usd")),
    *map(Column.of, ("volume_24h_usd", "volume_share_pct")),
    Column.of("funding_8h_pct", QUANTITIES["funding_8h_pct"].mean_title),
    Column.of("funding_apr_pct"),
    Column.of("ls_accounts", QUANTITIES["ls_accounts"].mean_title),
    Column.of("basis_pct", QUANTITIES["basis_pct"].mean_title),
    Column("received_ts", "Last data", "time"),
)

_ASSET_COLUMNS: Final = (
    Column("venue", "Venue", "venue"),
    Column("pair", "Pair"),
    *map(Column.of, ("price", "oi_usd", "oi_share_pct", "funding_8h_pct", "funding_apr_pct")),
    Column.of("funding_interval_h"),
    Column("next_funding_s", "Next funding in", "countdown"),
    *map(Column.of, ("ls_accounts", "volume_24h_usd", "basis_pct", "spread_bps", "age_s")),
)

_FUNDING_COLUMNS: Final = (
    Column("base", "Asset"),
    Column("venue", "Venue", "venue"),
    Column("pair", "Pair"),
    *map(Column.of, ("oi_usd", "funding_8h_pct", "funding_apr_pct", "funding_interval_h")),
    Column("next_funding_ts", "Next funding", "time"),
    *map(Column.of, ("venue_spread_pp", "venue_spread_apr_pct")),
    Column("highest_venue", "Highest on", "venue"),
    Column("lowest_venue", "Lowest on", "venue"),
    Column("received_ts", "Last data", "time"),
)

_SHARE_COLUMNS: Final = (
    Column("ts", "Time", "time"),
    Column("venue", "Venue", "venue"),
    Column.of("share_pct", QUANTITIES["oi_share_pct"].title),
    Column.of("change_pp", quantity="oi_share_delta_pp"),
    Column("pairs", "Pairs", "count"),
)


def venues_section(summaries: Sequence[VenueSummary]) -> Section:
    """Return a row for each venue."""
    frame = pd.DataFrame(
        [
            {
                "venue": one.venue,
                "pairs": one.pairs,
                "expected": one.expected,
                "oi_usd": one.figures["global_oi_usd"].value,
                "oi_share_pct": one.oi_share_pct,
                "oi_volume_weighted_usd": one.figures["oi_volume_weighted_usd"].value,
                "volume_24h_usd": one.figures["volume_24h_usd"].value,
                "volume_share_pct": one.volume_share_pct,
                "funding_8h_pct": one.figures["funding_8h_pct"].value,
                "funding_apr_pct": one.funding_apr_pct,
                "ls_accounts": one.figures["ls_accounts"].value,
                "basis_pct": one.basis_pct,
                "received_ts": one.received_ts,
            }
            for one in summaries
        ]
    )
    return Section("Venues", frame, _VENUE_COLUMNS)


def funding_section(rates: pd.DataFrame) -> Section:
    """Return a row for each asset and venue, as ``funding_by_venue.sql`` has them."""
    rows = rates.assign(pair=rates["symbol"].map(formats.pair))
    return Section("Funding by asset", rows, _FUNDING_COLUMNS)


def tables(
    summaries: Sequence[VenueSummary],
    rates: pd.DataFrame,
    compared: pd.DataFrame,
    base: str,
    points: pd.DataFrame,
) -> dict[str, Callable[[], Section]]:
    """Return what makes each table of the page, by its title."""
    made: dict[str, Callable[[], Section]] = {
        "Venues": lambda: venues_section(summaries),
        "Funding by asset": lambda: funding_section(rates),
        base: lambda: Section(f"{base} by venue", compared, _ASSET_COLUMNS),
    }
    if not points.empty:
        made["Shares"] = lambda: Section("Shares of open interest", points, _SHARE_COLUMNS)
    return made


def share_lines(points: pd.DataFrame) -> tuple[Series, ...]:
    """Return how far each venue's share moved, with a gap between two stretches of *points*."""
    lines = []
    drawn = points if points.empty else points.dropna(subset="change_pp")
    for venue, rows in drawn.groupby("venue") if not drawn.empty else ():
        times, shares = rows["ts"].to_numpy("datetime64[ms]"), rows["change_pp"].to_numpy()
        holes = np.flatnonzero(np.diff(rows["stretch"])) + 1
        x, y = np.insert(times, holes, times[holes]), np.insert(shares, holes, np.nan)
        lines.append(Series(formats.venue(str(venue)), x, y))
    return tuple(lines)


def report(
    summaries: Sequence[VenueSummary],
    rates: pd.DataFrame,
    compared: pd.DataFrame,
    base: str,
    points: pd.DataFrame,
    shown: Moment,
    state: dict[str, str],
) -> Report:
    """Return the page as a document."""
    sections = [make() for name, make in tables(summaries, rates, compared, base, points).items()]
    series, oi = share_lines(points), QUANTITIES["global_oi_usd"]
    return Report(
        title="Exchanges",
        moment=shown.now,
        origin=shown.origin,
        state=state,
        figures=tuple(
            Figure(
                f"{oi.title}, {formats.venue(one.venue)}",
                oi.write(figure.value),
                coverage(figure),
            )
            for one in summaries
            for figure in [one.figures[oi.name]]
        ),
        charts=(LineChart("Change of shares of open interest", series, "points"),)
        if series
        else (),
        sections=tuple(sections[:3]),
    )
