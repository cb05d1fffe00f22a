"""Cards of market figures: value, change over the timeframe, curve of 24 hours."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import Final, NamedTuple
from urllib.parse import quote

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.lake.schema import BAR
from analytics.market.figures import OLD_CYCLES, SUMMED, Figure
from analytics.market.oi_split import OiSplit
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from dashboard.state.as_of import Moment

_MINUTE: Final = timedelta(minutes=1)
_POINTS: Final = 48
"""Points of a card's curve: more are not visible, and each is sent to the browser."""
_TITLE_LETTERS: Final = 18
"""A longer title is cut off on an eighth of the page."""
NOTES_WRAP: Final = """
/* What a change is of, and how many pairs are missing, is never cut off. */
[data-testid="stMetric"] :has(> [data-testid="stMetricDeltaDescription"]) { flex-wrap: wrap;
  white-space: normal; overflow: visible; row-gap: 0 }
[data-testid="stMetricDeltaDescription"], [data-testid="stMetricDeltaDescription"] * {
  white-space: normal !important; overflow: visible; text-overflow: clip; line-height: 1.25 }
"""
_STYLE: Final = """
.kpis { container-type: inline-size }
/* One strip: the figure with its curve beside it, and its change below. */
.kpis ul { display: grid; grid-template-columns: 1fr 1.45fr repeat(6, 1fr); gap: 4px;
  list-style: none; margin: 0 !important; padding: 0 !important }
.kpis li { position: relative; box-sizing: border-box; min-height: 62px; min-width: 0;
  margin: 0 !important; padding: 3px 7px !important; border: 1px solid var(--edge);
  border-radius: 4px; background: no-repeat right 6px top 19px / 32% 16px;
  font-size: 0.76rem; line-height: 1.2 }
.kpis .label { display: block; font-size: 0.78rem; white-space: nowrap }
.kpis small { position: absolute; top: 4px; right: 6px; font-size: 0.7rem; color: var(--muted) }
.kpis b { display: block; font-size: 1.1rem; font-weight: 600; line-height: 1.3 }
.kpis .note { color: var(--muted) }
.kpis .good { color: var(--up) }
.kpis .bad { color: var(--down) }
.kpis .rise::before { content: "\\2191\\00a0" / "" }
.kpis .fall::before { content: "\\2193\\00a0" / "" }
.kpis .ask { display: inline-block; width: 1.05em; margin-left: 5px; border-radius: 50%;
  box-shadow: 0 0 0 1px var(--muted); color: var(--muted); font-size: 0.65rem; line-height: 1.05em;
  text-align: center; cursor: help }
.kpis .ask::before { content: "?" / "" }
.kpis .tip { display: none; position: absolute; z-index: 9; top: 100%; left: 0; width: 250px;
  padding: 6px 9px; border: 1px solid var(--edge); border-radius: 4px; background: var(--ground);
  font-size: 0.8rem; line-height: 1.35; white-space: normal }
.kpis li:nth-child(n + 6) .tip { left: auto; right: 0 }
.kpis .ask:is(:hover, :focus) + .tip { display: block }
/* Where eight have no room side by side they are two rows: no row has a hole. */
@container (max-width: 900px) {
  .kpis ul { grid-template-columns: repeat(4, 1fr) }
  .kpis li:nth-child(4n + 3) .tip, .kpis li:nth-child(4n) .tip { left: auto; right: 0 }
}
@container (max-width: 600px) {
  .kpis ul { grid-template-columns: repeat(2, 1fr) }
  .kpis li:nth-child(odd) .tip { left: 0; right: auto }
  .kpis li:nth-child(even) .tip { left: auto; right: 0 }
}
"""


_HELP: Final = {
    "global_oi_usd": "Open interest of all collected pairs, at the mark price. USD.",
    "oi_delta_pct": (
        "Change of open interest of the collected pairs, split into contracts opened or closed "
        "and the price they are valued at. USD."
    ),
    "oi_volume_weighted_usd": "Mean open interest per pair, weighted by 24 h volume. USD.",
    "volume_24h_usd": "Traded in the last 24 hours, rolling. USD.",
    "funding_8h_pct": (
        "Mean of current funding rates, normalised to 8 hours, weighted by open interest. "
        "Positive: longs pay shorts."
    ),
    "ls_accounts": (
        "Long per short accounts: the mean share of longs, weighted by open interest, as a "
        "ratio. Venues count differently."
    ),
    "liquidations_1h_usd": (
        "Longs and shorts liquidated in the hour up to the last closed bar, as far as streams "
        "were received. Priced at the average fill on Binance, at the bankruptcy price on Bybit "
        "and OKX. USD."
    ),
    "breadth_pct": "Share of pairs whose price is above that of 24 hours ago.",
}
"""What each figure that has a card is."""

SPLIT: Final = "oi_delta_pct"
"""The quantity whose split has a card."""

UNSIGNED: Final = "liquidations_1h_usd"
"""The figure whose rise has no colour: much liquidated is neither good nor bad."""

FIGURES: Final = tuple(name for name in _HELP if name != SPLIT)
"""Names of those that have a card, in their order."""


class CardText(NamedTuple):
    """A figure in words."""

    label: str
    value: str
    change: str | None
    """How far it came; None where that is not known."""
    change_span: str | None
    """Span of the change, and its pairs if fewer than those of the value: ``in 1 h``."""
    coverage: str | None
    """How many pairs are behind the value, and how much time; None where all are."""

    meaning: str | None = None
    """What the change is, where it is no change of the value."""
    parts: str | None = None
    """What the value is the sum of."""

    @property
    def note(self) -> str | None:
        """Text beside the change, or in its place."""
        said = (self.meaning, self.change_span, self.parts, self.coverage)
        return ", ".join(filter(None, said)) or None


def cards(
    figures: dict[str, Figure],
    split: OiSplit | None,
    timeframe: str,
    shown: Moment,
    colors: Colors,
) -> None:
    """Draw one card for each figure, with its change, and one for the *split* of OI's change.

    Changes are over *timeframe*; a card without one says so, and why on hover.

    As one element with pictures behind its parts: eight of Streamlit's take the browser longer
    than the table, and a chart in each as long as all the rest of the page.
    """
    curves = [_curve(figures.get(name)) for name in _HELP]
    items = []
    for name, curve in zip(_HELP, curves, strict=True):
        if name == SPLIT:
            text, figure = split_text(split, shown), None if split is None else split.figure
        else:
            text, figure = card_text(name, figures[name], shown), figures[name]
        items.append(_card(name, text, figure, timeframe, bool(curve)))
    look = (
        f"--up:{colors.up};--down:{colors.down};--muted:{colors.muted};--edge:{colors.border};"
        f"--ground:{colors.surface}"
    )
    pictures = "".join(
        f".kpis li:nth-child({nth}) {{ background-image: "
        f'url("data:image/svg+xml,{quote(_svg(curve, colors.muted))}") }}'
        for nth, curve in enumerate(curves, 1)
        if curve
    )
    st.html(
        f'<style>{_STYLE}{pictures}</style><div class="kpis" style="{look}">'
        f'<ul aria-label="Market figures">{"".join(items)}</ul></div>'
    )


def card_text(name: str, figure: Figure, shown: Moment) -> CardText:
    """Return the figure called *name* as its card writes it."""
    return CardText(
        _label(name, figure),
        QUANTITIES[name].write(figure.value),
        None if figure.change is None else figure.change.written(name),
        change_span(figure, shown),
        coverage(figure),
        parts=_parts(figure),
    )


def split_text(split: OiSplit | None, shown: Moment) -> CardText:
    """Return how much of the change of open interest was contracts, and how much price."""
    label, write = QUANTITIES[SPLIT].title, QUANTITIES["oi_contracts_usd"].write
    if split is None:
        return CardText(label, write(None), None, None, None)
    return CardText(
        label,
        write(split.change.difference),
        write(split.oi_contracts_usd),
        change_span(split.figure, shown),
        coverage(split.figure),
        f"contracts, {write(split.oi_price_usd)} price",
    )


def change_span(figure: Figure, shown: Moment) -> str | None:
    """Write the span of the change of *figure*: ``in 1 h``, ``in 1 h of 58 pairs``.

    A change that ended over two cycles (of bars: two bars) ago states its age.
    """
    change = figure.change
    if change is None:
        return None
    of = "" if change.pairs == figure.pairs else f" of {formats.plural(change.pairs, 'pair')}"
    age = shown.now - change.until
    every = max(shown.cycle, BAR) if figure.of_bars else shown.cycle
    ago = f", {formats.age(age)} ago" if age > OLD_CYCLES * every else ""
    return f"in {formats.spans(change.least, change.most)}{of}{ago}"


def coverage(figure: Figure) -> str | None:
    """Write how many pairs are behind *figure*: ``48 of 60 pairs``; None where all are."""
    if figure.value is None:
        return None
    parts = []
    if figure.pairs != figure.expected:
        parts.append(f"{figure.pairs:,} of {formats.plural(figure.expected, 'pair')}")
    if figure.summed is not None and figure.summed < SUMMED:
        parts.append(f"{figure.summed // _MINUTE} of {SUMMED // _MINUTE} min")
    if figure.summed is not None and figure.summed_least not in (None, figure.summed):
        parts.append(f"some for {formats.span(figure.summed_least)} only")
    return ", ".join(parts)


def _parts(figure: Figure) -> str | None:
    """Write what the value of *figure* is made of: ``longs $8.10M, shorts $4.20M``."""
    sides = {"liq_long_usd": "longs", "liq_short_usd": "shorts"}
    written = (f"{sides[name]} {QUANTITIES[name].write(usd)}" for name, usd in figure.parts.items())
    return ", ".join(written) or None


def card_title(name: str, more: str = "") -> str:
    """Return the title of the figure called *name* and *more*, as far as a card has room for it."""
    quantity = QUANTITIES[name]
    whole = f"{quantity.title}{more}"
    return whole if len(whole) < _TITLE_LETTERS else f"{quantity.short}{more}"


def _card(name: str, text: CardText, figure: Figure | None, timeframe: str, has_curve: bool) -> str:
    """Return one card as HTML; what it is stands behind its question mark."""
    why_not = _why_no_change(name, figure, timeframe)
    said = escape(f"{_HELP[name]}{_behind(figure)}{why_not}")
    note = escape(text.note or (why_not and "no change yet"))
    return (
        f'<li><span class="label">{escape(text.label)}'
        f'<span class="ask" role="note" tabindex="0" aria-label="{said}"></span>'
        f'<span class="tip" aria-hidden="true">{said}</span></span>'
        f"{'<small>24 h</small>' if has_curve else ''}<b>{escape(text.value)}</b>"
        f'{_change(name, text.change)} <span class="note">{note}</span></li>'
    )


def _change(name: str, change: str | None) -> str:
    """Return *change* as HTML, with an arrow, and a colour where a rise is good or bad."""
    if change is None:
        return ""
    looks = {"+": "rise good", "-": "fall bad"}.get(change[0], "")
    if name == UNSIGNED:
        looks = looks.partition(" ")[0]
    return f'<span class="change {looks}">{escape(change)}</span>'


def _why_no_change(name: str, figure: Figure | None, timeframe: str) -> str:
    """Say why a card has no change; empty where it has one, or has no value to compare."""
    if name != SPLIT and (figure is None or figure.value is None):
        return ""
    if figure is not None and figure.change is not None:
        return ""
    if name == UNSIGNED:
        return " No change: no pair was streamed for this whole hour and for the one before."
    what = "open interest in USD and in coins" if name == SPLIT else "a value"
    return f" No change: no pair has {what} both now and {timeframe} ago."


def _behind(figure: Figure | None) -> str:
    """Write the pairs of a figure and of its change, for the card's help."""
    if figure is None:
        return ""
    behind = f" From {figure.pairs:,} of {formats.plural(figure.expected, 'pair')} collected."
    if figure.change is None:
        return behind
    pairs = formats.plural(figure.change.pairs, "pair")
    return (
        f"{behind} Change up to {formats.moment(figure.change.until)}, over {pairs} known at both "
        "ends, at current weights. Curve: 24 hours."
    )


def _label(name: str, figure: Figure) -> str:
    """Return the label; of a sum of flows with its time, of which not all may be known."""
    return card_title(name, "" if figure.summed is None else f" {formats.span(SUMMED)}")


def _curve(figure: Figure | None) -> list[float]:
    """Return the figure's day from 0 to 100; nothing where there is no course to see."""
    if figure is None:
        return []
    past = downsampled(figure.past)
    if len(past) < 2:
        return []
    least, most = float(past.min()), float(past.max())
    return [50.0 if least == most else 100 * (value - least) / (most - least) for value in past]


def _svg(curve: list[float], color: str) -> str:
    step = 100 / (len(curve) - 1)
    points = " ".join(f"{nth * step:.1f},{98 - 0.96 * y:.0f}" for nth, y in enumerate(curve))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" '
        'preserveAspectRatio="none">'
        f'<polygon points="0,100 {points} 100,100" fill="{color}" fill-opacity=".22"/>'
        f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )


def downsampled(past: pd.Series[float]) -> pd.Series[float]:
    """Return as much of a day as a card's curve can show, its newest point always."""
    return past.iloc[::-1].iloc[:: -(-len(past) // _POINTS) or 1].iloc[::-1]
