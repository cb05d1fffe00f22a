"""Cards of market figures: value, change over the timeframe, curve of 24 hours."""

from __future__ import annotations

from datetime import timedelta
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
from dashboard.as_of import Moment

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
_STRIP: Final = f"""
{NOTES_WRAP}
.st-key-kpis {{ container-type: inline-size }}
/* One strip: the figure with its curve beside it, and its change below. */
.st-key-kpis [data-testid="stGrid"] {{ grid-template-columns: 1fr 1.45fr repeat(6, 1fr); gap: 4px }}
.st-key-kpis [data-testid="stMetric"] {{ min-height: 62px; overflow: hidden; position: relative;
  background-repeat: no-repeat; background-position: right 6px top 19px;
  background-size: 32% 16px }}
.st-key-kpis [data-testid="stMetric"] > div {{ padding: 0 7px }}
.st-key-kpis [data-testid="stMetricLabel"] {{ min-height: 0; line-height: 1.2 }}
.st-key-kpis [data-testid="stMetricLabel"] p {{ font-size: 0.78rem }}
.st-key-kpis [data-testid="stMetricValue"] {{ font-size: 1.1rem; padding: 0; line-height: 1.25 }}
.st-key-kpis :has(> [data-testid="stMetricDeltaDescription"]) {{ padding: 0; column-gap: 4px }}
.st-key-kpis [data-testid="stMetricDelta"] {{ background: none; padding: 0; margin: 0 }}
.st-key-kpis :is([data-testid="stMetricDelta"], [data-testid="stMetricDeltaDescription"]) * {{
  font-size: 0.76rem; line-height: 1.2; white-space: normal !important; overflow: visible }}
.st-key-kpis [data-testid="stMetric"]::after {{ content: var(--curve, ""); position: absolute;
  top: 4px; right: 6px; font-size: 0.7rem; opacity: 0.7 }}
/* Where eight have no room side by side they are two rows: no row has a hole. */
@container (max-width: 900px) {{
  .st-key-kpis [data-testid="stGrid"] {{ grid-template-columns: repeat(4, 1fr) }}
}}
@container (max-width: 600px) {{
  .st-key-kpis [data-testid="stGrid"] {{ grid-template-columns: repeat(2, 1fr) }}
}}
"""
_WHOLE_IS_SHORT: Final = """
@container (max-width: 600px) {{ .st-key-kpis [data-testid="stGrid"] > :nth-child({nth})
  [data-testid="stMetricDeltaDescription"] {{ display: none }} }}
"""
"""On a phone a card states its coverage only if a part is missing."""


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


def cards(figures: dict[str, Figure], split: OiSplit | None, shown: Moment, colors: Colors) -> None:
    """Draw one card for each figure, with its change, and one for the *split* of OI's change."""
    with st.container(key="kpis", gap=None):
        with st.grid(len(FIGURES) + 1, min_column_width=115, gap="xsmall"):
            for name in _HELP:
                if name == SPLIT:
                    text, figure = split_text(split, shown), None if split is None else split.figure
                else:
                    text, figure = card_text(name, figures[name], shown), figures[name]
                _draw(name, text, figure)
        # As a picture behind each card: a chart of their own for each takes the browser as long
        # as all the rest of the page.
        st.html(_pictures([figures.get(name) for name in _HELP], colors))


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


def _draw(name: str, text: CardText, figure: Figure | None) -> None:
    is_flat = text.change is None or text.change[0] not in "+-"
    is_plain = is_flat or name == UNSIGNED
    st.metric(
        text.label,
        text.value,
        text.note if text.change is None else text.change,
        delta_color="off" if is_plain else "normal",
        delta_arrow="off" if is_flat else "auto",
        delta_description=None if text.change is None else text.note,
        help=f"{_HELP[name]}{_behind(figure)}",
        border=True,
        height="stretch",
    )


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


def _pictures(figures: list[Figure | None], colors: Colors) -> str:
    """Return a style that draws the curve of each of *figures* beside its value.

    None is a card without a curve.
    """
    short = [
        _WHOLE_IS_SHORT.format(nth=nth)
        for nth, figure in enumerate(figures, 1)
        if figure is not None and coverage(figure) is None
    ]
    rules = [
        f'.st-key-kpis [data-testid="stGrid"] > :nth-child({nth}) [data-testid="stMetric"] '
        f'{{ background-image: url("data:image/svg+xml,{quote(_svg(curve, colors.muted))}"); '
        '--curve: "24 h" }'
        for nth, curve in enumerate(map(_curve, figures), 1)
        if curve
    ]
    return f"<style>{_STRIP}{''.join(short)}{''.join(rules)}</style>"


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
