"""The market's figures as cards: value, day, and how far it came in the timeframe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import quote

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.aggregate import Figure
from dashboard.charts import Colors

_POINTS: Final = 48
"""In a card's curve, at most: more cannot be seen, and each goes to the browser."""
_CURVE_PX: Final = 44
_LOW_CURVE_PX: Final = 26
_ROOM: Final = f"""
.st-key-kpis [data-testid="stMetric"] {{ padding-bottom: {_CURVE_PX + 12}px; overflow: hidden }}
/* Where seven have no room side by side, the first is as wide as two: no row has a hole. */
.st-key-kpis {{ container-type: inline-size }}
@container (max-width: 950px) {{
  .st-key-kpis [data-testid="stGrid"] {{ grid-template-columns: repeat(4, 1fr) }}
  .st-key-kpis [data-testid="stGrid"] > :first-child {{ grid-column: span 2 }}
}}
/* On a phone the pairs matter more: the cards are low. */
@container (max-width: 600px) {{
  .st-key-kpis [data-testid="stGrid"] {{ grid-template-columns: repeat(2, 1fr) }}
  .st-key-kpis [data-testid="stMetric"] {{ padding-bottom: {_LOW_CURVE_PX}px;
    background-size: 100% {_LOW_CURVE_PX}px !important }}
  .st-key-kpis [data-testid="stMetric"] > div {{ padding: 0.3rem 0.6rem 0; display: flex;
    flex-wrap: wrap; column-gap: 0.5rem; align-items: center }}
  .st-key-kpis [data-testid="stMetricLabel"] {{ flex: 0 0 100% }}
  .st-key-kpis [data-testid="stMetricValue"] {{ font-size: 1.1rem; padding: 0 }}
  .st-key-kpis [data-testid="stMetricDeltaDescription"] {{ display: none }}
}}
"""


@dataclass(frozen=True, slots=True)
class _Card:
    """How one figure is shown."""

    figure: str
    label: str
    value: Callable[[float | None], str]
    change: Callable[[Figure], str]
    """Writes how far it came."""
    help: str


_CARDS = (
    _Card(
        "global_oi_usd",
        "Open interest",
        formats.usd,
        lambda figure: formats.pct(figure.change_pct),
        "Sum of open interest at the mark price. USD.",
    ),
    _Card(
        "oi_volume_weighted_usd",
        "OI, weighted",
        formats.usd,
        lambda figure: formats.pct(figure.change_pct),
        "Mean open interest of a pair, weighted by its 24 h volume. USD.",
    ),
    _Card(
        "volume_24h_usd",
        "Volume 24 h",
        formats.usd,
        lambda figure: formats.pct(figure.change_pct),
        "Sum of what was traded in the last 24 hours, rolling. USD.",
    ),
    _Card(
        "funding_8h_pct",
        "Funding 8 h",
        lambda value: formats.pct(value, 4),
        lambda figure: formats.points(figure.change, 4),
        "Mean of the running funding rates, rebased to 8 hours, weighted by open interest. "
        "Positive: longs pay shorts.",
    ),
    _Card(
        "ls_accounts",
        "Long/short",
        formats.ratio,
        lambda figure: formats.difference(figure.change),
        "Mean of long over short accounts, weighted by open interest. Venues count differently.",
    ),
    _Card(
        "liquidations_1h_usd",
        "Liquidations",
        formats.usd,
        lambda figure: formats.usd_change(figure.change),
        "What venues told of longs and shorts they closed by force, in the hour before the "
        "newest bar, or as much of it as their streams were listened to. USD.",
    ),
    _Card(
        "breadth_pct",
        "Breadth 24 h",
        formats.share,
        lambda figure: formats.points(figure.change, 0),
        "Share of pairs whose price is higher than 24 hours ago.",
    ),
)

UNSIGNED: Final = "liquidations_1h_usd"
"""The figure whose rise has no colour: much liquidated is neither good nor bad."""

FIGURES: Final = tuple(card.figure for card in _CARDS)
"""Names of those that have a card, in their order."""


def cards(figures: dict[str, Figure], pair_count: int, span: timedelta, colors: Colors) -> None:
    """Draw one card for each figure of *pair_count* pairs, with its change over *span*."""
    with st.container(key="kpis", gap=None):
        with st.grid(len(_CARDS), min_column_width=130, gap="xsmall"):
            for card in _CARDS:
                _draw(card, figures[card.figure], pair_count, span)
        # As a picture behind each card: a chart of their own for each takes the browser as long
        # as all the rest of the page.
        st.html(_pictures([_curve(figures[card.figure]) for card in _CARDS], colors))


def card_texts(name: str, figure: Figure, span: timedelta) -> tuple[str, str, str | None]:
    """Return label, value and change over *span* of the figure called *name*, as cards write them.

    The change is None where it is not known.
    """
    (card,) = (card for card in _CARDS if card.figure == name)
    recent = figure.within(span)
    written = None if recent.change is None else card.change(recent)
    return _label(card, figure), card.value(figure.value), written


def _draw(card: _Card, figure: Figure, pair_count: int, span: timedelta) -> None:
    recent = figure.within(span)
    written = None if recent.change is None else card.change(recent)
    run = (
        ""
        if figure.until is None
        else f" Change and curve end at {formats.moment(figure.until)}; the curve is of 24 hours."
    )
    is_flat = written is not None and written[0] not in "+-"
    is_plain = is_flat or card.figure == UNSIGNED
    st.metric(
        _label(card, figure),
        card.value(figure.value),
        written,
        delta_color="off" if is_plain else "normal",
        delta_arrow="off" if is_flat else "auto",
        delta_description=None if written is None else over(recent),
        help=f"{card.help} From {figure.pairs:,} of {pair_count:,} pairs.{run}",
        border=True,
        height="stretch",
    )


def _label(card: _Card, figure: Figure) -> str:
    """Return what stands over the value; of a sum of flows, of how much time it is."""
    return card.label if figure.summed is None else f"{card.label} {formats.age(figure.summed)}"


def _curve(figure: Figure) -> list[float]:
    """Return the figure's day from 0 to 100; nothing where there is no course to see."""
    past = thinned(figure.past)
    if len(past) < 2:
        return []
    least, most = float(past.min()), float(past.max())
    return [50.0 if least == most else 100 * (value - least) / (most - least) for value in past]


def _pictures(curves: list[list[float]], colors: Colors) -> str:
    """Return a style that draws each of *curves* at the bottom of its card."""
    rules = [
        f'.st-key-kpis [data-testid="stGrid"] > :nth-child({nth}) [data-testid="stMetric"] '
        f'{{ background: url("data:image/svg+xml,{quote(_svg(curve, colors.muted))}") '
        f"no-repeat bottom 4px center / 100% {_CURVE_PX}px }}"
        for nth, curve in enumerate(curves, 1)
        if curve
    ]
    return f"<style>{_ROOM}{''.join(rules)}</style>"


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


def thinned(past: pd.Series[float]) -> pd.Series[float]:
    """Return as much of a day as a card's curve can show, its newest point always."""
    return past.iloc[::-1].iloc[:: -(-len(past) // _POINTS) or 1].iloc[::-1]


def over(figure: Figure) -> str | None:
    """Write what time the change of *figure* is of: ``in 1 h``."""
    since, until = figure.since, figure.until
    return None if since is None or until is None else f"in {formats.age(until - since)}"
