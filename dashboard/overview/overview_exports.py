"""Overview's downloads: the table as shown, the movers, the cards, and the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from analytics import formats
from analytics.exports.charts import BarChart, LineChart, course
from analytics.exports.exported_table import Column, Section
from analytics.exports.report import Figure, Report
from analytics.market.figures import Change
from analytics.market.figures import Figure as MarketFigure
from analytics.market.oi_split import OiSplit
from analytics.quantities import QUANTITIES
from dashboard.components.cards import FIGURES, CardText, card_text, split_text
from dashboard.components.movers import SPANS
from dashboard.overview.asset_rows import split_venues
from dashboard.overview.pair_table import Choice
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_PAIR: Final = (Column("pair", "Pair"), Column("venue", "Venue", "venue"))

_PAPER_ROWS: Final = 100
"""Of the table, on paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Contents of the page."""

    moment: Moment
    seen: View
    pairs: pd.DataFrame
    """As the table shows them, in its order."""
    every: pd.DataFrame
    """All selected pairs, behind movers and figures."""
    chosen: Choice
    market: dict[str, MarketFigure]
    split: OiSplit | None
    """Of the change of open interest."""
    lists: Sequence[dict[str, Any]]
    """Of the movers."""
    sentences: Sequence[str]


def tables(shown: Shown) -> dict[str, Callable[[], Section]]:
    """Return what makes each table of the page, by its title."""
    return {
        shown.seen.rows.capitalize(): lambda: rows_section(shown),
        "Movers": lambda: _movers(shown),
        "Figures": lambda: _figures(shown),
    }


def rows_section(shown: Shown) -> Section:
    """Return the table as it is shown, with the columns that are chosen; curves are left out."""
    known = shown.pairs
    age = (shown.moment.now - known["received_ts"]).dt.total_seconds().clip(lower=0)
    frame = known.assign(pair=known["symbol"].map(formats.pair), age_s=age)
    span = shown.seen.timeframe
    columns = [*_PAIR]
    if shown.seen.rows == "assets":
        # Pairs stand beneath the assets that are unfolded.
        is_asset = frame["venue"] == ""
        counts = frame["venue_count"].astype("Int64")
        pairs = frame["pair"].mask(is_asset, "")
        frame = frame.assign(pair=pairs, venue_count=counts, silent=_silent(frame))
        columns = [Column("base", "Asset"), *([] if is_asset.all() else _PAIR)]
        columns += [Column.of("venue_count"), Column.of("silent", None, "silent_venues")]
    for one in shown.chosen.columns:
        if (quantity := one.quantity) is not None:
            is_change = one.span or ("{span}" in one.help and quantity.kind != "span")
            title = f"{quantity.title} in {one.span or span}" if is_change else None
            columns.append(Column.of(one.name, title, quantity.name))
    return Section(shown.seen.rows.capitalize(), frame, tuple(columns))


def _silent(rows: pd.DataFrame) -> pd.Series[str]:
    """Return the names of each asset's silent venues."""
    return rows["silent_venues"].map(lambda one: formats.venues(split_venues(one)))


def report(shown: Shown) -> Report:
    """Return the page as a document."""
    whole = rows_section(shown)
    first = Section(
        whole.title,
        whole.frame.head(_PAPER_ROWS),
        whole.columns,
        f"First {min(len(whole.frame), _PAPER_ROWS):,} of "
        f"{formats.plural(len(whole.frame), 'row')}, in the table's order.",
    )
    return Report(
        title="Overview",
        moment=shown.moment.now,
        origin=shown.moment.origin,
        state=_state(shown),
        figures=(
            *(_card(card_text(name, shown.market[name], shown.moment)) for name in FIGURES),
            *_split_cards(shown),
        ),
        charts=(*_courses(shown), *_bars(shown)),
        sections=(first,),
        notes=tuple(shown.sentences),
    )


def _card(text: CardText) -> Figure:
    """Return a figure as its card has it, and what time its change is of."""
    change = text.note if text.change is None else f"{text.change} {text.note}"
    return Figure(text.label, text.value, change)


def _split_cards(shown: Shown) -> list[Figure]:
    """Return the change of open interest and its parts, for which one card is too narrow."""
    text, split = split_text(shown.split, shown.moment), shown.split
    over = ", ".join(filter(None, (text.change_span, text.coverage))) or None
    parts = {
        name: None if split is None else getattr(split, name)
        for name in ("oi_price_usd", "oi_contracts_usd")
    }
    return [
        Figure(text.label, text.value, over),
        *(
            Figure(QUANTITIES[name].title, QUANTITIES[name].write(usd), over)
            for name, usd in parts.items()
        ),
    ]


def _state(shown: Shown) -> dict[str, str]:
    """Write what the page was set to."""
    seen = shown.seen
    return {
        "Changes over": seen.timeframe,
        "Venues": formats.venues(seen.venues) if seen.venues else "all",
        "Pairs": formats.listed([*map(formats.pair, seen.pairs)]) if seen.pairs else "all",
        "Search": formats.repeated(shown.chosen.words) or "none",
        "Unusual only": "yes" if shown.chosen.unusual else "no",
        "Thresholds": seen.thresholds.words,
    }


def _courses(shown: Shown) -> list[LineChart]:
    """Return the day of the figures that have one."""
    return [
        LineChart(label, (course(label, past),), QUANTITIES[name].kind)
        for name in ("global_oi_usd", "volume_24h_usd", "funding_8h_pct", "ls_accounts")
        for label, past in [(_label(shown, name), shown.market[name].past)]
        if len(past) > 1
    ]


def _bars(shown: Shown) -> list[BarChart]:
    """Return the lists of movers as bars."""
    rows = _moved(shown)
    return [
        BarChart(
            f"{one['title']}, {shown.seen.timeframe if one['name'] in SPANS else 'now'}",
            (mine["pair"] + " " + mine["venue"].map(formats.venue)).str.rstrip().tolist(),
            mine["value"].tolist(),
            QUANTITIES[one["name"]].kind,
            digits=QUANTITIES[one["name"]].digits,
        )
        for one in shown.lists
        for mine in [rows[rows["measure"] == one["title"]]]
        if not mine.empty
    ]


def _movers(shown: Shown) -> Section:
    of = (Column("pair", "Asset"),) if shown.seen.rows == "assets" else _PAIR
    columns = (Column("measure", "Measure"), *of, Column("value", "Value", "rate"))
    note = f"Changes over {shown.seen.timeframe}; funding is current."
    return Section("Movers", _moved(shown), columns, note)


def _moved(shown: Shown) -> pd.DataFrame:
    """Return a row for each pair in each list, with its value in full."""
    known = shown.every.set_index(["venue", "symbol"])
    rows = [
        {
            "measure": one["title"],
            "pair": formats.pair(symbol),
            "venue": venue,
            "value": known.at[(venue, symbol), one["name"]],
        }
        for one in shown.lists
        for symbol, venue, *_ in one["rows"]
    ]
    return pd.DataFrame(rows, columns=["measure", "pair", "venue", "value"])


def _figures(shown: Shown) -> Section:
    rows = [
        {
            "figure": _label(shown, name),
            "unit": QUANTITIES[name].unit,
            "value": figure.value,
            "pairs": figure.pairs,
            "expected": figure.expected,
            **_changed(figure.change),
        }
        for name in FIGURES
        for figure in [shown.market[name]]
    ]
    rows += _split_rows(shown.split)
    columns = (
        Column("figure", "Figure"),
        Column("unit", "Unit"),
        Column("value", "Value", "ratio", 4),
        Column("pairs", "Pairs with data", "count"),
        Column("expected", "Pairs collected", "count"),
        Column("change", "Change, same unit", "ratio", 4),
        Column("least_s", "Change over at least", "span"),
        Column("most_s", "Change over at most", "span"),
        Column("until", "Change until", "time"),
        Column.of("compared"),
    )
    note = (
        f"Values at {formats.moment(shown.moment.now)}; changes over {shown.seen.timeframe} "
        "compare pairs known at both ends, at current weights."
    )
    frame = pd.DataFrame(rows).astype({"compared": "Int64"})
    return Section("Figures", frame, columns, note)


def _split_rows(split: OiSplit | None) -> list[dict[str, object]]:
    """Return the parts of the change of open interest as rows; each is a change itself."""
    if split is None:
        return []
    parts = {"oi_price_usd": split.oi_price_usd, "oi_contracts_usd": split.oi_contracts_usd}
    return [
        {
            "figure": QUANTITIES[name].title,
            "unit": QUANTITIES[name].unit,
            "pairs": split.change.pairs,
            "expected": split.expected,
            **_changed(replace(split.change, difference=usd)),
        }
        for name, usd in parts.items()
    ]


def _changed(change: Change | None) -> dict[str, object]:
    """Return the columns of how far a figure came."""
    if change is None:
        return dict.fromkeys(("change", "least_s", "most_s", "until", "compared"))
    return {
        "change": change.difference,
        "least_s": change.least.total_seconds(),
        "most_s": change.most.total_seconds(),
        "until": change.until,
        "compared": change.pairs,
    }


def _label(shown: Shown, name: str) -> str:
    return card_text(name, shown.market[name], shown.moment).label
