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
from dashboard.as_of import Moment
from dashboard.components.cards import FIGURES, CardText, card_text, split_text
from dashboard.components.movers import SPANS
from dashboard.overview.pair_table import Choice
from dashboard.view import View

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
        "Pairs": lambda: pairs_section(shown),
        "Movers": lambda: _movers(shown),
        "Figures": lambda: _figures(shown),
    }


def pairs_section(shown: Shown) -> Section:
    """Return the table of pairs with the columns that are chosen; curves are left out."""
    known = shown.pairs
    age = (shown.moment.now - known["received_ts"]).dt.total_seconds().clip(lower=0)
    frame = known.assign(pair=known["symbol"].map(formats.pair), age_s=age)
    span = shown.seen.timeframe
    columns = [Column("pair", "Pair"), Column("venue", "Venue", "venue")]
    for one in shown.chosen.columns:
        if (quantity := one.quantity) is not None:
            is_change = one.span or ("{span}" in one.help and quantity.kind != "span")
            title = f"{quantity.title} in {one.span or span}" if is_change else None
            columns.append(Column.of(one.name, title, quantity.name))
    return Section("Pairs", frame, tuple(columns))


def report(shown: Shown) -> Report:
    """Return the page as a document."""
    pairs = pairs_section(shown)
    first = Section(
        pairs.title,
        pairs.frame.head(_PAPER_ROWS),
        pairs.columns,
        f"First {min(len(pairs.frame), _PAPER_ROWS):,} of "
        f"{formats.plural(len(pairs.frame), 'pair')}, in the table's order.",
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
    change = text.coverage if text.change is None else f"{text.change} {text.note}"
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
            (mine["pair"] + " " + mine["venue"].map(formats.venue)).tolist(),
            mine["value"].tolist(),
            QUANTITIES[one["name"]].kind,
            digits=QUANTITIES[one["name"]].digits,
        )
        for one in shown.lists
        for mine in [rows[rows["measure"] == one["title"]]]
        if not mine.empty
    ]


def _movers(shown: Shown) -> Section:
    columns = (
        Column("measure", "Measure"),
        Column("pair", "Pair"),
        Column("venue", "Venue", "venue"),
        Column("value", "Value", "rate"),
    )
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
