"""The market's figures as cards: value, day, and how far it came in the timeframe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import streamlit as st

from analytics import formats
from analytics.aggregate import Figure

_POINTS: Final = 48
"""In a card's curve, at most: more cannot be seen, and each goes to the browser."""


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
        "OI of a pair",
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
        "Liquidations 1 h",
        formats.usd,
        lambda figure: formats.usd_change(figure.change),
        "What venues told of longs and shorts they closed by force, in the hour before the "
        "newest bar. USD.",
    ),
    _Card(
        "breadth_pct",
        "Breadth 24 h",
        formats.share,
        lambda figure: formats.points(figure.change, 0),
        "Share of pairs whose price is higher than 24 hours ago.",
    ),
)


def cards(figures: dict[str, Figure], pair_count: int, span: timedelta) -> None:
    """Draw one card for each figure of *pair_count* pairs, with its change over *span*."""
    with st.grid(len(_CARDS), min_column_width=130, gap="xsmall"):
        for card in _CARDS:
            _draw(card, figures[card.figure], pair_count, span)


def card_texts(name: str, figure: Figure, span: timedelta) -> tuple[str, str, str | None]:
    """Return label, value and change over *span* of the figure called *name*, as cards write them.

    The change is None where it is not known.
    """
    (card,) = (card for card in _CARDS if card.figure == name)
    recent = figure.within(span)
    written = None if recent.change is None else card.change(recent)
    return card.label, card.value(figure.value), written


def _draw(card: _Card, figure: Figure, pair_count: int, span: timedelta) -> None:
    recent = figure.within(span)
    written = None if recent.change is None else card.change(recent)
    run = (
        ""
        if figure.until is None
        else f" Change and curve end at {formats.moment(figure.until)}; the curve is of 24 hours."
    )
    is_flat = written is not None and written[0] not in "+-"
    # Much liquidated is neither good nor bad.
    is_plain = is_flat or card.figure == "liquidations_1h_usd"
    st.metric(
        card.label,
        card.value(figure.value),
        written,
        delta_color="off" if is_plain else "normal",
        delta_arrow="off" if is_flat else "auto",
        delta_description=None if written is None else _span(recent),
        chart_data=_curve(figure) if len(figure.past) > 1 else None,
        chart_type="area",
        help=f"{card.help} From {figure.pairs:,} of {pair_count:,} pairs.{run}",
        border=True,
        height="stretch",
    )


def _curve(figure: Figure) -> list[float]:
    """Return the figure's day, thinned so that its newest point stays."""
    step = -(-len(figure.past) // _POINTS)
    return [float(f"{value:.6g}") for value in figure.past.iloc[::-1].iloc[::step].iloc[::-1]]


def _span(figure: Figure) -> str | None:
    """Write what time the change is of: ``in 1 h``."""
    since, until = figure.since, figure.until
    return None if since is None or until is None else f"in {formats.age(until - since)}"
